//! Choice of the instruction set, and one caller of each loop for each of them.
//!
//! This file and `avx512.rs` are the only ones with `unsafe`. Here it stands for one thing: calling a function compiled
//! for instructions that the compiler cannot know the machine has. [`Level`] values other than `Portable` come only from
//! [`Level::available`], which asks the machine.

#![allow(unsafe_code)]

use super::sums::Sums;
use super::{E2m1, E2m3, E3m2, E4m3, E5m2};
use super::{generic, sums};
use crate::{Element, ScaleRule, Values};

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The baseline of the target: always there.
    pub const PORTABLE: Level = Level(Set::Portable);

    /// The sets of this machine, slowest first.
    pub fn available() -> Vec<Level> {
        #[allow(unused_mut)]
        let mut levels = vec![Level::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                levels.push(Level(Set::Avx2));
            }
            let all = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vbmi");
            if all {
                levels.push(Level(Set::Avx512));
            }
        }
        levels
    }

    /// The fastest set of this machine, looked up once.
    pub fn best() -> Level {
        use std::sync::LazyLock;
        static BEST: LazyLock<Level> = LazyLock::new(|| Level::available().last().copied().unwrap_or(Level::PORTABLE));
        *BEST
    }

    /// The name of the set.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable if cfg!(target_arch = "aarch64") => "neon",
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }
}

/// Defines `$name(level, ...)`, which runs the body compiled for the level's instructions. With `avx512 = path`, that
/// function is tried first at that level; it returns `None` for cases that it leaves to the general code.
macro_rules! dispatch {
    (fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        dispatch! { @all $name ($($arg: $ty),*) ($($ret)?) $body { plain($($arg),*) } }
    };
    (fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block avx512 = $hand:path) => {
        dispatch! { @all $name ($($arg: $ty),*) ($($ret)?) $body {
            match $hand($($arg),*) {
                Some(done) => done,
                None => plain($($arg),*),
            }
        } }
    };
    (@all $name:ident ($($arg:ident: $ty:ty),*) ($($ret:ty)?) $body:block $wide:block) => {
        #[allow(clippy::too_many_arguments)]
        pub(super) fn $name(level: Level, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn plain($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($arg: $ty),*) $(-> $ret)? { plain($($arg),*) }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $ret)? $wide

            match level.0 {
                Set::Portable => plain($($arg),*),
                // SAFETY: a level of this kind exists only where `Level::available` found the instructions.
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}

macro_rules! either {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            Values::Bf16($v) => $body,
            Values::F32($v) => $body,
        }
    };
}

dispatch! {
    fn max_bits(values: Values<'_>) -> u32 { either!(values, v => generic::max_bits(v)) }
}
dispatch! {
    fn tile_max(values: Values<'_>, cols: usize, width: usize, from: usize, out: &mut [u32]) {
        either!(values, v => generic::tile_max(v, cols, width, from, out))
    }
    avx512 = super::avx512::tile_max
}
dispatch! {
    fn encode_tiles_pow2(
        values: Values<'_>,
        cols: usize,
        width: usize,
        from: usize,
        exponents: &[i32],
        out: &mut [u8],
    ) {
        either!(values, v => generic::encode_tiles_pow2::<E4m3, _>(v, cols, width, from, exponents, out))
    }
    avx512 = super::avx512::encode_tiles_pow2
}
dispatch! {
    fn encode_tiles_fp32(values: Values<'_>, cols: usize, width: usize, scales: &[f32], out: &mut [u8]) {
        either!(values, v => generic::encode_tiles_fp32::<E4m3, _>(v, cols, width, scales, out))
    }
}
dispatch! {
    fn encode_mx(element: Element, values: Values<'_>, rule: ScaleRule, out: &mut [u8], scales: &mut [u8]) -> bool {
        either!(values, v => match element {
            Element::E4m3 => generic::encode_mx::<E4m3, _>(v, rule, out, scales),
            Element::E5m2 => generic::encode_mx::<E5m2, _>(v, rule, out, scales),
            Element::E2m3 => generic::encode_mx::<E2m3, _>(v, rule, out, scales),
            Element::E3m2 => generic::encode_mx::<E3m2, _>(v, rule, out, scales),
            Element::E2m1 => generic::encode_mx::<E2m1, _>(v, rule, out, scales),
            _ => generic::encode_mxint8(v, rule, out, scales),
        })
    }
    avx512 = super::avx512::encode_mx
}
dispatch! {
    fn encode_nvfp4(values: Values<'_>, g: f32, out: &mut [u8], scales: &mut [u8]) -> bool {
        either!(values, v => generic::encode_nvfp4::<E4m3, E2m1, _>(v, g, out, scales))
    }
    avx512 = super::avx512::encode_nvfp4
}
dispatch! {
    fn decode_tiles_bf16(codes: &[u8], cols: usize, width: usize, scales: &[f32], out: &mut [u16]) {
        generic::decode_tiles_bf16(codes, cols, width, scales, out)
    }
    avx512 = super::avx512::decode_tiles_bf16
}
dispatch! {
    fn decode_tiles_f32(codes: &[u8], cols: usize, width: usize, scales: &[f32], out: &mut [f32]) {
        generic::decode_tiles_f32(codes, cols, width, scales, out)
    }
}
dispatch! {
    fn decode_blocks(codes: &[u8], bits: u32, block: usize, table: &[f32; 256], scales: &[f32], out: &mut [f32]) {
        generic::decode_blocks(codes, bits, block, table, scales, out)
    }
}
dispatch! {
    fn compare(a: Values<'_>, b: Values<'_>) -> Sums {
        match (a, b) {
            (Values::Bf16(a), Values::Bf16(b)) => sums::compare(a, b),
            (Values::Bf16(a), Values::F32(b)) => sums::compare(a, b),
            (Values::F32(a), Values::Bf16(b)) => sums::compare(a, b),
            (Values::F32(a), Values::F32(b)) => sums::compare(a, b),
        }
    }
}
dispatch! {
    fn count_above(values: Values<'_>, cols: usize, width: usize, limits: &[f32]) -> u64 {
        either!(values, v => sums::count_above(v, cols, width, limits))
    }
}
dispatch! {
    fn to_bf16(values: &[f32], out: &mut [u16]) { generic::to_bf16(values, out) }
}
