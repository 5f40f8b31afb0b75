//! Runs of decode steps in closed form give what single steps give: exactly the same events, whatever the cost; and for
//! a smooth cost nearly what the cost itself says for each step.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Linear, instance, scheduler};
use cost::{Batch, StepCost};
use proptest::prelude::*;
use sim::{
    Admission, Arrivals, Deployment, Instance, Lengths, Link, Router, Scheduler, Settings, Speculation, Steps,
    Workload, record,
};

fn steps() -> impl Strategy<Value = Steps> {
    prop_oneof![Just(Steps::Mixed), Just(Steps::PrefillFirst), Just(Steps::DecodeFirst)]
}

fn admission() -> impl Strategy<Value = Admission> {
    prop_oneof![Just(Admission::Input), (0.0..=1.0).prop_map(Admission::Expected), Just(Admission::Whole)]
}

fn router() -> impl Strategy<Value = Router> {
    prop_oneof![Just(Router::RoundRobin), Just(Router::LeastLoaded)]
}

fn scheduler_of_any_kind() -> impl Strategy<Value = Scheduler> {
    (
        steps(),
        admission(),
        router(),
        any::<bool>(),
        any::<bool>(),
        1u32..40,
        (1u32..20, 0u32..12),
        (0.0..0.2, prop_oneof![Just(0.0), 0.0..=1.0]),
    )
        .prop_map(
            |(
                steps,
                admission,
                ranks,
                chunked_prefill,
                overlap,
                block_size,
                (max_seqs, balance),
                (watermark, gather),
            )| Scheduler {
                steps,
                admission,
                ranks,
                chunked_prefill,
                overlap,
                block_size,
                max_seqs,
                balance,
                gather,
                watermark,
                max_batched_tokens: 200,
                host: sim::Host { step: units::Seconds(3e-4), request: units::Seconds(1e-5), ..sim::Host::FREE },
            },
        )
}

fn arrivals() -> impl Strategy<Value = Arrivals> {
    prop_oneof![
        (1u32..30, 0.0..0.5).prop_map(|(concurrency, ramp)| Arrivals::Closed { concurrency, ramp, think: 0.0 }),
        (1.0..100.0).prop_map(|rate| Arrivals::Poisson { rate }),
        (1.0..100.0, 0.3..3.0).prop_map(|(rate, cv)| Arrivals::Gamma { rate, cv }),
    ]
}

fn workload() -> impl Strategy<Value = Workload> {
    (1usize..40, arrivals(), 1u32..100, 1u32..100, 1u32..100, 0.0..1.0).prop_map(
        |(requests, arrivals, input, output, more, prefix_hit)| Workload {
            arrivals,
            input: Lengths::Uniform(input, input + more),
            output: Lengths::Uniform(output, output + more),
            prefix_hit,
            ..Workload::closed(requests, 1, 1, 1)
        },
    )
}

fn speculation() -> impl Strategy<Value = Speculation> {
    prop_oneof![Just(Speculation::NONE), (1.0..3.0).prop_map(|emitted| Speculation { queries: 3, emitted })]
}

fn both(deployment: &Deployment<'_, Linear>, workload: &Workload, seed: u64) {
    let whole = Settings { seed, ..Settings::default() };
    let single = Settings { longest_run: 1, ..whole };
    match (record(deployment, workload, &whole), record(deployment, workload, &single)) {
        (Ok(whole), Ok(single)) => {
            assert_eq!(whole, single);
            for load in &whole.loads {
                assert_eq!(load.blocks_left, 0);
            }
        }
        (whole, single) => assert_eq!(whole.err(), single.err()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn together(
        mut scheduler in scheduler_of_any_kind(),
        workload in workload(),
        speculation in speculation(),
        (ranks, count, kv_tokens, seed) in (1u32..4, 1u32..3, 250u64..700, any::<u64>()),
        router in router(),
    ) {
        scheduler.max_seqs = scheduler.max_seqs.min(200 / speculation.queries);
        let cost = Linear { shared: 0.3, ..Linear::default() };
        let instance = Instance { scheduler, ranks, kv_tokens, speculation, ..instance(&cost) };
        both(&Deployment::Together { instance, count, router }, &workload, seed);
    }

    #[test]
    fn split(
        mut scheduler in scheduler_of_any_kind(),
        workload in workload(),
        speculation in speculation(),
        (ranks, prefills, decodes, kv_tokens, seed) in (1u32..3, 1u32..3, 1u32..3, 250u64..700, any::<u64>()),
        (streams, first_token_after) in (1u32..3, any::<bool>()),
    ) {
        scheduler.max_seqs = scheduler.max_seqs.min(200 / speculation.queries);
        let cost = Linear::default();
        let decode = Instance { scheduler, ranks, kv_tokens, speculation, ..instance(&cost) };
        let seconds = |tokens: u64| 1e-3 + 1e-5 * tokens as f64;
        let deployment = Deployment::Split {
            prefill: Instance { kv_tokens: 300, ..decode.clone() },
            prefills,
            decode,
            decodes,
            router: Router::LeastLoaded,
            link: Link { seconds: &seconds, streams, first_token_after },
        };
        both(&deployment, &workload, seed);
    }
}

/// A roofline, curved and with a bend.
struct Roofline;

impl StepCost for Roofline {
    fn local(&self, batch: &Batch) -> f64 {
        let memory = 2e-8 * batch.decode_kv + 5e-9 * batch.prefill_past;
        let compute = 1e-5 * batch.decode as f64 + 1e-9 * batch.prefill_pairs;
        2e-3 + 1e-5 * batch.prefill_tokens as f64 + (memory.powi(3) + compute.powi(3)).cbrt()
    }
    fn shared(&self, _: u64, _: u64) -> f64 {
        0.0
    }
}

/// A batch that starts together and decodes together: every step of it can be asked for.
#[test]
fn runs_agree_with_the_cost_of_every_step() {
    for (batch, input, output) in [(1, 1, 5000), (64, 4000, 1000), (200, 100, 3000), (16, 30_000, 500)] {
        let scheduler = Scheduler { max_batched_tokens: 1 << 24, ..scheduler() };
        let deployment = Deployment::one(Instance { scheduler, kv_tokens: 1 << 30, ..instance(&Roofline) });
        let workload = Workload::closed(batch as usize, batch, input, output);
        let record = record(&deployment, &workload, &Settings::default()).unwrap();
        let step = |k: u32| {
            let decode_kv = f64::from(batch) * f64::from(input + k);
            Roofline.local(&Batch { decode: u64::from(batch), decode_kv, ..Batch::default() })
        };
        let exact: f64 = (0..output - 1).map(step).sum();
        let got = record.served[0].last.since(record.served[0].first);
        assert!((got / exact - 1.0).abs() < 0.005, "{got} for {exact}");
    }
}
