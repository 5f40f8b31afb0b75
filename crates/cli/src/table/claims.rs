//! Claims on the terminal.

use plan::claims::{CaseFinding, ClaimFinding};

use super::View;
use super::grid::{bold, paragraph};
use crate::lang::claim_words as words;
use crate::lang::{Lang, PlanMsg};

/// Every claim with its verdict and cases.
pub fn claims(claims: &[ClaimFinding], view: View) -> String {
    let mut out = bold(PlanMsg::ClaimsTitle.text(view.lang), view);
    out.push_str(&paragraph(&words::lead(claims, view.lang), 0, view));
    for claim in claims {
        let says = if view.lang == Lang::En { &claim.says.en } else { &claim.says.zh };
        out.push('\n');
        out.push_str(&bold(&format!("{says}{}", view.lang.brackets(&words::by(claim, view.lang))), view));
        let verdict = format!("  {}", words::verdict(claim, view.lang));
        out.push_str(&paragraph(&verdict, 4, view));
        for case in &claim.cases {
            out.push_str(&paragraph(&format!("  {}", line(case, view.lang)), 6, view));
        }
    }
    out
}

fn line(case: &CaseFinding, lang: Lang) -> String {
    let name = if lang == Lang::En { &case.name.en } else { &case.name.zh };
    let found = words::found(case, lang);
    let (outcome, odds) = words::outcome_with_odds(case, lang);
    let odds = odds.map_or(String::new(), |odds| lang.brackets(&odds));
    format!("[{outcome}{odds}] {name}{}{found}", lang.colon())
}
