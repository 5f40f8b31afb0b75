//! The charts with their captions and legends.

use plan::findings::{Choice, Findings, SystemFinding};

use super::operators;
use super::page::{ranked_name, section};
use crate::chart::bars::{Axis, Row, Segment, bars};
use crate::chart::{self, WIDTHS, swatch};
use crate::lang::both::{escape, put};
use crate::lang::number::{Unit, digits, estimate, percent, quantity};
use crate::lang::{Both, Msg, term, words};

fn served(findings: &Findings) -> impl Iterator<Item = (usize, &SystemFinding, &Choice)> {
    findings.systems.iter().enumerate().filter_map(|(i, s)| Some((i, s, words::served(s)?)))
}

/// Pareto curves with a legend whose keys hide and show systems.
pub fn pareto(findings: &Findings, out: &mut String) {
    if findings.systems.iter().all(|s| s.pareto.is_empty()) {
        return;
    }
    section("pareto", Msg::ParetoTitle, Some(Msg::ParetoNote), out);
    out.push_str("<div class=\"legend systems\" role=\"group\" aria-labelledby=\"pareto-h\">");
    for (i, system) in findings.systems.iter().enumerate().filter(|(_, s)| !s.pareto.is_empty()) {
        put(
            out,
            format_args!(
                "<button type=\"button\" aria-pressed=\"true\" data-toggle=\"{}\">{}{}</button>",
                escape(&system.id),
                swatch(i),
                escape(&ranked_name(findings, i))
            ),
        );
    }
    let all = [(Msg::ShowAll, "show"), (Msg::HideAll, "hide")];
    for (msg, what) in all {
        put(
            out,
            format_args!(
                "<button type=\"button\" class=\"all\" data-all=\"{what}\">{}</button>",
                Both::msg(msg).html()
            ),
        );
    }
    out.push_str("</div>\n");
    for (width, class) in WIDTHS {
        out.push_str(&chart::pareto::pareto(findings, width, class, "pareto-h"));
    }
    put(out, format_args!("<p class=\"note keys\">{}</p>\n", Both::msg(Msg::ChartKeys).html()));
    pareto_table(findings, out);
    out.push_str("</section>\n");
}

fn pareto_table(findings: &Findings, out: &mut String) {
    let m = |msg: Msg| Both::msg(msg).html();
    put(
        out,
        format_args!(
            "<details class=\"data\"><summary>{}</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>{}</th><th>{}</th>\
             <th class=\"n\">{}</th><th class=\"n\">{}</th><th class=\"n\">TTFT</th><th class=\"n\">{}</th><th>{}</th></tr>\
             </thead><tbody>\n",
            m(Msg::AsTable),
            m(Msg::System),
            m(Msg::Setup),
            m(Msg::TokensPerUser),
            m(Msg::TokensPerChip),
            m(Msg::CostShort),
            m(Msg::LevelsMet)
        ),
    );
    for system in &findings.systems {
        for p in &system.pareto {
            let setup = Both::of(|l| format!("{} · {}", words::pools(&p.setup, l), words::batch(&p.setup, l)));
            let cost = p.cost_per_million.map_or_else(|| "–".to_owned(), digits);
            put(
                out,
                format_args!(
                    "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                     <td class=\"n\">{cost}</td><td>{}</td></tr>\n",
                    escape(&system.name),
                    setup.html(),
                    digits(p.tokens_per_user),
                    digits(p.tokens_per_chip),
                    quantity(p.ttft, Unit::Time),
                    m(if p.meets_levels { Msg::Yes } else { Msg::No })
                ),
            );
        }
    }
    out.push_str("</tbody></table></div></details>\n");
}

/// A legend of classes.
pub fn legend(entries: &[(String, Both)], out: &mut String) {
    out.push_str("<ul class=\"legend\">");
    for (class, name) in entries {
        put(
            out,
            format_args!(
                "<li><svg viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"bar {class}\" \
                 width=\"12\" height=\"12\"/></svg>{}</li>",
                name.html()
            ),
        );
    }
    out.push_str("</ul>\n");
}

