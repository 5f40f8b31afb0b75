//! Finding things by the names people use.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::written::nearest;

/// Why a name gives nothing to run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LookupError {
    /// No such thing.
    #[error("no {what} is called '{name}'{}", near.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default())]
    Unknown {
        /// "chip" or "system".
        what: &'static str,
        /// What was asked for.
        name: String,
        /// The name it may stand for.
        near: Option<String>,
    },
    /// The thing is known, but not enough of it to be run.
    #[error("{what} '{id}' lacks {}; a folder of your own can supply it (--catalog)", missing.join(", "))]
    Incomplete {
        /// "chip" or "system".
        what: &'static str,
        /// Its id.
        id: String,
        /// Paths of the missing facts.
        missing: Vec<String>,
    },
}

/// Names of things of one sort. Case, spaces, dashes and the like do not count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Bare name to id.
    ids: BTreeMap<String, String>,
    /// Names as written, for suggestions.
    written: Vec<String>,
}

impl Names {
    /// Adds a name. Gives back the id that has it already, if another.
    pub(crate) fn add(&mut self, name: &str, id: &str) -> Option<String> {
        let key = bare(name);
        match self.ids.get(&key) {
            Some(other) if other != id => return Some(other.clone()),
            Some(_) => return None,
            None => {}
        }
        self.ids.insert(key, id.to_owned());
        self.written.push(name.to_owned());
        None
    }

    pub(crate) fn id(&self, name: &str) -> Option<&str> {
        self.ids.get(&bare(name)).map(String::as_str)
    }

    /// The written name nearest to `name`.
    pub(crate) fn near(&self, name: &str) -> Option<String> {
        nearest(name, self.written.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// A name without what people write differently.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count() {
        let mut names = Names::default();
        assert_eq!(names.add("huawei_cloudmatrix384", "huawei_cloudmatrix384"), None);
        assert_eq!(names.add("CloudMatrix 384", "huawei_cloudmatrix384"), None);
        assert_eq!(names.id("huawei-cloudmatrix-384"), Some("huawei_cloudmatrix384"));
        assert_eq!(names.add("cloudmatrix-384", "other"), Some("huawei_cloudmatrix384".to_owned()));
        assert_eq!(names.near("cloudmatrx 384").as_deref(), Some("CloudMatrix 384"));
        assert_eq!(names.near("dishwasher"), None);
    }
}
