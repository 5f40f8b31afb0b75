//! Lengths of requests: numbers, ranges, means of sets, data sets by name.

use super::Row;
use crate::traffic::Lengths;
use crate::validate::reading::{Reading, matches};
use crate::validate::text::{first_number, mean_length};

/// Lengths of prompts and answers.
pub(super) fn lengths(row: &Row<'_>) -> Result<(Lengths, Lengths), String> {
    let reading = Reading::embedded();
    let column = |name: &str| row.get(name);
    let set = reading.dataset.iter().find(|d| matches(&d.texts, column));
    let spread = reading.spread.iter().find(|s| matches(&s.texts, column));
    let uniform = reading.uniform.iter().find(|u| matches(&u.texts, column));
    let shape = |mean: f64, sigma: Option<(f64, u64)>| match (sigma, uniform) {
        (Some((sigma, longest)), _) => log_normal(mean, sigma, longest),
        (None, Some(uniform)) => Lengths::Uniform((mean * uniform.from) as u64, mean as u64),
        (None, None) => Lengths::Fixed(mean.round().max(1.0) as u64),
    };
    let side = |name: &str, of_set: Option<f64>, sigma: Option<f64>| -> Result<Lengths, String> {
        let text = row.get(name);
        if let Some(range) = range(text) {
            return Ok(range);
        }
        let sigma = sigma.zip(set.map(|s| s.longest).or(spread.map(|s| s.longest)));
        match (mean_length(text), of_set) {
            // A mean that the row gives takes the place of the set's.
            (Some(mean), _) | (None, Some(mean)) => Ok(shape(mean, sigma)),
            (None, None) => Err(format!("{name} '{}' is not stated", text.chars().take(40).collect::<String>())),
        }
    };
    let sigma = |of: fn(&crate::validate::reading::Spread) -> f64| set.map(|s| s.sigma).or(spread.map(of));
    let input = side("isl", set.map(|s| s.input), sigma(|s| s.input))?;
    let output = if row.get("phase") == "prefill" {
        Lengths::Fixed(1)
    } else {
        side("osl", set.map(|s| s.output), sigma(|s| s.output))?
    };
    Ok((input, output))
}

/// "uniform 512-1536".
fn range(text: &str) -> Option<Lengths> {
    let (low, high) = text.strip_prefix("uniform ")?.split_once('-')?;
    let (low, high) = (first_number(low)? as u64, first_number(high)? as u64);
    (low >= 1 && low <= high).then_some(Lengths::Uniform(low, high))
}

/// A log-normal that is cut at `longest` and still has this mean: its median is raised until it does.
fn log_normal(mean: f64, sigma: f64, longest: u64) -> Lengths {
    let mean = mean.max(1.0);
    let max = longest.max((mean * 1.5) as u64);
    let mut median = mean * (-sigma * sigma / 2.0).exp();
    for _ in 0..12 {
        let found = Lengths::LogNormal { median, sigma, max }.mean();
        median = (median * mean / found.max(1.0)).min(max as f64);
    }
    Lengths::LogNormal { median, sigma, max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_distributions_keep_their_mean() {
        for (mean, sigma, longest) in [(219.0, 1.2, 1024), (294.0, 0.8, 1024), (3880.0, 0.8, 20_000), (5.0, 1.2, 4)] {
            let lengths = log_normal(mean, sigma, longest);
            assert!((lengths.mean() / mean - 1.0).abs() < 0.02, "{mean}: {} {lengths:?}", lengths.mean());
        }
        assert_eq!(range("uniform 512-1536"), Some(Lengths::Uniform(512, 1536)));
        assert_eq!(range("1024"), None);
    }
}
