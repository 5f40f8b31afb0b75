//! The header of a safetensors file: read with distrust, written for streaming.
//!
//! A file is 8 bytes with the header's length, the header as JSON, and the data. The header gives dtype, shape and byte
//! range of each tensor; ranges must cover the data without gap or overlap.

use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value};

use super::{Dtype, RawTensor, file};
use crate::{Error, error::Result};

/// The longest header that we read, as the reference implementation.
pub const MAX_HEADER: u64 = 100_000_000;

/// A parsed header: tensors in the order of their data, and the `__metadata__` strings.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Tensors, offsets counted from the start of the file.
    pub tensors: Vec<RawTensor>,
    /// Free strings about the file.
    pub metadata: Map<String, Value>,
    /// Bytes before the data.
    pub data_start: u64,
}

/// Reads the header of an open file of `len` bytes. `index` becomes the file index of its tensors.
///
/// # Errors
/// Whatever the file does that the format forbids.
pub fn read(path: &Path, handle: &File, len: u64, index: usize) -> Result<Header> {
    let bad = |problem: String| Error::malformed(path, problem);
    if len < 8 {
        return Err(bad(format!("{len} bytes are too few for a safetensors file: the length of the header takes 8")));
    }
    let mut length = [0u8; 8];
    file::read_at(handle, path, &mut length, 0)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(bad(format!("the header claims {length} bytes; more than {MAX_HEADER} are refused")));
    }
    if length > len - 8 {
        return Err(bad(format!("the header claims {length} bytes, but only {} follow: truncated?", len - 8)));
    }
    let mut text = vec![0u8; length as usize];
    file::read_at(handle, path, &mut text, 8)?;
    parse(path, &text, len - 8 - length, index)
}

/// Parses header text for a file with `data` bytes after the header.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &[u8], data: u64, index: usize) -> Result<Header> {
    let bad = |problem: String| Error::malformed(path, problem);
    if text.first() != Some(&b'{') {
        return Err(bad("the header does not start with '{': not a safetensors file?".to_owned()));
    }
    let Entries(root) = serde_json::from_slice(text).map_err(|e| bad(format!("the header is not JSON: {e}")))?;
    let data_start = 8 + text.len() as u64;
    let mut header = Header { data_start, ..Header::default() };
    let mut seen = std::collections::HashSet::new();
    for (name, entry) in root {
        if !seen.insert(name.clone()) {
            return Err(bad(format!("tensor {name:?} appears twice")));
        }
        if name == "__metadata__" {
            match entry {
                Value::Object(m) if m.values().all(Value::is_string) => header.metadata = m,
                _ => return Err(bad("__metadata__ must map strings to strings".to_owned())),
            }
            continue;
        }
        check_name(&name).map_err(|why| bad(format!("tensor name {name:?} {why}")))?;
        let tensor = tensor(&name, &entry, data_start, index).map_err(|why| bad(format!("tensor {name:?}: {why}")))?;
        header.tensors.push(tensor);
    }
    header.tensors.sort_by(|a, b| (a.offset, a.len, &a.name).cmp(&(b.offset, b.len, &b.name)));
    let mut end = data_start;
    for t in &header.tensors {
        if t.offset != end {
            let what = if t.offset < end { "overlaps the tensor before it" } else { "leaves a gap before it" };
            let name = &t.name;
            let (is, want) = (t.offset - data_start, end - data_start);
            return Err(bad(format!("tensor {name:?} {what}: its data starts at {is}, expected {want}")));
        }
        end = t.offset + t.len;
    }
    if end != data_start + data {
        let claimed = end - data_start;
        return Err(bad(format!(
            "the tensors take {claimed} bytes, but the file has {data} bytes of data: truncated?"
        )));
    }
    Ok(header)
}

/// The entries of a JSON object in order, those of the same name too, which a map would lose.
struct Entries(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Entries, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Visitor)
    }
}

/// Tensor names become parts of reports and of other files' keys: nothing that a path or a terminal could take amiss.
fn check_name(name: &str) -> std::result::Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > 4096 {
        return Err("is longer than 4096 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("holds control characters");
    }
    if name.starts_with(['/', '\\']) || name.split(['/', '\\']).any(|part| part == "..") {
        return Err("is a path; names like \"model.layers.0.mlp.up_proj.weight\" are expected");
    }
    Ok(())
}

