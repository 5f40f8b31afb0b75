//! Phrases about plans that the terminal and the report share.

use plan::purchase::findings::{
    EvenFinding, LimitFinding, MapFinding, PlanFinding, PlanFindings, ScenarioFinding, ShortFinding, Spent,
};
use plan::purchase::rates::Phase;

use super::msg::filled;
use super::number::{digits, percent, thousands};
use super::{Lang, PlanMsg, plan_inputs as inputs, term};

/// Limits that a sentence names.
const NAMED: usize = 3;

/// Millions of US dollars in the plan's currency: `1,230 M CNY`.
pub fn money(f: &PlanFindings, millions: f64) -> String {
    format!("{} M {}", digits(millions / f.currency.1), f.currency.0)
}

/// The question in a line.
pub fn asked(f: &PlanFindings, lang: Lang) -> String {
    let quarters = f.quarters.len().to_string();
    let start = f.quarters.first().map_or(String::new(), ToString::to_string);
    PlanMsg::Asked.fill(
        lang,
        &[("quarters", &quarters), ("start", &start), ("goal", term(&f.goal, lang)), ("against", against(f, lang))],
    )
}

fn against(f: &PlanFindings, lang: Lang) -> &str {
    match (f.against.as_str(), lang) {
        ("mean", Lang::En) => "mean of scenarios",
        ("mean", Lang::Zh) => "情景均值",
        (other, _) => term(other, lang),
    }
}

/// The answer in sentences.
pub fn answer(f: &PlanFindings, p: &PlanFinding, lang: Lang) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(quarter) = p.served_from {
        out.push(PlanMsg::AnswerEarliest.fill(lang, &[("quarter", &quarter.to_string())]));
    }
    if f.goal == "most tokens" {
        let mean =
            |of: &dyn Fn(usize) -> f64| -> f64 { f.scenarios.iter().enumerate().map(|(s, x)| x.weight * of(s)).sum() };
        let share = mean(&|s| p.by_scenario[s].served) / mean(&|s| p.by_scenario[s].wanted).max(1e-9);
        out.push(PlanMsg::AnswerTokens.fill(lang, &[("share", &percent(share))]));
    }
    let (quarters, scenarios) = (f.quarters.len().to_string(), f.scenarios.len().to_string());
    let cost = format!("{} M", digits(p.cost / f.currency.1));
    let arguments =
        [("cost", cost.as_str()), ("currency", &f.currency.0), ("quarters", &quarters), ("scenarios", &scenarios)];
    let msg = if f.scenarios.len() > 1 { PlanMsg::AnswerCost } else { PlanMsg::AnswerCostOne };
    out.push(msg.fill(lang, &arguments));
    if p.cost_low.is_some() || p.cost_high.is_some() {
        let end = |x: Option<f64>| x.map_or(PlanMsg::NoEnd.text(lang).to_owned(), |x| money(f, x));
        let (low, mid, high) = (end(p.cost_low), end(p.cost_mid), end(p.cost_high));
        out.push(PlanMsg::AnswerRange.fill(lang, &[("low", &low), ("mid", &mid), ("high", &high)]));
    }
    if let Some(short) = &p.dear {
        let what = lang.sentences(&unserved(short, lang));
        out.push(PlanMsg::DearEnd.fill(lang, &[("what", &what)]));
        let limits: Vec<String> = short.binding.iter().take(NAMED).map(|l| limit(l, lang)).collect();
        if !limits.is_empty() {
            out.push(PlanMsg::DearLimits.fill(lang, &[("limits", &limits.join(lang.comma()))]));
        }
    }
    if f.scenarios.len() > 1 {
        let now: Vec<String> = p
            .orders
            .iter()
            .filter(|o| o.scenario.is_none())
            .map(|o| {
                let (units, quarter) = (thousands(o.units), f.quarters[o.quarter].to_string());
                let arguments = [("units", units.as_str()), ("offer", &f.offers[o.offer].name), ("quarter", &quarter)];
                PlanMsg::OrderOf.fill(lang, &arguments)
            })
            .collect();
        out.push(match now.is_empty() {
            true => PlanMsg::NowNothing.text(lang).to_owned(),
            false => PlanMsg::Now.fill(lang, &[("orders", &now.join(lang.comma()))]),
        });
    }
    out.push(match p.proven {
        true => PlanMsg::Proven.text(lang).to_owned(),
        false => PlanMsg::Gap.fill(lang, &[("gap", &percent(p.gap))]),
    });
    out
}

