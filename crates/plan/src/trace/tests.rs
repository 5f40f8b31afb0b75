//! Traces that are written, found, told and replayed on systems of the catalog.

use std::fs;
use std::path::PathBuf;

use catalog::Catalog;
use fabric::estimate::{Bench, Place};
use fabric::family::Families;
use fabric::fault::{Damage, Fault};
use fabric::price::CommCalibration;
use fabric::route::Routing;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("steelyard-trace-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn with(name: &str, asked: &Asked) -> Folder {
        let folder = Folder::new(name);
        for (file, bytes) in collective(asked, "step").expect("an operation") {
            fs::write(folder.0.join(file), bytes).expect("a file");
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const GIB: u64 = 1 << 30;

fn asked(operation: &str, ranks: u32) -> Asked<'_> {
    Asked { operation, bytes: GIB, ranks, rounds: 3, compute: 1000 }
}

fn played(traces: &Traces, system: &str, faults: &str) -> Result<Replayed, Stopped> {
    let catalog = Catalog::embedded();
    let (curves, families) = (CommCalibration::embedded().expect("curves"), Families::embedded().expect("families"));
    let faults = Fault::parse(faults).expect("faults");
    let system = catalog.system(system).expect("a system");
    let fabric = Fabric {
        system,
        place: Place::Packed,
        routing: Routing::DimensionOrder,
        faults,
        curves: &curves,
        families: &families,
    };
    replay(traces, &fabric, None)
}

/// Seconds of a collective asked of the fabric itself.
fn alone(system: &str, ranks: u32, bytes: f64) -> f64 {
    let catalog = Catalog::embedded();
    let (curves, families) = (CommCalibration::embedded().expect("curves"), Families::embedded().expect("families"));
    let system = catalog.system(system).expect("a system");
    let bench =
        Bench::new(system, Some(ranks), &Place::Packed, &curves, &families, Routing::DimensionOrder).expect("a bench");
    let whole = Damage::none(&bench.graph);
    bench.answer(fabric::collective::Operation::AllReduce, bytes, None, &whole).expect("an answer").seconds
}

#[test]
fn what_is_written_is_found_and_told() {
    let folder = Folder::with("told", &asked("all-reduce", 4));
    let traces = open(&folder.0, None).expect("traces");
    assert_eq!((traces.of.len(), traces.traces.len()), (4, 1), "equal traces are kept once");
    let shown = show(&traces);
    assert_eq!((shown.ranks, shown.nodes, shown.dependencies), (4, 24, 20));
    assert_eq!(shown.collectives, [CollectiveShown { kind: "all-reduce", nodes: 12, bytes: 12.0 * GIB as f64 }]);
    assert_eq!(shown.critical_seconds, 3e-3);
    let of_prefix = open(&folder.0.join("step"), None).expect("by its prefix");
    assert_eq!(of_prefix.traces, traces.traces);
    let of_file = open(&folder.0.join("step.2.et"), None).expect("one file").stand_for(16).expect("for others");
    assert_eq!(of_file.of.len(), 16);
}

#[test]
fn a_replay_adds_up() {
    let folder = Folder::with("adds", &asked("all-reduce", 16));
    let found = played(&open(&folder.0, None).expect("traces"), "h100_sxm", "").expect("a replay");
    let one = alone("h100_sxm", 16, GIB as f64);
    assert!((found.seconds.value - 3.0 * (1e-3 + one)).abs() < 1e-9, "{found:?}");
    assert!(found.seconds.low < found.seconds.value && found.seconds.value < found.seconds.high);
    assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && found.shares[2] == 0.0, "{found:?}");
    assert_eq!((found.exchanges[0].count, found.exchanges[0].kind), (3, "all-reduce"));
}

#[test]
fn groups_that_share_links_wait_for_each_other() {
    // Two groups of eight GPUs each, either in one server each, or both across the same two servers.
    let folder = Folder::new("groups");
    for rank in 0..16u32 {
        let group = if rank % 2 == 0 { "even" } else { "odd" };
        let mut out = sim::chakra::Writer::new(Vec::new()).expect("memory");
        out.collective("all-gather", GIB / 8, Some(group), &[]).expect("memory");
        fs::write(folder.0.join(format!("x.{rank}.et")), out.finish().expect("memory")).expect("a file");
    }
    let told = match open(&folder.0, None) {
        Ok(traces) => played(&traces, "h100_sxm", "").expect_err("groups are missing").to_string(),
        Err(error) => error.to_string(),
    };
    assert!(told.contains("process group 'even', which is not described"), "{told}");
    let groups: Vec<String> = ["even", "odd"]
        .iter()
        .enumerate()
        .map(|(i, n)| format!("\"{n}\": {:?}", (0..8).map(|r| 2 * r + i).collect::<Vec<_>>()))
        .collect();
    fs::write(folder.0.join(GROUPS_FILE), format!("{{{}}}", groups.join(", "))).expect("a file");
    let both = played(&open(&folder.0, None).expect("traces"), "h100_sxm", "").expect("a replay");
    let slowed = both.exchanges[0].seconds / both.exchanges[0].alone;
    assert!(slowed > 1.0 && slowed <= 2.0 + 1e-9, "two at once share switches or NICs: {both:?}");
}

#[test]
fn faults_slow_a_replay_or_cut_it_off() {
    let folder = Folder::with("faults", &asked("all-reduce", 64));
    let traces = open(&folder.0, None).expect("traces");
    let hurt = played(&traces, "google-ironwood-9216", "link=0-1").expect("a way around");
    assert!(hurt.seconds.value > hurt.healthy.expect("asked for"), "{hurt:?}");
    let dead = played(&traces, "google-ironwood-9216", "chip=5").expect_err("its rank is gone");
    assert!(matches!(dead, Stopped::CutOff(_)), "{dead}");
    assert!(dead.to_string().contains("chip 5 is dead, and rank 5 with it"), "{dead}");
    assert!(matches!(played(&traces, "google-ironwood-9216", "chip=9999"), Err(Stopped::Fabric(_))));
}

#[test]
fn wrong_folders_are_told() {
    let folder = Folder::new("wrong");
    let told = |folder: &Folder| open(&folder.0, None).expect_err("wrong").to_string();
    assert!(told(&folder).contains("no traces; they are named PREFIX.RANK.et"));
    let (_, bytes) = collective(&asked("barrier", 1), "a").expect("an operation").remove(0);
    let write = |name: &str| fs::write(folder.0.join(name), &bytes).expect("a file");
    write("a.1.et");
    assert!(told(&folder).contains("rank 0 is missing"));
    write("a.0.et");
    write("b.0.et");
    assert!(told(&folder).contains("traces of several prefixes (a, b)"));
    fs::remove_file(folder.0.join("b.0.et")).expect("it was there");
    fs::write(folder.0.join(GROUPS_FILE), "{\"x\": [0, 0]}").expect("a file");
    assert!(told(&folder).contains("group 'x' names rank 0 twice"));
    fs::write(folder.0.join(GROUPS_FILE), "[1]").expect("a file");
    assert!(told(&folder).contains("write {\"NAME\": [0, 1, 2, 3], ...}"));
    assert!(open(&folder.0.join("nothing"), None).is_err());
    assert!(collective(&asked("all-to-none", 2), "a").is_err());
}