/// Cost of a million tokens by what it pays for.
pub fn cost(findings: &Findings, out: &mut String) {
    let mut priced: Vec<(usize, &SystemFinding, &plan::findings::Cost)> =
        served(findings).filter_map(|(i, s, c)| Some((i, s, c.cost.as_ref()?))).collect();
    if priced.is_empty() {
        return;
    }
    priced.sort_by(|a, b| a.2.per_million.value.total_cmp(&b.2.per_million.value));
    section("cost", Msg::CostTitle, Some(Msg::CostNote), out);
    let parts = [("k1", Msg::CostChips), ("k2", Msg::CostElectricity), ("k3", Msg::CostSurcharge)];
    legend(&parts.map(|(class, msg)| (class.to_owned(), Both::msg(msg))), out);
    let rows: Vec<Row> = priced
        .iter()
        .map(|(i, system, cost)| {
            let value = |msg: Msg| match msg {
                Msg::CostChips => cost.chips,
                Msg::CostElectricity => cost.electricity,
                _ => cost.surcharge,
            };
            let segments = parts.iter().map(|(class, msg)| Segment {
                class: (*class).to_owned(),
                value: value(*msg),
                label: Both::same(""),
                tip: Both::of(|l| {
                    let basis = Msg::CostBasis.fill(l, &[("basis", &words::paid(&cost.basis, l))]);
                    let part = format!("{} {}", msg.text(l), digits(value(*msg)));
                    let sum = format!("{} {}", estimate(&cost.per_million, Unit::Plain), Msg::CostPerMillion.text(l));
                    format!("{}\n{part}\n{sum}\n{basis}", system.name)
                }),
            });
            Row {
                id: system.id.clone(),
                name: Both::same(ranked_name(findings, *i)),
                segments: segments.collect(),
                whisker: Some((cost.per_million.low, cost.per_million.high)),
                end: Both::same(estimate(&cost.per_million, Unit::Plain)),
            }
        })
        .collect();
    let end = axis_end(priced.iter().map(|(_, _, c)| c.per_million.high));
    let axis = Axis::Value(Both::msg(Msg::CostPerMillion), end);
    for (width, class) in WIDTHS {
        out.push_str(&bars(&rows, &axis, width, class, "cost-h"));
    }
    if end.is_some() {
        put(out, format_args!("<p class=\"note\">{}</p>\n", Both::msg(Msg::CostClipped).html()));
    }
    let unpriced: Vec<&str> = served(findings).filter(|(_, _, c)| c.cost.is_none()).map(|(_, s, _)| &*s.name).collect();
    if !unpriced.is_empty() {
        let text = Both::of(|l| format!("{}{}{}", Msg::NoPrice.text(l), l.colon(), unpriced.join(l.comma())));
        put(out, format_args!("<p class=\"note\">{}</p>\n", text.html()));
    }
    out.push_str("</section>\n");
}

/// Where the axis ends if the longest bar would dwarf the others: at three times the median of the upper ends.
fn axis_end(highs: impl Iterator<Item = f64>) -> Option<f64> {
    let mut highs: Vec<f64> = highs.filter(|h| h.is_finite()).collect();
    highs.sort_by(f64::total_cmp);
    let median = highs.get(highs.len() / 2)?;
    (*highs.last()? > 6.0 * median).then_some(3.0 * median)
}

/// Share of a step by operator, decode and prefill.
pub fn operators(findings: &Findings, out: &mut String) {
    if served(findings).all(|(_, _, c)| c.operators.is_empty()) {
        return;
    }
    section("operators", Msg::OperatorsTitle, Some(Msg::OperatorsNote), out);
    let entries: Vec<(String, Both)> =
        operators::KINDS.iter().enumerate().map(|(i, k)| (k.0.to_owned(), operators::name(i))).collect();
    legend(&entries, out);
    for (phase, msg) in [("decode", Msg::DecodeStep), ("prefill", Msg::PrefillStep)] {
        let rows: Vec<Row> = served(findings)
            .map(|(i, system, choice)| (i, system, phase_of(choice, phase)))
            .filter(|(_, _, ops)| !ops.is_empty())
            .map(|(i, system, ops)| operator_row(ranked_name(findings, i), system, &ops))
            .collect();
        if rows.is_empty() {
            continue;
        }
        put(out, format_args!("<h3 id=\"operators-{phase}\">{}</h3>\n", Both::msg(msg).html()));
        for (width, class) in WIDTHS {
            out.push_str(&bars(&rows, &Axis::Share, width, class, &format!("operators-{phase}")));
        }
    }
    out.push_str("</section>\n");
}

