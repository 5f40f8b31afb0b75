//! GGUF files as a source: the header, and the block types that are plain enough to be a starting point.
//!
//! Layout: "GGUF", version, counts, key-value pairs, tensor infos, padding, data. Dimensions come fastest first. Source:
//! the GGUF specification of ggml, version 3; version 2 has the same layout.

use std::fs::File;
use std::path::Path;

use super::{Dtype, RawTensor, file};
use crate::codec::half::fp16_to_f32;
use crate::{Error, error::Result};

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

/// A parsed header.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Tensors in the order of their data, shapes slowest dimension first, offsets from the start of the file.
    pub tensors: Vec<RawTensor>,
    /// `general.architecture`, if it is there.
    pub architecture: Option<String>,
}

/// The most bytes of header that we read.
const MAX_HEADER: u64 = 1 << 30;
/// The most tensors or keys that we believe in.
const MAX_COUNT: u64 = 1 << 24;

/// Reads the header of an open file of `len` bytes. `index` becomes the file index of its tensors.
///
/// # Errors
/// Whatever the file does that the format forbids, and types that we cannot read.
pub fn read(path: &Path, handle: &File, len: u64, index: usize) -> Result<Header> {
    let mut cursor = Cursor {
        fetch: &mut |buffer, at| file::read_at(handle, path, buffer, at),
        path,
        len,
        at: 0,
        buffer: Vec::new(),
        start: 0,
    };
    cursor.header(index)
}

/// Parses a header from memory that stands for a whole file.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, bytes: &[u8], index: usize) -> Result<Header> {
    let mut fetch = |buffer: &mut [u8], at: u64| {
        let at = at as usize;
        let from = bytes.get(at..at + buffer.len()).ok_or_else(|| Error::malformed(path, "truncated"))?;
        buffer.copy_from_slice(from);
        Ok(())
    };
    let mut cursor = Cursor { fetch: &mut fetch, path, len: bytes.len() as u64, at: 0, buffer: Vec::new(), start: 0 };
    cursor.header(index)
}

/// A place in a file that is read in pieces.
struct Cursor<'a> {
    fetch: &'a mut dyn FnMut(&mut [u8], u64) -> Result<()>,
    path: &'a Path,
    len: u64,
    at: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl Cursor<'_> {
    fn bad(&self, problem: impl std::fmt::Display) -> Error {
        Error::malformed(self.path, format!("at byte {}: {problem}", self.at))
    }

    /// Makes sure that `n` bytes follow.
    fn need(&self, n: u64) -> Result<()> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.len.min(MAX_HEADER));
        end.map(|_| ()).ok_or_else(|| self.bad(format!("{n} bytes are announced, {} are left", self.len - self.at)))
    }

    fn skip(&mut self, n: u64) -> Result<()> {
        self.need(n)?;
        self.at += n;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.need(N as u64)?;
        let inside = self.at >= self.start && self.at + N as u64 <= self.start + self.buffer.len() as u64;
        if !inside {
            let n = (1u64 << 16).min(self.len - self.at);
            self.buffer.resize(n as usize, 0);
            (self.fetch)(&mut self.buffer, self.at)?;
            self.start = self.at;
        }
        let from = (self.at - self.start) as usize;
        let mut out = [0u8; N];
        out.copy_from_slice(&self.buffer[from..from + N]);
        self.at += N as u64;
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn string(&mut self) -> Result<String> {
        let n = self.u64()?;
        if n > 1 << 16 {
            return Err(self.bad(format!("a name of {n} bytes; at most 65536 are accepted")));
        }
        self.need(n)?;
        let mut text = vec![0u8; n as usize];
        (self.fetch)(&mut text, self.at)?;
        self.at += n;
        String::from_utf8(text).map_err(|_| self.bad("a name is not UTF-8"))
    }

    /// Passes over a value of a type; the scalar types' sizes are fixed.
    fn skip_value(&mut self, kind: u32, depth: u32) -> Result<()> {
        match scalar_size(kind) {
            Some(n) => self.skip(n),
            None if kind == 8 => {
                let n = self.u64()?;
                self.skip(n)
            }
            None if kind == 9 && depth < 4 => {
                let (kind, n) = (self.u32()?, self.u64()?);
                if let Some(size) = scalar_size(kind) {
                    let bytes = n.checked_mul(size).ok_or_else(|| self.bad("an array overflows 64 bits"))?;
                    return self.skip(bytes);
                }
                // Every element takes at least 8 bytes: what does not fit the file is a lie.
                self.need(n.checked_mul(8).ok_or_else(|| self.bad("an array overflows 64 bits"))?)?;
                (0..n).try_for_each(|_| self.skip_value(kind, depth + 1))
            }
            None => Err(self.bad(format!("value type {kind} is unknown"))),
        }
    }

    fn header(&mut self, index: usize) -> Result<Header> {
        if &self.bytes::<4>()? != b"GGUF" {
            return Err(Error::malformed(self.path, "does not start with \"GGUF\": not a GGUF file"));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(self.bad(format!("version {version} is not supported; 2 and 3 are")));
        }
        let (tensors, keys) = (self.u64()?, self.u64()?);
        if tensors > MAX_COUNT || keys > MAX_COUNT {
            return Err(self.bad(format!("{tensors} tensors and {keys} keys are announced: not believable")));
        }
        let mut header = Header::default();
        let mut alignment = 32u64;
        for _ in 0..keys {
            let key = self.string()?;
            let kind = self.u32()?;
            match (key.as_str(), kind) {
                ("general.alignment", 4) => {
                    alignment = u64::from(self.u32()?);
                    if !alignment.is_power_of_two() || alignment > 1 << 20 {
                        return Err(self.bad(format!("alignment {alignment} is not a power of two up to 2^20")));
                    }
                }
                ("general.architecture", 8) => header.architecture = Some(self.string()?),
                _ => self.skip_value(kind, 0)?,
            }
        }
        let mut seen = std::collections::HashSet::new();
        for _ in 0..tensors {
            let name = self.string()?;
            let dims = self.u32()?;
            if dims > 4 {
                return Err(self.bad(format!("tensor {name:?} has {dims} dimensions; at most 4 exist")));
            }
            let mut shape = (0..dims).map(|_| self.u64()).collect::<Result<Vec<u64>>>()?;
            shape.reverse();
            let number = self.u32()?;
            let dtype = dtype(number).map_err(|why| self.bad(format!("tensor {name:?}: {why}")))?;
            let offset = self.u64()?;
            if !seen.insert(name.clone()) {
                return Err(self.bad(format!("tensor {name:?} appears twice")));
            }
            let bits = shape
                .iter()
                .try_fold(1u64, |n, &d| n.checked_mul(d))
                .and_then(|n| dtype.bits_of(n))
                .filter(|bits| bits.is_multiple_of(8));
            let whole_rows = match dtype {
                Dtype::Gguf(t) => shape.last().is_some_and(|c| c.is_multiple_of(t.block().0)),
                _ => true,
            };
            let Some(bits) = bits.filter(|_| whole_rows) else {
                return Err(self.bad(format!("tensor {name:?}: shape {shape:?} does not fit {}", dtype.name())));
            };
            header.tensors.push(RawTensor { name, dtype, shape, file: index, offset, len: bits / 8 });
        }
        let start = self.at.next_multiple_of(alignment);
        for t in &mut header.tensors {
            let end = start.checked_add(t.offset).and_then(|o| o.checked_add(t.len));
            if end.is_none_or(|end| end > self.len) {
                let name = &t.name;
                return Err(Error::malformed(self.path, format!("tensor {name:?} lies outside the file: truncated?")));
            }
            t.offset += start;
        }
        header.tensors.sort_by_key(|t| t.offset);
        for pair in header.tensors.windows(2) {
            if pair[0].offset + pair[0].len > pair[1].offset {
                let (a, b) = (&pair[0].name, &pair[1].name);
                return Err(Error::malformed(self.path, format!("tensors {a:?} and {b:?} overlap")));
            }
        }
        Ok(header)
    }
}

