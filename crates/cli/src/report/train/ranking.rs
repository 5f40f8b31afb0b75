//! Which system trains it best, with what plan, and how that was found.

use plan::train::findings::{TrainingChoice, TrainingFindings, TrainingSystem};

use super::{section, word};
use crate::lang::both::{escape, put};
use crate::lang::number::{Unit, digits, percent, quantity, thousands};
use crate::lang::training::{Training, answer as sentences};
use crate::lang::{Both, Lang, Msg};
use crate::report::ranking::estimate;
use crate::table::train::{failure, faults, plan_line, searched};

/// The answer in a sentence, and how certain it is.
pub fn answer(findings: &TrainingFindings, out: &mut String) {
    out.push_str("<section id=\"answer\">\n");
    let (en, zh) = (sentences(findings, Lang::En), sentences(findings, Lang::Zh));
    for (i, (en, zh)) in en.into_iter().zip(zh).enumerate() {
        let class = if i == 0 { "lead" } else { "certainty" };
        put(out, format_args!("<p class=\"{class}\">{}</p>\n", Both { en, zh }.html()));
    }
    out.push_str("</section>\n");
}

/// The table of systems, why some have no plan, and how plans were searched.
pub fn ranking(findings: &TrainingFindings, out: &mut String) {
    section("ranking", &Both::msg(Msg::Ranking), out);
    if findings.trained().next().is_some() {
        table(findings, out);
    }
    for system in &findings.systems {
        if failure(&system.answer, Lang::En).is_some() {
            let why =
                Both::of(|l| format!("{}{}{}", system.name, l.colon(), failure(&system.answer, l).unwrap_or_default()));
            note(&why, out);
        }
    }
    note(&word(Training::MfuIs), out);
    for (en, zh) in faults(findings, Lang::En).into_iter().zip(faults(findings, Lang::Zh)) {
        note(&Both { en, zh }, out);
    }
    if findings.trained().next().is_some() {
        search(findings, out);
    }
    out.push_str("</section>\n");
}

fn note(text: &Both, out: &mut String) {
    put(out, format_args!("<p class=\"note\">{}</p>\n", text.html()));
}

fn table(findings: &TrainingFindings, out: &mut String) {
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    let words = [
        Training::Plan,
        Training::Step,
        Training::Rate,
        Training::Mfu,
        Training::Days,
        Training::Energy,
        Training::Cost,
    ];
    for title in [Both::msg(Msg::System), Both::msg(Msg::Chips)].into_iter().chain(words.map(word)) {
        put(out, format_args!("<th>{}</th>", title.html()));
    }
    out.push_str("</tr></thead><tbody>\n");
    for (system, c) in findings.trained() {
        row(system, c, out);
    }
    out.push_str("</tbody></table></div>\n");
}

fn row(system: &TrainingSystem, c: &TrainingChoice, out: &mut String) {
    let none = || "–".to_owned();
    let cells = [
        escape(&system.name),
        thousands(f64::from(system.chips)),
        Both::of(|l| plan_line(&c.plan, l)).html(),
        estimate(&c.step, Unit::Time),
        estimate(&c.tokens_per_chip, Unit::Plain),
        format!("{} / {}", percent(c.mfu_half), percent(c.mfu)),
        estimate(&c.days, Unit::Plain),
        c.energy.as_ref().map_or_else(none, |e| format!("{} GWh", digits(e.value / 3.6e12))),
        c.cost.as_ref().map_or_else(none, |e| estimate(&e.per(1e6), Unit::Plain)),
    ];
    out.push_str("<tr>");
    for cell in cells {
        put(out, format_args!("<td>{cell}</td>"));
    }
    out.push_str("</tr>\n");
}

/// How many plans were priced and played, what the efficiency rests on, and the next best plans.
fn search(findings: &TrainingFindings, out: &mut String) {
    put(out, format_args!("<details class=\"data\"><summary>{}</summary>\n", word(Training::HowFound).html()));
    for (system, c) in findings.trained() {
        put(out, format_args!("<h3>{}</h3>\n", escape(&system.name)));
        note(&Both::of(|l| l.sentences(&searched(system, c, l))), out);
        if c.others.is_empty() {
            continue;
        }
        put(
            out,
            format_args!(
                "<p class=\"note\">{}</p>\n<ul>\n",
                Both::of(|l| format!("{}{}", Training::Others.text(l), l.colon())).html()
            ),
        );
        for (plan, seconds) in &c.others {
            put(out, format_args!("<li>{} ({})</li>\n", escape(plan), quantity(*seconds, Unit::Time)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</details>\n");
}