/// Operators of a phase, those of a kind together, the longest first among them.
fn phase_of<'a>(choice: &'a Choice, phase: &str) -> Vec<&'a plan::findings::OperatorShare> {
    let mut ops: Vec<_> = choice.operators.iter().filter(|op| op.phase == phase).collect();
    ops.sort_by(|a, b| operators::kind(a).cmp(&operators::kind(b)).then(b.seconds.total_cmp(&a.seconds)));
    ops
}

fn operator_row(name: String, system: &SystemFinding, ops: &[&plan::findings::OperatorShare]) -> Row {
    let total: f64 = ops.iter().map(|op| op.seconds).sum();
    let segments = ops.iter().map(|op| {
        let share = if total > 0.0 { op.seconds / total } else { 0.0 };
        Segment {
            class: operators::KINDS[operators::kind(op)].0.to_owned(),
            value: share,
            label: Both::term(&op.name),
            tip: Both::of(|l| {
                let bound = format!("{} {}", Msg::Bound.text(l), term(&op.bound, l));
                let time = format!("{} · {}", quantity(op.seconds, Unit::Time), percent(share));
                format!("{}\n{}\n{time}\n{bound}", system.name, term(&op.name, l))
            }),
        }
    });
    Row {
        id: system.id.clone(),
        name: Both::same(name),
        segments: segments.collect(),
        whisker: None,
        end: Both::same(quantity(total, Unit::Time)),
    }
}

/// Kinds of memory in order of appearance over all systems, so that a kind has one colour.
fn memory_kinds(findings: &Findings) -> Vec<&str> {
    let mut kinds: Vec<&str> = Vec::new();
    for (_, _, choice) in served(findings) {
        for (kind, _) in &choice.memory {
            if !kinds.contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
    }
    kinds
}

/// Memory of the fullest chip by kind.
pub fn memory(findings: &Findings, out: &mut String) {
    let kinds = memory_kinds(findings);
    if kinds.is_empty() {
        return;
    }
    section("memory", Msg::MemoryTitle, Some(Msg::MemoryNote), out);
    let class = |kind: &str| format!("k{}", kinds.iter().position(|k| *k == kind).unwrap_or(0) % 6);
    let mut entries: Vec<(String, Both)> = kinds.iter().map(|k| (class(k), Both::term(k))).collect();
    entries.push(("free".to_owned(), Both::msg(Msg::MemoryFree)));
    legend(&entries, out);
    let rows: Vec<Row> = served(findings)
        .map(|(i, system, choice)| {
            let used: f64 = choice.memory.iter().map(|(_, b)| b).sum();
            let whole = choice.memory_capacity.max(used).max(f64::MIN_POSITIVE);
            let part = |class: String, name: Both, bytes: f64, label: Both| Segment {
                class,
                value: bytes / whole,
                label,
                tip: Both::of(|l| {
                    let name = if l == crate::lang::Lang::En { &name.en } else { &name.zh };
                    let size = quantity(bytes, Unit::Bytes);
                    format!("{}\n{name}\n{size} · {}", system.name, percent(bytes / whole))
                }),
            };
            let mut segments: Vec<Segment> = choice
                .memory
                .iter()
                .map(|(kind, bytes)| {
                    let label = Both::same(quantity(*bytes, Unit::Bytes));
                    part(class(kind), Both::term(kind), *bytes, label)
                })
                .collect();
            segments.push(part("free".to_owned(), Both::msg(Msg::MemoryFree), whole - used, Both::same("")));
            let (used, capacity) = (quantity(used, Unit::Bytes), quantity(choice.memory_capacity, Unit::Bytes));
            Row {
                id: system.id.clone(),
                name: Both::same(ranked_name(findings, i)),
                segments,
                whisker: None,
                end: Both::same(format!("{used} / {capacity}")),
            }
        })
        .collect();
    for (width, class) in WIDTHS {
        out.push_str(&bars(&rows, &Axis::Share, width, class, "memory-h"));
    }
    out.push_str("</section>\n");
}
