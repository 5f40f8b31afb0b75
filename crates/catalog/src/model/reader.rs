//! Reads the fields of an object, and remembers every fault and every field that nobody asked for.
//!
//! A faulty field yields a harmless stand-in, so that one pass over a file finds all its faults; nothing built from
//! stand-ins leaves [`super::hf`].

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::json::{Member, Node, Position, Value};
use crate::Diagnostic;

/// Faults that are kept of one file.
const MAX_FAULTS: usize = 100;

/// Faults of one file.
#[derive(Debug)]
pub struct Faults {
    file: String,
    list: RefCell<Vec<Diagnostic>>,
}

impl Faults {
    /// No faults yet.
    pub fn new(file: &str) -> Faults {
        Faults { file: file.to_owned(), list: RefCell::default() }
    }

    /// Adds a fault; beyond [`MAX_FAULTS`] nobody reads on.
    pub fn add(&self, code: &'static str, at: Option<Position>, message: impl Into<String>, help: Option<String>) {
        if self.is_full() {
            return;
        }
        self.list.borrow_mut().push(Diagnostic {
            code,
            message: message.into(),
            file: self.file.clone(),
            line: at.map_or(0, |p| p.line as usize),
            column: at.map_or(0, |p| p.column as usize),
            help: help.unwrap_or_default(),
        });
    }

    fn is_full(&self) -> bool {
        self.list.borrow().len() >= MAX_FAULTS
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// All of them, in order of position.
    pub fn take(self) -> Vec<Diagnostic> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|d| (d.line, d.column));
        list
    }
}

/// Bounds that no real model comes near, so that arithmetic on counts stays exact and typing errors are caught.
pub mod limit {
    /// Layers.
    pub const LAYERS: u64 = 10_000;
    /// Heads, groups, experts of a token, window sizes in blocks.
    pub const HEADS: u64 = 1 << 16;
    /// Widths of heads and ranks.
    pub const DIM: u64 = 1 << 17;
    /// Widths of the residual stream and of feed-forward blocks.
    pub const WIDTH: u64 = 1 << 24;
    /// Vocabulary and contexts.
    pub const TOKENS: u64 = 1 << 31;
}

