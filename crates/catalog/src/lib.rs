//! The nouns, as facts: chips, systems, fabrics, models, prices, policies, measurements. Facts live in `catalog/` at the
//! root as TOML, one file a thing, embedded in the binary and overridable by a folder of the user's.
//!
//! Two types for two truths: what is written (`*Spec`, with file positions, anything may be missing) and what is
//! checked ([`Chip`], [`System`], [`Model`]). Only the second reaches the cost model. Knows nothing of time taken.

pub mod chip;
pub mod engine;
pub mod fact;
pub mod model;
pub mod region;
pub mod system;
pub mod written;

pub use chip::{Arithmetic, Chip, ChipClass};
pub use engine::Engine;
pub use fact::{Fact, Kind};
pub use model::{Attention, Ffn, LayerGroup, Model};
pub use region::Region;
pub use system::{Fabric, System, Tier, TierShape};
