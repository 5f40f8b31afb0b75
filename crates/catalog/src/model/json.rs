//! JSON with positions.
//!
//! A library's value type forgets where a value stood, and the strict ones refuse `Infinity` and `NaN`, which Python
//! writes into real configuration files. Depth and number of values are bounded, so a hostile file is an error and not
//! a stack overflow.

/// Where a value starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it starts.
    pub at: Position,
    /// The value.
    pub value: Value,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Key.
    pub name: String,
    /// Where the key stands.
    pub at: Position,
    /// Value.
    pub node: Node,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number; `NaN` and `Infinity` too. Integers are exact to 2^53.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Node>),
    /// An object, in the order of the file.
    Map(Vec<Member>),
}

impl Value {
    /// The name of the type, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }
}

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// What is wrong.
    pub message: String,
}

const MAX_DEPTH: u32 = 64;
const MAX_VALUES: u32 = 2_000_000;

/// Reads one JSON text.
///
/// # Errors
/// The first place that is not JSON, nested deeper than 64, or beyond two million values.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { bytes: text.as_bytes(), text, next: 0, line: 1, column: 1, values: 0 };
    let node = parser.value(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.fault("more text after the end of the value")),
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    next: usize,
    line: u32,
    column: u32,
    values: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.next).copied()
    }

    fn at(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { at: self.at(), message: message.into() }
    }

    fn step(&mut self) {
        match self.peek() {
            Some(b'\n') => {
                self.line += 1;
                self.column = 1;
            }
            // A continuation byte of UTF-8 belongs to the character before it.
            Some(byte) if byte & 0xC0 != 0x80 => self.column += 1,
            _ => {}
        }
        self.next += 1;
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.step();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() == Some(byte) {
            self.step();
            return Ok(());
        }
        Err(self.fault(format!("expected '{}'{}", char::from(byte), self.found())))
    }

    fn found(&self) -> String {
        match self.text.get(self.next..).and_then(|rest| rest.chars().next()) {
            None => ", found the end of the file".to_owned(),
            Some(c) => format!(", found '{}'", c.escape_debug()),
        }
    }

    fn value(&mut self, depth: u32) -> Result<Node, Fault> {
        self.space();
        self.values += 1;
        if depth > MAX_DEPTH {
            return Err(self.fault(format!("nested deeper than {MAX_DEPTH}")));
        }
        if self.values > MAX_VALUES {
            return Err(self.fault(format!("more than {MAX_VALUES} values")));
        }
        let at = self.at();
        let value = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
            _ => return Err(self.fault(format!("expected a value{}", self.found()))),
        };
        Ok(Node { at, value })
    }

    fn map(&mut self, depth: u32) -> Result<Value, Fault> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(Value::Map(members));
        }
        loop {
            self.space();
            let at = self.at();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            let node = self.value(depth + 1)?;
            members.push(Member { name, at, node });
            self.space();
            if self.peek() == Some(b',') {
                self.step();
                continue;
            }
            self.expect(b'}')?;
            return Ok(Value::Map(members));
        }
    }

    fn list(&mut self, depth: u32) -> Result<Value, Fault> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.peek() == Some(b',') {
                self.step();
                continue;
            }
            self.expect(b']')?;
            return Ok(Value::List(items));
        }
    }

    fn word(&mut self) -> Result<Value, Fault> {
        let (start, fault) = (self.next, self.fault("not a value of JSON"));
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')) {
            self.step();
        }
        match self.text.get(start..self.next).unwrap_or_default() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "NaN" => Ok(Value::Number(f64::NAN)),
            "Infinity" => Ok(Value::Number(f64::INFINITY)),
            "-Infinity" => Ok(Value::Number(f64::NEG_INFINITY)),
            word if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                word.parse().map(Value::Number).map_err(|_| fault)
            }
            _ => Err(fault),
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.next;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1F)) {
                self.step();
            }
            // Both ends stand at an ASCII byte or at the end, so they are character boundaries.
            out.push_str(self.text.get(start..self.next).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(_) => return Err(self.fault("a control character inside a string")),
                None => return Err(self.fault("a string that does not end")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Fault> {
        self.expect(b'\\')?;
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                self.step();
                let high = self.hex()?;
                // A pair of surrogates is one character; a lone one is replaced.
                let code =
                    if (0xD800..0xDC00).contains(&high) && self.bytes.get(self.next..self.next + 2) == Some(b"\\u") {
                        self.step();
                        self.step();
                        let low = self.hex()?;
                        0x10000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF)
                    } else {
                        high
                    };
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                return Ok(());
            }
            _ => return Err(self.fault("an unknown escape in a string")),
        };
        self.step();
        out.push(c);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else { return Err(self.fault("expected four hexadecimal digits")) };
            code = code * 16 + digit;
            self.step();
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_lines_and_columns() {
        let node = parse("{\n  \"名\": [1, \"x\"],\n  \"b\": NaN }").expect("JSON");
        let Value::Map(members) = node.value else { panic!("a map") };
        assert_eq!(members[0].node.at, Position { line: 2, column: 8 });
        let Value::List(items) = &members[0].node.value else { panic!("a list") };
        assert_eq!(items[1].at, Position { line: 2, column: 12 });
        assert!(matches!(members[1].node.value, Value::Number(n) if n.is_nan()));
    }

    #[test]
    fn strings_are_unescaped() {
        let text = |s: &str| match parse(s).map(|n| n.value) {
            Ok(Value::Text(t)) => t,
            other => panic!("{other:?}"),
        };
        assert_eq!(text(r#""a\n\u00e9\ud83d\ude00""#), "a\né😀");
        assert_eq!(text(r#""\ud83d""#), "\u{fffd}");
    }

    #[test]
    fn faults_say_where() {
        let fault = |s: &str| parse(s).expect_err("not JSON");
        assert_eq!(fault("{\n \"a\" 1}").at, Position { line: 2, column: 6 });
        assert_eq!(fault("[1,]").at.column, 4);
        assert!(fault("{\"a\": 1} x").message.contains("after the end"));
        assert!(fault("1e").message.contains("not a value"));
        assert!(fault("").message.contains("end of the file"));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = "[".repeat(1_000_000);
        assert!(parse(&deep).expect_err("too deep").message.contains("deeper"));
    }
}
