//! Writes a file record by record.

use std::io::{self, Write};

use prost::Message;

use super::trace::COLLECTIVES;
use super::wire::{Attribute, GlobalMetadata, Node, Value};

/// Version of the schema that all known writers name.
pub const VERSION: &str = "0.0.4";

/// Writes the records of one rank.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    next: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file. Wrap a file in a `BufWriter`.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(out: W) -> io::Result<Writer<W>> {
        let mut writer = Writer { out, next: 0 };
        writer.record(&GlobalMetadata { version: VERSION.to_owned(), attr: Vec::new() })?;
        Ok(writer)
    }

    /// Writes a node as it is.
    ///
    /// # Errors
    /// What the writer says.
    pub fn node(&mut self, node: &Node) -> io::Result<()> {
        self.next = self.next.max(node.id.saturating_add(1));
        self.record(node)
    }

    /// Writes a compute node; gives its id.
    ///
    /// # Errors
    /// What the writer says.
    pub fn compute(&mut self, name: &str, micros: u64, needs: &[u64]) -> io::Result<u64> {
        let attr = vec![Attribute::new("is_cpu_op", Value::Bool(false))];
        self.add(name, 4, micros, needs, attr)
    }

    /// Writes a collective of all ranks, or of a process group; gives its id. `operation` is one of [`COLLECTIVES`].
    ///
    /// # Errors
    /// What the writer says; `InvalidInput` for another operation.
    pub fn collective(&mut self, operation: &str, bytes: u64, group: Option<&str>, needs: &[u64]) -> io::Result<u64> {
        let Some(number) = COLLECTIVES.iter().position(|&c| c == operation) else {
            let names = COLLECTIVES.join(", ");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{operation}' is none of {names}")));
        };
        let mut attr = vec![
            Attribute::new("is_cpu_op", Value::Bool(false)),
            Attribute::new("comm_type", Value::Int64(number as i64)),
            Attribute::new("comm_size", Value::Int64(bytes as i64)),
        ];
        attr.extend(group.map(|g| Attribute::new("pg_name", Value::Text(g.to_owned()))));
        self.add(operation, 7, 0, needs, attr)
    }

    /// Writes a message to another rank (`send`) or from it; gives its id.
    ///
    /// # Errors
    /// What the writer says.
    pub fn point(&mut self, send: bool, from: u32, to: u32, tag: u32, bytes: u64, needs: &[u64]) -> io::Result<u64> {
        let attr = vec![
            Attribute::new("is_cpu_op", Value::Bool(false)),
            Attribute::new("comm_src", Value::Uint32(from)),
            Attribute::new("comm_dst", Value::Uint32(to)),
            Attribute::new("comm_tag", Value::Uint32(tag)),
            Attribute::new("comm_size", Value::Uint64(bytes)),
        ];
        let (name, kind) = if send { ("send", 5) } else { ("receive", 6) };
        self.add(name, kind, 0, needs, attr)
    }

    /// Ends the file and gives back the writer, flushed.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn add(&mut self, name: &str, kind: i32, micros: u64, needs: &[u64], attr: Vec<Attribute>) -> io::Result<u64> {
        let id = self.next;
        let (name, data_deps) = (name.to_owned(), needs.to_vec());
        self.node(&Node { id, name, kind, duration_micros: micros, data_deps, attr, ..Node::default() })?;
        Ok(id)
    }

    fn record(&mut self, message: &impl Message) -> io::Result<()> {
        self.out.write_all(&message.encode_length_delimited_to_vec())
    }
}
