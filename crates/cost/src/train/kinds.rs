//! Models and recipes of every kind, priced and compared with each other.

use catalog::model::{Gqa, Sparse};
use catalog::{Arithmetic, Attention, Ffn, Model};
use formats::Scheme;

use super::testing::{Hall, dense, experts};
use super::*;

/// A million tokens.
const MILLION: u64 = 1 << 20;

fn hall() -> Hall {
    Hall::new(1e15, 3e12, 4.0e11)
}

fn with_attention(change: impl Fn(&mut Gqa)) -> Model {
    let mut model = dense();
    if let Attention::Gqa(a) = &mut model.layers[0].attention {
        change(a);
    }
    model
}

fn priced(job: &Job, plan: &Plan) -> (Terms, StepTime, TrainingMemory) {
    plan.check(job.model, job.sequence, job.batch).expect("a plan");
    let pricer = Pricer::new(*job);
    let terms = pricer.terms(plan);
    (terms, job.step(plan, &terms), job.memory(plan, &terms).expect("known"))
}

/// Seconds of a step on eight devices that share a sequence.
fn long(model: &Model, sequence: u64) -> f64 {
    let hall = hall();
    let plan = Plan { cp: 8, recompute: Recompute::Full, context: ContextExchange::Ring, ..Plan::data(1, 1) };
    priced(&hall.job(model, sequence, 1), &Plan { shard: 8, ..plan }).1.seconds
}

#[test]
fn a_window_saves_what_lies_before_it() {
    let windowed = with_attention(|a| a.window = Some(4096));
    // All of a short sequence lies inside; of a long one little does.
    assert_eq!(long(&windowed, 4096), long(&dense(), 4096));
    assert!(long(&windowed, 131_072) < 0.5 * long(&dense(), 131_072));
    // With the window the work grows as the sequence.
    let growth = long(&windowed, MILLION) / long(&windowed, MILLION / 2);
    assert!((1.8..2.2).contains(&growth), "{growth}");
}

#[test]
fn a_million_tokens_are_attention() {
    // Twice the tokens are nearly four times the pairs.
    let growth = long(&dense(), MILLION) / long(&dense(), MILLION / 2);
    assert!((3.2..4.1).contains(&growth), "{growth}");
}

#[test]
fn sparse_attention_pays_for_its_indexer() {
    let sparse = with_attention(|a| {
        a.sparse = Some(Sparse { index_heads: 4, index_dim: 64, top_tokens: 2048, ..Sparse::default() });
    });
    // Where the sequence is hardly longer than what is chosen the indexer is all that changes.
    assert!(long(&sparse, 2048) > long(&dense(), 2048));
    let (long_sparse, long_dense) = (long(&sparse, MILLION), long(&dense(), MILLION));
    assert!(long_sparse < 0.5 * long_dense, "{long_sparse} {long_dense}");
}

#[test]
fn adapters_need_no_weight_gradients_and_little_memory() {
    let (hall, model) = (hall(), dense());
    let plan = Plan { shard: 8, ..Plan::data(8, 1) };
    let whole = hall.job(&model, 4096, 64);
    let adapters = Job { recipe: Recipe { lora: Some(Lora { rank: 16 }), ..Recipe::MIXED }, ..whole };
    let ((terms, full, states), (small, lora, few)) = (priced(&whole, &plan), priced(&adapters, &plan));
    // Two of three products are left, and attention.
    assert!(lora.seconds < full.seconds && lora.seconds > 0.6 * full.seconds, "{} {}", lora.seconds, full.seconds);
    assert!(small.layer.weight_grad < 0.1 * terms.layer.weight_grad);
    assert_eq!(few.parameters, states.parameters);
    assert!(few.gradients + few.optimizer < 0.02 * (states.gradients + states.optimizer));
}

