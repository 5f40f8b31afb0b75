//! Sentences and numbers of goodput.

use plan::findings::Estimate;
use plan::goodput::{DoubtFinding, EffectiveFinding, Findings, Observed, SystemFinding};

use super::number::{Unit, digits, percent, quantity, thousands};
use super::{Lang, Msg, term};

const DAY: f64 = 86_400.0;
const YEAR_DAYS: f64 = 365.25;

/// A time from milliseconds to days, in the unit that leaves a whole part.
pub fn span(seconds: f64, lang: Lang) -> String {
    let units = match lang {
        Lang::En => [(DAY, " d"), (3600.0, " h"), (60.0, " min")],
        Lang::Zh => [(DAY, " 天"), (3600.0, " 小时"), (60.0, " 分钟")],
    };
    match units.iter().find(|(size, _)| seconds >= 0.9995 * size) {
        Some((size, unit)) => format!("{}{unit}", trimmed(&digits(seconds / size))),
        None => match quantity(seconds, Unit::Time).split_once(' ') {
            Some((number, unit)) => format!("{} {unit}", trimmed(number)),
            None => quantity(seconds, Unit::Time),
        },
    }
}

/// Without noughts at the end of a fraction: recovery times are round numbers.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A share of one with one decimal: `91.8 %`.
pub fn share(x: f64) -> String {
    if x.is_finite() { format!("{:.1} %", 100.0 * x) } else { super::number::NONE.to_owned() }
}

/// Its interval without the unit: `83.0–95.1`.
pub fn share_interval(e: &Estimate) -> String {
    format!("{:.1}–{:.1}", 100.0 * e.low, 100.0 * e.high)
}

/// `91.8 % (83.0–95.1)`.
pub fn share_estimate(e: &Estimate) -> String {
    format!("{} ({})", share(e.value), share_interval(e))
}

/// A share near one with two digits of what is missing: `99.9992 %`.
pub fn nines(x: f64) -> String {
    let missing = 1.0 - x;
    if missing < 1e-6 {
        return "> 99.9999 %".to_owned();
    }
    let decimals = (-(100.0 * missing).log10().floor() + 1.0).clamp(1.0, 4.0) as usize;
    format!("{:.decimals$} %", 100.0 * x)
}

/// A count with its interval: `503 (230–1,190)`.
pub fn count_estimate(e: &Estimate) -> String {
    let one = |x: f64| if x < 99.5 { digits(x) } else { thousands(x.round()) };
    format!("{} ({}–{})", one(e.value), one(e.low), one(e.high))
}

/// The job in a line.
pub fn job(findings: &Findings, lang: Lang) -> String {
    let (length, size) = (span(findings.length, lang), quantity(findings.checkpoint, Unit::Bytes));
    let (runs, seed) = (thousands(f64::from(findings.runs)), findings.seed.to_string());
    let line = Msg::JobLine.fill(lang, &[("length", &length), ("size", &size), ("runs", &runs), ("seed", &seed)]);
    let model = findings.model.iter().map(|m| format!("{m} · "));
    model.chain([line]).collect()
}

/// The answer in a sentence: the machine that trains most of the time.
pub fn answer(findings: &Findings, lang: Lang) -> String {
    let best = effective(findings).max_by(|a, b| a.1.ratio.value.total_cmp(&b.1.ratio.value));
    let Some((system, found)) = best else { return Msg::AnswerNone.text(lang).to_owned() };
    let (value, interval) = (share(found.ratio.value), share_interval(&found.ratio));
    Msg::AnswerGoodput.fill(lang, &[("system", &system.name), ("value", &value), ("interval", &interval)])
}

/// Machines with an answer.
pub fn effective(findings: &Findings) -> impl Iterator<Item = (&SystemFinding, &EffectiveFinding)> {
    findings.systems.iter().filter_map(|system| match &system.answer {
        plan::goodput::Answer::Effective(found) => Some((system, &**found)),
        plan::goodput::Answer::Refused { .. } => None,
    })
}

/// States that take a twentieth of a per cent or more, in words.
pub fn states(found: &EffectiveFinding, lang: Lang) -> String {
    let shown = found.states.iter().filter(|s| s.share.value >= 5e-4);
    let each: Vec<String> = shown.map(|s| format!("{} {}", term(&s.name, lang), share(s.share.value))).collect();
    each.join(lang.comma())
}

/// What units promise, one and all together.
pub fn units(system: &SystemFinding, found: &EffectiveFinding, lang: Lang) -> String {
    let (one, all, enough) = (nines(found.unit_up), nines(found.all_up), nines(found.enough_up));
    let chips = thousands(system.unit);
    let units = thousands(f64::from(system.units));
    let total = thousands(f64::from(system.units) + f64::from(system.spares));
    let words = [
        ("chips", chips.as_str()),
        ("one", &one),
        ("units", &units),
        ("all", &all),
        ("total", &total),
        ("enough", &enough),
    ];
    let msg = match (system.rewire, system.spares) {
        (false, 0) => Msg::OneUnitLine,
        (_, 0) => Msg::UnitsLineNoSpare,
        _ => Msg::UnitsLine,
    };
    msg.fill(lang, &words)
}

