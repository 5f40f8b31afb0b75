//! Phrases about findings that tables and the report share.

use super::number::{Unit, digits, quantity, thousands};
use super::{Lang, Msg, term};
use plan::findings::{
    Answer, Choice, Estimate, FactUse, Findings, Paid, Parallel, Reason, Remark, Saying, Setup, SystemFinding,
};

/// Why something is not possible, with its numbers.
pub fn reason(reason: &Reason, lang: Lang) -> String {
    match reason {
        Reason::DoesNotFit { needs, has, nearest_chips } => {
            let (needs, has) = (quantity(*needs, Unit::Bytes), quantity(*has, Unit::Bytes));
            match nearest_chips {
                Some(chips) => Msg::DoesNotFit
                    .fill(lang, &[("needs", &needs), ("has", &has), ("chips", &thousands(f64::from(*chips)))]),
                None => Msg::DoesNotFitAtAll.fill(lang, &[("needs", &needs), ("has", &has)]),
            }
        }
        Reason::MissesLevel { level, bound, best } => Msg::MissesLevel.fill(
            lang,
            &[
                ("level", term(level, lang)),
                ("bound", &quantity(*bound, Unit::Time)),
                ("best", &quantity(*best, Unit::Time)),
            ],
        ),
        Reason::DoesNotDivide { what, count, of } => {
            let (what, count) = (what.to_uppercase(), thousands(*count as f64));
            Msg::DoesNotDivide.fill(lang, &[("what", &what), ("count", &count), ("of", term(of, lang))])
        }
        Reason::NotAsNamed { setup } => Msg::NotAsNamed.fill(lang, &[("setup", setup)]),
        Reason::Overloaded { asked, reached } => {
            Msg::Overloaded.fill(lang, &[("asked", &digits(*asked)), ("reached", &digits(*reached))])
        }
    }
}

/// The kind of reason without its numbers, by which rejections are summed.
pub fn reason_kind(reason: &Reason, lang: Lang) -> String {
    match reason {
        Reason::DoesNotFit { .. } => Msg::DoesNotFitShort.text(lang).to_owned(),
        Reason::MissesLevel { level, .. } => Msg::MissesLevelShort.fill(lang, &[("level", term(level, lang))]),
        Reason::DoesNotDivide { .. } => Msg::DoesNotDivideShort.text(lang).to_owned(),
        Reason::Overloaded { .. } => Msg::OverloadedShort.text(lang).to_owned(),
        Reason::NotAsNamed { .. } => Msg::NotAsNamedShort.text(lang).to_owned(),
    }
}

/// A part of the question.
pub fn saying(saying: &Saying, lang: Lang) -> String {
    let count = |n: u64| thousands(n as f64);
    match *saying {
        Saying::Tokens { tokens } => Msg::SayTokens.fill(lang, &[("tokens", &tokens.to_string())]),
        Saying::Uniform { low, high } => {
            Msg::SayUniform.fill(lang, &[("low", &low.to_string()), ("high", &high.to_string())])
        }
        Saying::LogNormal { median, sigma, max } => Msg::SayLogNormal
            .fill(lang, &[("median", &plain(median)), ("sigma", &plain(sigma)), ("max", &max.to_string())]),
        Saying::Listed { count: of, mean } => {
            Msg::SayListed.fill(lang, &[("count", &count(of)), ("mean", &plain(mean))])
        }
        Saying::InFlight { requests } => Msg::SayInFlight.fill(lang, &[("requests", &requests.to_string())]),
        Saying::AsManyAsFit => Msg::SayAsMany.text(lang).to_owned(),
        Saying::Rate { per_second, cv: 1.0 } => Msg::SayPoisson.fill(lang, &[("rate", &plain(per_second))]),
        Saying::Rate { per_second, cv } => {
            Msg::SayBursty.fill(lang, &[("rate", &plain(per_second)), ("cv", &plain(cv))])
        }
        Saying::Trace { requests, seconds } => Msg::SayTrace.fill(
            lang,
            &[
                ("requests", &count(requests)),
                ("seconds", &quantity(seconds, Unit::Time)),
                ("rate", &plain(requests as f64 / seconds.max(1e-9))),
            ],
        ),
        Saying::Share { share } => format!("{} %", plain(share * 100.0)),
        Saying::Number { value } => plain(value),
    }
}

fn plain(value: f64) -> String {
    format!("{}", (value * 1000.0).round() / 1000.0)
}

/// What is paid for a chip.
pub fn paid(paid: &Paid, lang: Lang) -> String {
    let of = |source: &str| if source.is_empty() { Msg::OfStudy.text(lang).to_owned() } else { source.to_owned() };
    match paid {
        Paid::Rent { price, source } => Msg::PaidRent.fill(lang, &[("price", price), ("source", &of(source))]),
        Paid::Purchase { price, years, source } => {
            Msg::PaidPurchase.fill(lang, &[("price", price), ("years", years), ("source", &of(source))])
        }
    }
}

