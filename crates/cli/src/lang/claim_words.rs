//! Phrases about claims that the terminal and the report share.

use plan::claims::{Bar, CaseFinding, ClaimFinding, Outcome, Verdict};
use plan::findings::Estimate;

use super::number::{NONE, Unit, digits, interval, percent, quantity};
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

/// Who says it.
pub fn by(claim: &ClaimFinding, lang: Lang) -> String {
    match (lang, claim.by.strip_prefix("article ")) {
        (Lang::Zh, Some(number)) => format!("文章 {number}"),
        _ => claim.by.clone(),
    }
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
            let why = why.unwrap_or_else(|| leaning(claim, lang));
            format!("{name}{}", lang.brackets(&why))
        }
        Verdict::Holds | Verdict::DoesNotHold => name,
    }
}

/// Names of figures and of what stands beside them, in Chinese; in English they are as they are.
const NOUNS: [(&str, &str); 24] = [
    ("tokens per chip", "单芯片吞吐"),
    ("tokens per system", "整系统吞吐"),
    ("cost per token", "每 token 费用"),
    ("energy per token", "每 token 能耗"),
    ("communication", "通信占比"),
    ("cost per trained token", "每训练 token 费用"),
    ("training communication", "训练通信占比"),
    ("training communication that nothing hides", "未被掩盖的训练通信占比"),
    ("time up", "运行时间占比"),
    ("enough units up", "可用单元足够的时间占比"),
    ("way back", "恢复时间"),
    ("re-wiring", "光路重构时间"),
    ("largest tier", "最大互连域"),
    ("units", "单元"),
    ("one unit up", "单个单元可用"),
    ("detect", "检测"),
    ("person", "人工处理"),
    ("schedule", "调度"),
    ("re-wire", "重构光路"),
    ("link bring-up", "链路恢复"),
    ("start", "启动"),
    ("reload", "读取检查点"),
    ("compile", "编译"),
    ("first step", "首步"),
];

/// A name of a figure or of a part of it.
pub fn noun(name: &str, lang: Lang) -> &str {
    let known = NOUNS.iter().find(|n| n.0 == name && lang == Lang::Zh);
    known.map_or(name, |n| n.1)
}

/// What was compared.
pub fn what(case: &CaseFinding, lang: Lang) -> String {
    match case.figure.as_str() {
        "" => case.what.clone(),
        figure => format!("{}{}{}", noun(figure, lang), lang.colon(), case.what),
    }
}

/// In how many cases the figure itself, its interval forgotten, lies on the claimed side.
fn leaning(claim: &ClaimFinding, lang: Lang) -> String {
    let side = |c: &&CaseFinding| {
        let exact = |e: &Estimate| Estimate { value: e.value, low: e.value, high: e.value };
        c.found.as_ref().is_ok_and(|e| c.bar.judge(&exact(e)) == Outcome::Yes)
    };
    let yes = claim.cases.iter().filter(side).count().to_string();
    PlanMsg::OpenWhy.fill(lang, &[("yes", &yes), ("all", &claim.cases.len().to_string())])
}

/// The unit that the figures of a case are shown in.
pub fn unit(case: &CaseFinding) -> Unit {
    match case.unit.as_str() {
        "FLOP/s" => Unit::FlopRate,
        "OP/s" => Unit::OpRate,
        "B/s" => Unit::Bandwidth,
        "B" => Unit::Bytes,
        "W" => Unit::Power,
        "s" => Unit::Time,
        _ => Unit::Plain,
    }
}

/// A figure: large plain ones with the letter of their size, like those with an interval.
pub fn figure(x: f64, unit: Unit) -> String {
    if unit == Unit::Plain && x.abs() < 1e6 { digits(x) } else { quantity(x, unit) }
}

/// A number with as many digits as it takes to tell it from others: 0.99999 is not 1.
fn whole(x: f64, unit: Unit) -> String {
    let rounded = 10f64.powf(2.0 - x.abs().log10().floor());
    let near = (x * rounded).round() / rounded;
    if unit == Unit::Plain && x != 0.0 && (near / x - 1.0).abs() > 1e-7 { format!("{x}") } else { figure(x, unit) }
}

/// The outcome in words; how likely it is where that is open.
pub fn outcome_with_odds(case: &CaseFinding, lang: Lang) -> (String, Option<String>) {
    let odds = case.odds.map(|p| PlanMsg::Odds.fill(lang, &[("odds", &percent(p).replace(' ', "\u{a0}"))]));
    (term(outcome(case.outcome), lang).to_owned(), odds)
}

/// The key of an outcome's word.
fn outcome(o: Outcome) -> &'static str {
    match o {
        Outcome::Yes => "outcome yes",
        Outcome::No => "outcome no",
        Outcome::Open => "outcome open",
        Outcome::Unknown => "outcome unknown",
    }
}

/// A figure beside the bar that the claim sets.
pub fn found(case: &CaseFinding, lang: Lang) -> String {
    let (bar, unit) = (bar(case), unit(case));
    match &case.found {
        Ok(e) if e.low == e.high => format!("{}{}", figure(e.value, unit), lang.brackets(&bar_text(&bar, lang))),
        Ok(e) => {
            let span = interval(e, unit);
            format!("{} ({span}){}", figure(e.value, unit), lang.brackets(&bar_text(&bar, lang)))
        }
        Err(why) => format!("{NONE}{}", lang.brackets(why)),
    }
}

fn bar_text(bar: &str, lang: Lang) -> String {
    format!("{}{}{bar}", PlanMsg::Claimed.text(lang), lang.colon())
}

/// `>= 0.5`.
pub fn bar(case: &CaseFinding) -> String {
    let unit = unit(case);
    match &case.bar {
        Bar::AtLeast(x) => format!("≥\u{a0}{}", whole(*x, unit)),
        Bar::AtMost(x) => format!("≤\u{a0}{}", whole(*x, unit)),
        Bar::About(x, within) => format!("{} ± {}", figure(*x, unit), percent(*within)),
    }
}
