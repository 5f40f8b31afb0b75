//! One text in both languages, for a page that can switch.

use std::fmt::Write;

use super::{Lang, Msg, term};

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Both {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Both {
    /// From what says it in each language.
    pub fn of(say: impl Fn(Lang) -> String) -> Both {
        Both { en: say(Lang::En), zh: say(Lang::Zh) }
    }

    /// A message without arguments.
    pub fn msg(msg: Msg) -> Both {
        Both::of(|lang| msg.text(lang).to_owned())
    }

    /// A word of the data.
    pub fn term(word: &str) -> Both {
        Both::of(|lang| term(word, lang).to_owned())
    }

    /// The same in both: names and numbers.
    pub fn same(text: impl Into<String>) -> Both {
        let text = text.into();
        Both { en: text.clone(), zh: text }
    }

    /// As `tag` elements of which the page shows one; plain text where both are the same. Escaped.
    fn elements(&self, tag: &str) -> String {
        if self.en == self.zh {
            return escape(&self.en);
        }
        format!("<{tag} lang=\"en\">{}</{tag}><{tag} lang=\"zh\">{}</{tag}>", escape(&self.en), escape(&self.zh))
    }

    /// For HTML.
    pub fn html(&self) -> String {
        self.elements("span")
    }

    /// For the inside of an SVG `text`.
    pub fn svg(&self) -> String {
        self.elements("tspan")
    }

    /// As attributes `{name}-en` and `{name}-zh`, with a blank before each.
    pub fn attributes(&self, name: &str) -> String {
        format!(" {name}-en=\"{}\" {name}-zh=\"{}\"", escape(&self.en), escape(&self.zh))
    }
}

/// Text made safe for elements and quoted attributes. Control characters, which HTML forbids, become blanks; line feeds
/// survive as references.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Appends formatted text; writing to a `String` does not fail.
pub fn put(out: &mut String, text: std::fmt::Arguments) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(escape("<a b='c'>&\"\u{1b}\n"), "&lt;a b=&#39;c&#39;&gt;&amp;&quot; &#10;");
    }

    #[test]
    fn equal_texts_stand_once() {
        assert_eq!(Both::same("TP8").html(), "TP8");
        assert_eq!(Both::msg(Msg::Power).svg(), "<tspan lang=\"en\">Power</tspan><tspan lang=\"zh\">功耗</tspan>");
    }
}
