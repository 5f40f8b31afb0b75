//! Speed of the engine: CPU time of a simulation, and requests per CPU second, averaged over repeats.
//!
//!     cargo bench -p steelyard-sim

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cost::{Batch, StepCost};
use sim::{
    Admission, Arrivals, Deployment, Host, Instance, Lengths, Link, Router, Scheduler, Settings, Speculation, Steps,
    Workload, record,
};

/// How often the cost model was asked.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// A cheap analytic cost: the larger of compute and memory, smoothly, for weights and for attention.
struct Analytic;

impl StepCost for Analytic {
    fn local(&self, batch: &Batch) -> f64 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        let smooth = |a: f64, b: f64| (a * a + b * b).sqrt();
        let tokens = batch.decode as f64 + batch.prefill_tokens as f64;
        let linear = smooth(16e9 * tokens / 600e12, 16e9 / 2.8e12);
        let decode = smooth(131e3 * batch.decode_kv / 2.8e12, 1e-6 * batch.decode as f64);
        let prefill = smooth(5e5 * batch.prefill_pairs / 400e12, 131e3 * batch.prefill_past / 2.8e12);
        1e-4 + linear + decode + prefill
    }
    fn shared(&self, _: u64, _: u64) -> f64 {
        0.0
    }
}

/// The cost of a rank among many with shared experts.
struct Experts;

impl StepCost for Experts {
    fn local(&self, batch: &Batch) -> f64 {
        Analytic.local(batch)
    }
    fn shared(&self, tokens: u64, fullest: u64) -> f64 {
        1e-3 + 2e-7 * tokens as f64 + 1e-7 * fullest as f64
    }
}

fn instance<C>(cost: &C) -> Instance<'_, C> {
    let scheduler = Scheduler {
        max_seqs: 256,
        max_batched_tokens: 8192,
        chunked_prefill: true,
        steps: Steps::Mixed,
        admission: Admission::Input,
        watermark: 0.01,
        block_size: 16,
        overlap: false,
        ranks: Router::RoundRobin,
        balance: 0,
        gather: 0.0,
        host: Host::FREE,
    };
    Instance { cost, scheduler, ranks: 1, lanes: 1, kv_tokens: 450_000, speculation: Speculation::NONE }
}

/// Seconds that this process had a processor, where the system tells; of wall time otherwise.
fn cpu(start: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

fn bench<C: StepCost>(name: &str, deployment: &Deployment<'_, C>, workload: &Workload, repeats: usize) {
    let settings = Settings::default();
    let start = Instant::now();
    let (before, asked) = (cpu(start), ASKED.load(Ordering::Relaxed));
    let mut steps = 0.0;
    for _ in 0..repeats {
        match record(deployment, workload, &settings) {
            Ok(record) => steps = record.outcome().loads.iter().map(|load| load.steps).sum(),
            Err(error) => return println!("{name}: {error}"),
        }
    }
    let each = (cpu(start) - before) / repeats as f64;
    let asked = (ASKED.load(Ordering::Relaxed) - asked) / repeats as u64;
    let rate = workload.requests as f64 / each;
    println!("{name:<58} {:>9.3} ms {rate:>12.0} requests/s {steps:>8.0} steps, cost asked {asked:>8}", each * 1e3);
}

fn main() {
    let one = Deployment::one(instance(&Analytic));
    bench("closed loop, 1,000 at 64, 4000 in, 1000 out", &one, &Workload::closed(1000, 64, 4000, 1000), 1000);
    let spread = Workload {
        input: Lengths::Uniform(3200, 4000),
        output: Lengths::Uniform(800, 1000),
        ..Workload::closed(1000, 64, 1, 1)
    };
    bench("the same, lengths spread", &one, &spread, 1000);

    // The shape of a public conversation trace: 19,366 requests at 5.53 a second.
    let trace = Workload {
        arrivals: Arrivals::Gamma { rate: 5.53, cv: 1.2 },
        input: Lengths::LogNormal { mean: 1155.0, cv: 0.96, most: 14_050 },
        output: Lengths::LogNormal { mean: 211.0, cv: 0.77, most: 1000 },
        ..Workload::closed(19_366, 1, 1, 1)
    };
    bench("open loop, 19,366 conversations", &one, &trace, 20);
    let many = Deployment::Together { instance: instance(&Analytic), count: 100, router: Router::LeastLoaded };
    let million = Workload { requests: 1_000_000, arrivals: Arrivals::Gamma { rate: 553.0, cv: 1.2 }, ..trace.clone() };
    bench("1,000,000 of them over 100 instances, least loaded", &many, &million, 1);

    let wide = Deployment::one(Instance { ranks: 32, ..instance(&Experts) });
    let wide_load = Workload {
        requests: 8192,
        arrivals: Arrivals::Closed { concurrency: 2048, ramp: 0.0, think: 0.0 },
        ..spread.clone()
    };
    bench("32 attention-DP ranks, 8,192 at 2,048, lengths spread", &wide, &wide_load, 50);

    let seconds = |tokens: u64| 1e-3 + tokens as f64 * 131e3 / 50e9;
    let split = Deployment::Split {
        prefill: instance(&Analytic),
        prefills: 4,
        decode: instance(&Analytic),
        decodes: 2,
        router: Router::RoundRobin,
        link: Link { seconds: &seconds, streams: 1, first_token_after: true },
    };
    bench("prefill 4, decode 2, 1,000 at 64, lengths spread", &split, &spread, 1000);
}
