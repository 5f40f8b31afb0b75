//! Small floats with a fixed split of exponent and mantissa bits: E4M3, E5M2, E2M3, E3M2, E2M1.
//!
//! Source: OCP 8-bit floating point v1.0 and OCP microscaling formats v1.0, as implemented by `ml_dtypes` 0.6.0.

use super::Overflow;
use crate::Element;

/// A sign bit, `exp` exponent bits and `man` mantissa bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minifloat {
    /// Exponent bits.
    pub exp: u32,
    /// Mantissa bits.
    pub man: u32,
    /// Exponent bias.
    pub bias: i32,
    /// Code of the largest finite magnitude.
    pub max_code: u8,
    /// Code of positive infinity, if there is one.
    pub infinity: Option<u8>,
    /// Code of the NaN that we write, if there is one.
    pub nan: Option<u8>,
}

impl Minifloat {
    /// FP8 E4M3 "FN": largest value 448, no infinities, NaN at 0x7F and 0xFF.
    pub const E4M3: Minifloat = Minifloat { exp: 4, man: 3, bias: 7, max_code: 0x7e, infinity: None, nan: Some(0x7f) };
    /// FP8 E5M2: largest value 57344, infinity 0x7C, NaN 0x7D to 0x7F. We write 0x7E, the quiet one.
    pub const E5M2: Minifloat =
        Minifloat { exp: 5, man: 2, bias: 15, max_code: 0x7b, infinity: Some(0x7c), nan: Some(0x7e) };
    /// FP6 E2M3: largest value 7.5, every code finite.
    pub const E2M3: Minifloat = Minifloat { exp: 2, man: 3, bias: 1, max_code: 0x1f, infinity: None, nan: None };
    /// FP6 E3M2: largest value 28, every code finite.
    pub const E3M2: Minifloat = Minifloat { exp: 3, man: 2, bias: 3, max_code: 0x1f, infinity: None, nan: None };
    /// FP4 E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
    pub const E2M1: Minifloat = Minifloat { exp: 2, man: 1, bias: 1, max_code: 0x7, infinity: None, nan: None };

    /// The parameters of an element, if it is one of these.
    pub const fn of(element: Element) -> Option<Minifloat> {
        match element {
            Element::E4m3 => Some(Minifloat::E4M3),
            Element::E5m2 => Some(Minifloat::E5M2),
            Element::E2m3 => Some(Minifloat::E2M3),
            Element::E3m2 => Some(Minifloat::E3M2),
            Element::E2m1 => Some(Minifloat::E2M1),
            _ => None,
        }
    }

    /// Bits of a code, sign included.
    pub const fn bits(self) -> u32 {
        1 + self.exp + self.man
    }

    /// The sign bit of a code.
    pub const fn sign_bit(self) -> u8 {
        1 << (self.exp + self.man)
    }

    /// Exponent of the largest finite value: floor(log2 max).
    pub const fn emax(self) -> i32 {
        (self.max_code >> self.man) as i32 - self.bias
    }

    /// Exponent of the smallest normal value.
    pub const fn emin(self) -> i32 {
        1 - self.bias
    }

    /// The largest finite value.
    pub fn max(self) -> f32 {
        self.decode(self.max_code)
    }

    /// The code nearest to `x`, ties to the even code.
    ///
    /// Integer arithmetic throughout, so the result depends on no rounding mode and no flush-to-zero setting.
    pub fn encode(self, x: f32, overflow: Overflow) -> u8 {
        let bits = x.to_bits();
        let sign = if bits >> 31 == 1 { self.sign_bit() } else { 0 };
        let magnitude = bits & 0x7fff_ffff;
        if magnitude > 0x7f80_0000 {
            return match self.nan {
                Some(nan) => sign | nan,
                None => self.sign_bit(), // -0, as ml_dtypes
            };
        }
        if magnitude == 0 {
            return sign;
        }
        let code = if magnitude == 0x7f80_0000 { u32::MAX } else { self.round(magnitude) };
        if code <= u32::from(self.max_code) {
            return sign | code as u8;
        }
        let special = match overflow {
            Overflow::Saturate => None,
            Overflow::Special => self.infinity.or(self.nan),
        };
        sign | special.unwrap_or(self.max_code)
    }