/// The way back after a failed unit, step by step.
pub fn way_back(found: &EffectiveFinding, lang: Lang) -> String {
    let step = |(name, seconds, chance): &(String, f64, f64)| {
        let step = format!("{} {}", term(name, lang), span(*seconds, lang));
        if *chance >= 1.0 {
            return step;
        }
        Msg::StepChance.fill(lang, &[("step", &step), ("chance", &percent(*chance))])
    };
    let steps: Vec<String> = found.way_back.iter().map(step).collect();
    let sum: f64 = found.way_back.iter().filter(|s| s.2 >= 1.0).map(|s| s.1).sum();
    let line = Msg::WayBackSum.fill(lang, &[("steps", &steps.join(lang.comma())), ("sum", &span(sum, lang))]);
    line + &rewiring(found, lang).unwrap_or_default()
}

/// What re-wiring buys and what it does not, where it is a step of the way back.
fn rewiring(found: &EffectiveFinding, lang: Lang) -> Option<String> {
    let step = found.way_back.iter().find(|(name, ..)| name == "re-wire")?;
    let best = found.parts.iter().filter_map(|p| Some((p, p.up?))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (mirrors, up, useful) = (span(step.1, lang), nines(best.1), share(found.ratio.value));
    let words = [("mirrors", mirrors.as_str()), ("part", term(&best.0.name, lang)), ("up", &up)];
    Some(Msg::RewiringBuys.fill(lang, &[&words[..], &[("useful", &useful)]].concat()))
}

/// How a save is made.
pub fn saves(found: &EffectiveFinding, lang: Lang) -> String {
    let (blocks, durable, best) = (span(found.blocks, lang), span(found.durable, lang), span(found.best_every, lang));
    Msg::SaveLine.fill(lang, &[("blocks", &blocks), ("durable", &durable), ("best", &best)])
}

/// What was seen beside what was predicted, in sentences.
pub fn observed(found: &EffectiveFinding, lang: Lang) -> Vec<String> {
    let line = |seen: &Observed| {
        let (value, interval) = seen_and_predicted(seen, lang);
        let words = [("source", seen.source.as_str()), ("what", term(&seen.what, lang)), ("value", &value)];
        if seen.at_least {
            let reached = if seen.inside { Msg::Reached } else { Msg::NotReached }.text(lang);
            let runs = seen.above.map(|share| Msg::SeenRuns.fill(lang, &[("share", &percent(share))]));
            let line = Msg::SeenAbove.fill(lang, &[&words[..], &[("reached", reached)]].concat());
            return line + &runs.unwrap_or_default();
        }
        let inside = if seen.inside { Msg::Inside } else { Msg::Outside }.text(lang);
        Msg::SeenValue.fill(lang, &[&words[..], &[("inside", inside), ("interval", &interval)]].concat())
    };
    found.observed.iter().map(line).collect()
}

/// A value that was seen, and what was predicted for it.
pub fn seen_and_predicted(seen: &Observed, lang: Lang) -> (String, String) {
    let predicted = &seen.predicted;
    match seen.what.as_str() {
        "interruptions" => (thousands(seen.value), count_estimate(predicted)),
        "mean between" => {
            let [value, low, high] = [predicted.value, predicted.low, predicted.high].map(|s| span(s, lang));
            (span(seen.value, lang), format!("{value} ({low}–{high})"))
        }
        _ => (share(seen.value), share_estimate(predicted)),
    }
}

/// What a number in doubt is.
pub fn doubt(doubt: &DoubtFinding, lang: Lang) -> String {
    let msg = match (doubt.what.as_str(), doubt.of.is_empty()) {
        ("rate", _) => Msg::RateOf,
        ("parts", _) => Msg::PartsOf,
        ("repair", true) => Msg::RepairUnit,
        ("repair", false) => Msg::RepairOf,
        ("slower", _) => Msg::SlowerOf,
        ("stall", _) => Msg::StallOf,
        ("unnoticed", _) => Msg::UnnoticedOf,
        ("chance", _) => Msg::ChanceOf,
        _ => Msg::StepOf,
    };
    msg.fill(lang, &[("of", term(&doubt.of, lang))])
}

/// Its low end, value and high end.
pub fn doubt_range(doubt: &DoubtFinding, lang: Lang) -> String {
    let one = |x: f64| match doubt.what.as_str() {
        "rate" => digits(x * YEAR_DAYS),
        "parts" => digits(x),
        "slower" | "chance" => share(x),
        _ => span(x, lang),
    };
    [doubt.low, doubt.value, doubt.high].map(one).join(lang.comma())
}

/// Failures of one part a year.
pub fn per_year(per_day: f64) -> String {
    digits(per_day * YEAR_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_shares() {
        assert_eq!(span(4_665_600.0, Lang::En), "54 d");
        assert_eq!(span(11_124.0, Lang::Zh), "3.09 小时");
        assert_eq!(span(0.0012, Lang::En), "1.2 ms");
        assert_eq!(span(60.0, Lang::En), "1 min");
        assert_eq!(nines(0.99999), "99.9990 %");
        assert_eq!(nines(0.5), "50.0 %");
        assert_eq!(nines(1.0), "> 99.9999 %");
        let e = Estimate { value: 0.9184, low: 0.83, high: 0.951 };
        assert_eq!(share_estimate(&e), "91.8 % (83.0–95.1)");
    }
}
