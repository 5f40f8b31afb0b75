//! The files of measurements: those that come with the program, and others in the same columns.

use std::path::Path;

use thiserror::Error;

use crate::tables::{Table, TableError};

/// A kind of file, known by its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// One value of an inference run a row.
    Serving,
    /// TTFT and TPOT of a serving point a row.
    ServingSilicon,
    /// One operator a row.
    Operators,
    /// One exchange a row.
    Collectives,
    /// One value of a training run a row.
    Training,
}

/// A file that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{path}: not a file of measurements: its header must have the columns of serving ({}), serving-silicon ({}), \
     operators ({}), collectives ({}) or training ({})",
    File::Serving.header().join(", "),
    File::ServingSilicon.header().join(", "),
    File::Operators.header().join(", "),
    File::Collectives.header().join(", "),
    File::Training.header().join(", ")
)]
pub struct UnknownHeader {
    /// The file.
    pub path: String,
}

impl File {
    /// All of them, in the order they are shown.
    pub const ALL: [File; 5] =
        [File::ServingSilicon, File::Serving, File::Operators, File::Collectives, File::Training];

    /// `serving-silicon`.
    pub const fn name(self) -> &'static str {
        match self {
            File::Serving => "serving",
            File::ServingSilicon => "serving-silicon",
            File::Operators => "operators",
            File::Collectives => "collectives",
            File::Training => "training",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<File> {
        File::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Columns that no such file can do without, and that tell it from the others.
    const fn header(self) -> &'static [&'static str] {
        match self {
            File::Serving => &["id", "chip", "model", "isl", "osl", "metric", "value"],
            File::ServingSilicon => &["id", "model_path", "system", "backend", "isl", "osl", "concurrency"],
            File::Operators => &["id", "chip", "op", "shape", "format", "time_us"],
            File::Collectives => &["id", "chip", "operation", "ranks", "message_bytes"],
            File::Training => &["id", "chip", "chips", "model", "seq", "global_batch", "metric", "value"],
        }
    }

    /// What kind of file `table` is.
    ///
    /// # Errors
    /// [`UnknownHeader`] if it is none.
    pub fn of(table: &Table) -> Result<File, UnknownHeader> {
        let fits = |f: &File| f.header().iter().all(|c| table.has(c));
        File::ALL.into_iter().find(fits).ok_or_else(|| UnknownHeader { path: table.path().display().to_string() })
    }

    /// The one that comes with the program.
    ///
    /// # Errors
    /// [`TableError`] if it was built in broken.
    pub fn embedded(self) -> Result<Table, TableError> {
        let (path, bytes): (&str, &[u8]) = match self {
            File::Serving => {
                ("measurements/serving.csv", include_bytes!("../../../../catalog/measurements/serving.csv"))
            }
            File::ServingSilicon => (
                "measurements/serving-silicon.csv",
                include_bytes!("../../../../catalog/measurements/serving-silicon.csv"),
            ),
            File::Operators => {
                ("measurements/operators.csv", include_bytes!("../../../../catalog/measurements/operators.csv"))
            }
            File::Collectives => {
                ("measurements/collectives.csv", include_bytes!("../../../../catalog/measurements/collectives.csv"))
            }
            File::Training => {
                ("measurements/training.csv", include_bytes!("../../../../catalog/measurements/training.csv"))
            }
        };
        Table::parse(Path::new(path), bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_files_are_what_they_are_called() {
        for file in File::ALL {
            let table = file.embedded().expect("built in");
            assert_eq!(File::of(&table), Ok(file));
            assert_eq!(File::from_name(file.name()), Some(file));
            assert!(table.len() > 300);
        }
    }

    #[test]
    fn other_headers_are_refused_by_name() {
        let table = Table::parse(Path::new("x.csv"), b"a,b\n1,2\n".to_vec()).expect("a table");
        let error = File::of(&table).expect_err("unknown").to_string();
        assert!(error.starts_with("x.csv: not a file of measurements"), "{error}");
    }
}
