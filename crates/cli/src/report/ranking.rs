//! The answer: who is best, how sure, and the table of all.

use plan::findings::{Answer, Choice, Estimate, Findings, Latency, SystemFinding};

use super::page::section;
use crate::lang::both::{escape, put};
use crate::lang::number::{Unit, interval, percent, quantity};
use crate::lang::{Both, Msg, words};

/// The answer in sentences, and the best three as cards.
pub fn answer(findings: &Findings, out: &mut String) {
    let label = Both::msg(Msg::Answer).attributes("data-label");
    put(out, format_args!("<section id=\"answer\"{label}>\n"));
    put(out, format_args!("<p class=\"lead\">{}</p>\n", Both::of(|lang| whole(&words::answer(findings, lang))).html()));
    let certainty = Both::of(|lang| words::certainty(findings, lang).unwrap_or_default());
    if !certainty.en.is_empty() {
        put(out, format_args!("<p class=\"certainty\">{}</p>\n", certainty.html()));
    }
    let mixed = Both::of(|lang| words::mixed(findings, lang).unwrap_or_default().to_owned());
    if !mixed.en.is_empty() {
        put(out, format_args!("<p class=\"certainty\">{}</p>\n", mixed.html()));
    }
    out.push_str("<div class=\"cards\">\n");
    let served = findings.systems.iter().enumerate().filter_map(|(i, s)| Some((i, s, words::served(s)?)));
    for (i, system, choice) in served.take(3) {
        card(i, system, choice, &findings.objective, out);
    }
    out.push_str("</div>\n</section>\n");
}

/// An interval must not break after its dash: a word joiner follows it.
fn whole(text: &str) -> String {
    text.replace('–', "–\u{2060}")
}

fn card(index: usize, system: &SystemFinding, choice: &Choice, objective: &str, out: &mut String) {
    put(
        out,
        format_args!(
            "<article class=\"card\"><h3><span class=\"rank\">{}</span>{}</h3><p class=\"how\">{}</p><dl>",
            index + 1,
            escape(&system.name),
            Both::of(|lang| format!(
                "{} · {} · {}",
                words::chips(system.chips, lang),
                words::mode(&choice.setup, lang),
                choice.setup.weights
            ))
            .html()
        ),
    );
    let mut row = |name: Both, value: String| {
        put(out, format_args!("<div><dt>{}</dt><dd>{value}</dd></div>", name.html()));
    };
    let cost = match &choice.cost {
        Some(cost) => estimate(&cost.per_million, Unit::Plain),
        None => Both::msg(Msg::PriceMissing).html(),
    };
    let rate = Both::of(|lang| format!("tokens/s {}", Msg::PerChip.text(lang)));
    let mut rows = vec![
        ("cost per token", Both::msg(Msg::CostPerMillion), cost),
        ("tokens per chip", rate, estimate(&choice.tokens_per_chip, Unit::Plain)),
        ("", Both::same("TTFT p99"), estimate(&choice.ttft.p99, Unit::Time)),
        ("", Both::same("TPOT p50"), estimate(&choice.tpot.p50, Unit::Time)),
    ];
    if let Some(energy) = choice.energy_per_token.filter(|_| objective == "energy") {
        rows.push(("energy", Both::msg(Msg::Energy), estimate(&energy, Unit::Energy)));
    }
    // What is compared comes first; the page prints the first row large.
    rows.sort_by_key(|(of, _, _)| *of != objective);
    for (_, name, value) in rows {
        row(name, value);
    }
    out.push_str("</dl></article>\n");
}

/// A value and its interval, never one without the other.
pub fn estimate(e: &Estimate, unit: Unit) -> String {
    if e.low == e.high {
        return format!("<span class=\"v\">{}</span>", escape(&quantity(e.value, unit)));
    }
    format!(
        "<span class=\"v\">{}</span> <span class=\"i\">({})</span>",
        escape(&quantity(e.value, unit)),
        escape(&interval(e, unit))
    )
}

/// What the table can be sorted by: attribute, and the words on the button.
struct Key {
    attribute: &'static str,
    name: Both,
}

fn key(attribute: &'static str, name: Both) -> Key {
    Key { attribute, name }
}

