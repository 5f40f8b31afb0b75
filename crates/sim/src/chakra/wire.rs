//! The messages of `et_def.proto` (mlcommons/chakra, package ChakraProtoMsg), schema 0.0.4, written out by hand: no
//! compiler of protobuf is needed to build. Fields that are not listed are skipped.

use prost::{Message, Oneof};

/// The first record of a file.
#[derive(Clone, PartialEq, Message)]
pub struct GlobalMetadata {
    /// Version of the schema, "0.0.4".
    #[prost(string, tag = "1")]
    pub version: String,
    /// Whatever the writer had to say.
    #[prost(message, repeated, tag = "2")]
    pub attr: Vec<Attribute>,
}

/// Every further record.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Unique within a file.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Name of the operator.
    #[prost(string, tag = "2")]
    pub name: String,
    /// See [`super::NodeKind`].
    #[prost(int32, tag = "3")]
    pub kind: i32,
    /// Nodes that must be done before it for order.
    #[prost(uint64, repeated, tag = "4")]
    pub ctrl_deps: Vec<u64>,
    /// Nodes that must be done before it for their data.
    #[prost(uint64, repeated, tag = "5")]
    pub data_deps: Vec<u64>,
    /// As recorded.
    #[prost(uint64, tag = "6")]
    pub start_time_micros: u64,
    /// As recorded.
    #[prost(uint64, tag = "7")]
    pub duration_micros: u64,
    /// Inputs.
    #[prost(message, optional, tag = "8")]
    pub inputs: Option<IoInfo>,
    /// Outputs.
    #[prost(message, optional, tag = "9")]
    pub outputs: Option<IoInfo>,
    /// Everything else.
    #[prost(message, repeated, tag = "10")]
    pub attr: Vec<Attribute>,
}

/// Values, shapes and types of inputs or outputs, as text.
#[derive(Clone, PartialEq, Message)]
pub struct IoInfo {
    /// Values.
    #[prost(string, tag = "1")]
    pub values: String,
    /// Shapes.
    #[prost(string, tag = "2")]
    pub shapes: String,
    /// Types.
    #[prost(string, tag = "3")]
    pub types: String,
}

/// A named value.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it means.
    #[prost(string, tag = "2")]
    pub doc_string: String,
    /// The value, by its type; lists are kept as they stand on the wire.
    #[prost(
        oneof = "Value",
        tags = "3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32"
    )]
    pub value: Option<Value>,
}

/// A value of an attribute. Lists are messages whose field 1 repeats the value; they are not looked into.
#[derive(Clone, PartialEq, Oneof)]
#[allow(missing_docs)]
pub enum Value {
    #[prost(double, tag = "3")]
    Double(f64),
    #[prost(bytes, tag = "4")]
    DoubleList(Vec<u8>),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(bytes, tag = "6")]
    FloatList(Vec<u8>),
    #[prost(int32, tag = "7")]
    Int32(i32),
    #[prost(bytes, tag = "8")]
    Int32List(Vec<u8>),
    #[prost(int64, tag = "9")]
    Int64(i64),
    #[prost(bytes, tag = "10")]
    Int64List(Vec<u8>),
    #[prost(uint32, tag = "11")]
    Uint32(u32),
    #[prost(bytes, tag = "12")]
    Uint32List(Vec<u8>),
    #[prost(uint64, tag = "13")]
    Uint64(u64),
    #[prost(bytes, tag = "14")]
    Uint64List(Vec<u8>),
    #[prost(sint32, tag = "15")]
    Sint32(i32),
    #[prost(bytes, tag = "16")]
    Sint32List(Vec<u8>),
    #[prost(sint64, tag = "17")]
    Sint64(i64),
    #[prost(bytes, tag = "18")]
    Sint64List(Vec<u8>),
    #[prost(fixed32, tag = "19")]
    Fixed32(u32),
    #[prost(bytes, tag = "20")]
    Fixed32List(Vec<u8>),
    #[prost(fixed64, tag = "21")]
    Fixed64(u64),
    #[prost(bytes, tag = "22")]
    Fixed64List(Vec<u8>),
    #[prost(sfixed32, tag = "23")]
    Sfixed32(i32),
    #[prost(bytes, tag = "24")]
    Sfixed32List(Vec<u8>),
    #[prost(sfixed64, tag = "25")]
    Sfixed64(i64),
    #[prost(bytes, tag = "26")]
    Sfixed64List(Vec<u8>),
    #[prost(bool, tag = "27")]
    Bool(bool),
    #[prost(bytes, tag = "28")]
    BoolList(Vec<u8>),
    #[prost(string, tag = "29")]
    Text(String),
    #[prost(bytes, tag = "30")]
    TextList(Vec<u8>),
    #[prost(bytes, tag = "31")]
    Bytes(Vec<u8>),
    #[prost(bytes, tag = "32")]
    BytesList(Vec<u8>),
}

impl Attribute {
    /// A named value.
    pub fn new(name: &str, value: Value) -> Attribute {
        Attribute { name: name.to_owned(), doc_string: String::new(), value: Some(value) }
    }

    /// A whole number of any width: writers differ. `None` if it is none, or negative.
    pub fn whole(&self) -> Option<u64> {
        match self.value.as_ref()? {
            Value::Int32(x) | Value::Sint32(x) | Value::Sfixed32(x) => u64::try_from(*x).ok(),
            Value::Int64(x) | Value::Sint64(x) | Value::Sfixed64(x) => u64::try_from(*x).ok(),
            Value::Uint32(x) | Value::Fixed32(x) => Some(u64::from(*x)),
            Value::Uint64(x) | Value::Fixed64(x) => Some(*x),
            Value::Double(x) if *x >= 0.0 && x.fract() == 0.0 && *x < 2f64.powi(53) => Some(*x as u64),
            _ => None,
        }
    }

    /// A truth value, or a number that is 0 or not.
    pub fn truth(&self) -> Option<bool> {
        match self.value.as_ref()? {
            Value::Bool(x) => Some(*x),
            _ => self.whole().map(|x| x != 0),
        }
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self.value.as_ref()? {
            Value::Text(x) => Some(x),
            _ => None,
        }
    }
}
