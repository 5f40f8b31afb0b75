//! The time of a decode step as a piecewise linear function of the cache length.
//!
//! The cost model is asked at fixed knots of the mean cache length (four to an octave) for each number of decoding
//! requests, once, and the answer is held as integers. Between knots a step's time is linear, so its sum over a run is
//! exact, costs nothing, and does not depend on where a run begins or ends. For a cost that is a sum of powers of the
//! length (and so for any roofline) four knots to an octave are within 0.3 % of it.

use cost::{Batch, StepCost};

use crate::error::SimError;
use crate::time::{Fine, fine};

/// Cache lengths are summed in 1/1024 token: with speculation a step adds a broken number of tokens.
pub(crate) const UNIT_BITS: u32 = 10;

/// A stretch of cache length on which a step's time is linear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    /// Cache length of the rank where the stretch begins and ends, in units.
    pub low: u64,
    pub high: u64,
    /// Time at `low`, and its growth per unit.
    pub time: Fine,
    pub slope: Fine,
}

impl Cell {
    #[inline]
    pub fn at(&self, cached: u64) -> Fine {
        self.time + self.slope * Fine::from(cached - self.low)
    }

    /// So many parts of it, of which `1 << bits` are the whole. Both ends of the arithmetic are scaled, so that it stays
    /// linear.
    pub fn scaled(self, parts: Fine, bits: u32) -> Cell {
        if parts == 1 << bits {
            return self;
        }
        Cell { time: (self.time * parts) >> bits, slope: (self.slope * parts) >> bits, ..self }
    }
}

/// Knots of the mean cache length in tokens: 0, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, ...
fn knot(index: usize) -> u64 {
    if index < 4 { 16 * index as u64 } else { (64 + 16 * (index as u64 % 4)) << ((index - 4) / 4) }
}

fn index(tokens: u64) -> usize {
    if tokens < 64 {
        return (tokens / 16) as usize;
    }
    let octave = tokens.ilog2() - 6;
    4 + 4 * octave as usize + ((tokens >> (octave + 4)) & 3) as usize
}

/// Step times that were asked for, by number of decoding requests and by knot.
#[derive(Debug, Clone)]
pub(crate) struct Curves<'a, C> {
    cost: &'a C,
    times: Vec<Vec<Option<Fine>>>,
}

impl<'a, C: StepCost> Curves<'a, C> {
    pub fn new(cost: &'a C) -> Curves<'a, C> {
        Curves { cost, times: Vec::new() }
    }

    pub fn cost(&self) -> &'a C {
        self.cost
    }

    /// The cell of `decode` requests (at least one) that hold `cached` units together.
    pub fn cell(&mut self, decode: u64, cached: u64) -> Result<Cell, SimError> {
        let place = index((cached >> UNIT_BITS) / decode);
        let (left, right) = (knot(place), knot(place + 1));
        let time = self.time(decode, place)?;
        let next = self.time(decode, place + 1)?;
        let width = Fine::from((right - left) * decode) << UNIT_BITS;
        // The quotient is rounded towards zero: a falling time never falls below the next knot, and so below nothing.
        Ok(Cell {
            low: (left * decode) << UNIT_BITS,
            high: (right * decode) << UNIT_BITS,
            time,
            slope: (next - time) / width,
        })
    }

    fn time(&mut self, decode: u64, place: usize) -> Result<Fine, SimError> {
        let row = decode as usize;
        if row >= self.times.len() {
            self.times.resize(row + 1, Vec::new());
        }
        let row = &mut self.times[row];
        if place >= row.len() {
            row.resize(place + 2, None);
        }
        if let Some(time) = row[place] {
            return Ok(time);
        }
        let batch = Batch { decode, decode_kv: (knot(place) * decode) as f64, ..Batch::default() };
        let time = local(self.cost, &batch)?;
        row[place] = Some(time);
        Ok(time)
    }
}

/// The time of one rank's own work, checked.
pub(crate) fn local<C: StepCost>(cost: &C, batch: &Batch) -> Result<Fine, SimError> {
    let seconds = cost.local(batch);
    fine(seconds).ok_or(SimError::Cost { seconds, decode: batch.decode, prefill_tokens: batch.prefill_tokens })
}

/// A bound on the time of a step: so many parts (of [`WHOLE`]) of the slowest rank's own time, and what comes on top.
pub(crate) type Bound = (Fine, Fine);

/// Parts of a whole, and their bits.
pub(crate) const WHOLE_BITS: u32 = 20;
pub(crate) const WHOLE: Fine = 1 << WHOLE_BITS;

/// The bounds on the time of a step, checked.
pub(crate) fn bounds<C: StepCost>(cost: &C, tokens: u64, fullest: u64, out: &mut Vec<Bound>) -> Result<(), SimError> {
    out.clear();
    let mut wrong = None;
    cost.bounds(tokens, fullest, &mut |own, seconds| match fine(seconds).filter(|_| (0.0..=1.0).contains(&own)) {
        Some(time) => out.push(((own * WHOLE as f64).round() as Fine, time)),
        None => wrong = Some(seconds),
    });
    wrong.map_or(Ok(()), |seconds| Err(SimError::Cost { seconds, decode: tokens, prefill_tokens: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Roofline;
    impl StepCost for Roofline {
        fn local(&self, batch: &Batch) -> f64 {
            // Weights, then the larger of attention's memory and compute time, smoothly.
            let (memory, compute) = (2e-8 * batch.decode_kv, 3e-5 * batch.decode as f64);
            2e-3 + (memory.powi(4) + compute.powi(4)).powf(0.25)
        }
        fn shared(&self, _: u64, _: u64) -> f64 {
            0.0
        }
    }

    #[test]
    fn knots_and_indices_agree() {
        assert_eq!((0..12).map(knot).collect::<Vec<_>>(), [0, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224]);
        for tokens in (0..5000).chain([1 << 20, (1 << 33) + 7]) {
            let place = index(tokens);
            assert!(knot(place) <= tokens && tokens < knot(place + 1), "{tokens}");
        }
    }

    #[test]
    fn cells_agree_with_the_cost() {
        let mut curves = Curves::new(&Roofline);
        for decode in [1, 7, 64, 256] {
            for length in (1..40_000).step_by(37) {
                let cached = length * decode;
                let cell = curves.cell(decode, cached << UNIT_BITS).unwrap();
                let got = cell.at(cached << UNIT_BITS) as f64 / 65536e12;
                let exact = Roofline.local(&Batch { decode, decode_kv: cached as f64, ..Batch::default() });
                assert!((got / exact - 1.0).abs() < 0.005, "{decode} x {length}: {got} for {exact}");
            }
        }
    }

    struct Bad;
    impl StepCost for Bad {
        fn local(&self, _: &Batch) -> f64 {
            f64::NAN
        }
        fn shared(&self, _: u64, _: u64) -> f64 {
            -1.0
        }
    }

    #[test]
    fn a_cost_that_is_no_time_is_an_error() {
        assert!(matches!(Curves::new(&Bad).cell(1, 0), Err(SimError::Cost { .. })));
        assert!(matches!(bounds(&Bad, 1, 1, &mut Vec::new()), Err(SimError::Cost { .. })));
    }
}
