//! GGUF files as a source: the header, the block types that are plain enough to be a starting point, and what names and
//! settings mean to Hugging Face.
//!
//! Layout: "GGUF", version, counts, key-value pairs, tensor infos, padding, data. Dimensions come fastest first. Source:
//! the GGUF specification of ggml, version 3; version 2 has the same layout.

mod header;
mod names;

pub use header::{Header, parse, read};
pub(super) use names::translate;

use super::Dtype;
use crate::codec::half::fp16_to_f32;

/// A block type of GGUF that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GgufType {
    /// 32 values: FP16 scale, 32 signed bytes.
    Q8_0,
    /// 32 values: FP16 scale, 4-bit codes less 8. Byte i holds values i (low half) and i + 16.
    Q4_0,
    /// 32 values: FP16 scale and minimum, 4-bit codes.
    Q4_1,
}

impl GgufType {
    /// The name as ggml spells it.
    pub fn name(self) -> &'static str {
        match self {
            GgufType::Q8_0 => "Q8_0",
            GgufType::Q4_0 => "Q4_0",
            GgufType::Q4_1 => "Q4_1",
        }
    }

    /// Values and bytes of a block.
    pub fn block(self) -> (u64, u64) {
        match self {
            GgufType::Q8_0 => (32, 34),
            GgufType::Q4_0 => (32, 18),
            GgufType::Q4_1 => (32, 20),
        }
    }

    /// Values of whole blocks.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        let (_, step) = self.block();
        for (block, out) in bytes.chunks_exact(step as usize).zip(out.as_chunks_mut::<32>().0) {
            let half = |i: usize| fp16_to_f32(u16::from_le_bytes([block[i], block[i + 1]]));
            let d = half(0);
            match self {
                GgufType::Q8_0 => {
                    for (x, &q) in out.iter_mut().zip(&block[2..]) {
                        *x = d * f32::from(q as i8);
                    }
                }
                GgufType::Q4_0 => {
                    for (i, &q) in block[2..].iter().enumerate() {
                        out[i] = d * (f32::from(q & 15) - 8.0);
                        out[i + 16] = d * (f32::from(q >> 4) - 8.0);
                    }
                }
                GgufType::Q4_1 => {
                    let m = half(2);
                    for (i, &q) in block[4..].iter().enumerate() {
                        out[i] = d * f32::from(q & 15) + m;
                        out[i + 16] = d * f32::from(q >> 4) + m;
                    }
                }
            }
        }
    }
}

/// Names of ggml's type numbers, for messages.
const TYPES: [&str; 40] = [
    "F32",
    "F16",
    "Q4_0",
    "Q4_1",
    "Q4_2",
    "Q4_3",
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q8_1",
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
    "Q8_K",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ3_XXS",
    "IQ1_S",
    "IQ4_NL",
    "IQ3_S",
    "IQ2_S",
    "IQ4_XS",
    "I8",
    "I16",
    "I32",
    "I64",
    "F64",
    "IQ1_M",
    "BF16",
    "Q4_0_4_4",
    "Q4_0_4_8",
    "Q4_0_8_8",
    "TQ1_0",
    "TQ2_0",
    "IQ4_NL_4_4",
    "IQ4_NL_4_8",
    "IQ4_NL_8_8",
    "MXFP4",
];

fn dtype(number: u32) -> std::result::Result<Dtype, String> {
    Ok(match number {
        0 => Dtype::F32,
        1 => Dtype::F16,
        30 => Dtype::Bf16,
        2 => Dtype::Gguf(GgufType::Q4_0),
        3 => Dtype::Gguf(GgufType::Q4_1),
        8 => Dtype::Gguf(GgufType::Q8_0),
        24 => Dtype::I8,
        25 => Dtype::I16,
        26 => Dtype::I32,
        27 => Dtype::I64,
        28 => Dtype::F64,
        n => {
            let name = TYPES.get(n as usize).copied().unwrap_or("unknown");
            return Err(format!("type {n} ({name}) is not supported; F32, F16, BF16, Q8_0, Q4_0 and Q4_1 are"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bit_blocks_follow_their_definition() {
        let mut block = vec![0x00, 0x38, 0x00, 0x3c]; // 0.5, 1.0
        block.extend((0..16u8).map(|i| i | (15 - i) << 4));
        let mut out = [0f32; 32];
        GgufType::Q4_1.decode(&block, &mut out);
        assert_eq!((out[0], out[3], out[16], out[31]), (1.0, 2.5, 8.5, 1.0));
        block.drain(2..4);
        GgufType::Q4_0.decode(&block, &mut out);
        assert_eq!((out[0], out[15], out[16]), (-4.0, 3.5, 3.5));
    }
}
