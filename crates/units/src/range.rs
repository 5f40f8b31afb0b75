//! A value that is known only between two bounds.

use std::fmt;

use crate::Quantity;

/// `low <= mid <= high`. A value that is not disputed has all three equal.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Range<T> {
    /// Smallest of the values found.
    pub low: T,
    /// The value used where one is needed.
    pub mid: T,
    /// Largest of the values found.
    pub high: T,
}

impl<T: Copy + PartialEq> Range<T> {
    /// A value without dispute.
    pub const fn exact(value: T) -> Self {
        Range { low: value, mid: value, high: value }
    }

    /// Whether the bounds are equal.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }

    /// The same change to all three. `f` must be increasing.
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Range<U> {
        Range { low: f(self.low), mid: f(self.mid), high: f(self.high) }
    }
}

impl<T: Quantity> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            write!(f, "{}", self.mid)
        } else {
            write!(f, "{} ({} to {})", self.mid, self.low, self.high)
        }
    }
}
