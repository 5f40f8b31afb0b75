//! How the file of training runs is to be read: `catalog/measurements/training-reading.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

const TEXT: &str = include_str!("../../../../catalog/measurements/training-reading.toml");

/// Texts that columns of a row contain, by column.
pub type Texts = BTreeMap<String, String>;

/// How the file is to be read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Profiles of frameworks, in order of preference.
    pub framework: Vec<Named>,
    /// Built-in models by the names of rows.
    pub models: BTreeMap<String, String>,
    /// Chips of the catalog by the names of rows.
    pub chips: BTreeMap<String, String>,
    /// How rows that give TFLOP/s count operations.
    pub flop: Vec<Flop>,
    /// Rows that are not predicted.
    pub refuse: Vec<Rule>,
    /// Rows that are predicted but not judged.
    pub doubt: Vec<Rule>,
}

/// A framework's profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Profile.
    pub profile: String,
}

/// A way of counting operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// `6 N + 12 L h s` a token: attention without its causal half.
    Attention,
    /// `96 L h^2 (1 + s / 6 h + V / 16 L h)` a token: recomputation counted.
    Recomputed,
}

/// Rows and how they count.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flop {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// How.
    pub convention: Convention,
}

/// Rows and why.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Why.
    pub reason: String,
}

/// Whether the columns of a row hold all texts.
pub fn holds<'r>(texts: &Texts, column: impl Fn(&str) -> &'r str) -> bool {
    texts.iter().all(|(name, text)| column(name).to_lowercase().contains(&text.to_lowercase()))
}

impl Reading {
    /// The one that comes with the program. A test reads it, so that it cannot be wrong here.
    pub fn embedded() -> &'static Reading {
        static READING: OnceLock<Reading> = OnceLock::new();
        READING.get_or_init(|| toml::from_str(TEXT).unwrap_or_else(|e| panic!("training-reading.toml: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_it_gives_exist() {
        let reading = Reading::embedded();
        for named in &reading.framework {
            assert!(catalog::framework::Framework::names().contains(&named.profile.as_str()), "{}", named.profile);
        }
        for model in reading.models.values() {
            assert!(catalog::model::resolve(model).is_some(), "{model}");
        }
    }
}