/// A remark on a set-up.
pub fn remark(remark: &Remark, lang: Lang) -> String {
    match remark {
        Remark::Emulated { chip, weights, arithmetic } => {
            Msg::RemarkEmulated.fill(lang, &[("chip", chip), ("weights", weights), ("arithmetic", arithmetic)])
        }
        Remark::BorrowedArchitecture => Msg::RemarkArchitecture.text(lang).to_owned(),
        Remark::BorrowedClass => Msg::RemarkClass.text(lang).to_owned(),
        Remark::AssumedEfficiency => Msg::RemarkAssumed.text(lang).to_owned(),
        Remark::GenericEngine => Msg::RemarkGeneric.text(lang).to_owned(),
        Remark::IdleChips { idle, chips } => {
            Msg::RemarkIdle.fill(lang, &[("idle", &idle.to_string()), ("chips", &chips.to_string())])
        }
        Remark::FrontEndBusy => Msg::RemarkFrontBusy.text(lang).to_owned(),
        Remark::FrontEnds { count } => Msg::RemarkFronts.fill(lang, &[("count", &count.to_string())]),
        Remark::RaiseSeats { limit } => Msg::RemarkSeats.fill(lang, &[("limit", &limit.to_string())]),
        Remark::RedundantExperts { copies, ep } => {
            Msg::RemarkCopies.fill(lang, &[("copies", &copies.to_string()), ("ep", &ep.to_string())])
        }
        Remark::BareChips => Msg::RemarkBare.text(lang).to_owned(),
        Remark::NoDrafts { engine } => Msg::RemarkNoDrafts.fill(lang, &[("engine", engine)]),
    }
}

/// `TP4 DP16 EP64`: the degrees above one, TP always.
pub fn parallel(p: &Parallel) -> String {
    let mut out = format!("TP{}", p.tp);
    for (name, degree) in [("PP", p.pp), ("DP", p.dp), ("EP", p.ep)] {
        if degree > 1 {
            out.push_str(&format!(" {name}{degree}"));
        }
    }
    out
}

/// One pool: `2 × TP8`.
pub fn pool(replicas: u32, p: &Parallel) -> String {
    if replicas == 1 { parallel(p) } else { format!("{replicas} × {}", parallel(p)) }
}

/// `aggregated` or `P/D split`.
pub fn mode(setup: &Setup, lang: Lang) -> &'static str {
    if setup.mode == "disaggregated" { Msg::Disaggregated.text(lang) } else { Msg::Aggregated.text(lang) }
}

/// The pools: `2 × TP8`, or `prefill 2 × TP8 + decode TP4 DP16 EP64`.
pub fn pools(setup: &Setup, lang: Lang) -> String {
    let main = pool(setup.replicas, &setup.parallel);
    match &setup.prefill {
        Some((replicas, p)) => {
            let (prefill, decode) = (Msg::PrefillPool.text(lang), Msg::DecodePool.text(lang));
            format!("{prefill} {} + {decode} {main}", pool(*replicas, p))
        }
        None => main,
    }
}

/// `64 chips`.
pub fn chips(count: u32, lang: Lang) -> String {
    Msg::ChipsCount.fill(lang, &[("count", &thousands(f64::from(count)))])
}

/// The kind of a fact and its source: `disputed, analyst: Title`.
pub fn backing(fact: &FactUse, lang: Lang) -> String {
    let disputed = if fact.disputed { format!("{}{}", Msg::Disputed.text(lang), lang.comma()) } else { String::new() };
    format!("{disputed}{}{}{}", term(&fact.kind, lang), lang.colon(), fact.source)
}

/// Weights, arithmetic where it is not the format of the weights, cache.
pub fn precision(setup: &Setup, lang: Lang) -> String {
    let mut out = setup.weights.clone();
    if setup.emulated {
        let mark = Msg::Emulated.fill(lang, &[("arithmetic", &setup.arithmetic)]);
        out.push_str(&lang.brackets(&mark));
    }
    format!("{out} · KV {}", setup.kv)
}

/// `batch 512`, of one replica.
pub fn batch(setup: &Setup, lang: Lang) -> String {
    let count = thousands(setup.batch as f64);
    let msg = if setup.replicas > 1 { Msg::BatchPerReplica } else { Msg::Batch };
    msg.fill(lang, &[("batch", &count)])
}

/// What is served, if it is.
pub fn served(system: &SystemFinding) -> Option<&Choice> {
    match &system.answer {
        Answer::Served(choice) => Some(choice),
        Answer::Unserved { .. } | Answer::Incomplete { .. } => None,
    }
}

