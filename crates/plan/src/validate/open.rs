//! Rows that leave parallelism open: set-ups that whoever ran them may have chosen.

use catalog::Model;
use cost::deploy::Parallel;

use crate::machine::Machine;
use crate::predict::{Pool, Pools};

/// Replicas of one to all of `devices` devices: tensor parallelism inside a scale-up domain; for experts also attention
/// by data with the experts spread over the replica.
pub fn candidates(model: &Model, machine: &Machine, devices: u32) -> Vec<Pools> {
    let domain = machine.system.fabric.tiers.first().map_or(1, |t| t.chips) * machine.system.chip.devices.max(1);
    let mut found = Vec::new();
    let sizes = (0..).map(|power| 1u32 << power).take_while(|&s| s <= devices.min(64));
    for size in sizes {
        let mut add = |parallel: Parallel| {
            let pool = Pool { replicas: devices / size, parallel, max_seqs: None };
            if parallel.check(model).is_ok() && !found.contains(&Pools::Together(pool)) {
                found.push(Pools::Together(pool));
            }
        };
        if size <= domain.max(1) {
            add(Parallel { tp: size, pp: 1, dp: 1, ep: 1, moe_tp: size });
        }
        if model.is_moe() && size > 1 {
            add(Parallel { tp: 1, pp: 1, dp: size, ep: size, moe_tp: 1 });
        }
        if size > 1 && size <= 8 {
            add(Parallel { tp: 1, pp: size, dp: 1, ep: 1, moe_tp: 1 });
        }
    }
    found
}
