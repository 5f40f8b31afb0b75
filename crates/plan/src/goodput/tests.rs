//! The way from a catalog to an answer, on figures that can be checked.

use std::sync::LazyLock;

use catalog::Catalog;
use units::{Bytes, BytesPerSecond, Seconds};

use super::*;
use crate::findings::Estimate;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::embedded);

fn machine(system: &str, spares: u32) -> Machine {
    let system = CATALOG.system(system).expect("complete");
    let faults = CATALOG.faults_of(system).expect("complete").clone();
    Machine { faults, spares, without_spare: WithoutSpare::Wait, unit: None, rewire: true }
}

fn job(chips: u32, days: f64) -> Job {
    Job {
        length: Seconds(days * 86_400.0),
        chips,
        replica: 1,
        checkpoint: Checkpoint {
            size: Bytes(5.67e12),
            write: BytesPerSecond(2e12),
            read: BytesPerSecond(2e12),
            every: None,
            save: Save::Blocking,
        },
        maintenance: None,
    }
}

#[test]
fn llama3_is_inside_the_interval_of_what_others_saw() {
    let runs = Runs { count: 200, without: vec!["llama3_herd".to_owned()], ..Runs::default() };
    let found = effective(&job(16_384, 54.0), &machine("nvidia_dgx_h100", 64), &runs).expect("sound");
    let Estimate { value, low, high } = found.interruptions;
    assert!(low < 419.0 && 419.0 < high, "419 of {value} ({low} to {high})");
    assert!(found.ratio.high > 0.9, "{:?}", found.ratio);
    // Servers 3.47 per 1,000 node-days (geometric mean of 6.5, 2.3, 2.8), software 2.04 a day: 384 + 110.
    assert!((460.0..530.0).contains(&value), "{value}");
}

#[test]
fn states_add_up_to_one() {
    let found = effective(&job(4096, 20.0), &machine("Ironwood 9216", 2), &Runs { count: 50, ..Runs::default() });
    let found = found.expect("sound");
    let sum: f64 = found.states.iter().map(|(_, e)| e.value).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let lost: f64 = found.causes.iter().map(|c| c.lost).sum();
    let state = found.states.iter().find(|(name, _)| name == "lost work").expect("some").1.value;
    assert!((lost - state).abs() < 1e-9);
}

#[test]
fn threads_do_not_change_a_bit() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let runs = Runs { count: 30, ..Runs::default() };
        pool.install(|| effective(&job(2048, 10.0), &machine("CM384", 4), &runs)).expect("sound")
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn rewiring_is_worth_what_waiting_costs() {
    let with = machine("Ironwood 9216", 4);
    let without = Machine { rewire: false, spares: 0, ..with.clone() };
    let runs = Runs { count: 60, ..Runs::default() };
    let ratio = |machine: &Machine| effective(&job(4096, 30.0), machine, &runs).expect("sound");
    let (with, without) = (ratio(&with), ratio(&without));
    // 1,024 machines, 0.82 failures a day of 24 h each: more than half of the time one is down.
    assert!(without.parts.all_up < 0.56 && with.parts.enough_up > 0.99, "{:?} {:?}", without.parts, with.parts);
    assert!(with.ratio.value > without.ratio.value + 0.3, "{:?} {:?}", with.ratio, without.ratio);
}

#[test]
fn no_evidence_is_an_error() {
    let runs = Runs { without: vec!["tpuv4_nsdi".to_owned()], ..Runs::default() };
    let error = effective(&job(256, 1.0), &machine("Ironwood 256", 0), &runs).expect_err("nothing left");
    assert_eq!(
        error.to_string(),
        "faults/tpu_slice.machine: every count of failures is left out; keep at least one source"
    );
}
