//! Things worth telling the user beside a result. Display is English; a program with more languages matches.

use std::fmt;

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// So many tensors are in the files but not in the index of shards. They are read all the same.
    NotInIndex(usize),
    /// So many quantised tensors are not understood; why the first is not.
    NotUnderstood(usize, String),
    /// A GGUF file could not be put into Hugging Face terms.
    NotTranslated(String),
    /// Everything is copied.
    NothingToConvert,
    /// The source has no configuration.
    NoConfig,
    /// GGUF names are kept.
    NamesKept,
    /// A GGUF source becomes a Hugging Face checkpoint.
    Translated,
    /// The source was rounded before; a sample of so many values of so many of so many matrices does not change.
    SameSoFar {
        /// Values looked at.
        values: u64,
        /// Matrices looked at.
        sampled: usize,
        /// Matrices that were rounded before.
        matrices: usize,
    },
    /// The source was rounded before, and will be again.
    RoundedAgain(Rounding),
}

/// What another rounding costs, measured on a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounding {
    /// Relative Frobenius error that is added.
    pub relative: f64,
    /// Share of values that change.
    pub changed: f64,
    /// Values looked at.
    pub values: u64,
    /// Matrices looked at.
    pub sampled: usize,
    /// Matrices that were rounded before.
    pub matrices: usize,
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "these weights were rounded before: rounding them again adds a relative error of {:.4} to the one they have, and changes {:.1} % of values (measured on {} values of {} of {} matrices)",
            self.relative,
            100.0 * self.changed,
            self.values,
            self.sampled,
            self.matrices
        )
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::NotInIndex(n) => {
                write!(f, "{n} tensors are in the files but not in the index; they are read all the same")
            }
            Note::NotUnderstood(n, first) => write!(f, "{n} quantised tensors are not understood: {first}"),
            Note::NotTranslated(why) => write!(f, "{why}; tensors are shown under the names that GGUF has for them"),
            Note::NothingToConvert => f.write_str("no tensor needs converting: everything is copied"),
            Note::NoConfig => f.write_str("the source has no config.json, so none is written"),
            Note::NamesKept => f.write_str("tensors keep the names that GGUF has for them; no config.json is written"),
            Note::Translated => f.write_str(
                "names and config.json are those of a Hugging Face checkpoint; the tokenizer stays in the GGUF file",
            ),
            Note::SameSoFar { values, sampled, matrices } => write!(
                f,
                "the values were rounded before; every one stays the same so far (measured on {values} values of {sampled} of {matrices} matrices), and each will be checked"
            ),
            Note::RoundedAgain(rounding) => rounding.fmt(f),
        }
    }
}
