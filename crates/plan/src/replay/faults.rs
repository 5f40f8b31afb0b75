//! From "a node fails every thousand hours" to replicas that stop at times drawn from the seed.

use sim::{Draw, Fault};
use units::Seconds;

use super::study::{Extent, FaultAsked, PoolAsked, When};

/// Most faults drawn from one line of a study: beyond, everything is always broken.
const MOST: usize = 100_000;

/// Replicas that one chip, node or supernode of a pool holds, at least one: they fail together.
fn together(pool: &PoolAsked, extent: Extent) -> u32 {
    let chips = match extent {
        Extent::Chip | Extent::Replica => return 1,
        Extent::Node => pool.domains.0,
        Extent::Supernode => pool.domains.1,
    };
    (chips / pool.chips).max(1)
}

/// Things of one kind that the replicas of a pool stand on.
pub fn units(pool: &PoolAsked, replicas: u32, extent: Extent) -> u32 {
    match extent {
        Extent::Chip => replicas * pool.chips,
        Extent::Replica => replicas,
        // A replica larger than a node stands on several.
        Extent::Node if pool.chips > pool.domains.0 => replicas * pool.chips.div_ceil(pool.domains.0),
        Extent::Supernode if pool.chips > pool.domains.1 => replicas * pool.chips.div_ceil(pool.domains.1),
        Extent::Node | Extent::Supernode => replicas.div_ceil(together(pool, extent)),
    }
}

/// The faults of a fleet whose pools have these numbers of places, within some seconds.
pub fn faults(asked: &[FaultAsked], pools: &[PoolAsked], places: &[u32], span: f64, seed: u64) -> Vec<Fault> {
    let mut all = Vec::new();
    for (line, fault) in asked.iter().enumerate() {
        let (pool, replicas) = (&pools[fault.pool], places[fault.pool]);
        let group = together(pool, fault.extent);
        let count = units(pool, replicas, fault.extent).max(1);
        let mut push = |at: f64, number: u32| {
            let first = if group > 1 {
                number * group
            } else {
                (u64::from(number) * u64::from(replicas) / u64::from(count)) as u32
            };
            let replicas = first..(first + group).min(replicas);
            if !replicas.is_empty() {
                all.push(Fault { at: Seconds(at), pool: fault.pool, replicas, harm: fault.harm });
            }
        };
        match fault.when {
            When::Once(at, number) => push(at, number),
            When::Mtbf(mean) => {
                let mut draw = Draw::new(seed, 1000 + line as u64);
                let mut at = 0.0;
                for _ in 0..MOST {
                    at += draw.exponential() * mean / f64::from(count);
                    if at >= span {
                        break;
                    }
                    push(at, draw.below(u64::from(count)) as u32);
                }
            }
        }
    }
    all
}
