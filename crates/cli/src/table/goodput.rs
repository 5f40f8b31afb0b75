//! How much of its time a job trains, machine by machine.

use plan::goodput::{Answer, EffectiveFinding, Findings, SystemFinding};

use super::View;
use super::grid::{Align, bold, grid, heading, paragraph};
use crate::lang::goodput::{
    answer, count_estimate, doubt, doubt_range, job, nines, observed, per_year, saves, share, share_estimate,
    share_interval, span, states, units, way_back,
};
use crate::lang::number::{NONE, thousands};
use crate::lang::{Msg, term};

/// Causes and facts in doubt that a terminal shows; the report shows all.
const ROWS: usize = 8;
/// From this width on the table has all of its columns.
const BROAD: usize = 110;

/// The tables of a study. With `details`, or of one machine alone: causes, parts and what is in doubt.
pub fn goodput(findings: &Findings, details: bool, view: View) -> String {
    let lang = view.lang;
    let mut out = bold(&findings.title, view);
    out.push_str(&paragraph(&job(findings, lang), 2, view));
    if !findings.without_sources.is_empty() {
        let sources = findings.without_sources.join(lang.comma());
        out.push_str(&paragraph(&Msg::LeftOut.fill(lang, &[("sources", &sources)]), 2, view));
    }
    out.push('\n');
    out.push_str(&summary(findings, view));
    out.push_str(&paragraph(&answer(findings, lang), 0, view));
    out.push_str(&paragraph(Msg::GoodputIntervals.text(lang), 0, view));
    let details = details || findings.systems.len() == 1;
    for system in &findings.systems {
        out.push_str(&heading(&system.name, view));
        match &system.answer {
            Answer::Effective(found) => out.push_str(&machine(system, found, details, view)),
            Answer::Refused { reason } => {
                let text = format!("{}{}{reason}", Msg::GoodputRefused.text(lang), lang.colon());
                out.push_str(&paragraph(&text, 2, view));
            }
        }
    }
    out
}

fn summary(findings: &Findings, view: View) -> String {
    let lang = view.lang;
    let broad = view.width >= BROAD;
    let mut header = vec![(Msg::System, Align::Left), (Msg::Chips, Align::Right), (Msg::UsefulTime, Align::Right)];
    header.extend(broad.then_some((Msg::UpTime, Align::Right)));
    header.extend([(Msg::Interruptions, Align::Right), (Msg::MeanBetween, Align::Right)]);
    header.extend(broad.then_some((Msg::SaveEvery, Align::Right)));
    let header: Vec<(String, Align)> = header.into_iter().map(|(m, a)| (m.text(lang).to_owned(), a)).collect();
    let rows: Vec<Vec<String>> = findings
        .systems
        .iter()
        .map(|system| {
            let mut row = vec![system.name.clone(), thousands(f64::from(system.chips))];
            match &system.answer {
                Answer::Effective(found) => {
                    row.push(share_estimate(&found.ratio));
                    row.extend(broad.then(|| share(found.up.value)));
                    row.push(count_estimate(&found.interruptions));
                    row.push(found.mean_between.map_or_else(|| NONE.to_owned(), |s| span(s, lang)));
                    row.extend(broad.then(|| span(found.every, lang)));
                }
                Answer::Refused { .. } => row.resize(header.len(), NONE.to_owned()),
            }
            row
        })
        .collect();
    grid(&header, &rows, false, view)
}

fn machine(system: &SystemFinding, found: &EffectiveFinding, details: bool, view: View) -> String {
    let lang = view.lang;
    let line = |text: String| paragraph(&format!("  {text}"), 4, view);
    let mut out = String::new();
    for seen in observed(found, lang) {
        out.push_str(&line(seen));
    }
    let chance = Msg::ChanceAlone.fill(lang, &[("interval", &share_interval(&found.chance_alone))]);
    let goes = format!("{}{}{}{}", Msg::TimeGoes.text(lang), lang.colon(), states(found, lang), lang.brackets(&chance));
    out.push_str(&line(goes));
    out.push_str(&line(units(system, found, lang)));
    let back = format!("{}{}{}", Msg::WayBack.text(lang), lang.colon(), way_back(found, lang));
    out.push_str(&line(back));
    out.push_str(&line(saves(found, lang)));
    if details {
        out.push('\n');
        out.push_str(&causes(found, view));
        out.push('\n');
        out.push_str(&parts(found, view));
        out.push_str(&paragraph(Msg::PartsNote.text(lang), 0, view));
        out.push('\n');
        out.push_str(&doubts(found, view));
        out.push_str(&paragraph(Msg::DoubtsNote.text(lang), 0, view));
    }
    out
}

fn headings(list: &[(Msg, Align)], view: View) -> Vec<(String, Align)> {
    list.iter().map(|(msg, align)| (msg.text(view.lang).to_owned(), *align)).collect()
}

fn causes(found: &EffectiveFinding, view: View) -> String {
    let lang = view.lang;
    let header = headings(
        &[
            (Msg::Cause, Align::Left),
            (Msg::Interruptions, Align::Right),
            (Msg::LostWork, Align::Right),
            (Msg::DownTime, Align::Right),
        ],
        view,
    );
    let shown = found.causes.iter().filter(|c| c.interruptions.value > 0.0).take(ROWS);
    let row = |c: &plan::goodput::CauseFinding| {
        let percent = |x: f64| format!("{:.2} %", 100.0 * x);
        vec![term(&c.name, lang).to_owned(), count_estimate(&c.interruptions), percent(c.lost), percent(c.down)]
    };
    grid(&header, &shown.map(row).collect::<Vec<_>>(), false, view)
}

fn parts(found: &EffectiveFinding, view: View) -> String {
    let lang = view.lang;
    let header = headings(
        &[
            (Msg::Parts, Align::Left),
            (Msg::Count, Align::Right),
            (Msg::PartFailures, Align::Right),
            (Msg::OneUp, Align::Right),
            (Msg::AllUp, Align::Right),
        ],
        view,
    );
    let row = |p: &plan::goodput::PartFinding| {
        let up = |x: Option<f64>| x.map_or_else(|| NONE.to_owned(), nines);
        let name = term(&p.name, lang).to_owned();
        vec![name, thousands(p.count.round()), per_year(p.per_day), up(p.up), up(p.all_up)]
    };
    grid(&header, &found.parts.iter().map(row).collect::<Vec<_>>(), false, view)
}

fn doubts(found: &EffectiveFinding, view: View) -> String {
    let lang = view.lang;
    let header = headings(
        &[(Msg::Doubts, Align::Left), (Msg::DoubtRange, Align::Right), (Msg::RatioAtEnds, Align::Right)],
        view,
    );
    let row = |d: &plan::goodput::DoubtFinding| {
        let ends = [d.ratio_at_low, d.ratio_at_high].map(share).join(lang.comma());
        vec![doubt(d, lang), doubt_range(d, lang), ends]
    };
    grid(&header, &found.doubts.iter().take(ROWS).map(row).collect::<Vec<_>>(), false, view)
}
