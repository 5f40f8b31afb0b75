//! Reads a file record by record.

use std::io::{BufReader, Read};

use flate2::read::GzDecoder;
use prost::Message;

use super::error::ChakraError;
use super::trace::{COLLECTIVES, Communication, Draft, Node, NodeKind, Trace, real};
use super::wire::{self, Attribute, GlobalMetadata};
use super::write::VERSION;

/// What a file may hold at most. The defaults bound the memory of one trace to about 2 GB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a record.
    pub record: u64,
    /// Nodes.
    pub nodes: u64,
    /// Dependencies.
    pub needs: u64,
    /// Bytes of all names together.
    pub names: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { record: 4 << 20, nodes: 5_000_000, needs: 20_000_000, names: 256 << 20 }
    }
}

/// Reads a trace, packed with gzip or not.
///
/// # Errors
/// All that can be wrong with a file: see [`ChakraError`].
pub fn read(file: impl Read, limits: Limits) -> Result<Trace, ChakraError> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut head = Vec::new();
    file.by_ref().take(2).read_to_end(&mut head)?;
    let whole = head.clone();
    let chained = std::io::Cursor::new(whole).chain(file);
    if head == [0x1f, 0x8b] {
        return records(BufReader::with_capacity(1 << 16, GzDecoder::new(chained)), limits);
    }
    records(chained, limits)
}

fn records(mut file: impl Read, limits: Limits) -> Result<Trace, ChakraError> {
    let mut draft = Draft::default();
    let mut buffer = Vec::new();
    let mut record = 0;
    while next(&mut file, record, limits.record, &mut buffer)? {
        let version = draft.version.clone();
        let broken = |what: &'static str| {
            move |e: prost::DecodeError| ChakraError::Message {
                record,
                what,
                reason: e.to_string() + &of_schema(&version),
            }
        };
        if record == 0 {
            let metadata = GlobalMetadata::decode(&buffer[..]).map_err(broken("GlobalMetadata"))?;
            draft.version = metadata.version.chars().take(60).collect();
        } else {
            let node = wire::Node::decode(&buffer[..]).map_err(broken("Node"))?;
            add(&mut draft, &node)?;
            let many =
                |what, most, has: u64| if has > most { Err(ChakraError::TooMany { what, most }) } else { Ok(()) };
            many("nodes", limits.nodes, draft.nodes.len() as u64)?;
            many("dependencies", limits.needs, draft.needs.len() as u64)?;
            many("bytes of names", limits.names, draft.names.bytes + draft.groups.bytes)?;
        }
        record += 1;
    }
    if record == 0 {
        return Err(ChakraError::Empty);
    }
    draft.finish()
}

/// A remark where a file names another schema than the one that is read: attributes stood elsewhere before 0.0.4.
fn of_schema(version: &str) -> String {
    match version {
        "" | VERSION => String::new(),
        other => format!(" (the file says that it is of schema {}; {VERSION} is read)", short(other)),
    }
}

/// The next record into `buffer`; false at the end of the file, or at a length of 0, which ends a trace too.
fn next(file: &mut impl Read, record: u64, most: u64, buffer: &mut Vec<u8>) -> Result<bool, ChakraError> {
    let mut claimed = 0u64;
    for shift in 0..10 {
        let mut byte = [0];
        if file.read(&mut byte)? == 0 {
            if shift == 0 {
                return Ok(false);
            }
            return Err(ChakraError::Cut { record, missing: 1 });
        }
        // The tenth byte of a varint has one bit.
        if shift < 9 || byte[0] < 2 {
            claimed |= u64::from(byte[0] & 0x7f) << (7 * shift);
        } else {
            claimed = u64::MAX;
        }
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    if claimed > most {
        return Err(ChakraError::TooLong { record, claimed, most });
    }
    buffer.clear();
    file.by_ref().take(claimed).read_to_end(buffer)?;
    let missing = claimed - buffer.len() as u64;
    if missing > 0 {
        return Err(ChakraError::Cut { record, missing });
    }
    Ok(claimed > 0)
}

fn add(draft: &mut Draft, node: &wire::Node) -> Result<(), ChakraError> {
    let kind = NodeKind::of(node.kind);
    let find = |name: &str| node.attr.iter().find(|a| a.name == name);
    let whole = |name: &str| find(name).and_then(Attribute::whole);
    let number = |name: &str| {
        let attribute = find(name)?;
        attribute.whole().map(|x| x as f64).or_else(|| attribute.value.as_ref().and_then(real))
    };
    let sane = |x: Option<f64>| x.filter(|x| x.is_finite() && *x >= 0.0).unwrap_or(0.0);
    let wrong = |what: String| ChakraError::Communication { id: node.id, name: short(&node.name), what };
    let size = || whole("comm_size").ok_or_else(|| wrong("has no comm_size, a whole number of bytes".to_owned()));
    let rank = |name: &str| match find(name) {
        None => Ok(None),
        Some(attribute) => match attribute.whole().and_then(|r| u32::try_from(r).ok()) {
            Some(rank) => Ok(Some(rank)),
            None => Err(wrong(format!("has a {name} that is no rank"))),
        },
    };
    let communication = match kind {
        NodeKind::Collective => {
            let operation = whole("comm_type").ok_or_else(|| wrong("has no comm_type".to_owned()))?;
            if operation >= COLLECTIVES.len() as u64 {
                return Err(wrong(format!("has comm_type {operation}; 0 to {} are known", COLLECTIVES.len() - 1)));
            }
            // A barrier moves nothing and need not say so.
            let bytes = if operation == 9 { whole("comm_size").unwrap_or(0) } else { size()? };
            let group = find("pg_name").and_then(Attribute::text).filter(|g| !g.is_empty());
            let group = group.map(|g| draft.groups.index(g));
            Some(Communication::Collective { operation: operation as u8, bytes, group })
        }
        NodeKind::Send | NodeKind::Receive => {
            let (from, to) = (rank("comm_src")?, rank("comm_dst")?);
            Some(Communication::Point { from, to, tag: whole("comm_tag").unwrap_or(0), bytes: size()? })
        }
        _ => None,
    };
    let name = draft.names.index(&short(&node.name));
    draft.nodes.push(Node {
        id: node.id,
        name,
        kind,
        host: find("is_cpu_op").and_then(Attribute::truth).unwrap_or(false),
        micros: node.duration_micros,
        flop: sane(number("num_ops")),
        bytes: sane(number("tensor_size")),
        communication,
    });
    draft.needs.extend(node.ctrl_deps.iter().chain(&node.data_deps));
    draft.ends.push(u32::try_from(draft.needs.len()).unwrap_or(u32::MAX));
    Ok(())
}

/// A name, cut to what a message or a timeline can carry.
fn short(name: &str) -> String {
    name.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
