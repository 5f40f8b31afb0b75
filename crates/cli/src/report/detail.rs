//! Each chosen set-up by itself: how, roofline, operators, facts.

use plan::findings::{Choice, Findings, OperatorShare, SystemFinding};

use super::operators;
use super::page::section;
use super::ranking::estimate;
use crate::chart::fabric::Drawn;
use crate::chart::roofline::{Point, drawable, roofline};
use crate::lang::both::{escape, put};
use crate::lang::number::{NONE, Unit, percent, quantity, thousands};
use crate::lang::{Both, Lang, Msg, words};
use crate::table::efficiency;

/// Sizes of a roofline: half a page, or a phone.
const WIDTHS: [(f64, &str); 2] = [(440.0, "broad"), (350.0, "slim")];

/// All that serve; the first is open.
pub fn systems(findings: &Findings, out: &mut String) {
    if findings.systems.iter().all(|s| words::served(s).is_none()) {
        return;
    }
    section("systems", Msg::DetailTitle, Some(Msg::DetailNote), out);
    let mut open = " open";
    for (i, system) in findings.systems.iter().enumerate() {
        let Some(choice) = words::served(system) else { continue };
        put(
            out,
            format_args!(
                "<details class=\"system\" id=\"sys-{}\"{open}><summary><span class=\"rank\">{}</span>{} \
                 <span class=\"i\">{}</span></summary>\n",
                i + 1,
                i + 1,
                escape(&system.name),
                Both::of(
                    |l| Msg::Basics.fill(l, &[("chips", &thousands(f64::from(system.chips))), ("chip", &system.chip)])
                )
                .html()
            ),
        );
        open = "";
        body(i, system, choice, out);
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn body(index: usize, system: &SystemFinding, choice: &Choice, out: &mut String) {
    setup(system, choice, out);
    let ops = lettered(choice);
    out.push_str("<div class=\"pair\"><figure>");
    let caption = format!("roof-{}", index + 1);
    put(out, format_args!("<figcaption id=\"{caption}\">{}", Both::msg(Msg::RooflineTitle).html()));
    let drawn = choice.roof.as_ref().filter(|_| ops.iter().any(|p| drawable(p.operator)));
    match drawn {
        Some(roof) => {
            put(out, format_args!(" <span class=\"i\">{}</span></figcaption>\n", Both::msg(Msg::RooflineNote).html()));
            for (width, class) in WIDTHS {
                out.push_str(&roofline(roof, &ops, width, class, &caption).unwrap_or_default());
            }
        }
        None => put(out, format_args!("</figcaption><p class=\"note\">{}</p>", Both::msg(Msg::RooflineNone).html())),
    }
    out.push_str("</figure>\n<div class=\"scroll\" tabindex=\"0\">");
    table(&ops, out);
    out.push_str("</div></div>\n");
    fabric(system, out);
    facts(choice, out);
}

/// How its chips are joined. In both languages, for words are set to the width of their boxes.
fn fabric(system: &SystemFinding, out: &mut String) {
    let drawn = Drawn::weighed(system);
    if drawn.is_empty() {
        return;
    }
    put(out, format_args!("<figure><figcaption>{}</figcaption>\n", Both::msg(Msg::FabricDrawing).html()));
    out.push_str("<div class=\"scroll\" tabindex=\"0\">");
    for (lang, code) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        let label = format!("{}{}{}", Msg::FabricDrawing.text(lang), lang.colon(), system.name);
        put(out, format_args!("<div lang=\"{code}\">{}</div>", drawn.figure(lang, &label)));
    }
    out.push_str("</div></figure>\n");
}

/// Operators with letters, decode first.
fn lettered(choice: &Choice) -> Vec<Point<'_>> {
    let phases = ["decode", "prefill"];
    let ordered = phases.iter().flat_map(|phase| choice.operators.iter().filter(move |op| op.phase == **phase));
    ordered
        .enumerate()
        .map(|(i, operator)| Point {
            letter: letter(i),
            class: operators::KINDS[operators::kind(operator)].0.to_owned(),
            operator,
        })
        .collect()
}

/// a to z, then A to Z, then numbers.
fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(i @ 0..=25) => char::from(b'a' + i).to_string(),
        Ok(i @ 26..=51) => char::from(b'A' + i - 26).to_string(),
        _ => index.to_string(),
    }
}