fn columns() -> Vec<Vec<Key>> {
    let m = Both::msg;
    let statistics = |name: &str, keys: [&'static str; 3]| {
        vec![
            key(keys[0], Both::of(|lang| format!("{name} {}", Msg::Mean.text(lang)))),
            key(keys[1], Both::same("p50")),
            key(keys[2], Both::same("p99")),
        ]
    };
    vec![
        vec![key("rank", Both::same("#"))],
        vec![key("name", m(Msg::System)), key("chips", m(Msg::Chips))],
        vec![key("setup", m(Msg::Setup)), key("batch", m(Msg::BatchSize))],
        vec![key("cost", m(Msg::CostShort)), key("power", m(Msg::Power))],
        vec![
            key("chip-rate", Both::of(|lang| format!("{} {}", Msg::Rate.text(lang), Msg::PerChip.text(lang)))),
            key("rate", m(Msg::PerSystem)),
        ],
        statistics("TTFT", ["ttft-mean", "ttft-p50", "ttft-p99"]),
        statistics("TPOT", ["tpot-mean", "tpot-p50", "tpot-p99"]),
        vec![key("limit", m(Msg::LimitedBy)), key("comm", m(Msg::Communication))],
    ]
}

/// The table of those that serve.
pub fn ranking(findings: &Findings, out: &mut String) {
    section("ranking", Msg::Ranking, Some(Msg::RankingNote), out);
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table id=\"ranked\">\n<thead><tr>");
    for column in columns() {
        out.push_str("<th scope=\"col\">");
        for key in &column {
            put(
                out,
                format_args!("<button type=\"button\" data-key=\"{}\">{}</button>", key.attribute, key.name.html()),
            );
        }
        out.push_str("</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (i, system) in findings.systems.iter().enumerate() {
        if let Some(choice) = words::served(system) {
            row(i, system, choice, out);
        }
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

fn row(index: usize, system: &SystemFinding, c: &Choice, out: &mut String) {
    put(out, format_args!("<tr data-rank=\"{}\" data-name=\"{}\"", index + 1, escape(&system.name)));
    let mut number = |name: &str, value: Option<f64>| {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            put(out, format_args!(" data-{name}=\"{value}\""));
        }
    };
    number("chips", Some(f64::from(system.chips)));
    number("batch", Some(c.setup.batch as f64));
    number("cost", c.cost.as_ref().map(|x| x.per_million.value));
    number("power", c.power.as_ref().map(|p| p.value));
    number("chip-rate", Some(c.tokens_per_chip.value));
    number("rate", Some(c.tokens_per_system.value));
    for (name, l) in [("ttft", &c.ttft), ("tpot", &c.tpot)] {
        number(&format!("{name}-mean"), Some(l.mean.value));
        number(&format!("{name}-p50"), Some(l.p50.value));
        number(&format!("{name}-p99"), Some(l.p99.value));
    }
    number("comm", Some(c.communication));
    put(
        out,
        format_args!(
            " data-setup=\"{}\" data-limit=\"{}\">",
            escape(&words::pools(&c.setup, crate::lang::Lang::En)),
            escape(&c.limit)
        ),
    );
    put(out, format_args!("<td class=\"rank\">{}</td>", index + 1));
    put(
        out,
        format_args!(
            "<th scope=\"row\"><span class=\"rank\">{}</span><a href=\"#sys-{}\">{}</a><small>{} · {}</small></th>",
            index + 1,
            index + 1,
            escape(&system.name),
            Both::of(|lang| words::chips(system.chips, lang)).html(),
            escape(&system.chip)
        ),
    );
    put(out, format_args!("<td class=\"setup\"{}>{}</td>", label(Both::msg(Msg::Setup)), setup(c)));
    let none = |msg: Msg| format!("<span class=\"none\">{}</span>", Both::msg(msg).html());
    let cost = c.cost.as_ref().map_or_else(|| none(Msg::PriceMissing), |x| estimate(&x.per_million, Unit::Plain));
    let power = c.power.as_ref().map_or_else(|| none(Msg::Unknown), |p| estimate(p, Unit::Power));
    cell(Both::of(|l| format!("{} / {}", Msg::CostShort.text(l), Msg::Power.text(l))), &[cost, power], out);
    cell(
        Both::of(|l| format!("tokens/s {} / {}", Msg::PerChip.text(l), Msg::PerSystem.text(l))),
        &[estimate(&c.tokens_per_chip, Unit::Plain), estimate(&c.tokens_per_system, Unit::Plain)],
        out,
    );
    latency("TTFT", &c.ttft, out);
    latency("TPOT", &c.tpot, out);
    put(
        out,
        format_args!(
            "<td{}><div>{}</div><div class=\"i\">{}</div></td></tr>\n",
            label(Both::msg(Msg::LimitedBy)),
            Both::term(&c.limit).html(),
            Both::of(|lang| format!("{} {}", Msg::Communication.text(lang), percent(c.communication))).html()
        ),
    );
}

/// The words that stand before a cell where there is no room for a heading.
fn label(text: Both) -> String {
    text.attributes("data-head")
}

fn cell(head: Both, lines: &[String], out: &mut String) {
    put(out, format_args!("<td class=\"n\"{}>", label(head)));
    for line in lines {
        put(out, format_args!("<div>{line}</div>"));
    }
    out.push_str("</td>");
}

fn latency(name: &str, l: &Latency, out: &mut String) {
    let head = Both::of(|lang| format!("{name} {} / p50 / p99", Msg::Mean.text(lang)));
    cell(head, &[&l.mean, &l.p50, &l.p99].map(|e| estimate(e, Unit::Time)), out);
}

/// The set-up in lines.
fn setup(c: &Choice) -> String {
    let s = &c.setup;
    let mut out = String::new();
    let mode = Both::of(|lang| words::mode(s, lang).to_owned()).html();
    match &s.prefill {
        None => {
            let pools = Both::of(|lang| words::pools(s, lang)).html();
            put(&mut out, format_args!("<div>{mode} <span class=\"mono\">{pools}</span></div>"));
        }
        Some((replicas, p)) => {
            put(&mut out, format_args!("<div>{mode}</div>"));
            for (msg, count, p) in [(Msg::PrefillPool, *replicas, p), (Msg::DecodePool, s.replicas, &s.parallel)] {
                let name = Both::msg(msg).html();
                let pool = words::pool(count, p);
                put(&mut out, format_args!("<div>{name} <span class=\"mono\">{pool}</span></div>"));
            }
        }
    }
    put(&mut out, format_args!("<div>{}", escape(&s.weights)));
    if s.emulated {
        let mark = Both::of(|lang| Msg::Emulated.fill(lang, &[("arithmetic", &s.arithmetic)]));
        put(&mut out, format_args!(" <span class=\"tag warn\">{}</span>", mark.html()));
    }
    let batch = Both::of(|lang| words::batch(s, lang));
    put(&mut out, format_args!("</div><div>KV {} · {}</div>", escape(&s.kv), batch.html()));
    out
}

/// Those that cannot serve, and those that lack facts.
pub fn others(findings: &Findings, out: &mut String) {
    if findings.systems.iter().all(|s| words::served(s).is_some()) {
        return;
    }
    out.push_str("<section id=\"others\" aria-labelledby=\"others-h\">\n");
    put(out, format_args!("<h2 id=\"others-h\">{}</h2>\n<ul class=\"others\">\n", Both::msg(Msg::NotRanked).html()));
    for system in &findings.systems {
        let (tag, text) = match &system.answer {
            Answer::Served(_) => continue,
            Answer::Unserved { reason, .. } => (Msg::Unserved, Both::of(|lang| words::reason(reason, lang)).html()),
            Answer::Incomplete { missing } => {
                let list: Vec<String> = missing.iter().map(|m| format!("<code>{}</code>", escape(m))).collect();
                (
                    Msg::Incomplete,
                    format!("{} <span class=\"i\">{}</span>", list.join(" "), Both::msg(Msg::IncompleteHow).html()),
                )
            }
        };
        put(
            out,
            format_args!(
                "<li><span class=\"tag\">{}</span> <strong>{}</strong> <span class=\"i\">{}</span> {text}</li>\n",
                Both::msg(tag).html(),
                escape(&system.name),
                Both::of(|lang| words::chips(system.chips, lang)).html()
            ),
        );
    }
    out.push_str("</ul>\n</section>\n");
}
