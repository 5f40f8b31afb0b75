//! How the files of measurements are to be read: `catalog/measurements/reading.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

const TEXT: &str = include_str!("../../../../catalog/measurements/reading.toml");

/// Texts that columns of a row contain, by column.
type Texts = BTreeMap<String, String>;

/// How the files of measurements are to be read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Engine profiles that pad heads to a multiple of the tensor-parallel degree.
    pub pads_heads: Vec<String>,
    /// How the goals split rows.
    pub goals: Goals,
    /// Engines by name, in order of preference.
    pub engine: Vec<EngineName>,
    /// Weight formats by name.
    pub format: Vec<FormatName>,
    /// Lengths of data sets.
    pub dataset: Vec<DataSet>,
    /// Sets whose means a row gives.
    pub spread: Vec<Spread>,
    /// Lengths drawn uniformly.
    pub uniform: Vec<Uniform>,
    /// Sources that send as many requests as they may have in flight, once.
    pub once: Vec<Rule>,
    /// Runs without graphs.
    pub eager: Vec<Rule>,
    /// Runs so long that ramp and drain do not count.
    pub long: Vec<Rule>,
    /// How engines were started.
    pub launch: Vec<Launch>,
    /// Rows that are refused.
    pub trap: Vec<Rule>,
    /// Rows that are predicted but not judged.
    pub doubt: Vec<Rule>,
}

/// How the goals split rows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goals {
    /// Maker of chips that has a goal of its own.
    pub first_maker: String,
}

/// A text in the name of a framework, and the profile that stands for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineName {
    /// Text.
    pub text: String,
    /// Profile.
    pub profile: String,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Texts that all must be there.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Texts none of which may be there.
    #[serde(default)]
    pub unless: Texts,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Schemes of weights by the name of a format.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatName {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Scheme of attention and dense layers; as published where missing.
    pub dense: Option<String>,
    /// Scheme of experts; as `dense` where missing.
    pub experts: Option<String>,
}

/// Lengths of a data set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSet {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Mean prompt, tokens.
    pub input: f64,
    /// Mean answer, tokens.
    pub output: f64,
    /// Sigma of the logarithm of both.
    pub sigma: f64,
    /// Longest of either.
    pub longest: u64,
    /// Who says so.
    pub source: String,
}

/// Spread of a set whose means the row gives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Sigma of the logarithm of prompts.
    pub input: f64,
    /// And of answers.
    pub output: f64,
    /// Longest of either.
    pub longest: u64,
}

/// Lengths drawn uniformly in `[from L, L]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uniform {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Shortest over longest.
    pub from: f64,
}

/// How an engine was started, where that is not its profile's default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Which rows.
    #[serde(rename = "where")]
    pub texts: Texts,
    /// Texts none of which may be there.
    #[serde(default)]
    pub unless: Texts,
    /// Most tokens in a step.
    pub step_tokens: Option<u32>,
    /// Storage scheme of the cache.
    pub kv: Option<String>,
    /// Prompts wait for a step that is full to a share, for so many steps at most.
    pub gather: Option<Gathering>,
    /// Who says so.
    pub source: String,
}

/// Prompts wait until a step is full to a share, for so many steps at most.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gathering {
    /// Share of a step's tokens.
    pub share: f64,
    /// Steps.
    pub steps: u32,
}

/// Whether all texts stand in their columns; `column` gives a row's text.
pub fn matches<'a>(texts: &Texts, column: impl Fn(&str) -> &'a str) -> bool {
    texts.iter().all(|(name, text)| column(name).to_lowercase().contains(&text.to_lowercase()))
}

/// Whether all texts stand in their columns, and none of the others.
fn fits<'a>(texts: &Texts, unless: &Texts, column: impl Fn(&str) -> &'a str + Copy) -> bool {
    matches(texts, column)
        && !unless.iter().any(|(name, text)| column(name).to_lowercase().contains(&text.to_lowercase()))
}

impl Rule {
    /// Whether a row is meant.
    pub fn fits<'a>(&self, column: impl Fn(&str) -> &'a str + Copy) -> bool {
        fits(&self.texts, &self.unless, column)
    }
}

impl Launch {
    /// Storage scheme of the cache.
    pub fn cache(&self) -> Option<formats::Scheme> {
        self.kv.as_deref().and_then(formats::Scheme::from_name)
    }
}

impl Reading {
    /// How the engine of a row was started, where that is known.
    pub fn launched<'a>(&self, column: impl Fn(&str) -> &'a str + Copy) -> Option<&Launch> {
        self.launch.iter().find(|l| fits(&l.texts, &l.unless, column))
    }

    /// The built-in one.
    pub fn embedded() -> &'static Reading {
        static READING: OnceLock<Reading> = OnceLock::new();
        // A broken file cannot be built in: a test reads it.
        READING.get_or_init(|| toml::from_str(TEXT).unwrap_or_else(|e| panic!("measurements/reading.toml: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::Scheme;

    #[test]
    fn the_built_in_file_is_sound() {
        let reading = Reading::embedded();
        let schemes = reading.format.iter().flat_map(|f| f.dense.iter().chain(&f.experts));
        for name in schemes {
            assert!(name == "fp8" || Scheme::from_name(name).is_some(), "{name}");
        }
        for engine in &reading.engine {
            assert!(catalog::Engine::names().contains(&engine.profile.as_str()), "{}", engine.profile);
        }
        for launch in &reading.launch {
            assert!(launch.kv.is_none() || launch.cache().is_some(), "{launch:?}");
            assert!(launch.gather.is_none_or(|g| g.share > 0.0 && g.share <= 1.0) && !launch.source.is_empty());
        }
        assert!(reading.dataset.iter().all(|d| d.input > 0.0 && d.output > 0.0 && !d.source.is_empty()));
    }

    #[test]
    fn rules_match_by_column() {
        let column = |name: &str| if name == "note" { "Mean of a Wide Distribution" } else { "tpot_mean" };
        let rule = |unless: &str| Rule {
            texts: [("note".to_owned(), "wide".to_owned())].into(),
            unless: if unless.is_empty() { Texts::new() } else { [("metric".to_owned(), unless.to_owned())].into() },
            reason: String::new(),
        };
        assert!(rule("").fits(column) && rule("ttft").fits(column) && !rule("tpot").fits(column));
    }
}
