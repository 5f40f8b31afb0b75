//! Which arithmetic a chip uses for a storage scheme.

use catalog::{Arithmetic, Chip};
use formats::{Scale, Scheme};

use super::Storage;

/// The arithmetic in which `chip` computes with weights (or a cache) stored as `scheme`, and whether it is emulated:
/// the chip saves the bytes, converts, and computes in the next format up that it has. `None` only for a chip without
/// any peak.
///
/// Weight-only formats (4-bit on a chip without 4-bit arithmetic) compute in 16 bits, as engines do, not in 8.
pub fn arithmetic_for(chip: &Chip, scheme: Scheme) -> Option<(Arithmetic, bool)> {
    use Arithmetic::{Bf16, Fp4, Fp6, Fp8, Fp16, Fp32, Int8, Mxfp8};
    // How many of the ladder's first steps count as native.
    let (ladder, native): (&[Arithmetic], usize) = match Storage::of(scheme) {
        Storage::Fp32 => (&[Fp32, Bf16, Fp16], 1),
        Storage::Half => (&[Bf16, Fp16, Fp32], 2),
        Storage::Fp8 | Storage::Fp8Block => (&[Fp8, Mxfp8, Bf16, Fp16, Fp32], 2),
        Storage::Mxfp8 => (&[Mxfp8, Fp8, Bf16, Fp16, Fp32], 2),
        Storage::Int8 => (&[Int8, Bf16, Fp16, Fp32], 1),
        Storage::Fp6 => (&[Fp6, Mxfp8, Fp8, Bf16, Fp16, Fp32], 1),
        // Scales for 32 values are those of published 4-bit weights, whose activations stay at 8 or 16 bits.
        Storage::Fp4 if matches!(scheme.scale, Scale::Block { block: 32, .. }) => (&[Mxfp8, Fp4, Bf16, Fp16, Fp32], 2),
        Storage::Fp4 => (&[Fp4, Bf16, Fp16, Fp32], 1),
        Storage::Int4 => (&[Bf16, Fp16, Fp32], 0),
    };
    let step = ladder.iter().position(|a| chip.peak.contains_key(a));
    match step {
        Some(step) => Some((ladder[step], step >= native)),
        None => chip.peak.keys().next().map(|&a| (a, true)),
    }
}

/// The arithmetic that a chip runs when asked for `wanted`: itself, or the next one up that the chip has.
pub fn nearest_arithmetic(chip: &Chip, wanted: Arithmetic) -> Option<Arithmetic> {
    use Arithmetic::{Bf16, Fp4, Fp6, Fp8, Fp16, Fp32, Int8, Mxfp8};
    let up: &[Arithmetic] = match wanted {
        Fp4 => &[Fp4, Fp6, Mxfp8, Fp8],
        Fp6 => &[Fp6, Mxfp8, Fp8],
        Mxfp8 => &[Mxfp8, Fp8],
        Fp8 => &[Fp8, Mxfp8],
        Int8 => &[Int8],
        Bf16 => &[Bf16],
        Fp16 => &[Fp16],
        Fp32 => &[Fp32],
    };
    let rest = [Bf16, Fp16, Fp32];
    let found = up.iter().chain(&rest).find(|a| chip.peak.contains_key(a)).copied();
    found.or_else(|| chip.peak.keys().next().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::testing::chip;
    use catalog::ChipClass;

    #[test]
    fn block_fp8_where_there_is_none() {
        let scheme = |n: &str| Scheme::from_name(n).expect("known");
        let half_only = chip(&[(Arithmetic::Bf16, 1e15), (Arithmetic::Int8, 2e15)], 3e12, ChipClass::Npu);
        assert_eq!(arithmetic_for(&half_only, scheme("ue8m0-fp8")), Some((Arithmetic::Bf16, true)));
        assert_eq!(arithmetic_for(&half_only, scheme("int8")), Some((Arithmetic::Int8, false)));
        let eight = chip(&[(Arithmetic::Bf16, 1e15), (Arithmetic::Fp8, 2e15)], 3e12, ChipClass::Gpu);
        assert_eq!(arithmetic_for(&eight, scheme("ue8m0-fp8")), Some((Arithmetic::Fp8, false)));
        assert_eq!(arithmetic_for(&eight, scheme("mxfp4")), Some((Arithmetic::Bf16, true)));
        assert_eq!(nearest_arithmetic(&eight, Arithmetic::Fp4), Some(Arithmetic::Fp8));
        assert_eq!(nearest_arithmetic(&half_only, Arithmetic::Fp8), Some(Arithmetic::Bf16));
    }
}
