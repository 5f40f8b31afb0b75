//! Quantities as types, so that a byte is never added to a second and a bandwidth never stands without its unit.
//! Knows no hardware.
//!
//! A quantity is written as a number and a unit ("3.2 TB/s", "80 GiB", "15 us"); a bare number is refused. Prefixes are
//! decimal (`GB` = 1e9 B) unless written binary (`GiB` = 2^30 B); `Gb/s` is bits.

mod parse;
mod quantity;
mod range;

pub use parse::ParseError;
pub use quantity::{
    Bytes, BytesPerSecond, Flop, FlopPerSecond, Joules, PerSecond, Quantity, Seconds, Usd, UsdPerHour,
    UsdPerKilowattHour, Watts,
};
pub use range::Range;
