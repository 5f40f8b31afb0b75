//! Phrases about claims that the terminal and the report share.

use plan::claims::{Bar, CaseFinding, ClaimFinding, Outcome, Verdict};

use super::number::{NONE, digits};
use super::{Lang, PlanMsg, term};

/// How many verdicts of each kind.
pub fn lead(claims: &[ClaimFinding], lang: Lang) -> String {
    let count = |v: Verdict| claims.iter().filter(|c| c.verdict == v).count().to_string();
    PlanMsg::ClaimsLead.fill(
        lang,
        &[
            ("count", &claims.len().to_string()),
            ("holds", &count(Verdict::Holds)),
            ("holds_if", &count(Verdict::HoldsIf)),
            ("does_not", &count(Verdict::DoesNotHold)),
            ("cannot", &count(Verdict::CannotBeTested)),
        ],
    )
}

/// The verdict with its conditions.
pub fn verdict(claim: &ClaimFinding, lang: Lang) -> String {
    let name = term(claim.verdict.name(), lang).to_owned();
    let cases = |o: Outcome| {
        let of = claim.cases.iter().filter(|c| c.outcome == o);
        let of = of.map(|c| if lang == Lang::En { c.name.en.as_str() } else { c.name.zh.as_str() });
        of.collect::<Vec<_>>().join(if lang == Lang::En { "; " } else { "；" })
    };
    match claim.verdict {
        Verdict::HoldsIf => PlanMsg::HoldsIfCases.fill(lang, &[("cases", &cases(Outcome::Yes))]),
        Verdict::CannotBeTested => {
            let why = claim.cases.iter().find_map(|c| c.found.as_ref().err().cloned());
            let why = why.unwrap_or_else(|| PlanMsg::OpenWhy.text(lang).to_owned());
            format!("{name}{}", lang.brackets(&why))
        }
        Verdict::Holds | Verdict::DoesNotHold => name,
    }
}

/// The key of an outcome's word.
pub fn outcome(o: Outcome) -> &'static str {
    match o {
        Outcome::Yes => "outcome yes",
        Outcome::No => "outcome no",
        Outcome::Open => "outcome open",
        Outcome::Unknown => "outcome unknown",
    }
}

/// A figure beside the bar that the claim sets.
pub fn found(case: &CaseFinding, lang: Lang) -> String {
    let bar = bar(&case.bar);
    match &case.found {
        Ok(e) if e.low == e.high => format!("{}{}", digits(e.value), lang.brackets(&bar_text(&bar, lang))),
        Ok(e) => {
            let span = format!("{}–{}", digits(e.low), digits(e.high));
            format!("{} ({span}){}", digits(e.value), lang.brackets(&bar_text(&bar, lang)))
        }
        Err(why) => format!("{NONE}{}", lang.brackets(why)),
    }
}

fn bar_text(bar: &str, lang: Lang) -> String {
    format!("{}{}{bar}", PlanMsg::Claimed.text(lang), lang.colon())
}

/// `>= 0.5`.
pub fn bar(bar: &Bar) -> String {
    match bar {
        Bar::AtLeast(x) => format!("≥ {}", digits(*x)),
        Bar::AtMost(x) => format!("≤ {}", digits(*x)),
        Bar::About(x, within) => format!("{} ± {}", digits(*x), super::number::percent(*within)),
    }
}