    /// The code of a finite positive magnitude given by its `f32` bits, were there no largest one.
    fn round(self, magnitude: u32) -> u32 {
        // The value is m * 2^(e - 23), with e = floor(log2) for normals.
        let (e, m) = match magnitude >> 23 {
            0 => (-126, magnitude),
            field => (field as i32 - 127, magnitude & 0x007f_ffff | 0x0080_0000),
        };
        // One step of the code is 2^(e - man) for normals and 2^(emin - man) below.
        let below = (self.emin() - e).max(0) as u32;
        let shift = 23 - self.man + below;
        if shift > 25 {
            return 0; // less than half of the smallest step
        }
        let even = (m >> shift) & 1;
        let rounded = (m + (1 << (shift - 1)) - 1 + even) >> shift;
        // For a normal, `rounded` holds the hidden one: adding it to the exponent field below carries as it should.
        let field = if below == 0 { (e + self.bias - 1) as u32 } else { 0 };
        (field << self.man) + rounded
    }

    /// The value of a code; bits above the format's width are ignored.
    pub fn decode(self, code: u8) -> f32 {
        let negative = code & self.sign_bit() != 0;
        let magnitude = code & (self.sign_bit() - 1);
        let value = if magnitude > self.max_code {
            if Some(magnitude) == self.infinity { f32::INFINITY } else { f32::NAN }
        } else {
            let man = u32::from(magnitude) & ((1 << self.man) - 1);
            let (e, hidden) = match magnitude >> self.man {
                0 => (self.emin(), 0),
                field => (i32::from(field) - self.bias, 1 << self.man),
            };
            (hidden + man) as f32 * super::pow2(e - self.man as i32)
        };
        if negative { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Minifloat; 5] = [Minifloat::E4M3, Minifloat::E5M2, Minifloat::E2M3, Minifloat::E3M2, Minifloat::E2M1];

    #[test]
    fn limits_are_those_of_the_standard() {
        let largest: Vec<f32> = ALL.iter().map(|f| f.max()).collect();
        assert_eq!(largest, [448.0, 57344.0, 7.5, 28.0, 6.0]);
        let smallest: Vec<f32> = ALL.iter().map(|f| f.decode(1)).collect();
        assert_eq!(smallest, [2f32.powi(-9), 2f32.powi(-16), 0.125, 0.0625, 0.5]);
        let emax: Vec<i32> = ALL.iter().map(|f| f.emax()).collect();
        assert_eq!(emax, [8, 15, 2, 4, 2]);
    }

    #[test]
    fn every_code_reads_back() {
        for f in ALL {
            for code in 0..(1u32 << f.bits()) as u16 {
                let value = f.decode(code as u8);
                let again = f.encode(value, Overflow::Special);
                if value.is_nan() {
                    assert!(f.decode(again).is_nan());
                } else {
                    assert_eq!(again, code as u8, "{f:?} {value}");
                }
            }
        }
    }

    #[test]
    fn e2m1_ties_go_to_the_even_code() {
        let got: Vec<f32> = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0]
            .map(|x| Minifloat::E2M1.decode(Minifloat::E2M1.encode(x, Overflow::Saturate)))
            .to_vec();
        assert_eq!(got, [0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0]);
    }

    #[test]
    fn overflow_as_asked() {
        let f = Minifloat::E4M3;
        assert_eq!(f.encode(464.0, Overflow::Special), 0x7e); // the tie goes to even, which is 448
        assert_eq!(f.encode(464.01, Overflow::Special), 0x7f);
        assert_eq!(f.encode(-480.0, Overflow::Special), 0xff);
        assert_eq!(f.encode(-f32::INFINITY, Overflow::Saturate), 0xfe);
        assert_eq!(f.encode(f32::NAN, Overflow::Saturate) & 0x7f, 0x7f);
        let f = Minifloat::E5M2;
        assert_eq!(f.encode(61440.0, Overflow::Special), 0x7c);
        assert_eq!(f.encode(61440.0, Overflow::Saturate), 0x7b);
        assert_eq!(Minifloat::E2M1.encode(f32::NAN, Overflow::Saturate), 0x8);
        assert_eq!(Minifloat::E2M1.encode(f32::INFINITY, Overflow::Special), 0x7);
    }

    #[test]
    fn halfway_between_every_pair_goes_to_the_even_code() {
        for f in ALL {
            for code in 0..f.max_code {
                let (a, b) = (f.decode(code), f.decode(code + 1));
                let middle = (a + b) / 2.0;
                let even = if code % 2 == 0 { code } else { code + 1 };
                assert_eq!(f.encode(middle, Overflow::Saturate), even, "{f:?} {middle}");
                assert_eq!(f.encode(f32::from_bits(middle.to_bits() - 1), Overflow::Saturate), code);
                assert_eq!(f.encode(f32::from_bits(middle.to_bits() + 1), Overflow::Saturate), code + 1);
            }
        }
    }
}
