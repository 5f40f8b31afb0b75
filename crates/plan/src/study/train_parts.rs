//! What training studies share with serving studies.

pub(crate) use super::sections::{from_file, model_of, money_of, title, walk};
pub(crate) use super::systems::{candidate, name_of};

use catalog::written::Value;
use formats::Scheme;

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
