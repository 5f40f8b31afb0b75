//! MXINT8: two's complement in steps of 1/64.
//!
//! Source: OCP microscaling formats v1.0. The code 0x80 (-2) may be left unused, and we do, so that the range is
//! symmetric.

/// The MXINT8 element: code `c` is `c as i8 / 64`.
#[derive(Debug, Clone, Copy)]
pub struct MxInt8;

impl MxInt8 {
    /// The largest value, 1 63/64.
    pub const MAX: f32 = 127.0 / 64.0;

    /// The nearest code, ties to even, saturating at +-127/64. NaN gives 0.
    pub fn encode(x: f32) -> u8 {
        // Exact: the product only moves the exponent, and overflow saturates.
        let steps = (x * 64.0).round_ties_even().clamp(-127.0, 127.0);
        (steps as i8) as u8
    }

    /// The value of a code, -2 included.
    pub fn decode(code: u8) -> f32 {
        f32::from(code as i8) / 64.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for code in 0..=255u8 {
            let expected = if code == 0x80 { 0x81 } else { code };
            assert_eq!(MxInt8::encode(MxInt8::decode(code)), expected);
        }
    }

    #[test]
    fn rounds_ties_to_even_and_saturates() {
        assert_eq!(MxInt8::encode(0.5 / 64.0), 0);
        assert_eq!(MxInt8::encode(1.5 / 64.0), 2);
        assert_eq!(MxInt8::encode(f32::INFINITY), 127);
        assert_eq!(MxInt8::encode(-5.0), 0x81);
        assert_eq!(MxInt8::encode(f32::NAN), 0);
        assert_eq!(MxInt8::decode(127), MxInt8::MAX);
    }
}
