//! The nouns, as facts: chips, systems, fabrics, models, prices, policies, measurements. Facts live in `catalog/` at the
//! root as TOML, one file a thing, embedded in the binary and overridable by a folder of the user's.
//!
//! Two types for two truths: what is written (`*Spec`, anything may be missing, findings with file positions) and what is
//! checked ([`Chip`], [`System`], [`Model`]). Only the second reaches the cost model. Knows nothing of time taken.

mod catalog;
pub mod chip;
mod chip_spec;
mod diagnostic;
pub mod engine;
pub mod fact;
mod facts;
pub mod faults;
mod files;
pub mod framework;
mod lookup;
pub mod measurement;
pub mod model;
pub mod policy;
pub mod price;
mod price_lookup;
pub mod region;
mod source;
pub mod system;
mod system_spec;
pub mod written;

pub use catalog::{Catalog, Listed};
pub use chip::{Arithmetic, Chip, ChipClass};
pub use chip_spec::ChipSpec;
pub use diagnostic::Diagnostic;
pub use engine::Engine;
pub use fact::{Entry, Fact, Kind};
pub use faults::{Faults, FaultsSpec};
pub use framework::Framework;
pub use lookup::LookupError;
pub use measurement::Measurements;
pub use model::{Attention, Ffn, LayerGroup, Model};
pub use policy::Policy;
pub use price::Prices;
pub use price_lookup::Price;
pub use region::Region;
pub use source::Source;
pub use system::{Fabric, System, Tier, TierShape, Wiring};
pub use system_spec::{SystemSpec, TierSpec};
pub use written::nearest;