/// Which share of each class of work runs on which offer.
pub struct Placement {
    /// Offers that work at all.
    pub offers: Vec<usize>,
    /// Name, shares in the order of `offers`, share that is not served.
    pub rows: Vec<(String, Vec<f64>, f64)>,
}

/// Shares of tokens over the plan, in the mean of scenarios. Work that is read apart has two rows: there shares are of
/// units' time, since reading makes no tokens.
pub fn placement(f: &PlanFindings, p: &PlanFinding) -> Placement {
    let weight = |s: usize| f.scenarios[s].weight;
    let offers: Vec<usize> = (0..f.offers.len()).filter(|&o| p.places.iter().any(|x| x.offer == o)).collect();
    let mut rows = Vec::new();
    for (w, work) in f.work.iter().enumerate() {
        let of_work = || p.served.iter().filter(move |s| s.work == w);
        let wanted: f64 = of_work().map(|s| weight(s.scenario) * s.wanted).sum();
        let served: f64 = of_work().map(|s| weight(s.scenario) * s.served).sum();
        let unmet = 1.0 - served / wanted.max(1e-9);
        for phase in [Phase::Whole, Phase::Prefill, Phase::Decode] {
            let places = || p.places.iter().filter(move |x| x.work == w && x.phase == phase);
            if places().next().is_none() && (phase != Phase::Whole || of_work().next().is_none()) {
                continue;
            }
            let amount = |o: Option<usize>| -> f64 {
                let of = places().filter(|x| o.is_none_or(|o| x.offer == o));
                of.map(|x| weight(x.scenario) * if phase == Phase::Whole { x.tokens } else { x.units }).sum()
            };
            let all = if phase == Phase::Whole { wanted } else { amount(None) };
            let row = offers.iter().map(|&o| amount(Some(o)) / all.max(1e-9)).collect();
            let name = match phase {
                Phase::Whole => work.name.clone(),
                Phase::Prefill => format!("{}, prefill", work.name),
                Phase::Decode => format!("{}, decode", work.name),
            };
            rows.push((name, row, if phase == Phase::Whole { unmet } else { 0.0 }));
        }
    }
    Placement { offers, rows }
}

/// Money of the mean over scenarios that `which` picks, millions of US dollars.
pub fn spent(f: &PlanFindings, p: &PlanFinding, which: impl Fn(&Spent) -> bool) -> f64 {
    p.spent.iter().filter(|s| which(s)).map(|s| f.scenarios[s.scenario].weight * s.amount).sum()
}

/// Money by kind, in order of appearance in the plan's own list.
pub fn by_kind(f: &PlanFindings, p: &PlanFinding) -> Vec<(String, f64)> {
    use plan::purchase::formulate::Kind;
    let sum = |k: &Kind| (k.name().to_owned(), spent(f, p, |s| s.kind == k.name()));
    Kind::ALL.iter().map(sum).filter(|k| k.1.abs() > 5e-7).collect()
}

/// Offers that money is spent on.
pub fn offers_with_money(f: &PlanFindings, p: &PlanFinding) -> Vec<usize> {
    (0..f.offers.len()).filter(|&o| p.spent.iter().any(|s| s.offer == Some(o) && s.amount.abs() > 5e-7)).collect()
}

/// Which orders all scenarios share.
pub fn shared(f: &PlanFindings, lang: Lang) -> String {
    match f.decided {
        0 => PlanMsg::ScenariosNoteNone.text(lang).to_owned(),
        1 => PlanMsg::ScenariosNoteOne.text(lang).to_owned(),
        n => PlanMsg::ScenariosNote.fill(lang, &[("decided", &n.to_string())]),
    }
}

/// What happens in a scenario.
pub fn events(s: &ScenarioFinding, lang: Lang) -> String {
    if s.events.is_empty() {
        return PlanMsg::Nothing.text(lang).to_owned();
    }
    let one = |(name, from): &(String, plan::purchase::Quarter)| {
        PlanMsg::FromQuarter.fill(lang, &[("event", name), ("quarter", &from.to_string())])
    };
    s.events.iter().map(one).collect::<Vec<_>>().join(lang.comma())
}

