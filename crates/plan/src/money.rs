//! Money.
use units::{Range, Usd, UsdPerHour};

/// What one chip costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Price {
    /// By the hour, electricity and hosting included.
    Rent(Range<UsdPerHour>),
    /// Once.
    Purchase(Range<Usd>),
}
