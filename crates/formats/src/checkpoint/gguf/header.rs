//! The header of a GGUF file, read with distrust.

use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::dtype;
use crate::checkpoint::{Dtype, RawTensor, file};
use crate::{Error, error::Result};

/// A parsed header.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Tensors in the order of their data, shapes slowest dimension first, offsets from the start of the file.
    pub tensors: Vec<RawTensor>,
    /// Keys with numbers, truth values and strings; for arrays the number of elements.
    pub keys: Map<String, Value>,
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
        self.text(n)
    }

    fn text(&mut self, n: u64) -> Result<String> {
        self.need(n)?;
        let mut text = vec![0u8; n as usize];
        (self.fetch)(&mut text, self.at)?;
        self.at += n;
        String::from_utf8(text).map_err(|_| self.bad("a name is not UTF-8"))
    }

    /// A value of a type. Long strings are passed over, and of arrays only the length is kept.
    fn value(&mut self, kind: u32) -> Result<Value> {
        Ok(match kind {
            0 => json!(self.bytes::<1>()?[0]),
            1 => json!(self.bytes::<1>()?[0] as i8),
            2 => json!(u16::from_le_bytes(self.bytes()?)),
            3 => json!(i16::from_le_bytes(self.bytes()?)),
            4 => json!(self.u32()?),
            5 => json!(self.u32()? as i32),
            6 => json!(f32::from_bits(self.u32()?)),
            7 => json!(self.bytes::<1>()?[0] != 0),
            8 => {
                let n = self.u64()?;
                if n > 256 {
                    self.skip(n)?;
                    return Ok(Value::Null);
                }
                self.text(n)?.into()
            }
            9 => {
                let at = self.at;
                self.skip(4)?;
                let n = self.u64()?;
                self.at = at;
                self.skip_value(9, 0)?;
                json!({ "elements": n })
            }
            10 => json!(self.u64()?),
            11 => json!(self.u64()? as i64),
            12 => json!(f64::from_bits(self.u64()?)),
            _ => return Err(self.bad(format!("value type {kind} is unknown"))),
        })
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
            let value = self.value(kind)?;
            if key == "general.alignment" {
                alignment = value.as_u64().unwrap_or(0);
                if !alignment.is_power_of_two() || alignment > 1 << 20 {
                    return Err(self.bad(format!("alignment {value} is not a power of two up to 2^20")));
                }
            }
            header.keys.insert(key, value);
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
    use crate::checkpoint::GgufType;

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
        assert_eq!(header.keys["general.architecture"], "llama");
        assert_eq!(header.keys["tokenizer.tokens"]["elements"], 2);
        let t = &header.tensors[0];
        assert_eq!((t.shape.as_slice(), t.len), ([2, 32].as_slice(), 68));
        let mut out = [0f32; 64];
        GgufType::Q8_0.decode(&bytes[t.offset as usize..], &mut out);
        assert_eq!((out[0], out[31], out[32]), (0.0, 15.5, -8.0));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = sample();
        for n in 0..bytes.len() {
            assert!(parse(Path::new("m.gguf"), &bytes[..n], 0).is_err(), "{n} bytes were accepted");
        }
    }
}