fn tensor(name: &str, entry: &Value, data_start: u64, index: usize) -> std::result::Result<RawTensor, String> {
    let text = entry.get("dtype").and_then(Value::as_str).ok_or("has no dtype")?;
    let dtype =
        Dtype::from_name(text).ok_or_else(|| format!("dtype {text:?} is unknown; known are {}", Dtype::names()))?;
    let shape: Vec<u64> = entry
        .get("shape")
        .and_then(Value::as_array)
        .and_then(|a| a.iter().map(Value::as_u64).collect())
        .ok_or("has no shape, a list of whole numbers")?;
    let offsets: Vec<u64> = entry
        .get("data_offsets")
        .and_then(Value::as_array)
        .and_then(|a| a.iter().map(Value::as_u64).collect())
        .ok_or("has no data_offsets, two whole numbers")?;
    let &[start, end] = offsets.as_slice() else { return Err("data_offsets must be two whole numbers".to_owned()) };
    if end < start {
        return Err(format!("ends at {end}, before it starts at {start}"));
    }
    let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).ok_or("the shape overflows 64 bits")?;
    let bits = dtype.bits_of(count).ok_or("the size overflows 64 bits")?;
    if !bits.is_multiple_of(8) || bits / 8 != end - start {
        let bytes = bits.div_ceil(8);
        return Err(format!("{text} {shape:?} takes {bytes} bytes, but data_offsets give {}", end - start));
    }
    let offset = data_start.checked_add(start).ok_or("the offset overflows 64 bits")?;
    offset.checked_add(end - start).ok_or("the offset overflows 64 bits")?;
    Ok(RawTensor { name: name.to_owned(), dtype, shape, file: index, offset, len: end - start })
}

/// The bytes before the data of a file that will hold these tensors in this order: name, dtype, shape. Padded with
/// spaces so that the data starts at a multiple of 8.
pub fn build<'a>(
    tensors: impl Iterator<Item = (&'a str, Dtype, &'a [u64], u64)>,
    metadata: &Map<String, Value>,
) -> Vec<u8> {
    let mut root = Map::new();
    if !metadata.is_empty() {
        root.insert("__metadata__".to_owned(), Value::Object(metadata.clone()));
    }
    let mut at = 0u64;
    for (name, dtype, shape, len) in tensors {
        let entry = serde_json::json!({ "dtype": dtype.name(), "shape": shape, "data_offsets": [at, at + len] });
        root.insert(name.to_owned(), entry);
        at += len;
    }
    let mut text = Value::Object(root).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, data: u64) -> String {
        match parse(Path::new("m.safetensors"), text.as_bytes(), data, 0) {
            Ok(_) => panic!("accepted {text}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn what_is_built_reads_back() {
        let mut metadata = Map::new();
        metadata.insert("format".to_owned(), "pt".into());
        let tensors =
            [("a", Dtype::F32, vec![2, 3], 24), ("b", Dtype::F8E8M0, vec![5], 5), ("c", Dtype::F4, vec![4], 2)];
        let bytes = build(tensors.iter().map(|(n, d, s, l)| (*n, *d, s.as_slice(), *l)), &metadata);
        assert!(bytes.len().is_multiple_of(8));
        let header = parse(Path::new("m"), &bytes[8..], 31, 3).expect("valid");
        assert_eq!(header.metadata, metadata);
        let names: Vec<_> = header.tensors.iter().map(|t| (t.name.as_str(), t.dtype, t.offset)).collect();
        let start = bytes.len() as u64;
        assert_eq!(names, [("a", Dtype::F32, start), ("b", Dtype::F8E8M0, start + 24), ("c", Dtype::F4, start + 29)]);
    }

    #[test]
    fn hostile_headers_are_refused() {
        let one = |body: &str| format!("{{\"x\":{body}}}");
        for (text, data, expected) in [
            ("[]".to_owned(), 0, "does not start with '{'"),
            ("{".to_owned(), 0, "not JSON"),
            (one(r#"{"dtype":"F99","shape":[1],"data_offsets":[0,1]}"#), 1, "dtype \"F99\" is unknown"),
            (one(r#"{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}"#), 1, "no shape"),
            (one(r#"{"dtype":"U8","shape":[1],"data_offsets":[1,0]}"#), 1, "before it starts"),
            (one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#), 4, "takes 8 bytes"),
            (one(r#"{"dtype":"F4","shape":[3],"data_offsets":[0,1]}"#), 1, "takes 2 bytes"),
            (one(r#"{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#), 3, "truncated?"),
            (one(r#"{"dtype":"U8","shape":[4],"data_offsets":[1,5]}"#), 5, "leaves a gap"),
            (
                one(r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}"#),
                4,
                "the shape overflows",
            ),
            (
                r#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#
                    .to_owned(),
                6,
                "overlaps the tensor before it",
            ),
            (r#"{"../../etc/passwd":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#.to_owned(), 1, "is a path"),
            (r#"{"__metadata__":{"a":1}}"#.to_owned(), 0, "strings to strings"),
            (
                r#"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
                    .to_owned(),
                1,
                "\"x\" appears twice",
            ),
        ] {
            let got = message(&text, data);
            assert!(got.contains(expected), "{text}: {got}");
        }
    }
}
