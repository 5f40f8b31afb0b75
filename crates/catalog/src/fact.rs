//! A number and where it came from.

use std::fmt;

use units::Range;

/// What stands behind a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The maker says so.
    Vendor,
    /// Somebody measured it.
    Measured,
    /// An analyst, the press or a community table says so.
    Analyst,
    /// Arithmetic on other facts.
    Derived,
    /// Nobody says so: it was chosen to be able to go on.
    Assumed,
}

impl Kind {
    /// Every kind, from the firmest to the weakest.
    pub const ALL: [Kind; 5] = [Kind::Vendor, Kind::Measured, Kind::Analyst, Kind::Derived, Kind::Assumed];

    /// As it is written in a catalog file.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Vendor => "vendor",
            Kind::Measured => "measured",
            Kind::Analyst => "analyst",
            Kind::Derived => "derived",
            Kind::Assumed => "assumed",
        }
    }

    /// The kind of this name, or `None`.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A value, disputed or not, with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<T> {
    /// The value; low and high differ where sources do.
    pub value: Range<T>,
    /// What stands behind it.
    pub kind: Kind,
    /// Key of the source in `catalog/sources.toml`.
    pub source: String,
    /// Remark.
    pub note: String,
    /// `chips/nvidia_h100_sxm.memory.bandwidth`: where a result says it rests on this fact.
    pub path: String,
}

impl<T: Copy> Fact<T> {
    /// The value to use where one is needed.
    pub fn mid(&self) -> T {
        self.value.mid
    }

    /// The same source behind a value computed from this one. `f` must be increasing.
    pub fn map<U>(&self, f: impl Fn(T) -> U) -> Fact<U>
    where
        T: PartialEq,
    {
        Fact {
            value: self.value.map(f),
            kind: self.kind,
            source: self.source.clone(),
            note: self.note.clone(),
            path: self.path.clone(),
        }
    }
}

/// A fact as it is shown: any quantity, printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `memory.bandwidth`, within its thing.
    pub path: String,
    /// "3.35 TB/s".
    pub value: String,
    /// Smallest and largest of the values found, where they differ.
    pub range: Option<(String, String)>,
    /// What stands behind it.
    pub kind: Kind,
    /// Key of the source.
    pub source: String,
    /// Remark.
    pub note: String,
}