fn scalar_size(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small file: one Q8_0 tensor of 2 x 32.
    pub(crate) fn sample() -> Vec<u8> {
        let mut b = b"GGUF".to_vec();
        let string = |b: &mut Vec<u8>, s: &str| {
            b.extend((s.len() as u64).to_le_bytes());
            b.extend(s.as_bytes());
        };
        b.extend(3u32.to_le_bytes());
        b.extend(1u64.to_le_bytes());
        b.extend(2u64.to_le_bytes());
        string(&mut b, "general.architecture");
        b.extend(8u32.to_le_bytes());
        string(&mut b, "llama");
        string(&mut b, "tokenizer.tokens");
        b.extend(9u32.to_le_bytes());
        b.extend(8u32.to_le_bytes());
        b.extend(2u64.to_le_bytes());
        string(&mut b, "a");
        string(&mut b, "bc");
        string(&mut b, "blk.0.attn_q.weight");
        b.extend(2u32.to_le_bytes());
        b.extend(32u64.to_le_bytes());
        b.extend(2u64.to_le_bytes());
        b.extend(8u32.to_le_bytes());
        b.extend(0u64.to_le_bytes());
        b.resize(b.len().next_multiple_of(32), 0);
        for row in 0..2u8 {
            b.extend(0x3800u16.to_le_bytes()); // 0.5
            b.extend((0..32).map(|i| (i - 16 * row as i8) as u8));
        }
        b
    }

    #[test]
    fn a_small_file_is_read() {
        let bytes = sample();
        let header = parse(Path::new("m.gguf"), &bytes, 0).expect("valid");
        assert_eq!(header.architecture.as_deref(), Some("llama"));
        let t = &header.tensors[0];
        assert_eq!((t.shape.as_slice(), t.len), ([2, 32].as_slice(), 68));
        let mut out = [0f32; 64];
        GgufType::Q8_0.decode(&bytes[t.offset as usize..], &mut out);
        assert_eq!((out[0], out[31], out[32]), (0.0, 15.5, -8.0));
    }

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

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = sample();
        for n in 0..bytes.len() {
            assert!(parse(Path::new("m.gguf"), &bytes[..n], 0).is_err(), "{n} bytes were accepted");
        }
    }
}
