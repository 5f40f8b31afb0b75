//! HiFloat8: an 8-bit float whose mantissa narrows as the exponent grows.
//!
//! | dot code | exponent bits | exponents | mantissa bits |
//! | --- | --- | --- | --- |
//! | 11 | 4 | +-8 to 15 | 1 |
//! | 10 | 3 | +-4 to 7 | 2 |
//! | 01 | 2 | +-2, 3 | 3 |
//! | 001 | 1 | +-1 | 3 |
//! | 0001 | 0 | 0 | 3 |
//! | 0000 | | 2^(M - 23), M = 1 to 7 | |
//!
//! The exponent is sign and magnitude, its leading one hidden. One zero (0x00), NaN 0x80, infinities 0x6F and 0xEF, so
//! the largest finite value is 2^15. Rounding: to nearest, ties away from zero (the "TA" mode); the hybrid stochastic
//! mode of the hardware is not here. Sources: arXiv 2409.16626; CANN `hifloat8` documentation. The place of the
//! infinities is from the paper's description and was not checked against hardware.

use super::{Overflow, floor_log2, pow2};

/// The HiFloat8 element.
#[derive(Debug, Clone, Copy)]
pub struct Hif8;

impl Hif8 {
    /// The code of NaN.
    pub const NAN: u8 = 0x80;
    /// The code of positive infinity.
    pub const INFINITY: u8 = 0x6f;
    /// The largest finite value, 2^15.
    pub const MAX: f32 = 32768.0;

    /// Mantissa bits at an exponent in -15..=15.
    const fn mantissa_bits(e: i32) -> u32 {
        match e.unsigned_abs() {
            0..=3 => 3,
            4..=7 => 2,
            _ => 1,
        }
    }

    /// The code nearest to `x`, ties away from zero.
    pub fn encode(x: f32, overflow: Overflow) -> u8 {
        if x.is_nan() {
            return Self::NAN;
        }
        let sign = if x.is_sign_negative() { 0x80 } else { 0 };
        match Self::round(x.abs()) {
            0 => 0, // the only zero: -0 has no code
            // The boundary is the middle of 2^15 and the code of infinity read as a number, 1.25 * 2^15.
            Self::INFINITY if overflow == Overflow::Saturate => sign | Self::pack(15, 0),
            code => sign | code,
        }
    }

    /// The code of a magnitude, [`Hif8::INFINITY`] above the largest finite one. Codes are not in order of value.
    fn round(magnitude: f32) -> u8 {
        if magnitude < pow2(-23) {
            return 0;
        }
        if !magnitude.is_finite() {
            return Self::INFINITY;
        }
        let e = floor_log2(magnitude);
        let bits = magnitude.to_bits() & 0x007f_ffff;
        if e < -15 {
            // Powers of two only; the middle of a binade goes up. 2^-23 itself is the middle of 0 and 2^-22.
            let up = e == -23 || bits >= 0x0040_0000;
            let e = e + i32::from(up);
            return if e == -15 { Self::pack(-15, 0) } else { (e + 23) as u8 };
        }
        if e > 15 {
            return Self::INFINITY;
        }
        let w = Self::mantissa_bits(e);
        let man = (bits + (1 << (22 - w))) >> (23 - w);
        if man < 1 << w {
            return Self::pack(e, man as u8);
        }
        if e == 15 { Self::INFINITY } else { Self::pack(e + 1, 0) }
    }

    /// The positive code of 2^e * (1 + man / 2^w).
    fn pack(e: i32, man: u8) -> u8 {
        let s = u8::from(e < 0);
        let a = e.unsigned_abs() as u8;
        match a {
            0 => 0b0000_1000 | man,
            1 => 0b0001_0000 | s << 3 | man,
            2..=3 => 0b0010_0000 | s << 4 | (a & 1) << 3 | man,
            4..=7 => 0b0100_0000 | s << 4 | (a & 3) << 2 | man,
            _ => 0b0110_0000 | s << 4 | (a & 7) << 1 | man,
        }
    }

    /// The value of a code.
    pub fn decode(code: u8) -> f32 {
        if code == Self::NAN {
            return f32::NAN;
        }
        let c = code & 0x7f;
        let value = match c {
            0 => 0.0,
            Self::INFINITY => f32::INFINITY,
            1..=7 => pow2(i32::from(c) - 23),
            _ => {
                let (negative, a, w) = match c >> 3 {
                    1 => (0, 0, 3),
                    2..=3 => (c >> 3 & 1, 1, 3),
                    4..=7 => (c >> 4 & 1, 2 | c >> 3 & 1, 3),
                    8..=11 => (c >> 4 & 1, 4 | c >> 2 & 3, 2),
                    _ => (c >> 4 & 1, 8 | c >> 1 & 7, 1),
                };
                let e = if negative == 1 { -i32::from(a) } else { i32::from(a) };
                let man = i32::from(c & ((1 << w) - 1));
                (man + (1 << w)) as f32 * pow2(e - w)
            }
        };
        if code & 0x80 != 0 { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_no_two_are_equal() {
        let mut seen = Vec::new();
        for code in 0..=255u8 {
            let value = Hif8::decode(code);
            assert_eq!(Hif8::encode(value, Overflow::Special), code, "{value}");
            if !value.is_nan() {
                seen.push(value);
            }
        }
        seen.sort_by(f32::total_cmp);
        seen.dedup();
        assert_eq!(seen.len(), 255);
    }

    /// The counts of the paper: 7 exponents with 3 mantissa bits, 8 with 2, 16 with 1, and 7 more binades below.
    #[test]
    fn binades_are_those_of_the_paper() {
        let mut codes_per_binade = std::collections::BTreeMap::new();
        for code in 1..=0x7f {
            let value = Hif8::decode(code);
            if value.is_finite() {
                *codes_per_binade.entry(floor_log2(value)).or_insert(0) += 1;
            }
        }
        for (e, n) in codes_per_binade {
            let expected = match e {
                15 => 1, // the other one is infinity
                -22..=-16 => 1,
                _ => 1 << Hif8::mantissa_bits(e),
            };
            assert_eq!(n, expected, "binade {e}");
        }
        assert_eq!(Hif8::decode(1), pow2(-22));
        assert_eq!(Hif8::decode(7), pow2(-16));
    }

    #[test]
    fn nearest_with_ties_away() {
        let mut grid: Vec<f32> = (0..=0x7f).map(Hif8::decode).filter(|v| v.is_finite()).collect();
        grid.sort_by(f32::total_cmp);
        for pair in grid.windows(2) {
            let middle = (pair[0] + pair[1]) / 2.0;
            let read = |x| Hif8::decode(Hif8::encode(x, Overflow::Saturate));
            assert_eq!(read(middle), pair[1]);
            assert_eq!(read(-middle), -pair[1]);
            assert_eq!(read(f32::from_bits(middle.to_bits() - 1)), pair[0]);
        }
    }

    #[test]
    fn overflow_as_asked() {
        let below = 1.25 * 32768.0 - 1.0;
        assert_eq!(Hif8::decode(Hif8::encode(below, Overflow::Special)), 32768.0);
        assert_eq!(Hif8::encode(below + 1.0, Overflow::Special), 0x6f);
        assert_eq!(Hif8::decode(Hif8::encode(-1e30, Overflow::Saturate)), -32768.0);
        assert_eq!(Hif8::encode(-0.0, Overflow::Saturate), 0);
    }
}
