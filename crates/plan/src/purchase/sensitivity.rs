//! What the answer hangs on: each uncertain input at its ends, break-even points, maps.
//!
//! All of it compares plans where units need not be whole: the differences are those of the inputs, not of rounding.

use rayon::prelude::*;
use units::Range;

use super::case::Case;
use super::findings::{EvenFinding, MapFinding, Swing};
use super::formulate::Model;
use super::optimise::{lacking, relaxed_cost};
use super::question::{BreakEven, Map, Shown};
use super::rates::Source;
use super::short::Short;
use super::solver::{Relaxed, Unsolved};
use super::watch::Watch;
use crate::break_even::crossing;

/// Halvings of the span of a break-even point: to a few parts in ten thousand of it.
const HALVINGS: usize = 12;
/// Units below which an offer is not used.
const UNUSED: f64 = 1e-4;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sensitivity {
    /// Cost with all uncertain inputs at their cheap ends, in the middle, and at their dear ends.
    pub range: (Option<f64>, Option<f64>, Option<f64>),
    /// Why the dear ends together have no plan, where they have none.
    pub dear: Option<Short>,
    /// By input, the largest swing first.
    pub tornado: Vec<Swing>,
    /// Break-even points.
    pub break_even: Vec<EvenFinding>,
    /// Maps.
    pub maps: Vec<MapFinding>,
}

/// Answers what a question asks further.
///
/// # Errors
/// The solver failed, or it was called off.
pub fn sensitivity(case: &Case, source: &dyn Source, watch: &Watch) -> Result<Sensitivity, Unsolved> {
    let further = &case.question.further;
    let mut all = Sensitivity::default();
    if further.tornado {
        (all.tornado, all.range, all.dear) = tornado(case, source, watch)?;
    }
    all.break_even = further.break_even.iter().map(|b| even(case, b, source, watch)).collect::<Result<_, _>>()?;
    all.maps = further.maps.iter().map(|m| map(case, m, source, watch)).collect::<Result<_, _>>()?;
    Ok(all)
}

fn cost(case: &Case, watch: &Watch) -> Result<Option<f64>, Unsolved> {
    Ok(relaxed_cost(case, watch)?.map(|(_, r)| r.cost))
}

/// Swings, the cost at the cheap ends, in the middle and at the dear ends, and why there is none at the dear ones.
type Tornado = (Vec<Swing>, (Option<f64>, Option<f64>, Option<f64>), Option<Short>);

/// Every uncertain input at both ends, and all together at their cheap and dear ends.
fn tornado(case: &Case, source: &dyn Source, watch: &Watch) -> Result<Tornado, Unsolved> {
    let Some(mid) = cost(case, watch)? else { return Ok((Vec::new(), (None, None, None), None)) };
    let uncertain: Vec<_> = case.listed().into_iter().filter(|l| !l.2.is_exact()).collect();
    (watch.expect)(2 * uncertain.len() as u64);
    let swing = |(path, unit, range): &(String, &'static str, Range<f64>)| -> Result<Option<Swing>, Unsolved> {
        let at = |value: f64| match case.with(path, value, source, watch)? {
            Some(case) => {
                let cost = cost(&case, watch);
                (watch.step)(path);
                cost
            }
            None => Ok(None),
        };
        let (at_low, at_high) = (at(range.low)?, at(range.high)?);
        let range = (range.low, range.mid, range.high);
        let (input, unit) = (path.clone(), (*unit).to_owned());
        Ok(Some(Swing { input, unit, range, at_low, at_high, at_mid: mid }))
    };
    let swings: Vec<Option<Swing>> = uncertain.par_iter().map(swing).collect::<Result<_, _>>()?;
    let mut swings: Vec<Swing> = swings.into_iter().flatten().collect();
    let size = |s: &Swing| {
        let end = |x: Option<f64>| x.map_or(f64::INFINITY, |x| (x - mid).abs());
        end(s.at_low).max(end(s.at_high))
    };
    let ends: Vec<(String, f64, f64)> = swings.iter().map(ends).collect();
    let together = |dear: bool| {
        let mut case = case.clone();
        case.inputs(&mut |input| {
            if let Some((_, cheap, costly)) = ends.iter().find(|e| e.0 == input.path) {
                *input.range = Range::exact(if dear { *costly } else { *cheap });
            }
        });
        case
    };
    let dear = together(true);
    let range = (cost(&together(false), watch)?, Some(mid), cost(&dear, watch)?);
    let why = if range.2.is_none() { Some(lacking(&dear)?) } else { None };
    // What does not move the cost at all says nothing.
    swings.retain(|s| size(s) > 1e-7 * mid.abs());
    swings.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.input.cmp(&b.input)));
    Ok((swings, range, why))
}

