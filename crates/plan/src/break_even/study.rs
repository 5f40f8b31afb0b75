//! Break-even points of a study that is weighed: where one candidate costs as much as another.

use units::{Range, Usd, UsdPerHour, UsdPerKilowattHour};

use super::{Crossing, crossing};
use crate::findings::Answer;
use crate::money::Price;
use crate::study::Study;
use crate::traffic::Lengths;
use crate::weigh::{Ground, weigh};

/// Walks over the numbers of a study that a break-even point may be asked of: their paths, units and values. What the
/// walker leaves in a value becomes the input, as one exact number.
///
/// Paths: `traffic.input`, `.output` (means), `.prefix_hit`, `.mtp_accepted`; `money.electricity`, `.pue`, `.lifetime`,
/// `.utilisation`; `system.N.price`, `.surcharge`, `.pass_through` with N counted from 1.
pub fn inputs(study: &mut Study, see: &mut dyn FnMut(&str, &'static str, &mut f64)) {
    let traffic = &mut study.traffic;
    for (path, lengths) in [("traffic.input", &mut traffic.input), ("traffic.output", &mut traffic.output)] {
        let before = lengths.mean();
        let mut mean = before;
        see(path, "tokens", &mut mean);
        if mean != before {
            *lengths = Lengths::Fixed(mean.round().max(1.0) as u64);
        }
    }
    see("traffic.prefix_hit", "", &mut traffic.prefix_hit);
    if let Some(accepted) = &mut traffic.mtp_accepted {
        see("traffic.mtp_accepted", "tokens", accepted);
    }
    let mut range = |path: &str, unit: &'static str, range: &mut Range<f64>| {
        let mut mid = range.mid;
        see(path, unit, &mut mid);
        if mid != range.mid {
            *range = Range::exact(mid);
        }
    };
    let money = &mut study.money;
    let mut electricity = money.electricity.value.map(|p| p.0);
    range("money.electricity", "USD/kWh", &mut electricity);
    money.electricity.value = electricity.map(UsdPerKilowattHour);
    range("money.pue", "", &mut money.pue.value);
    range("money.lifetime", "years", &mut money.lifetime_years.value);
    range("money.utilisation", "", &mut money.utilisation.value);
    for (i, candidate) in study.systems.iter_mut().enumerate() {
        let path = |key: &str| format!("system.{}.{key}", i + 1);
        match candidate.price.as_mut().map(|p| &mut p.price) {
            Some(Price::Rent(rent)) => {
                let mut usd = rent.map(|r| r.0);
                range(&path("price"), "USD/chip/h", &mut usd);
                *rent = usd.map(UsdPerHour);
            }
            Some(Price::Purchase(once)) => {
                let mut usd = once.map(|p| p.0);
                range(&path("price"), "USD/chip", &mut usd);
                *once = usd.map(Usd);
            }
            None => {}
        }
        range(&path("surcharge"), "", &mut candidate.surcharge);
        range(&path("pass_through"), "", &mut candidate.pass_through);
    }
}

/// A study with one input at one value; `None` if there is no such input.
pub fn with(study: &Study, path: &str, value: f64) -> Option<Study> {
    let mut study = study.clone();
    let mut found = false;
    inputs(&mut study, &mut |at, _, x| {
        if at == path {
            (*x, found) = (value, true);
        }
    });
    found.then_some(study)
}

/// Why there is no break-even point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPoint {
    /// No such input.
    #[error("there is no input '{0}'")]
    Input(String),
    /// No such candidate.
    #[error("there is no candidate {0}")]
    Candidate(usize),
}

/// The value of an input at which candidate `left` costs as much per token as candidate `right`, both counted from 0: the
/// figure is their ratio, infinite where the first does not serve and 0 where only it does.
///
/// # Errors
/// No such input or candidate.
pub fn of_study(
    study: &Study,
    (left, right): (usize, usize),
    input: &str,
    span: (f64, f64),
    halvings: usize,
    ground: &Ground,
) -> Result<Crossing, NoPoint> {
    let unit = |i: usize| study.systems.get(i).ok_or(NoPoint::Candidate(i)).map(|_| i);
    let pair = [unit(left)?, unit(right)?];
    let ratio = |value: f64| -> Result<f64, NoPoint> {
        let study = with(study, input, value).ok_or_else(|| NoPoint::Input(input.to_owned()))?;
        let [left, right] = pair.map(|i| cost(&study, i, ground));
        Ok(match (left, right) {
            (Some(left), Some(right)) => left / right,
            (Some(_), None) => 0.0,
            (None, _) => f64::INFINITY,
        })
    };
    crossing(span, halvings, 1.0, ratio)
}

/// US dollars for a million tokens of one candidate; `None` where it does not serve or has no price.
fn cost(study: &Study, candidate: usize, ground: &Ground) -> Option<f64> {
    let mut study = study.clone();
    study.systems = vec![study.systems.swap_remove(candidate)];
    let findings = weigh(&study, ground);
    match &findings.systems.first()?.answer {
        Answer::Served(choice) => choice.cost.as_ref().map(|c| c.per_million.value),
        Answer::Unserved { .. } | Answer::Incomplete { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Intervals;
    use crate::machine::Fitted;
    use crate::study::{Library, check};

    const TEXT: &str = "model = \"qwen3-32b\"\nweights = \"fp8\"\n\
        [traffic]\ninput = 2000\noutput = 500\nload = { concurrency = 16 }\n\
        [objective]\nbest = \"cost per token\"\n\
        [[system]]\nname = \"nvidia-hgx-h200\"\nprice = \"3 USD/h\"\n\
        [[system]]\nname = \"nvidia-hgx-h200\"\nprice = \"2 USD/h\"\n";

    #[test]
    fn the_same_system_breaks_even_at_the_same_price() {
        let catalog = catalog::Catalog::embedded();
        let library = Library { catalog: &catalog, folder: None };
        let study = check("study.toml", TEXT, None, library).unwrap_or_else(|faults| panic!("{}", faults[0]));
        let fitted = Fitted {
            operators: cost::Calibration::embedded().expect("embedded"),
            exchanges: cost::comm::CommCalibration::embedded().expect("embedded"),
        };
        let intervals = Intervals::embedded().expect("embedded");
        let ground = Ground { catalog: &catalog, fitted: &fitted, intervals: &intervals, done: &|_| {} };
        let found = of_study(&study, (0, 1), "system.1.price", (1.0, 4.0), 20, &ground).expect("a point");
        assert!((found.at.expect("crosses") - 2.0).abs() < 1e-4, "{found:?}");
        assert_eq!(found.ends, (0.5, 2.0));
        let none = of_study(&study, (0, 1), "system.1.colour", (1.0, 4.0), 20, &ground);
        assert_eq!(none, Err(NoPoint::Input("system.1.colour".into())));
        assert_eq!(of_study(&study, (0, 7), "money.pue", (1.0, 2.0), 3, &ground), Err(NoPoint::Candidate(7)));
        // Every input of the walk can be set.
        let mut paths = Vec::new();
        inputs(&mut study.clone(), &mut |path, _, x| paths.push((path.to_owned(), *x)));
        assert!(paths.len() >= 10, "{paths:?}");
        assert!(paths.iter().all(|(path, x)| with(&study, path, x + 1.0).is_some()));
    }
}