#[test]
fn capacity_drops_what_the_busiest_expert_would_wait_for() {
    let (hall, model) = (hall(), experts());
    let plan = Plan { ep: 8, shard: 64, ..Plan::data(64, 1) };
    let even = hall.job(&model, 4096, 64);
    let step = |job: Job| priced(&job, &plan).1.seconds;
    let dropless = step(Job { imbalance: 2.0, ..even });
    let capped = step(Job { imbalance: 2.0, capacity: Some(1.25), ..even });
    assert!(step(even) < capped && capped < dropless, "{} {capped} {dropless}", step(even));
}

#[test]
fn fewer_bits_are_faster_where_the_chip_has_them() {
    let plan = Plan { shard: 8, ..Plan::data(8, 1) };
    let model = dense();
    let step = |hall: &Hall, name: &str| {
        let linear = Scheme::from_name(name).expect("known");
        priced(&Job { recipe: Recipe { linear, ..Recipe::MIXED }, ..hall.job(&model, 4096, 64) }, &plan).1.seconds
    };
    // Without units for them the products run in 16 bits.
    let plain = hall();
    let half = step(&plain, "bf16");
    for name in ["fp8-block", "mxfp8", "nvfp4"] {
        assert!(step(&plain, name) > 0.9 * half, "{name}");
    }
    use Arithmetic::{Bf16, Fp4, Fp8, Mxfp8};
    let rich = Hall::of(&[(Bf16, 1e15), (Fp8, 2e15), (Mxfp8, 2e15), (Fp4, 4e15)], 3e12, 4.0e11);
    let (eight, four) = (step(&rich, "mxfp8"), step(&rich, "nvfp4"));
    assert!(four < eight && eight < half, "{four} {eight} {half}");
    assert!(step(&rich, "fp8-block") < half);
}

#[test]
fn models_of_every_architecture_are_priced() {
    // Windows, latents, sparse attention, states, shared and latent experts: all that the catalog has.
    let hall = hall();
    for entry in catalog::model::entries() {
        let model = catalog::model::load(&entry.id, None).expect("built in");
        let job = hall.job(&model, 4096, 64);
        let (terms, step, memory) = priced(&job, &Plan { shard: 64, ..Plan::data(64, 1) });
        let layers = model.num_layers() as f64;
        let forward = terms.layer.model_flop_per_token * layers + terms.ends.model_flop_per_token;
        let weights = 2.0 * (catalog::model::parameters(&model).active as f64 - (model.vocab * model.hidden) as f64);
        assert!(forward > 0.9 * weights, "{}: {forward:.3e} {weights:.3e}", entry.id);
        assert!(
            step.seconds.is_finite() && step.seconds >= 3.0 * forward * 4096.0 * 64.0 / 1e15 / 64.0,
            "{}",
            entry.id
        );
        assert!(memory.total().is_finite() && memory.activations > 0.0, "{}", entry.id);
        assert!(
            model.layers.iter().all(|g| !matches!(g.ffn, Ffn::Moe(_)) || terms.layer.experts > 0.0),
            "{}",
            entry.id
        );
    }
}

#[test]
fn every_other_product_is_kept_where_a_framework_does_so() {
    let (mut hall, model) = (hall(), dense());
    let plan = Plan { shard: 8, recompute: Recompute::Selective, ..Plan::data(8, 1) };
    let (cheap, plain, _) = priced(&hall.job(&model, 4096, 64), &plan);
    hall.stack.recomputes_products = true;
    let (terms, step, _) = priced(&hall.job(&model, 4096, 64), &plan);
    // The layer's input and what attention gives (4,096 values each), and half of 6,144 (queries, keys, values), 4,096 (output),
    // 28,672 (gate and up) and 4,096 (down), in 16 bits.
    assert_eq!(terms.layer.saved.kept, 4096.0 * (4096.0 + 4096.0 + 43_008.0 / 2.0) * 2.0);
    let all = |t: &Terms| t.layer.saved.kept + t.layer.saved.dropped;
    assert!((all(&terms) - all(&cheap)).abs() < 1.0);
    // Half of the products run twice: a third of a third of the step, less attention.
    assert!(terms.layer.selective > 2.0 * cheap.layer.selective);
    assert!(step.seconds > 1.08 * plain.seconds && step.seconds < 1.2 * plain.seconds);
}
