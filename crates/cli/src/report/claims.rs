//! The page of claims.

use plan::claims::{CaseFinding, ClaimFinding, Verdict};

use super::plan::{both, close, open};
use crate::lang::both::{escape, put};
use crate::lang::{Both, PlanMsg, claim_words as words};

/// The page. The same findings give the same bytes.
pub fn render(claims: &[ClaimFinding]) -> String {
    let mut out = String::with_capacity(1 << 16);
    let program = format!("steelyard {}", env!("CARGO_PKG_VERSION"));
    let asked = Both::of(|l| PlanMsg::ClaimsNote.text(l).to_owned());
    let contents = [("claims", both(PlanMsg::Claims))];
    open(&program, &both(PlanMsg::ClaimsTitle), &asked, &contents, &mut out);
    let lead = Both::of(|l| words::lead(claims, l));
    put(&mut out, format_args!("<section id=\"answer\"><p class=\"lead\">{}</p></section>\n", lead.html()));
    out.push_str("<section id=\"claims\">\n");
    claims.iter().for_each(|c| claim(c, &mut out));
    out.push_str("</section>\n");
    close(&program, &claims, &mut out);
    out
}

fn claim(c: &ClaimFinding, out: &mut String) {
    let class = match c.verdict {
        Verdict::Holds | Verdict::HoldsIf => "holds",
        Verdict::DoesNotHold => "fails",
        Verdict::CannotBeTested => "cannot",
    };
    let says = Both { en: c.says.en.clone(), zh: c.says.zh.clone() };
    let verdict = Both::of(|l| words::verdict(c, l));
    let by = Both::of(|l| PlanMsg::SaidBy.fill(l, &[("by", &words::by(c, l))]));
    put(
        out,
        format_args!(
            "<article class=\"claim\" id=\"{}\"><h3>{}</h3><p class=\"note\">{}</p><p class=\"verdict {class}\">{}</p>\n",
            escape(&c.id),
            says.html(),
            by.html(),
            verdict.html()
        ),
    );
    if let Some(note) = &c.note {
        let note = Both { en: note.en.clone(), zh: note.zh.clone() };
        put(out, format_args!("<p class=\"note\">{}</p>\n", note.html()));
    }
    let head = [PlanMsg::Case, PlanMsg::Found, PlanMsg::Claimed, PlanMsg::Outcome, PlanMsg::Figures];
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for msg in head {
        put(out, format_args!("<th>{}</th>", both(msg).html()));
    }
    out.push_str("</tr></thead><tbody>\n");
    c.cases.iter().for_each(|x| case(x, out));
    out.push_str("</tbody></table></div>\n");
    out.push_str("</article>\n");
}

fn case(c: &CaseFinding, out: &mut String) {
    let name = Both { en: c.name.en.clone(), zh: c.name.zh.clone() };
    let found = match &c.found {
        Ok(e) if e.low == e.high => words::figure(e.value, words::unit(c)),
        Ok(e) => super::ranking::estimate(e, words::unit(c)),
        Err(why) => format!("<small>{}</small>", escape(why)),
    };
    let what = Both::of(|l| words::what(c, l));
    let outcome = Both::of(|l| words::outcome_with_odds(c, l).0).html();
    let odds = c.odds.map(|_| Both::of(|l| words::outcome_with_odds(c, l).1.unwrap_or_default()).html());
    let odds = odds.map_or(String::new(), |odds| format!("<small>{odds}</small>"));
    let side = |(of, is): &(String, String)| Both::of(|l| format!("{}{}{is}", words::noun(of, l), l.colon())).html();
    let sides: Vec<String> = c.sides.iter().map(side).collect();
    put(
        out,
        format_args!(
            "<tr><td>{}<small>{}</small></td><td>{found}</td><td>{}</td><td>{outcome}{odds}</td><td><small>{}</small></td></tr>\n",
            name.html(),
            what.html(),
            escape(&words::bar(c)),
            sides.join("<br>")
        ),
    );
}