/// The fields of one object.
pub struct Fields<'a> {
    members: &'a [Member],
    at: Position,
    path: String,
    faults: &'a Faults,
    used: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, or `None` and a fault if it is no object. `path` is the prefix for messages.
    pub fn of(node: &'a Node, path: &str, faults: &'a Faults) -> Option<Fields<'a>> {
        let Value::Map(members) = &node.value else {
            let found = node.value.kind();
            faults.add("model/wrong-type", Some(node.at), format!("`{path}` is {found}, expected an object"), None);
            return None;
        };
        let mut seen = BTreeSet::new();
        for member in members {
            if !seen.insert(member.name.as_str()) {
                let message = format!("`{path}{}` is written twice", member.name);
                faults.add("model/duplicate-field", Some(member.at), message, Some("keep one of them".into()));
            }
        }
        Some(Fields { members, at: node.at, path: path.to_owned(), faults, used: RefCell::default() })
    }

    /// Adds a fault that concerns `name`.
    pub fn fault(&self, code: &'static str, name: &str, message: impl Into<String>, help: Option<String>) {
        if self.faults.is_full() {
            return;
        }
        let at = self.members.iter().find(|m| m.name == name).map_or(self.at, |m| m.node.at);
        self.faults.add(code, Some(at), message, help);
    }

    /// The value of a field, `None` if missing or null.
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        let member = self.members.iter().find(|m| m.name == name)?;
        self.used.borrow_mut().insert(&member.name);
        (member.node.value != Value::Null).then_some(&member.node)
    }

    /// Whether a field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn wrong_type(&self, name: &str, node: &Node, expected: &str) {
        let message = format!("`{}{name}` is {}, expected {expected}", self.path, node.value.kind());
        self.faults.add("model/wrong-type", Some(node.at), message, None);
    }

    fn integer(&self, name: &str, node: &Node, low: u64, high: u64) -> Option<u64> {
        let Value::Number(number) = node.value else {
            self.wrong_type(name, node, "a whole number");
            return None;
        };
        // Cast: checked to be whole and within limits that are far below 2^53.
        if number.fract() == 0.0 && (low as f64..=high as f64).contains(&number) {
            return Some(number as u64);
        }
        let message = format!("`{}{name}` is {number}, expected a whole number from {low} to {high}", self.path);
        self.faults.add("model/out-of-range", Some(node.at), message, None);
        None
    }

    /// An optional count from `low` to `high`; `None` if missing, null or faulty.
    pub fn between(&self, name: &str, low: u64, high: u64) -> Option<u64> {
        self.get(name).and_then(|node| self.integer(name, node, low, high))
    }

    /// A count from 1 to `high` that must be there; 1 if faulty.
    pub fn count(&self, name: &str, high: u64) -> u64 {
        match self.get(name) {
            Some(node) => self.integer(name, node, 1, high).unwrap_or(1),
            None => {
                self.missing(name, "a whole number");
                1
            }
        }
    }

    /// A count from 0 to `high`; `default` if missing, which must be what the model's own code takes then.
    pub fn count_or(&self, name: &str, high: u64, default: u64) -> u64 {
        self.between(name, 0, high).unwrap_or(default)
    }

    /// A flag; `default` if missing.
    pub fn flag_or(&self, name: &str, default: bool) -> bool {
        match self.get(name) {
            None => default,
            Some(Node { value: Value::Bool(flag), .. }) => *flag,
            Some(node) => {
                self.wrong_type(name, node, "true or false");
                default
            }
        }
    }

    /// A string, `None` if missing.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let node = self.get(name)?;
        let Value::Text(text) = &node.value else {
            self.wrong_type(name, node, "a string");
            return None;
        };
        Some(text)
    }

    /// An object, `None` if missing.
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        Fields::of(self.get(name)?, &format!("{}{name}.", self.path), self.faults)
    }

    /// A list, `None` if missing.
    pub fn list(&self, name: &str) -> Option<&'a [Node]> {
        let node = self.get(name)?;
        let Value::List(items) = &node.value else {
            self.wrong_type(name, node, "a list");
            return None;
        };
        Some(items)
    }

    /// A list of strings, `None` if missing or faulty.
    pub fn texts(&self, name: &str) -> Option<Vec<&'a str>> {
        let items = self.list(name)?.iter().map(|node| match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => {
                self.wrong_type(name, node, "a list of strings");
                None
            }
        });
        items.collect()
    }

    /// A list of counts from 0 to `high`, `None` if missing or faulty.
    pub fn counts(&self, name: &str, high: u64) -> Option<Vec<u64>> {
        let items = self.list(name)?;
        if items.len() as u64 > 2 * limit::LAYERS {
            let message = format!("`{}{name}` has {} entries, more than any model has layers", self.path, items.len());
            self.fault("model/out-of-range", name, message, None);
            return None;
        }
        items.iter().map(|node| self.integer(name, node, 0, high)).collect()
    }

    /// Says that a needed field is missing.
    pub fn missing(&self, name: &str, expected: &str) {
        let message = format!("`{}{name}` is missing: expected {expected}", self.path);
        self.faults.add("model/missing-field", Some(self.at), message, None);
    }

    /// A list with one entry per layer must be as long as there are layers.
    pub fn per_layer<T>(&self, name: &str, list: Option<Vec<T>>, layers: usize) -> Option<Vec<T>> {
        let list = list?;
        if list.len() == layers {
            return Some(list);
        }
        let message = format!("`{}{name}` has {} entries for {layers} layers", self.path, list.len());
        self.fault("model/inconsistent", name, message, None);
        None
    }

    /// All members that are objects, with their names. One pass: such an object may have thousands of members.
    pub fn objects(&self) -> impl Iterator<Item = (&'a str, Fields<'a>)> {
        self.members.iter().filter_map(|member| {
            self.used.borrow_mut().insert(&member.name);
            let fields = Fields::of(&member.node, &format!("{}{}.", self.path, member.name), self.faults)?;
            Some((member.name.as_str(), fields))
        })
    }

    /// Names of all fields that are not null.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.members.iter().filter(|m| m.node.value != Value::Null).map(|m| m.name.as_str())
    }

    /// Names of fields that nobody asked for.
    pub fn unread(&self) -> Vec<&'a str> {
        let used = self.used.borrow();
        self.names().filter(|name| !used.contains(name)).collect()
    }
}