fn setup(system: &SystemFinding, choice: &Choice, out: &mut String) {
    let s = &choice.setup;
    let mut lines = vec![
        Both::of(|l| format!("{}{}{}", words::mode(s, l), l.colon(), words::pools(s, l))),
        Both::of(|l| words::batch(s, l)),
        Both::of(|l| Msg::Concurrency.fill(l, &[("count", &thousands(s.concurrency as f64))])),
        Both::of(|l| Msg::Weights.fill(l, &[("format", &s.weights)])),
        Both::of(|l| {
            let text = Msg::Arithmetic.fill(l, &[("format", &s.arithmetic)]);
            if s.emulated { format!("{text}{}", l.brackets(Msg::EmulatedMark.text(l))) } else { text }
        }),
        Both::of(|l| Msg::KvFormat.fill(l, &[("format", &s.kv)])),
        Both::of(|l| Msg::Engine.fill(l, &[("name", &s.engine)])),
        Both::of(|l| Msg::SetupsTried.fill(l, &[("count", &thousands(f64::from(system.tried)))])),
    ];
    if let Some(cost) = &choice.cost {
        lines.push(Both::of(|l| Msg::CostBasis.fill(l, &[("basis", &words::paid(&cost.basis, l))])));
    }
    out.push_str("<ul class=\"facts-line\">");
    for line in lines {
        put(out, format_args!("<li>{}</li>", line.html()));
    }
    if let Some(energy) = &choice.energy_per_token {
        let name = Both::msg(Msg::Energy).html();
        put(out, format_args!("<li>{name} {}</li>", estimate(energy, Unit::Energy)));
    }
    out.push_str("</ul>\n");
}

fn table(points: &[Point], out: &mut String) {
    let m = |msg: Msg| Both::msg(msg).html();
    for (phase, title) in [("decode", Msg::DecodeStep), ("prefill", Msg::PrefillStep)] {
        let rows: Vec<&Point> = points.iter().filter(|p| p.operator.phase == phase).collect();
        if rows.is_empty() {
            continue;
        }
        let total: f64 = rows.iter().map(|p| p.operator.seconds).sum();
        put(
            out,
            format_args!(
                "<table class=\"ops\"><caption>{} · {}</caption><thead><tr><th></th><th>{}</th><th class=\"n\">{}</th>\
                 <th class=\"n\">{}</th><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th>{}</th></tr></thead>\
                 <tbody>\n",
                m(title),
                quantity(total, Unit::Time),
                m(Msg::Operator),
                m(Msg::Time),
                m(Msg::Share),
                m(Msg::Bound),
                m(Msg::SpeedOfLight),
                m(Msg::Efficiency),
                m(Msg::Basis)
            ),
        );
        for p in rows {
            operator(p, phase == "prefill", out);
        }
        out.push_str("</tbody></table>\n");
    }
}

fn operator(p: &Point, square: bool, out: &mut String) {
    let op: &OperatorShare = p.operator;
    let light = if op.speed_of_light > 0.0 { quantity(op.speed_of_light, Unit::Time) } else { NONE.to_owned() };
    let corner = if square { "" } else { " rx=\"7.500\"" };
    put(
        out,
        format_args!(
            "<tr><td><svg class=\"letter\" viewBox=\"0 0 15 15\" width=\"15\" height=\"15\" aria-hidden=\"true\">\
             <rect class=\"bar {}\" width=\"15\" height=\"15\"{corner}/><text class=\"inside {}\" x=\"7.500\" y=\"11\" \
             text-anchor=\"middle\">{}</text></svg></td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>\
             <td class=\"n\">{light}</td><td class=\"n\">{}</td><td class=\"i\">{}</td></tr>\n",
            p.class,
            p.class,
            p.letter,
            Both::term(&op.name).html(),
            quantity(op.seconds, Unit::Time),
            percent(op.share),
            Both::term(&op.bound).html(),
            efficiency(op).map_or_else(|| NONE.to_owned(), percent),
            Both::term(&op.basis).html()
        ),
    );
}

fn facts(choice: &Choice, out: &mut String) {
    if choice.rests_on.is_empty() && choice.remarks.is_empty() {
        return;
    }
    out.push_str("<ul class=\"remarks\">\n");
    for remark in &choice.remarks {
        put(out, format_args!("<li>{}</li>\n", Both::of(|l| words::remark(remark, l)).html()));
    }
    for fact in &choice.rests_on {
        let backing = Both::of(|l| words::backing(fact, l));
        put(
            out,
            format_args!(
                "<li><code>{}</code> = {} <span class=\"i\">({})</span></li>\n",
                escape(&fact.path),
                escape(&fact.value),
                backing.html()
            ),
        );
    }
    out.push_str("</ul>\n");
}
