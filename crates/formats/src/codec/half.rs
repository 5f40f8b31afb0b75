//! BF16, FP16 and FP32 to each other.

/// The value of a BF16 code: its bits are the upper half of an `f32`.
#[inline(always)]
pub fn bf16_to_f32(code: u16) -> f32 {
    f32::from_bits(u32::from(code) << 16)
}

/// The nearest BF16 code, ties to even; overflow goes to infinity, NaN stays NaN (made quiet, sign and payload kept).
#[inline(always)]
pub fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    let quiet = (bits >> 16) as u16 | 0x0040;
    if bits & 0x7fff_ffff > 0x7f80_0000 { quiet } else { rounded }
}

/// The value of an FP16 (IEEE binary16) code.
#[inline(always)]
pub fn fp16_to_f32(code: u16) -> f32 {
    let sign = u32::from(code & 0x8000) << 16;
    let magnitude = u32::from(code & 0x7fff);
    // Shifting leaves an exponent that is 112 too small; the product with 2^112 is exact, subnormals included.
    let scaled = f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23);
    let special = f32::from_bits(magnitude << 13 | 0x7f80_0000);
    let value = if magnitude >= 0x7c00 { special } else { scaled };
    f32::from_bits(value.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bf16_code_reads_back() {
        for code in 0..=u16::MAX {
            let x = bf16_to_f32(code);
            let again = f32_to_bf16(x);
            if x.is_nan() { assert_eq!(again, code | 0x40) } else { assert_eq!(again, code) }
        }
    }

    #[test]
    fn bf16_rounds_ties_to_even() {
        assert_eq!(f32_to_bf16(f32::from_bits(0x3f80_8000)), 0x3f80);
        assert_eq!(f32_to_bf16(f32::from_bits(0x3f81_8000)), 0x3f82);
        assert_eq!(f32_to_bf16(f32::MAX), 0x7f80);
    }

    #[test]
    fn every_fp16_code_has_the_value_of_its_definition() {
        for code in 0..=u16::MAX {
            let (e, man) = (i32::from(code >> 10 & 31), f64::from(code & 1023));
            let magnitude = match e {
                0 => man * 2f64.powi(-24),
                31 if man == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + man) * 2f64.powi(e - 25),
            };
            let expected = if code >> 15 == 1 { -magnitude } else { magnitude };
            let got = f64::from(fp16_to_f32(code));
            assert!(got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan()), "{code:#x}");
        }
    }
}