/// The figure that the objective compares, as an interval, and whether less of it is better.
pub fn merit(findings: &Findings, choice: &Choice) -> Option<(Estimate, bool)> {
    match findings.objective.as_str() {
        "cost per token" => choice.cost.as_ref().map(|c| (c.per_million, true)),
        "tokens per chip" => Some((choice.tokens_per_chip, false)),
        "energy" => choice.energy_per_token.map(|e| (e, true)),
        _ => None,
    }
}

/// Systems named in a sentence; more are counted.
const NAMED: usize = 4;

/// Whether the first place is certain, in a sentence; `None` where there is nothing to compare.
pub fn certainty(findings: &Findings, lang: Lang) -> Option<String> {
    let mut ranked = findings.systems.iter().filter_map(|s| Some((s, merit(findings, served(s)?)?)));
    let (first, (best, less)) = ranked.next()?;
    let mut compared = 0;
    let mut others: Vec<&str> = Vec::new();
    for (system, (e, _)) in ranked {
        compared += 1;
        if (less && e.low <= best.high) || (!less && e.high >= best.low) {
            others.push(&system.name);
        }
    }
    if compared == 0 {
        return None;
    }
    if others.is_empty() {
        return Some(Msg::Certain.fill(lang, &[("first", &first.name)]));
    }
    Some(overlap(&first.name, &others, lang))
}

/// That the intervals of others overlap with that of the first.
pub fn overlap(first: &str, others: &[&str], lang: Lang) -> String {
    let named = others.iter().take(NAMED).copied().collect::<Vec<_>>().join(lang.comma());
    let named = match others.len().checked_sub(NAMED) {
        None | Some(0) => named,
        Some(more) => Msg::OthersMore.fill(lang, &[("others", &named), ("count", &more.to_string())]),
    };
    Msg::Overlap.fill(lang, &[("first", first), ("others", &named)])
}

/// A warning where some costs are rents and others purchases.
pub fn mixed(findings: &Findings, lang: Lang) -> Option<&'static str> {
    let costs = || findings.systems.iter().filter_map(|s| served(s)?.cost.as_ref());
    let rents = costs().filter(|c| matches!(c.basis, Paid::Rent { .. })).count();
    (rents > 0 && rents < costs().count()).then(|| Msg::MixedPrices.text(lang))
}

/// The answer in a sentence.
pub fn answer(findings: &Findings, lang: Lang) -> String {
    let Some((system, choice)) = findings.systems.iter().find_map(|s| Some((s, served(s)?))) else {
        return Msg::AnswerNone.text(lang).to_owned();
    };
    let name = ("system", system.name.as_str());
    if findings.objective == "chips" {
        return Msg::AnswerChips.fill(lang, &[name, ("value", &thousands(f64::from(system.chips)))]);
    }
    let Some((e, _)) = merit(findings, choice) else { return Msg::AnswerPlain.fill(lang, &[name]) };
    let (msg, unit) = match findings.objective.as_str() {
        "cost per token" => (Msg::AnswerCost, Unit::Plain),
        "tokens per chip" => (Msg::AnswerRate, Unit::Plain),
        _ => (Msg::AnswerEnergy, Unit::Energy),
    };
    msg.fill(lang, &[name, ("value", &quantity(e.value, unit)), ("interval", &super::number::interval(&e, unit))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_in_both_languages() {
        let fit = Reason::DoesNotFit { needs: 98.3e9, has: 80e9, nearest_chips: Some(16) };
        assert_eq!(
            reason(&fit, Lang::En),
            "needs 98.3 GB on the fullest chip, has 80.0 GB; nearest that fits: 16 chips"
        );
        let level = Reason::MissesLevel { level: "ttft_p99".into(), bound: 2.0, best: 2.31 };
        assert_eq!(reason(&level, Lang::Zh), "TTFT p99 须不超过 2.00 s，最好只达到 2.31 s");
        let divide = Reason::DoesNotDivide { what: "tp".into(), count: 40, of: "attention heads".into() };
        assert_eq!(reason(&divide, Lang::En), "TP does not divide 40 attention heads");
        assert_eq!(reason(&divide, Lang::Zh), "TP 不能整除 40 个注意力头");
        let load = Reason::Overloaded { asked: 20.0, reached: 13.2 };
        assert_eq!(reason(&load, Lang::En), "asked for 20.0 requests/s, reached 13.2");
    }

    #[test]
    fn degrees_of_one_are_left_out() {
        assert_eq!(parallel(&Parallel { tp: 1, pp: 1, dp: 1, ep: 1 }), "TP1");
        assert_eq!(parallel(&Parallel { tp: 4, pp: 2, dp: 16, ep: 64 }), "TP4 PP2 DP16 EP64");
    }
}
