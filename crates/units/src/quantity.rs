//! The quantities and the products between them.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::parse::{self, ParseError, Unit};

/// What every quantity can do: be read from and written to text with a unit.
pub trait Quantity: Copy + PartialOrd + FromStr<Err = ParseError> + fmt::Display {
    /// Units that may be written, the base unit among them, with their factor to the base unit.
    const UNITS: &'static [Unit];
    /// From a number in the base unit.
    fn new(value: f64) -> Self;
    /// The number in the base unit.
    fn get(self) -> f64;
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $units:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(pub f64);

        impl Quantity for $name {
            const UNITS: &'static [Unit] = $units;
            fn new(value: f64) -> Self {
                $name(value)
            }
            fn get(self) -> f64 {
                self.0
            }
        }

        impl $name {
            /// Nothing.
            pub const ZERO: $name = $name(0.0);
            /// The larger of two.
            pub fn max(self, other: Self) -> Self {
                $name(self.0.max(other.0))
            }
            /// The smaller of two.
            pub fn min(self, other: Self) -> Self {
                $name(self.0.min(other.0))
            }
        }

        impl Add for $name {
            type Output = $name;
            fn add(self, other: $name) -> $name {
                $name(self.0 + other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: $name) {
                self.0 += other.0;
            }
        }
        impl Sub for $name {
            type Output = $name;
            fn sub(self, other: $name) -> $name {
                $name(self.0 - other.0)
            }
        }
        impl Mul<f64> for $name {
            type Output = $name;
            fn mul(self, factor: f64) -> $name {
                $name(self.0 * factor)
            }
        }
        impl Div<f64> for $name {
            type Output = $name;
            fn div(self, divisor: f64) -> $name {
                $name(self.0 / divisor)
            }
        }
        impl Div<$name> for $name {
            type Output = f64;
            fn div(self, other: $name) -> f64 {
                self.0 / other.0
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = $name>>(items: I) -> $name {
                $name(items.map(|q| q.0).sum())
            }
        }
        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<$name, ParseError> {
                parse::quantity(text, $name::UNITS).map($name)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&parse::print(self.0, $name::UNITS))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

const fn unit(name: &'static str, factor: f64) -> Unit {
    Unit { name, factor, printed: true }
}

const fn read_only(name: &'static str, factor: f64) -> Unit {
    Unit { name, factor, printed: false }
}

const KIB: f64 = 1024.0;

quantity!(
    /// An amount of data, in bytes.
    Bytes,
    &[
        unit("B", 1.0),
        unit("kB", 1e3),
        unit("MB", 1e6),
        unit("GB", 1e9),
        unit("TB", 1e12),
        unit("PB", 1e15),
        read_only("KiB", KIB),
        read_only("MiB", KIB * KIB),
        read_only("GiB", KIB * KIB * KIB),
        read_only("TiB", KIB * KIB * KIB * KIB),
        read_only("KB", 1e3),
    ]
);
quantity!(
    /// A data rate, in bytes per second. One direction, unless the name of the field says otherwise.
    BytesPerSecond,
    &[
        unit("B/s", 1.0),
        unit("kB/s", 1e3),
        unit("MB/s", 1e6),
        unit("GB/s", 1e9),
        unit("TB/s", 1e12),
        unit("PB/s", 1e15),
        read_only("GiB/s", KIB * KIB * KIB),
        read_only("TiB/s", KIB * KIB * KIB * KIB),
        read_only("Mb/s", 1e6 / 8.0),
        read_only("Gb/s", 1e9 / 8.0),
        read_only("Tb/s", 1e12 / 8.0),
        read_only("Pb/s", 1e15 / 8.0),
    ]
);
quantity!(
    /// Floating-point or integer operations; a multiply-add is two.
    Flop,
    &[unit("FLOP", 1.0), unit("GFLOP", 1e9), unit("TFLOP", 1e12), unit("PFLOP", 1e15), unit("EFLOP", 1e18)]
);
quantity!(
    /// A rate of operations, dense.
    FlopPerSecond,
    &[
        unit("FLOP/s", 1.0),
        unit("GFLOP/s", 1e9),
        unit("TFLOP/s", 1e12),
        unit("PFLOP/s", 1e15),
        unit("EFLOP/s", 1e18),
        read_only("TOP/s", 1e12),
        read_only("POP/s", 1e15),
        read_only("TFLOPS", 1e12),
        read_only("PFLOPS", 1e15),
    ]
);
quantity!(
    /// A time span, in seconds.
    Seconds,
    &[
        unit("ns", 1e-9),
        unit("us", 1e-6),
        unit("ms", 1e-3),
        unit("s", 1.0),
        read_only("min", 60.0),
        read_only("h", 3600.0),
        read_only("d", 86400.0),
        read_only("a", 365.25 * 86400.0),
        read_only("year", 365.25 * 86400.0),
        read_only("years", 365.25 * 86400.0),
    ]
);
quantity!(
    /// How often something comes, in events per second.
    PerSecond,
    &[
        unit("/s", 1.0),
        read_only("/min", 1.0 / 60.0),
        read_only("/h", 1.0 / 3600.0),
        read_only("/d", 1.0 / 86400.0),
        read_only("requests/s", 1.0),
        read_only("req/s", 1.0),
    ]
);
quantity!(
    /// Power.
    Watts,
    &[unit("W", 1.0), unit("kW", 1e3), unit("MW", 1e6), unit("GW", 1e9)]
);
quantity!(
    /// Energy.
    Joules,
    &[
        unit("J", 1.0),
        unit("kJ", 1e3),
        unit("MJ", 1e6),
        unit("GJ", 1e9),
        read_only("kWh", 3.6e6),
        read_only("MWh", 3.6e9),
    ]
);
quantity!(
    /// Money, in US dollars. Other currencies are converted where a price is read, at the catalog's dated rate.
    Usd,
    &[unit("USD", 1.0), read_only("kUSD", 1e3), read_only("MUSD", 1e6)]
);
quantity!(
    /// A rent, in US dollars per hour.
    UsdPerHour,
    &[unit("USD/h", 1.0)]
);
quantity!(
    /// A price of electricity.
    UsdPerKilowattHour,
    &[unit("USD/kWh", 1.0), read_only("USD/MWh", 1e-3)]
);

macro_rules! ratio {
    ($whole:ident / $rate:ident = $time:ident) => {
        impl Div<$rate> for $whole {
            type Output = $time;
            fn div(self, rate: $rate) -> $time {
                $time(self.0 / rate.0)
            }
        }
        impl Div<$time> for $whole {
            type Output = $rate;
            fn div(self, time: $time) -> $rate {
                $rate(self.0 / time.0)
            }
        }
        impl Mul<$time> for $rate {
            type Output = $whole;
            fn mul(self, time: $time) -> $whole {
                $whole(self.0 * time.0)
            }
        }
    };
}

ratio!(Bytes / BytesPerSecond = Seconds);
ratio!(Flop / FlopPerSecond = Seconds);
ratio!(Joules / Watts = Seconds);

impl UsdPerHour {
    /// What renting for `time` costs.
    pub fn for_time(self, time: Seconds) -> Usd {
        Usd(self.0 * time.0 / 3600.0)
    }
}

impl UsdPerKilowattHour {
    /// What `energy` costs.
    pub fn for_energy(self, energy: Joules) -> Usd {
        Usd(self.0 * energy.0 / 3.6e6)
    }
}
