//! The page of a study of goodput.

use plan::goodput::{Answer, EffectiveFinding, Findings, SystemFinding};

use super::figures::legend;
use super::page::{closing, data, footer, opening, section, top};
use crate::chart::WIDTHS;
use crate::chart::bars::{Axis, Row, Segment, bars};
use crate::lang::both::{escape, put};
use crate::lang::goodput::{
    answer, count_estimate, doubt, doubt_range, effective, job, nines, observed, per_year, saves, share,
    share_estimate, share_interval, span, units, way_back,
};
use crate::lang::number::{NONE, thousands};
use crate::lang::{Both, Lang, Msg, term};

const CONTENTS: [(&str, Msg); 5] = [
    ("goodput", Msg::GoodputTitle),
    ("machines", Msg::DetailTitle),
    ("causes", Msg::CausesTitle),
    ("parts", Msg::PartsTitle),
    ("doubts", Msg::Doubts),
];

/// Colours of states; every other state is a step of the way back.
const CLASSES: [(&str, &[&str], Msg); 6] = [
    ("k0", &["useful"], Msg::UsefulTime),
    ("k3", &["lost work"], Msg::LostWork),
    ("k2", &["slow parts", "missing units", "stalled"], Msg::SlowOrMissing),
    ("k4", &["saving"], Msg::Saving),
    ("k5", &["waiting for repair", "maintenance"], Msg::WaitingOrMaintenance),
    ("k1", &[], Msg::WayBack),
];

/// The page. The same findings give the same bytes.
pub fn goodput(findings: &Findings) -> String {
    let mut out = String::with_capacity(1 << 17);
    opening(&findings.program, &findings.title, &mut out);
    top("goodput", &mut out);
    put(&mut out, format_args!("<h1>{}</h1>\n", escape(&findings.title)));
    put(&mut out, format_args!("<p class=\"asked\">{}</p>\n", text(|lang| asked(findings, lang))));
    put(&mut out, format_args!("<nav{}><ul>", Both::msg(Msg::Contents).attributes("data-label")));
    for (id, msg) in CONTENTS {
        put(&mut out, format_args!("<li><a href=\"#{id}\">{}</a></li>", Both::msg(msg).html()));
    }
    out.push_str("</ul></nav>\n</header>\n<main>\n");
    put(&mut out, format_args!("<section id=\"answer\"><p class=\"lead\">{}</p>", text(|l| answer(findings, l))));
    put(&mut out, format_args!("<p class=\"note\">{}</p>", Both::msg(Msg::GoodputIntervals).html()));
    for (_, found) in effective(findings) {
        let lines = observed(found, Lang::En).len();
        for i in 0..lines {
            put(&mut out, format_args!("<p>{}</p>", text(|l| observed(found, l).swap_remove(i))));
        }
    }
    out.push_str("</section>\n");
    chart(findings, &mut out);
    machines(findings, &mut out);
    causes(findings, &mut out);
    parts(findings, &mut out);
    doubts(findings, &mut out);
    out.push_str("</main>\n");
    footer(&findings.program, &mut out);
    put(&mut out, format_args!("<script type=\"application/json\" id=\"findings\">{}</script>\n", data(findings)));
    closing(&mut out);
    out
}

fn asked(findings: &Findings, lang: Lang) -> String {
    let mut parts = vec![job(findings, lang)];
    if !findings.without_sources.is_empty() {
        parts.push(Msg::LeftOut.fill(lang, &[("sources", &findings.without_sources.join(lang.comma()))]));
    }
    parts.join(" · ")
}

fn text(say: impl Fn(Lang) -> String) -> String {
    Both::of(say).html()
}

/// Class of a state.
fn class(state: &str) -> &'static str {
    CLASSES.iter().find(|(_, states, _)| states.contains(&state)).map_or("k1", |(class, ..)| class)
}

fn chart(findings: &Findings, out: &mut String) {
    section("goodput", Msg::GoodputTitle, Some(Msg::GoodputNote), out);
    legend(&CLASSES.map(|(class, _, msg)| (class.to_owned(), Both::msg(msg))), out);
    let rows: Vec<Row> = effective(findings).map(|(system, found)| row(system, found)).collect();
    for (width, class) in WIDTHS {
        out.push_str(&bars(&rows, &Axis::Share, width, class, "goodput-h"));
    }
    out.push_str("</section>\n");
}

fn row(system: &SystemFinding, found: &EffectiveFinding) -> Row {
    let order = |state: &str| CLASSES.iter().position(|(c, ..)| *c == class(state)).unwrap_or(0);
    let mut states: Vec<_> = found.states.iter().collect();
    // Stable: within a class the largest stays first.
    states.sort_by_key(|s| order(&s.name));
    let segment = |s: &&plan::goodput::StateFinding| Segment {
        class: class(&s.name).to_owned(),
        value: s.share.value,
        // The whisker would cross what is written inside.
        label: Both::same(""),
        tip: Both::of(|l| format!("{}\n{} {}", system.name, term(&s.name, l), share_estimate(&s.share))),
    };
    Row {
        id: system.id.clone(),
        name: Both::same(system.name.clone()),
        segments: states.iter().map(segment).collect(),
        whisker: Some((found.ratio.low, found.ratio.high)),
        end: Both::same(share_estimate(&found.ratio)),
    }
}