/// A limit by its kind and what it is of.
pub fn limit(limit: &LimitFinding, lang: Lang) -> String {
    filled(term(&format!("limit {}", limit.kind), lang), &[("of", &limit.of)])
}

fn unit_of(limit: &LimitFinding, lang: Lang) -> String {
    term(&format!("unit of {}", limit.kind), lang).to_owned()
}

/// What one more unit of a limit is worth.
pub fn worth(f: &PlanFindings, l: &LimitFinding, lang: Lang) -> String {
    let value = if f.goal == "most tokens" { format!("{} T tokens", digits(l.worth)) } else { money(f, l.worth) };
    let what = PlanMsg::WorthOf.fill(lang, &[("unit", &unit_of(l, lang)), ("value", &value)]);
    let when = match l.quarters.as_slice() {
        [] => String::new(),
        [one] => lang.brackets(&one.to_string()),
        [first, .., last] => lang.brackets(&format!("{first} … {last}")),
    };
    format!("{}{when}{}{what}", limit(l, lang), lang.colon())
}

/// A limit that keeps demand from being served.
pub fn binding(l: &LimitFinding, lang: Lang) -> String {
    let (name, unit) = (limit(l, lang), unit_of(l, lang));
    PlanMsg::BindingOf.fill(lang, &[("limit", &name), ("unit", &unit), ("share", &percent(l.worth))])
}

/// What cannot be served, in sentences.
pub fn unserved(short: &ShortFinding, lang: Lang) -> Vec<String> {
    let mut out = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, ..) in &short.unserved {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    for name in names {
        let all: Vec<_> = short.unserved.iter().filter(|u| u.0 == name).collect();
        let Some(worst) = all.iter().max_by(|a, b| a.2.total_cmp(&b.2)) else { continue };
        let more = match all.len() {
            1 => String::new(),
            n => PlanMsg::AndQuarters.fill(lang, &[("count", &(n - 1).to_string())]),
        };
        let (share, quarter) = (percent(worst.2), worst.1.to_string());
        let arguments = [("work", name), ("share", &share), ("quarter", &quarter), ("more", &more)];
        out.push(PlanMsg::Unserved.fill(lang, &arguments));
    }
    for (work, reasons) in &short.undoable {
        let reasons: Vec<String> = reasons.iter().map(|(o, r)| format!("{o}{}{r}", lang.colon())).collect();
        let reasons = reasons.join(if lang == Lang::En { "; " } else { "；" });
        out.push(PlanMsg::Undoable.fill(lang, &[("work", work), ("reasons", &reasons)]));
    }
    out
}

/// A break-even point in a sentence.
pub fn even(e: &EvenFinding, lang: Lang) -> String {
    let used = |units: f64| units > 1e-4;
    let amount = |x: f64| inputs::amount(&e.input, x, &e.unit);
    let (input, now, low, high) = (inputs::name(&e.input, lang), amount(e.now), amount(e.span.0), amount(e.span.1));
    let at = e.at.map(amount).unwrap_or_default();
    let msg = match (e.at, used(e.units.0)) {
        (Some(_), true) => PlanMsg::EvenBelow,
        (Some(_), false) => PlanMsg::EvenAbove,
        (None, true) => PlanMsg::EvenAlways,
        (None, false) => PlanMsg::EvenNever,
    };
    let (offer, input, now) = (e.offer.as_str(), input.as_str(), now.as_str());
    let arguments = [("offer", offer), ("input", input), ("now", now), ("low", &low), ("high", &high), ("value", &at)];
    msg.fill(lang, &arguments)
}

/// The title of a map.
pub fn map_title(map: &MapFinding, lang: Lang) -> String {
    let shown = match map.shown.as_str() {
        "cost" => PlanMsg::MapCost.text(lang).to_owned(),
        offer => PlanMsg::MapUnits.fill(lang, &[("offer", offer)]),
    };
    let (x, y) = (inputs::labelled(&map.x.0, &map.x.1, lang), inputs::labelled(&map.y.0, &map.y.1, lang));
    PlanMsg::Map.fill(lang, &[("shown", &shown), ("x", &x), ("y", &y)])
}
