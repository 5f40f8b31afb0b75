//! Jobs of which operators published how they fared: studies in `catalog/measurements/faults/`, each with what was seen,
//! and each without the counts of failures that come from the same source.

use std::path::Path;

use catalog::{Catalog, Diagnostic};
use include_dir::{Dir, include_dir};

use super::{Study, check};
use crate::study::Library;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/measurements/faults");

/// Their studies by name.
///
/// # Errors
/// All that is wrong with them: a catalog of the user's may lack what they name.
pub fn measured(catalog: &Catalog) -> Result<Vec<(String, Study)>, Vec<Diagnostic>> {
    let mut files: Vec<_> = FILES.files().collect();
    files.sort_by_key(|f| f.path());
    let library = Library { catalog, folder: None };
    let (mut studies, mut faults) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.path().file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let path = Path::new("measurements/faults").join(file.path());
        match check(&path.display().to_string(), file.contents_utf8().unwrap_or_default(), None, library) {
            Ok(study) => studies.push((name, study)),
            Err(mut found) => faults.append(&mut found),
        }
    }
    if faults.is_empty() { Ok(studies) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_sound_and_say_what_was_seen() {
        let studies = measured(&Catalog::embedded()).expect("sound");
        assert!(studies.len() >= 8);
        for (name, study) in studies {
            let seen = study.observed.expect("something was seen");
            assert!(!seen.values.is_empty() && study.systems.len() == 1, "{name}");
        }
    }
}
