//! Every text that a person reads, in English and Chinese.
//!
//! A message without one of the languages does not compile. Field terms (TTFT, TPOT, TP, PP, EP...) stay as they are;
//! the glossary explains them. Words that come with the data (an operator's name, a limit) go through [`term`].

pub mod both;
pub mod claim_words;
pub mod glossary;
pub mod goodput;
pub mod msg;
pub mod notes;
pub mod number;
pub mod plan;
pub mod plan_inputs;
pub mod plan_words;
pub mod replay;
mod term;
pub mod trace;
pub mod training;
pub mod words;

pub use both::Both;
pub use msg::Msg;
pub use plan::PlanMsg;
pub use term::term;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified characters.
    Zh,
}

impl Lang {
    /// Colon as the language writes it, with its blank.
    pub fn colon(self) -> &'static str {
        match self {
            Lang::En => ": ",
            Lang::Zh => "：",
        }
    }

    /// Comma of a list.
    pub fn comma(self) -> &'static str {
        match self {
            Lang::En => ", ",
            Lang::Zh => "、",
        }
    }

    /// Sentences one after the other.
    pub fn sentences(self, all: &[impl AsRef<str>]) -> String {
        let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
        all.join(if self == Lang::En { " " } else { "" })
    }

    /// Semicolon between the parts of a line.
    pub fn semicolon(self) -> &'static str {
        match self {
            Lang::En => "; ",
            Lang::Zh => "；",
        }
    }

    /// Text in brackets, with the blank before them.
    pub fn brackets(self, text: &str) -> String {
        match self {
            Lang::En => format!(" ({text})"),
            Lang::Zh => format!("（{text}）"),
        }
    }

    /// What the environment asks for: the first of `LC_ALL`, `LC_MESSAGES`, `LANG` that is set and not empty decides, as
    /// POSIX says.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Lang {
        let asked = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| var(name)).find(|v| !v.is_empty());
        match asked {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        }
    }

    /// `--lang` if given, else the environment's.
    pub fn choose(flag: Option<Lang>) -> Lang {
        flag.unwrap_or_else(|| Lang::from_env(|name| std::env::var(name).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn environment_decides_in_the_order_of_posix() {
        assert_eq!(Lang::from_env(env(&[])), Lang::En);
        assert_eq!(Lang::from_env(env(&[("LANG", "zh_CN.UTF-8")])), Lang::Zh);
        assert_eq!(Lang::from_env(env(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")])), Lang::En);
        assert_eq!(Lang::from_env(env(&[("LANG", "en_US.UTF-8"), ("LC_ALL", ""), ("LC_MESSAGES", "zh_TW")])), Lang::Zh);
    }
}
