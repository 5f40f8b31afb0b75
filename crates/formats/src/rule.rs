//! How the exponent of a power-of-two scale follows from the largest magnitude of its block.
//!
//! Tools that write "the same" format differ here, so the rule is named in everything we write. With `a` the largest
//! magnitude of the block, `M` the largest value of the element and `emax = floor(log2 M)`:
//!
//! | rule | exponent | who writes it |
//! | --- | --- | --- |
//! | [`Ceil`](ScaleRule::Ceil) | ceil(log2(a / M)): never saturates | DeepSeek V3.1, DeepGEMM, NVIDIA MXFP8, ModelOpt |
//! | [`Floor`](ScaleRule::Floor) | floor(log2 a) - emax: values above M saturate | OCP MX v1.0 section 6.3, microxcaling, torchao by default |
//! | [`Even`](ScaleRule::Even) | floor(log2(a rounded to the element's mantissa)) - emax | torchao EVEN, compressed-tensors |
//! | [`CeilMax`](ScaleRule::CeilMax) | ceil(log2 a) - emax | torchao CEIL |
//! | [`FloorPlusOne`](ScaleRule::FloorPlusOne) | floor(log2 a) - emax + 1 | AWS Trainium3 |
//! | [`Search`](ScaleRule::Search) | of floor - 1, floor, floor + 1 the one with the least squared error | |
//!
//! A block of zeros gets exponent 0 (scale 1), since loaders may divide by the scale.

use crate::Element;
use crate::codec::{Minifloat, MxInt8, floor_log2};

/// A way to choose the exponent of a power-of-two scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScaleRule {
    /// The least exponent with which no value saturates.
    Ceil,
    /// The OCP rule.
    Floor,
    /// The OCP rule after rounding the maximum to the element's mantissa width, halves up.
    Even,
    /// ceil(log2 a) - emax, up to a binade more than needed.
    CeilMax,
    /// One more than the OCP rule.
    FloorPlusOne,
    /// Least squared error among three exponents; the smallest exponent wins a tie.
    Search,
}

impl ScaleRule {
    /// Every rule, with its name on the command line and in metadata.
    pub const NAMED: [(&'static str, ScaleRule); 6] = [
        ("ceil", ScaleRule::Ceil),
        ("floor", ScaleRule::Floor),
        ("even", ScaleRule::Even),
        ("search", ScaleRule::Search),
        ("ceil-max", ScaleRule::CeilMax),
        ("floor-plus-one", ScaleRule::FloorPlusOne),
    ];

    /// The rule of a name.
    pub fn from_name(name: &str) -> Option<ScaleRule> {
        Self::NAMED.iter().find(|(n, _)| *n == name).map(|&(_, r)| r)
    }

    /// The name of the rule.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|&&(_, r)| r == self).map_or("", |&(n, _)| n)
    }

    /// The rule that loses least on Gaussian-like weights: even for FP4, ceil for everything else.
    pub fn best_for(element: Element) -> ScaleRule {
        if element == Element::E2m1 { ScaleRule::Even } else { ScaleRule::Ceil }
    }

    /// The exponent for a block whose largest magnitude is `a` (finite, not negative). For [`ScaleRule::Search`] this
    /// is the middle candidate. Not clamped to what the scale can hold.
    pub fn exponent(self, a: f32, element: Element) -> i32 {
        if a == 0.0 {
            return 0;
        }
        let (emax, threshold, width) = shape(element);
        let floor = floor_log2(a);
        let mantissa = mantissa(a);
        match self {
            ScaleRule::Floor | ScaleRule::Search => floor - emax,
            ScaleRule::FloorPlusOne => floor - emax + 1,
            ScaleRule::Ceil => floor - emax + i32::from(mantissa > threshold),
            ScaleRule::CeilMax => floor - emax + i32::from(mantissa > 0),
            ScaleRule::Even => floor - emax + i32::from(mantissa + (1 << (22 - width)) >= 1 << 23),
        }
    }
}

/// The 23 mantissa bits of |a|, subnormals normalised.
fn mantissa(a: f32) -> u32 {
    let bits = a.to_bits() & 0x7fff_ffff;
    if bits >= 0x0080_0000 { bits & 0x007f_ffff } else { bits << (bits.leading_zeros() - 8) & 0x007f_ffff }
}

/// emax, the mantissa of the largest value in 23 bits, and the mantissa width.
fn shape(element: Element) -> (i32, u32, u32) {
    match Minifloat::of(element) {
        Some(f) => (f.emax(), mantissa(f.max()), f.man),
        // 127/64 has emax 0; an MXINT8 maximum has 6 fraction bits.
        None => (0, mantissa(MxInt8::MAX), 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::half::bf16_to_f32;

    /// The definitions in real arithmetic, for every positive finite BF16 value and every element.
    #[test]
    fn integer_rules_match_their_definitions() {
        for element in [Element::E4m3, Element::E5m2, Element::E2m3, Element::E3m2, Element::E2m1, Element::Int8] {
            let max = Minifloat::of(element).map_or(MxInt8::MAX, |f| f.max());
            let emax = f64::from(max).log2().floor() as i32;
            for bits in 1..0x7f80u16 {
                let a = bf16_to_f32(bits);
                let floor = floor_log2(a);
                let is = |rule: ScaleRule| rule.exponent(a, element);
                assert_eq!(is(ScaleRule::Floor), floor - emax);
                // The least e with a <= max * 2^e.
                let e = is(ScaleRule::Ceil);
                let fits = |e: i32| f64::from(a) <= f64::from(max) * 2f64.powi(e);
                assert!(fits(e) && !fits(e - 1), "{element:?} {a:e}");
                let e = is(ScaleRule::CeilMax) + emax;
                assert!(f64::from(a) <= 2f64.powi(e) && f64::from(a) > 2f64.powi(e - 1));
            }
        }
    }

    #[test]
    fn even_bumps_where_the_element_would_round_up() {
        let even = |a, element| ScaleRule::Even.exponent(a, element);
        assert_eq!(even(1.74, Element::E2m1), -2);
        assert_eq!(even(1.75, Element::E2m1), -1);
        assert_eq!(even(1.93, Element::E4m3), -8);
        assert_eq!(even(1.9375, Element::E4m3), -7);
    }

    /// The integer form that DeepSeek's kernels use on BF16 maxima: E(a) - 8 + (mantissa > 0x60).
    #[test]
    fn ceil_on_bf16_is_the_published_bit_trick() {
        for bits in 0x80..0x7f80u16 {
            let trick = i32::from(bits >> 7) - 127 - 8 + i32::from(bits & 0x7f > 0x60);
            assert_eq!(ScaleRule::Ceil.exponent(bf16_to_f32(bits), Element::E4m3), trick);
        }
    }

    #[test]
    fn names_read_back() {
        for (name, rule) in ScaleRule::NAMED {
            assert_eq!(ScaleRule::from_name(name), Some(rule));
            assert_eq!(rule.name(), name);
        }
    }
}