/// The cheap and the dear end of an input.
fn ends(s: &Swing) -> (String, f64, f64) {
    let dear = |x: Option<f64>| x.unwrap_or(f64::INFINITY);
    let (low, _, high) = s.range;
    match dear(s.at_low) <= dear(s.at_high) {
        true => (s.input.clone(), low, high),
        false => (s.input.clone(), high, low),
    }
}

/// Mean units of an offer that are ordered.
fn units(case: &Case, offer: usize, solved: &Option<(Model, Relaxed)>) -> f64 {
    let Some((model, relaxed)) = solved else { return 0.0 };
    let weights = case.question.scenarios.iter().map(|s| s.weight);
    let of = |row: &Vec<Option<usize>>| row.iter().flatten().map(|&c| relaxed.values[c]).sum::<f64>();
    model.index.order.iter().zip(weights).map(|(s, w)| w * of(&s[offer])).sum()
}

/// Where an offer starts or stops to pay, by halving the span.
fn even(case: &Case, ask: &BreakEven, source: &dyn Source, watch: &Watch) -> Result<EvenFinding, Unsolved> {
    let at = |value: f64| -> Result<f64, Unsolved> {
        let Some(case) = case.with(&ask.input, value, source, watch)? else { return Ok(0.0) };
        (watch.expect)(1);
        let units = units(&case, ask.offer, &relaxed_cost(&case, watch)?);
        (watch.step)(&ask.input);
        Ok(units)
    };
    let found = crossing((ask.low, ask.high), HALVINGS, UNUSED, at)?;
    let listed = case.listed();
    let (unit, now) = match listed.iter().find(|l| l.0 == ask.input) {
        Some((_, unit, range)) => ((*unit).to_owned(), range.mid),
        None => (String::new(), f64::NAN),
    };
    Ok(EvenFinding {
        input: ask.input.clone(),
        unit,
        offer: case.question.offers[ask.offer].name.clone(),
        now,
        span: (ask.low, ask.high),
        units: found.ends,
        at: found.at,
    })
}

