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
    // 1,024 machines, 0.82 failures a day of 24 h each: exp(-0.82) of the time all are up.
    assert!(
        (without.parts.all_up - (-0.82f64).exp()).abs() < 0.01 && with.parts.enough_up > 0.99,
        "{:?} {:?}",
        without.parts,
        with.parts
    );
    assert!(with.ratio.value > without.ratio.value + 0.3, "{:?} {:?}", with.ratio, without.ratio);
}

#[test]
fn who_looks_on_may_end_it() {
    let library = crate::study::Library { catalog: &CATALOG, folder: None };
    let study = check("s.toml", STUDY, None, library).expect("sound");
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |share: f64| told.lock().expect("sound").push(share);
    assert_eq!(watched(&study, crate::train::Watch { told: &tell, stopped: &|| true }), None);
    told.lock().expect("sound").clear();
    let found = watched(&study, crate::train::Watch { told: &tell, stopped: &|| false });
    assert_eq!(found, Some(answer(&study, &|_| ())));
    assert_eq!(*told.lock().expect("sound"), [1.0]);
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

const STUDY: &str = r#"
title = "t"
model = "llama-3.1-405b"
runs = 20
[job]
length = "10 d"
[checkpoint]
bytes_per_parameter = "14 B"
write = "2 TB/s"
every = "5 min"
save = "background"
stall = "1 s"
[maintenance]
every = "2 d"
lasts = "30 min"
[[system]]
name = "nvidia-dgx-h100"
chips = 1024
spares = 4
without_spare = "shrink"
least_chips = 512
replica = 64
"#;

fn faults(text: &str) -> Vec<String> {
    let library = crate::study::Library { catalog: &CATALOG, folder: None };
    match check("s.toml", text, None, library) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_study_is_read() {
    let library = crate::study::Library { catalog: &CATALOG, folder: None };
    let study = check("s.toml", STUDY, None, library).expect("sound");
    let Candidate { job, machine, .. } = &study.systems[0];
    // 405.9 billion parameters of 14 bytes.
    assert!((job.checkpoint.size.0 / 5.68e12 - 1.0).abs() < 0.01, "{}", job.checkpoint.size);
    assert_eq!(job.checkpoint.save, Save::Background(Seconds(1.0)));
    assert_eq!((machine.without_spare, machine.spares), (WithoutSpare::Shrink(512), 4));
    let found = answer(&study, &|_| {});
    let Answer::Effective(found) = &found.systems[0].answer else { panic!("{found:?}") };
    // One every two days, but for those due while it was down.
    assert!((3.0..=4.0).contains(&found.planned.value), "{:?}", found.planned);
    assert!(found.ratio.value > 0.8 && found.ratio.low <= found.ratio.value);
}

#[test]
fn the_examples_are_sound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let library = crate::study::Library { catalog: &CATALOG, folder: None };
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("examples") {
        let path = entry.expect("entry").path();
        if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("goodput-")) {
            super::read(&path, library).unwrap_or_else(|faults| panic!("{}", faults[0]));
            read += 1;
        }
    }
    assert!(read >= 3);
}

#[test]
fn faults_of_a_study_are_told_with_their_place() {
    let cases = [
        ("length = \"10 d\"", "length = 10", "s.toml:6:10: job.length: is a bare number"),
        ("length = \"10 d\"", "length = \"10 TB\"", "s.toml:6:10: job.length: 'TB' is not a unit here"),
        ("length = \"10 d\"", "length = \"900 years\"", "out of bounds"),
        ("every = \"5 min\"", "every = \"1 s\"", "saves 1 s apart, and one takes 2.8 s to write"),
        ("bytes_per_parameter = \"14 B\"", "", "does not say how large it is"),
        ("model = \"llama-3.1-405b\"", "", "goes with a model"),
        ("stall = \"1 s\"", "", "does not say how long a save holds training up"),
        ("save = \"background\"", "save = \"async\"", "'async' is unknown"),
        ("\"nvidia-dgx-h100\"", "\"nvidia-dgx-h1000\"", "did you mean \"nvidia_dgx_h100\"?"),
        ("chips = 1024", "chips = 0", "0 is out of bounds"),
        ("without_spare = \"shrink\"", "without_spare = \"wait\"", "goes with without_spare = \"shrink\""),
        ("replica = 64", "replica = 6400", "replica = 6400 is more than the 1024 chips"),
        ("replica = 64", "faults = \"gpu_servers\"", "did you mean 'gpu_server'?"),
        ("runs = 20", "without_sources = [\"llama3\"]", "there is no source 'llama3'"),
        ("every = \"2 d\"", "evry = \"2 d\"", "unknown key 'evry'; did you mean 'every'?"),
        ("[maintenance]", "[maintenance", "s.toml:"),
        ("runs = 20", "runs = -1", "out of bounds"),
        ("title = \"t\"", "[system]", "s.toml:"),
    ];
    for (from, to, told) in cases {
        assert!(STUDY.contains(from), "{from}");
        let found = faults(&STUDY.replacen(from, to, 1));
        assert!(found.iter().any(|f| f.contains(told)), "{to}: {found:?}");
    }
    let all = STUDY.replace("\"10 d\"", "10").replace("\"2 TB/s\"", "2").replace("spares = 4", "spares = \"4\"");
    assert_eq!(faults(&all).len(), 3);
    assert!(!faults("").is_empty());
}

#[test]
fn a_job_that_cannot_save_in_time_makes_no_progress() {
    let mut job = job(16_384, 10.0);
    job.checkpoint.write = BytesPerSecond(1e8);
    let found = effective(&job, &machine("nvidia_dgx_h100", 64), &Runs { count: 10, ..Runs::default() });
    assert!(found.expect("sound").ratio.value < 0.05);
}
