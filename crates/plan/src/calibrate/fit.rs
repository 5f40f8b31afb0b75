//! A robust fit of a surface: Levenberg-Marquardt on the logarithms of the parameters, with soft-L1 weights on the
//! logarithm of predicted over measured.

use catalog::Chip;
use cost::calibration::surface::{Parameter, Parameters, Rates, WIDTH, parameters, terms};
use cost::calibration::{Family, nearest_arithmetic};
use cost::{Op, Work};

/// A measured operator, with what does not change while parameters do.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The operator.
    pub op: Op,
    /// Measured seconds.
    pub seconds: f64,
    work: Work,
    rates: Rates,
}

impl Sample {
    /// `None` where the chip has no peak, or the time beats physics by more than a twentieth: then somebody's clock or
    /// shape is wrong.
    pub fn new(chip: &Chip, op: Op, seconds: f64) -> Option<Sample> {
        let work = op.work();
        let devices = f64::from(chip.devices.max(1));
        let peak = chip.peak.get(&nearest_arithmetic(chip, work.arithmetic)?)?.mid().0 / devices;
        let rates = Rates { peak, bandwidth: chip.bandwidth.mid().0 / devices };
        let light = (work.flop.0 / rates.peak).max(work.bytes().0 / rates.bandwidth);
        (seconds.is_finite() && seconds > 0.0 && light <= 1.05 * seconds).then_some(Sample { op, seconds, work, rates })
    }

    /// `ln(predicted / measured)`.
    pub fn error(&self, parameters: &Parameters) -> f64 {
        (terms(&self.op, &self.work, parameters, self.rates).seconds() / self.seconds).ln()
    }
}

/// Size of a log error beyond which a row counts by its size instead of its square.
const SOFT: f64 = 0.15;
/// Steps of the descent; it has always settled long before.
const STEPS: usize = 60;

/// Where a fit starts from, and how much it is held there.
#[derive(Debug, Clone, Copy)]
pub struct Prior {
    /// Parameters to start from.
    pub start: Parameters,
    /// Standard deviation of the logarithm of a parameter around the start; infinite: free.
    pub spread: f64,
}

impl Prior {
    /// Free, from the start of the family.
    pub fn free(family: Family) -> Prior {
        let mut start = [0.0; WIDTH];
        for (value, p) in start.iter_mut().zip(parameters(family)) {
            *value = p.start;
        }
        Prior { start, spread: f64::INFINITY }
    }
}

/// The parameters that meet `samples` best.
pub fn fit(family: Family, samples: &[&Sample], prior: Prior) -> Parameters {
    let spec = parameters(family);
    let mut starts = vec![prior.start];
    if prior.spread.is_infinite() {
        // The descent may end in a side valley; a second one from sharper corners and higher efficiencies seldom does too.
        let mut other = prior.start;
        for (value, p) in other.iter_mut().zip(spec) {
            *value = match p.name {
                "compute" | "memory" => 0.95,
                "sharpness" => 6.0,
                _ => *value * 0.2,
            }
            .clamp(p.low, p.high);
        }
        starts.push(other);
    }
    let ends = starts.into_iter().map(|start| descend(spec, samples, prior, start));
    ends.min_by(|a, b| a.loss.total_cmp(&b.loss)).map_or(prior.start, |end| end.parameters)
}

fn descend(spec: &[Parameter], samples: &[&Sample], prior: Prior, start: Parameters) -> Point {
    let mut at = Point::new(spec, samples, prior, start);
    let mut damping = 1e-2;
    for _ in 0..STEPS {
        let (normal, gradient) = at.normal(spec, samples, prior);
        let mut moved = false;
        for _ in 0..8 {
            let step = solve(normal, gradient, damping, spec.len());
            let mut next = at.parameters;
            for (i, p) in spec.iter().enumerate() {
                next[i] = (next[i] * (-step[i]).clamp(-1.0, 1.0).exp()).clamp(p.low, p.high);
            }
            let next = Point::new(spec, samples, prior, next);
            if next.loss < at.loss {
                moved = at.loss - next.loss > 1e-6 * at.loss;
                at = next;
                damping = (damping * 0.3).max(1e-7);
                break;
            }
            damping *= 4.0;
        }
        if !moved {
            break;
        }
    }
    at
}

