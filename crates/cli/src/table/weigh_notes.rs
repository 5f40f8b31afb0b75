//! What stands below the ranking: who cannot serve, what was rejected, what the results rest on.

use plan::findings::{Answer, FactUse, Findings};

use super::View;
use super::grid::{heading, paragraph};
use crate::lang::number::thousands;
use crate::lang::{Msg, words};

/// Facts shown in the terminal; the report shows all.
const FACTS: usize = 8;

/// All notes.
pub fn notes(findings: &Findings, view: View) -> String {
    let lang = view.lang;
    let mut out = String::new();
    let mut unserved = String::new();
    let mut incomplete = String::new();
    for system in &findings.systems {
        match &system.answer {
            Answer::Served(_) => {}
            Answer::Unserved { reason, .. } => {
                let line = format!(
                    "  {}{}{}{}",
                    system.name,
                    lang.brackets(&words::chips(system.chips, lang)),
                    lang.colon(),
                    words::reason(reason, lang)
                );
                unserved.push_str(&paragraph(&line, 4, view));
            }
            Answer::Incomplete { missing } => {
                incomplete.push_str(&paragraph(
                    &format!("  {}{}{}", system.name, lang.colon(), missing.join(", ")),
                    4,
                    view,
                ));
            }
        }
    }
    if findings.systems.is_empty() {
        out.push_str(&paragraph(Msg::NoSystems.text(lang), 0, view));
    }
    if !unserved.is_empty() {
        out.push_str(&heading(Msg::Unserved.text(lang), view));
        out.push_str(&unserved);
    }
    if !incomplete.is_empty() {
        out.push_str(&heading(Msg::Incomplete.text(lang), view));
        out.push_str(&incomplete);
        out.push_str(&paragraph(&format!("  {}", Msg::IncompleteHow.text(lang)), 2, view));
    }
    out.push_str(&rejected(findings, view));
    out.push_str(&rests_on(findings, view));
    out
}

/// Rejections summed by kind, in the order of first appearance.
fn rejected(findings: &Findings, view: View) -> String {
    let lang = view.lang;
    let tried: u64 = findings.systems.iter().map(|s| u64::from(s.tried)).sum();
    let mut kinds: Vec<(String, u64, String)> = Vec::new();
    for system in &findings.systems {
        for rejection in &system.rejected {
            let kind = words::reason_kind(&rejection.reason, lang);
            match kinds.iter_mut().find(|(k, _, _)| *k == kind) {
                Some((_, count, _)) => *count += u64::from(rejection.count),
                None => {
                    let example = format!(
                        "{}{}{}{}{}",
                        system.name,
                        lang.comma(),
                        rejection.example,
                        lang.colon(),
                        words::reason(&rejection.reason, lang)
                    );
                    kinds.push((kind, u64::from(rejection.count), example));
                }
            }
        }
    }
    if kinds.is_empty() {
        return String::new();
    }
    let count: u64 = kinds.iter().map(|(_, c, _)| c).sum();
    let sum =
        Msg::RejectedOf.fill(lang, &[("rejected", &thousands(count as f64)), ("tried", &thousands(tried as f64))]);
    let mut out = heading(&format!("{}{}{sum}", Msg::Rejected.text(lang), lang.colon()), view);
    for (kind, count, example) in kinds {
        let example = Msg::Example.fill(lang, &[("example", &example)]);
        out.push_str(&paragraph(&format!("  {:>5}  {kind}; {example}", thousands(count as f64)), 9, view));
    }
    out
}

/// A fact with the ranks of the systems that rest on it.
pub struct SharedFact<'a> {
    /// The fact.
    pub fact: &'a FactUse,
    /// Positions in the list of systems, from 1.
    pub ranks: Vec<usize>,
}

/// Each fact once: disputed before assumed, then in order of the systems.
pub fn facts(findings: &Findings) -> Vec<SharedFact<'_>> {
    let mut list: Vec<SharedFact> = Vec::new();
    for (i, system) in findings.systems.iter().enumerate() {
        for fact in words::served(system).map_or(&[][..], |c| &c.rests_on[..]) {
            match list.iter_mut().find(|f| f.fact.path == fact.path && f.fact.value == fact.value) {
                Some(shared) if shared.ranks.last() == Some(&(i + 1)) => {}
                Some(shared) => shared.ranks.push(i + 1),
                None => list.push(SharedFact { fact, ranks: vec![i + 1] }),
            }
        }
    }
    list.sort_by_key(|f| !f.fact.disputed);
    list
}

fn rests_on(findings: &Findings, view: View) -> String {
    let lang = view.lang;
    let list = facts(findings);
    if list.is_empty() {
        let any = findings.systems.iter().any(|s| words::served(s).is_some());
        return if any { paragraph(&format!("\n{}", Msg::RestsOnNone.text(lang)), 0, view) } else { String::new() };
    }
    let mut out = heading(Msg::RestsOn.text(lang), view);
    for SharedFact { fact, ranks } in list.iter().take(FACTS) {
        let ranks: Vec<String> = ranks.iter().map(|r| format!("#{r}")).collect();
        let backing = lang.brackets(&words::backing(fact, lang));
        let line = format!("  {} {} = {}{backing}", ranks.join(" "), fact.path, fact.value);
        out.push_str(&paragraph(&line, 4, view));
    }
    if list.len() > FACTS {
        let more = Msg::More.fill(lang, &[("count", &(list.len() - FACTS).to_string())]);
        out.push_str(&paragraph(&format!("  {more}"), 2, view));
    }
    out
}