/// A map, cell by cell.
fn map(case: &Case, ask: &Map, source: &dyn Source, watch: &Watch) -> Result<MapFinding, Unsolved> {
    let cell = |x: f64, y: f64| -> Result<Option<f64>, Unsolved> {
        let Some(case) = case.with(&ask.x.0, x, source, watch)? else { return Ok(None) };
        let Some(case) = case.with(&ask.y.0, y, source, watch)? else { return Ok(None) };
        let solved = relaxed_cost(&case, watch)?;
        (watch.step)(&ask.x.0);
        Ok(match ask.shown {
            Shown::Cost => solved.map(|s| s.1.cost),
            Shown::Units(offer) => solved.is_some().then(|| units(&case, offer, &solved)),
        })
    };
    (watch.expect)((ask.x.1.len() * ask.y.1.len()) as u64);
    let spots: Vec<(f64, f64)> = ask.y.1.iter().flat_map(|&y| ask.x.1.iter().map(move |&x| (x, y))).collect();
    let cells: Vec<Option<f64>> = spots.par_iter().map(|&(x, y)| cell(x, y)).collect::<Result<_, _>>()?;
    let listed = case.listed();
    let of = |path: &str| listed.iter().find(|l| l.0 == path);
    let unit = |path: &str| of(path).map_or(String::new(), |l| l.1.to_owned());
    let now = of(&ask.x.0).zip(of(&ask.y.0)).map(|(x, y)| (x.2.mid, y.2.mid));
    let side = |s: &(String, Vec<f64>)| (s.0.clone(), unit(&s.0), s.1.clone());
    let shown = match ask.shown {
        Shown::Cost => "cost".to_owned(),
        Shown::Units(o) => case.question.offers[o].name.clone(),
    };
    let cells = cells.chunks(ask.x.1.len().max(1)).map(<[_]>::to_vec).collect();
    Ok(MapFinding { x: side(&ask.x), y: side(&ask.y), now, shown, cells })
}

#[cfg(test)]
mod tests {
    use super::super::question::{Ask, How, Offer, Work};
    use super::super::rates::{NoRate, Phase, Rate};
    use super::super::testing::{offer, question, work};
    use super::*;
    use crate::study::Library;
    use crate::traffic::Lengths;

    /// One offer slows down with the length of prompts, the other speeds up with accepted drafts.
    struct ByTraffic;

    impl Source for ByTraffic {
        fn rate(&self, offer: &Offer, work: &Work, _: Phase) -> Result<Rate, NoRate> {
            let Ask::Serve(study) = &work.ask else { return Err(NoRate("serves only".into())) };
            let thousands = study.traffic.input.mean() / 1_000.0;
            let accepted = study.traffic.mtp_accepted.unwrap_or(0.0);
            let per_day = if offer.name == "short" { 8.0 / thousands } else { 2.0 * (1.0 + accepted) };
            let rate = per_day / 86_400.0;
            Ok(Rate { per_second: rate, low: rate, high: rate, setup: String::new() })
        }
    }

    #[test]
    fn context_and_drafts_break_even_where_the_rates_meet() {
        let catalog = catalog::Catalog::embedded();
        let library = Library { catalog: &catalog, folder: None };
        let text = "model = \"qwen3-32b\"\n[traffic]\ninput = 3000\noutput = 1\nload = { concurrency = 1 }\n\
                    [objective]\nbest = \"tokens per chip\"\n[[system]]\nname = \"nvidia-hgx-h200\"\n";
        let mut study = crate::study::check("s.toml", text, None, library).unwrap_or_else(|f| panic!("{}", f[0]));
        (study.traffic.mtp_accepted, study.traffic.input) = (Some(0.0), Lengths::Fixed(3_000));
        let mut chat = work("chat", 8_000.0);
        chat.ask = Ask::Serve(Box::new(study));
        let offers = vec![offer("short", 1_000.0, How::Buy), offer("drafts", 1_000.0, How::Buy)];
        let q = question(1, vec![chat], offers);
        let case = Case::new(q, &ByTraffic, &Watch::NOBODY).expect("rates");
        let at = |input: &str, offer: usize, low: f64, high: f64| {
            let ask = BreakEven { input: input.into(), low, high, offer };
            even(&case, &ask, &ByTraffic, &Watch::NOBODY).expect("solved").at.expect("crosses")
        };
        // Without drafts both do two a day at prompts of 4,000.
        let length = at("work.chat.input", 0, 1_000.0, 9_000.0);
        assert!((length / 4_000.0 - 1.0).abs() < 0.005, "{length}");
        // At prompts of 3,000 one does 8/3, the other 2 x (1 + a): a third.
        let drafts = at("work.chat.mtp_accepted", 1, 0.0, 1.0);
        assert!((drafts - 1.0 / 3.0).abs() < 0.005, "{drafts}");
    }
}
