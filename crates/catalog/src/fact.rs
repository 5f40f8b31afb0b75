//! A number and where it came from.

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
}
