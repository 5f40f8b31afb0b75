//! What training studies share with serving studies.

use std::path::Path;

use catalog::Diagnostic;

pub(crate) use super::sections::{model_of, money_of, title, walk};
pub(crate) use super::systems::{candidate, name_of};

use super::files;
use catalog::written::Value;
use formats::Scheme;

/// The text of a study's file.
///
/// # Errors
/// What keeps it from being read.
pub(crate) fn text(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display().to_string();
    files::read_text(path, files::STUDY_BYTES).map_err(|fault| fault.in_file(&name))
}

/// A storage scheme by name.
pub(crate) fn scheme(value: &Value) -> Option<Scheme> {
    match super::sections::scheme(value)? {
        Some(scheme) => Some(scheme),
        None => {
            value.fault("'as published' says nothing of how it is trained", "name a storage scheme as in \"bf16\"");
            None
        }
    }
}
