//! Time of an exchange of data between ranks on a whole fabric: closed forms and fitted curves.
//!
//! An exchange is split into what each tier of the fabric must carry ([`load`]); each tier prices its load by a curve
//! fitted to measurements ([`Curve`]): `time = latency + fill x sqrt(latency x ideal) + ideal / efficiency`, where
//! `ideal` is the load over the full bandwidth. The middle term is what pipelining costs: a message cut into chunks pays
//! for filling the pipeline, and with the best chunk size that is twice the geometric mean of latency and transfer; the
//! fitted `fill` says how far a library is from it. Tiers work at the same time (large messages are pipelined through
//! them), so the slowest transfer counts, but every tier's latency is paid.

mod calibration;
mod curve;
mod exchange;
mod load;
mod network;
mod routing;
mod transfer;

pub use calibration::{CalibrationError, CommCalibration, Measured, Scope, write};
pub use curve::{Curve, Kind, Kinds, Point};
pub use exchange::{Collective, Exchange, Group, Kernel, Library, Phase, Routed};
pub use load::{Load, Loads};
pub use network::{Algorithm, Basis, ExchangeTime, Network};
pub use routing::distinct_places;
pub use transfer::{Transfer, TransferTime};

#[cfg(test)]
mod laws;
