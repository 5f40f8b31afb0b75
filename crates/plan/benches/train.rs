//! Speed of training plans: the closed form, the whole plan space of GPT-3 175B on 4,096 A100, and one schedule played.
//!
//!     cargo bench -p steelyard-plan --bench train

use std::time::Instant;

use catalog::model::{Dense, Gqa, WeightFormats};
use catalog::{Attention, Catalog, Ffn, Framework, LayerGroup, Model};
use cost::Calibration;
use cost::comm::CommCalibration;
use cost::train::{
    ContextExchange, Offload, Plan, Pricer, Recipe, Recompute, Schedule, Sharding, StateFormat, TrainingCalibration,
};
use formats::Scheme;
use plan::machine::Fitted;
use plan::train::search::{Choices, search};
use plan::train::study::Space;
use plan::train::{Rig, Watch, play, price};

/// Seconds that this process had a processor, over all of its threads.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |i: usize| fields.get(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (field(11) + field(12)) / 100.0
}

fn gpt3() -> Model {
    let attention = Gqa { heads: 96, kv_heads: 96, head_dim: 128, v_head_dim: 128, ..Gqa::default() };
    Model {
        id: "gpt-3-175b".into(),
        name: "GPT-3 175B".into(),
        architecture: "dimensions of the paper".into(),
        hidden: 12_288,
        vocab: 51_200,
        tied_embeddings: true,
        layers: vec![LayerGroup {
            count: 96,
            attention: Attention::Gqa(attention),
            ffn: Ffn::Dense(Dense { inner: 49_152, gated: false }),
        }],
        mtp_layers: 0,
        mtp: Vec::new(),
        residual_streams: 1,
        max_context: 2048,
        weights: WeightFormats::uniform(Scheme::BF16),
        kv: None,
        notes: Vec::new(),
    }
}

fn rig(catalog: &Catalog, fitted: &Fitted, system: &str, chips: u32) -> Rig {
    let system = catalog.listed_system(system).expect("known").checked.clone().expect("complete");
    let system = system.with_chips(chips).expect("so many");
    let framework = Framework::load("megatron").expect("sound");
    Rig::new(&system, fitted, &TrainingCalibration::embedded().expect("sound"), &framework).expect("priced")
}

fn main() {
    let catalog = Catalog::embedded();
    let fitted = Fitted {
        operators: Calibration::embedded().expect("sound"),
        exchanges: CommCalibration::embedded().expect("sound"),
    };
    let model = gpt3();
    let mut a100 = rig(&catalog, &fitted, "nvidia_hgx_a100", 4096);
    // Calculon's space has offloading; the catalog knows the host link of this chip.
    a100.stack.launch = 0.0;
    let framework = Framework::load("megatron").expect("sound");

    // One plan after the other, layers priced before.
    let job = a100.job(&model, Recipe::MIXED, 2048, 4096);
    let plan = Plan { tp: 8, pp: 8, shard: 64, ..Plan::data(64, 1) };
    let pricer = Pricer::new(job);
    let terms = pricer.terms(&plan);
    let (before, mut count, mut sum) = (processor(), 0u64, 0.0);
    while processor() - before < 1.0 {
        for _ in 0..20_000 {
            let memory = job.memory(&plan, &terms).expect("known");
            sum += job.step(&plan, &terms).seconds + memory.total();
            count += 1;
        }
    }
    println!("closed form: {:.0} plans per CPU second ({:.3e})", count as f64 / (processor() - before), sum);

    // The whole space: number formats of states times plans, all on one core.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let recipes = [
        (StateFormat::Fp32, StateFormat::Fp32),
        (StateFormat::Bf16, StateFormat::Fp32),
        (StateFormat::Bf16, StateFormat::Bf16),
    ];
    let (before, started) = (processor(), Instant::now());
    let (mut tried, mut best) = (0u64, f64::INFINITY);
    for (gradients, moments) in recipes {
        let recipe = Recipe { gradients, moments, ..Recipe::MIXED };
        let job = a100.job(&model, recipe, 2048, 4096);
        let space = Space {
            offload: true,
            context: vec![ContextExchange::Ring, ContextExchange::AllGather, ContextExchange::Ulysses],
            cp: vec![1, 2, 4, 8],
            micro_batch: vec![1, 2, 4, 8, 16, 32],
            ..Space::default()
        };
        let mut choices = Choices::new(&job, &space, &framework, a100.devices());
        choices.recompute = (1..12).map(Recompute::Layers).collect();
        choices.recompute.extend([Recompute::None, Recompute::Selective, Recompute::Full]);
        let found = one.install(|| search(&job, &choices, 200, Watch::NOBODY)).expect("played");
        tried += found.priced + found.refused.values().sum::<u64>();
        best = best.min(found.played.first().map_or(f64::INFINITY, |p| p.step.seconds));
    }
    println!(
        "whole space of GPT-3 175B on 4,096 A100: {tried} executions in {:.1} CPU s ({:.1} s), best step {best:.3} s",
        processor() - before,
        started.elapsed().as_secs_f64()
    );

    // DeepSeek-V3 on 2,048 H800, 16 stages, DualPipe.
    let h800 = rig(&catalog, &fitted, "nvidia_hgx_h800", 2048);
    let model = catalog::model::load("deepseek-v3", None).expect("built in");
    let recipe = Recipe { linear: Scheme::from_name("fp8-block").expect("known"), ..Recipe::MIXED };
    let mut job = h800.job(&model, recipe, 4096, 15_360);
    job.mtp = true;
    let plan = Plan {
        pp: 16,
        ep: 64,
        schedule: Schedule::DualPipe,
        sharding: Sharding::Optimizer,
        recompute: Recompute::Selective,
        offload: Offload::default(),
        ..Plan::data(128, 1)
    };
    let priced = price(&Pricer::new(job), &plan).expect("a plan");
    let before = processor();
    let (mut runs, mut last) = (0u32, 0.0);
    let mut events = 0;
    while processor() - before < 1.0 {
        let played = play(&job, priced.clone()).expect("played");
        last = played.step.seconds;
        events = played.ran.events;
        runs += 1;
    }
    let each = (processor() - before) / f64::from(runs);
    println!("DeepSeek-V3 on 2,048 H800, PP16 DualPipe: step {last:.2} s played in {each:.4} CPU s ({events} events)");
}