/// A table; headings with `true` are of numbers.
fn table(head: &[(Msg, bool)], rows: &[Vec<String>], out: &mut String) {
    let class = |number: bool| if number { " class=\"n\"" } else { "" };
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (msg, number) in head {
        put(out, format_args!("<th{}>{}</th>", class(*number), Both::msg(*msg).html()));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (cell, (_, number)) in row.iter().zip(head) {
            put(out, format_args!("<td{}>{cell}</td>", class(*number)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn machines(findings: &Findings, out: &mut String) {
    section("machines", Msg::DetailTitle, None, out);
    let rows: Vec<Vec<String>> = findings.systems.iter().map(machine).collect();
    let head = [
        (Msg::System, false),
        (Msg::Chips, true),
        (Msg::UsefulTime, true),
        (Msg::UpTime, true),
        (Msg::Interruptions, true),
        (Msg::MeanBetween, true),
        (Msg::SaveEvery, true),
    ];
    table(&head, &rows, out);
    for (system, found) in effective(findings) {
        put(out, format_args!("<h3>{}</h3>\n<ul class=\"remarks\">", escape(&system.name)));
        let chance = |l: Lang| Msg::ChanceAlone.fill(l, &[("interval", &share_interval(&found.chance_alone))]);
        let lines = [
            text(|l| format!("{}{}{}", Msg::UsefulTime.text(l), l.colon(), chance(l))),
            text(|l| units(system, found, l)),
            text(|l| format!("{}{}{}", Msg::WayBack.text(l), l.colon(), way_back(found, l))),
            text(|l| saves(found, l)),
        ];
        lines.iter().for_each(|line| put(out, format_args!("<li>{line}</li>")));
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

fn machine(system: &SystemFinding) -> Vec<String> {
    let mut row = vec![escape(&system.name), thousands(f64::from(system.chips))];
    match &system.answer {
        Answer::Effective(found) => row.extend([
            share_estimate(&found.ratio),
            share(found.up.value),
            count_estimate(&found.interruptions),
            found.mean_between.map_or_else(|| NONE.to_owned(), |s| text(|l| span(s, l))),
            text(|l| span(found.every, l)),
        ]),
        Answer::Refused { reason } => row.push(escape(reason)),
    }
    row
}

fn causes(findings: &Findings, out: &mut String) {
    section("causes", Msg::CausesTitle, None, out);
    let head = [(Msg::Cause, false), (Msg::Interruptions, true), (Msg::LostWork, true), (Msg::DownTime, true)];
    for (system, found) in effective(findings) {
        put(out, format_args!("<h3>{}</h3>\n", escape(&system.name)));
        let percent = |x: f64| format!("{:.2} %", 100.0 * x);
        let rows = found.causes.iter().filter(|c| c.interruptions.high > 0.0).map(|c| {
            vec![Both::term(&c.name).html(), count_estimate(&c.interruptions), percent(c.lost), percent(c.down)]
        });
        table(&head, &rows.collect::<Vec<_>>(), out);
    }
    out.push_str("</section>\n");
}

fn parts(findings: &Findings, out: &mut String) {
    section("parts", Msg::PartsTitle, Some(Msg::PartsNote), out);
    let head =
        [(Msg::Parts, false), (Msg::Count, true), (Msg::PartFailures, true), (Msg::OneUp, true), (Msg::AllUp, true)];
    let up = |x: Option<f64>| x.map_or_else(|| NONE.to_owned(), nines);
    for (system, found) in effective(findings) {
        put(out, format_args!("<h3>{}</h3>\n", escape(&system.name)));
        let mut rows: Vec<Vec<String>> = found
            .parts
            .iter()
            .map(|p| {
                let name = Both::term(&p.name).html();
                vec![name, thousands(p.count.round()), per_year(p.per_day), up(p.up), up(p.all_up)]
            })
            .collect();
        let job = text(|l| format!("{}{}{}", Msg::UsefulTime.text(l), l.colon(), share_estimate(&found.ratio)));
        rows.push(vec![format!("<strong>{job}</strong>")]);
        table(&head, &rows, out);
    }
    out.push_str("</section>\n");
}

fn doubts(findings: &Findings, out: &mut String) {
    section("doubts", Msg::Doubts, Some(Msg::DoubtsNote), out);
    let head = [(Msg::Doubts, false), (Msg::DoubtRange, true), (Msg::RatioAtEnds, true), (Msg::Fact, false)];
    for (system, found) in effective(findings) {
        put(out, format_args!("<h3>{}</h3>\n", escape(&system.name)));
        let rows = found.doubts.iter().map(|d| {
            let ends = text(|l| [d.ratio_at_low, d.ratio_at_high].map(share).join(l.comma()));
            let fact = format!("<code>{}</code>", escape(&d.path));
            vec![text(|l| doubt(d, l)), text(|l| doubt_range(d, l)), ends, fact]
        });
        table(&head, &rows.collect::<Vec<_>>(), out);
    }
    out.push_str("</section>\n");
}
