//! Speed of goodput: 60 days on 16,384 GPUs with faults and checkpoints, one run and a whole answer.
//!
//!     cargo bench -p steelyard-plan --bench goodput

use catalog::Catalog;
use plan::goodput::{Checkpoint, Job, Machine, Runs, Save, WithoutSpare, effective, trace};
use sim::goodput::run;
use units::{Bytes, BytesPerSecond, Seconds};

/// Seconds that this process had a processor, over all of its threads.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |i: usize| fields.get(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (field(11) + field(12)) / 100.0
}

fn main() {
    let catalog = Catalog::embedded();
    let system = catalog.system("nvidia_dgx_h100").expect("complete");
    let faults = catalog.faults_of(system).expect("complete").clone();
    let job = Job {
        length: Seconds(60.0 * 86_400.0),
        chips: 16_384,
        replica: 128,
        checkpoint: Checkpoint {
            size: Bytes(5.67e12),
            write: BytesPerSecond(2e12),
            read: BytesPerSecond(2e12),
            every: None,
            save: Save::Blocking,
        },
        maintenance: None,
    };
    let machine = Machine { faults, spares: 64, without_spare: WithoutSpare::Wait, unit: None, rewire: true };
    let runs = Runs { count: 400, ..Runs::default() };
    let (_, lowered) = trace(&job, &machine, &runs).expect("sound");

    let (before, mut count, mut interruptions) = (processor(), 0u64, 0u64);
    while processor() - before < 2.0 {
        for _ in 0..50 {
            interruptions += u64::from(run(&lowered.scenario, 1, count).expect("sound").interruptions());
            count += 1;
        }
    }
    let each = (processor() - before) / count as f64;
    let mean = interruptions as f64 / count as f64;
    println!("60 days on 16,384 GPUs: {:.3} ms of CPU a run, {mean:.0} interruptions (bar: 2 s)", each * 1e3);

    let before = processor();
    let found = effective(&job, &machine, &runs).expect("sound");
    println!(
        "an answer of {} runs with facts drawn, as many at their values, and the ends of {} facts: {:.2} s of CPU",
        runs.count,
        found.doubts.len(),
        processor() - before
    );
}
