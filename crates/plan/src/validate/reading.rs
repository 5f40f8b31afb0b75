//! How the files of measurements are to be read: `catalog/measurements/reading.toml`.

use std::sync::OnceLock;

use serde::Deserialize;

const TEXT: &str = include_str!("../../../../catalog/measurements/reading.toml");

/// How the files of measurements are to be read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// How the goals split rows.
    pub goals: Goals,
}

/// How the goals split rows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goals {
    /// Maker of chips that has a goal of its own.
    pub first_maker: String,
}

impl Reading {
    /// The built-in one; `None` if it was built in broken, which a test rules out.
    pub fn embedded() -> Option<&'static Reading> {
        static READING: OnceLock<Option<Reading>> = OnceLock::new();
        READING.get_or_init(|| toml::from_str(TEXT).ok()).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_file_is_sound() {
        toml::from_str::<Reading>(TEXT).expect("sound");
    }
}
