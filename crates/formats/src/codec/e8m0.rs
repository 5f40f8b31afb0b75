//! E8M0 (UE8M0): a byte that is a power of two, used as a scale.
//!
//! Source: OCP microscaling formats v1.0. There is no zero, no infinity and no sign; 0xFF is NaN.

/// The E8M0 scale format: code `b` is 2^(b - 127).
#[derive(Debug, Clone, Copy)]
pub struct E8m0;

impl E8m0 {
    /// The code that marks a block as not a number.
    pub const NAN: u8 = 0xff;
    /// The code of 1.
    pub const ONE: u8 = 127;
    /// Least and greatest exponent.
    pub const MIN: i32 = -127;
    /// Greatest exponent.
    pub const MAX: i32 = 127;

    /// The code of 2^e, clamped to what the format holds.
    pub fn of_exponent(e: i32) -> u8 {
        (e.clamp(Self::MIN, Self::MAX) + 127) as u8
    }

    /// The value of a code. 2^-127 is a subnormal `f32`, exact.
    pub fn decode(code: u8) -> f32 {
        if code == Self::NAN { f32::NAN } else { super::pow2(i32::from(code) - 127) }
    }

    /// The code of a value that is a power of two in range, or `None`.
    pub fn exact(x: f32) -> Option<u8> {
        if !(x.is_finite() && x > 0.0) {
            return None;
        }
        let e = super::floor_log2(x);
        (e >= Self::MIN && super::pow2(e) == x).then(|| Self::of_exponent(e))
    }

    /// The nearest code, ties to the larger one, as `ml_dtypes` casts. Zero, negative values, infinities and NaN give
    /// NaN (torch gives 0x00 for zero and ignores the sign). Scale rules do not use this: they choose exponents.
    pub fn encode(x: f32) -> u8 {
        if !(x.is_finite() && x > 0.0) {
            return Self::NAN;
        }
        let e = super::floor_log2(x);
        let up = f64::from(x) >= 1.5 * f64::from(super::pow2(e));
        let e = e + i32::from(up);
        if e > Self::MAX { Self::NAN } else { Self::of_exponent(e) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for code in 0..=254u8 {
            let value = E8m0::decode(code);
            assert_eq!(f64::from(value), 2f64.powi(i32::from(code) - 127));
            assert_eq!(E8m0::encode(value), code);
            assert_eq!(E8m0::exact(value), Some(code));
            assert_eq!(E8m0::exact(value * 1.0000001), if code == 0 { Some(0) } else { None });
        }
        assert!(E8m0::decode(0xff).is_nan());
    }

    #[test]
    fn casts_round_to_nearest_ties_up() {
        for (x, code) in [(1.5, 0x80), (1.6, 0x80), (3.0, 0x81), (0.75, 0x7f), (0.0, 0xff), (-1.0, 0xff)] {
            assert_eq!(E8m0::encode(x), code, "{x}");
        }
    }
}