type Matrix = [[f64; WIDTH]; WIDTH];

struct Point {
    parameters: Parameters,
    errors: Vec<f64>,
    loss: f64,
}

impl Point {
    fn new(spec: &[Parameter], samples: &[&Sample], prior: Prior, parameters: Parameters) -> Point {
        let errors: Vec<f64> = samples.iter().map(|s| s.error(&parameters)).collect();
        let soft = |e: &f64| 2.0 * SOFT * SOFT * ((1.0 + (e / SOFT).powi(2)).sqrt() - 1.0);
        let held: f64 = (0..spec.len()).map(|i| pull(prior, &parameters, i).powi(2)).sum();
        Point { loss: errors.iter().map(soft).sum::<f64>() + held, errors, parameters }
    }

    /// Normal matrix and gradient in the logarithms. A parameter at a bound that pushes outward stays there.
    fn normal(&self, spec: &[Parameter], samples: &[&Sample], prior: Prior) -> (Matrix, [f64; WIDTH]) {
        const H: f64 = 1e-4;
        let weights: Vec<f64> = self.errors.iter().map(|e| 1.0 / (1.0 + (e / SOFT).powi(2)).sqrt()).collect();
        let slopes: Vec<Vec<f64>> = (0..spec.len())
            .map(|i| {
                let mut moved = self.parameters;
                moved[i] *= H.exp();
                samples.iter().zip(&self.errors).map(|(s, e)| (s.error(&moved) - e) / H).collect()
            })
            .collect();
        let mut normal = [[0.0; WIDTH]; WIDTH];
        let mut gradient = [0.0; WIDTH];
        for i in 0..spec.len() {
            gradient[i] = (0..samples.len()).map(|s| weights[s] * slopes[i][s] * self.errors[s]).sum();
            for j in 0..=i {
                let sum: f64 = (0..samples.len()).map(|s| weights[s] * slopes[i][s] * slopes[j][s]).sum();
                normal[i][j] = sum;
                normal[j][i] = sum;
            }
            if prior.spread.is_finite() {
                let stiffness = (SOFT / prior.spread).powi(2);
                normal[i][i] += stiffness;
                gradient[i] += pull(prior, &self.parameters, i) * SOFT / prior.spread;
            }
        }
        for (i, p) in spec.iter().enumerate() {
            let outward = (self.parameters[i] <= p.low && gradient[i] > 0.0)
                || (self.parameters[i] >= p.high && gradient[i] < 0.0);
            if outward {
                gradient[i] = 0.0;
                normal[i] = [0.0; WIDTH];
                normal.iter_mut().for_each(|row| row[i] = 0.0);
                normal[i][i] = 1.0;
            }
        }
        (normal, gradient)
    }
}

/// How far a parameter is from where it is held, as a residual.
fn pull(prior: Prior, parameters: &Parameters, i: usize) -> f64 {
    if prior.spread.is_finite() && prior.start[i] > 0.0 {
        (parameters[i] / prior.start[i]).ln() * SOFT / prior.spread
    } else {
        0.0
    }
}

/// Solves the damped normal equations by Gaussian elimination with pivots on the diagonal.
fn solve(mut a: Matrix, mut b: [f64; WIDTH], damping: f64, n: usize) -> [f64; WIDTH] {
    for (i, row) in a.iter_mut().enumerate().take(n) {
        row[i] = row[i] * (1.0 + damping) + 1e-9;
    }
    for i in 0..n {
        for j in i + 1..n {
            let factor = a[j][i] / a[i][i];
            let pivot = a[i];
            for (value, p) in a[j].iter_mut().zip(pivot).take(n).skip(i) {
                *value -= factor * p;
            }
            b[j] -= factor * b[i];
        }
    }
    let mut x = [0.0; WIDTH];
    for i in (0..n).rev() {
        let rest: f64 = (i + 1..n).map(|j| a[i][j] * x[j]).sum();
        x[i] = (b[i] - rest) / a[i][i];
    }
    x
}

/// Median and 90th percentile of the absolute values; zeros for none.
pub fn percentiles(errors: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut sizes: Vec<f64> = errors.map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    let at = |q: f64| sizes.get(((sizes.len() as f64 - 1.0).max(0.0) * q).round() as usize).copied().unwrap_or(0.0);
    (at(0.5), at(0.9))
}
