//! Speed of the search: processor seconds and memory of whole searches.
//!
//!     cargo bench -p steelyard-plan

use std::time::Instant;

use catalog::Catalog;
use cost::deploy::{Parallel, Storage};
use plan::interval::Intervals;
use plan::machine::{Fitted, Machine};
use plan::predict::{Pool, Pools, Setup};
use plan::study::{self, Library};
use plan::weigh::{Ground, weigh};

/// A well-known search: DeepSeek-V3 on 32 chips, prompts of 4,000 tokens, answers of 1,000.
const ONE: &str = r#"
model = "deepseek-v3"
[traffic]
input = 4000
output = 1000
[levels]
ttft_mean = "5 s"
tpot_mean = "50 ms"
[objective]
best = "tokens per chip"
[[system]]
name = "nvidia-hgx-h200"
chips = 32
"#;

const MANY: &str = include_str!("../../../examples/deepseek-v3.1-chat.toml");

/// Seconds that this process had a processor, over all of its threads; `None` where the system does not tell.
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    // Fields 14 and 15 of the file, in hundredths of a second on every Linux.
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// The most memory that this process has had, in megabytes.
fn peak() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|l| l.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1e3)
}

/// A closed loop of 1,000 requests, 64 in flight, prompts of 4,000 tokens and answers of 1,000, on one replica whose steps
/// have been priced.
fn closed_loop(catalog: &Catalog, fitted: &Fitted) -> Result<(), Box<dyn std::error::Error>> {
    let model = catalog::model::load("qwen3-32b", None).map_err(|f| f[0].to_string())?;
    let engine = catalog::Engine::load("vllm").map_err(|f| f[0].to_string())?;
    let system = catalog.system("nvidia-hgx-h200")?;
    let machine = Machine::new(system, fitted, &engine)?;
    let pool = Pool { replicas: 1, parallel: Parallel::tensor(4), max_seqs: None };
    let storage = Storage { weights: model.weights, kv: formats::Scheme::BF16 };
    let (model, machine, engine) = (&model, &machine, &engine);
    let pools = Pools::Together(pool);
    let setup = Setup {
        model,
        machine,
        engine,
        storage,
        speculation: None,
        expert_skew: 0.3,
        front_ends: engine.features.front_ends.mid(),
        pools,
    };
    let ready = setup.ready(5000.0)?;
    let workload = sim::Workload::closed(1000, 64, 4000, 1000);
    ready.record(&pools, &workload, 0, 1)?;
    const REPEATS: u32 = 100;
    let (start, before) = (Instant::now(), processor().unwrap_or(0.0));
    for seed in 0..u64::from(REPEATS) {
        ready.record(&pools, &workload, 0, seed)?;
    }
    let wall = start.elapsed().as_secs_f64() / f64::from(REPEATS);
    let busy = (processor().unwrap_or(0.0) - before) / f64::from(REPEATS);
    println!("{:<30} {:>7.2} processor ms {:>6.2} ms", "closed loop, 1,000 at 64", busy * 1e3, wall * 1e3);
    Ok(())
}

fn main() {
    let catalog = Catalog::embedded();
    let (Ok(operators), Ok(exchanges), Ok(intervals)) =
        (cost::Calibration::embedded(), cost::comm::CommCalibration::embedded(), Intervals::embedded())
    else {
        return println!("the embedded calibration is broken");
    };
    let fitted = Fitted { operators, exchanges };
    if let Err(error) = closed_loop(&catalog, &fitted) {
        println!("closed loop: {error}");
    }
    for (name, text) in [("DeepSeek-V3 on 32 H200", ONE), ("DeepSeek-V3.1 on 13 systems", MANY)] {
        let study = match study::check(name, text, None, Library { catalog: &catalog, folder: None }) {
            Ok(study) => study,
            Err(faults) => return println!("{name}: {}", faults[0]),
        };
        let done = |_: &str| {};
        let ground = Ground { catalog: &catalog, fitted: &fitted, intervals: &intervals, done: &done };
        let (start, before) = (Instant::now(), processor().unwrap_or(0.0));
        let findings = weigh(&study, &ground);
        let (wall, busy) = (start.elapsed().as_secs_f64(), processor().unwrap_or(0.0) - before);
        let points: usize = findings.systems.iter().map(|s| s.pareto.len()).sum();
        let memory = peak().unwrap_or(0.0);
        println!("{name:<30} {busy:>7.2} processor s {wall:>7.2} s {memory:>7.0} MB at most, {points} points reported");
    }
}
