//! One deployment, operator by operator.

use plan::findings::{FactUse, FitUse, OperatorShare, Remark};

use super::View;
use super::grid::{Align, grid, heading, paragraph};
use crate::lang::number::{NONE, Unit, percent, quantity};
use crate::lang::{Msg, term, words};

/// What `explain` shows.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    /// What is explained: lines above the tables.
    pub title: &'a [String],
    /// Operators of decode and prefill.
    pub operators: &'a [OperatorShare],
    /// Memory of the fullest chip by kind, bytes.
    pub memory: &'a [(String, f64)],
    /// Memory of the chip, bytes.
    pub capacity: f64,
    /// Facts that it rests on.
    pub facts: &'a [FactUse],
    /// Fits behind the times.
    pub fits: &'a [FitUse],
    /// Remarks.
    pub remarks: &'a [Remark],
}

/// Time over the speed of light as a share; nothing where there is no work that light could do.
pub fn efficiency(op: &OperatorShare) -> Option<f64> {
    (op.speed_of_light > 0.0 && op.seconds > 0.0).then(|| op.speed_of_light / op.seconds)
}

/// The tables of a deployment.
pub fn explain(what: &Explanation, view: View) -> String {
    let lang = view.lang;
    let mut out: String = what.title.iter().map(|line| paragraph(line, 2, view)).collect();
    for (phase, msg) in [("decode", Msg::DecodeStep), ("prefill", Msg::PrefillStep)] {
        let ops: Vec<&OperatorShare> = what.operators.iter().filter(|op| op.phase == phase).collect();
        if !ops.is_empty() {
            out.push_str(&heading(msg.text(lang), view));
            out.push_str(&operators(&ops, view));
        }
    }
    if !what.memory.is_empty() {
        let used: f64 = what.memory.iter().map(|(_, bytes)| bytes).sum();
        let (used_text, capacity) = (quantity(used, Unit::Bytes), quantity(what.capacity, Unit::Bytes));
        let sum = Msg::MemoryUsed.fill(lang, &[("used", &used_text), ("capacity", &capacity)]);
        out.push_str(&heading(&format!("{}{}{sum}", Msg::Memory.text(lang), lang.colon()), view));
        out.push_str(&memory(what, used, view));
    }
    if !what.fits.is_empty() {
        out.push_str(&heading(Msg::FitsTitle.text(lang), view));
        out.push_str(&fits(what.fits, view));
        out.push_str(&paragraph(Msg::FitNote.text(lang), 0, view));
    }
    out.push_str(&rests_on(what.facts, view));
    if !what.remarks.is_empty() {
        out.push_str(&heading(Msg::Remarks.text(lang), view));
        for remark in what.remarks {
            out.push_str(&paragraph(&format!("  {}", words::remark(remark, lang)), 4, view));
        }
    }
    out
}

/// Facts that an answer rests on; nothing of none.
pub fn rests_on(facts: &[FactUse], view: View) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let lang = view.lang;
    let mut out = heading(Msg::FactsTitle.text(lang), view);
    for fact in facts {
        let line = format!("  {} = {}{}", fact.path, fact.value, lang.brackets(&words::backing(fact, lang)));
        out.push_str(&paragraph(&line, 4, view));
    }
    out
}

fn operators(ops: &[&OperatorShare], view: View) -> String {
    let lang = view.lang;
    // The basis is words and long: it goes where there is room.
    let basis = view.width >= 96;
    let mut header = vec![
        (Msg::Operator.text(lang).to_owned(), Align::Left),
        (Msg::Time.text(lang).to_owned(), Align::Right),
        (Msg::Share.text(lang).to_owned(), Align::Right),
        (Msg::Bound.text(lang).to_owned(), Align::Left),
        (Msg::SpeedOfLight.text(lang).to_owned(), Align::Right),
        (Msg::Efficiency.text(lang).to_owned(), Align::Right),
    ];
    if basis {
        header.push((Msg::Basis.text(lang).to_owned(), Align::Left));
    }
    let mut rows: Vec<Vec<String>> = ops
        .iter()
        .map(|op| {
            let light = if op.speed_of_light > 0.0 { quantity(op.speed_of_light, Unit::Time) } else { NONE.to_owned() };
            let mut row = vec![
                term(&op.name, lang).to_owned(),
                quantity(op.seconds, Unit::Time),
                percent(op.share),
                term(&op.bound, lang).to_owned(),
                light,
                efficiency(op).map_or_else(|| NONE.to_owned(), percent),
            ];
            if basis {
                row.push(term(&op.basis, lang).to_owned());
            }
            row
        })
        .collect();
    let total: f64 = ops.iter().map(|op| op.seconds).sum();
    let mut sum = vec![Msg::StepTotal.text(lang).to_owned(), quantity(total, Unit::Time)];
    sum.resize(header.len(), String::new());
    rows.push(sum);
    grid(&header, &rows, false, view)
}

/// Fits below this share of the time are left out.
const LITTLE: f64 = 0.005;

fn fits(list: &[FitUse], view: View) -> String {
    let lang = view.lang;
    let wide = view.width >= 96;
    let mut header = vec![
        (Msg::Share.text(lang).to_owned(), Align::Right),
        (Msg::FitOperators.text(lang).to_owned(), Align::Left),
        (Msg::FitSubject.text(lang).to_owned(), Align::Left),
        (Msg::FitRows.text(lang).to_owned(), Align::Right),
        (Msg::MedianError.text(lang).to_owned(), Align::Right),
        (Msg::P90Error.text(lang).to_owned(), Align::Right),
    ];
    if wide {
        header.insert(3, (Msg::FitWhat.text(lang).to_owned(), Align::Left));
    }
    let rows: Vec<Vec<String>> = list
        .iter()
        .filter(|f| f.share >= LITTLE)
        .map(|f| {
            let names: Vec<&str> = f.operators.iter().map(|o| term(o, lang)).collect();
            let stack = if f.stack.is_empty() { String::new() } else { lang.brackets(&f.stack) };
            let subject =
                if f.rows == 0 { Msg::FitNone.text(lang).to_owned() } else { format!("{}{stack}", f.subject) };
            let of = |text: String| if f.rows == 0 { NONE.to_owned() } else { text };
            let mut row = vec![
                percent(f.share),
                names.join(lang.comma()),
                subject,
                of(f.rows.to_string()),
                of(percent(f.median)),
                of(percent(f.p90)),
            ];
            if wide {
                row.insert(3, f.what.clone());
            }
            row
        })
        .collect();
    grid(&header, &rows, false, view)
}

fn memory(what: &Explanation, used: f64, view: View) -> String {
    let lang = view.lang;
    let header = [
        (Msg::MemoryKind.text(lang).to_owned(), Align::Left),
        (Msg::MemorySize.text(lang).to_owned(), Align::Right),
        (Msg::Share.text(lang).to_owned(), Align::Right),
    ];
    let row =
        |name: &str, bytes: f64| vec![name.to_owned(), quantity(bytes, Unit::Bytes), percent(bytes / what.capacity)];
    let mut rows: Vec<Vec<String>> = what.memory.iter().map(|(name, bytes)| row(term(name, lang), *bytes)).collect();
    rows.push(row(Msg::MemoryFree.text(lang), (what.capacity - used).max(0.0)));
    grid(&header, &rows, false, view)
}
