//! What must hold for every plan.

use proptest::prelude::*;

use super::testing::{Hall, dense, experts};
use super::*;

/// Plans of all kinds on 64 devices, most of which divide.
fn plans() -> impl Strategy<Value = Plan> {
    let degrees = (0u32..4, 0u32..3, 0u32..2, 0u32..3, 1u32..4);
    let ways = (0usize..4, 0usize..4, 0usize..6, 0usize..3, any::<bool>());
    (degrees, ways).prop_map(
        |((tp, pp, cp, ep, micro), (sharding, recompute, schedule, context, sequence_parallel))| {
            let (tp, pp, cp) = (1 << tp, 1 << pp, 1 << cp);
            let dp = 64 / (tp * pp * cp).min(64);
            let schedule = if pp == 1 { Schedule::OneFOneB } else { Schedule::NAMED[schedule].1 };
            let chunks = if matches!(schedule, Schedule::Interleaved | Schedule::ZbV) { 2 } else { 1 };
            Plan {
                tp,
                pp,
                dp,
                cp,
                ep: 1 << ep,
                etp: 1,
                chunks,
                micro_batch: micro,
                schedule,
                sequence_parallel,
                context: ContextExchange::NAMED[context].1,
                sharding: Sharding::NAMED[sharding].1,
                shard: if sharding == 0 { 1 } else { dp * cp },
                recompute: [Recompute::None, Recompute::Selective, Recompute::Layers(1), Recompute::Full][recompute],
                offload: Offload::default(),
            }
        },
    )
}

fn priced(job: &Job, plan: &Plan) -> Option<(Terms, StepTime, TrainingMemory)> {
    plan.check(job.model, job.sequence, job.batch).ok()?;
    let pricer = Pricer::new(*job);
    let terms = pricer.terms(plan);
    let memory = job.memory(plan, &terms).ok()?;
    Some((terms, job.step(plan, &terms), memory))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_plan_beats_its_operations_over_the_peak(plan in plans(), moe in any::<bool>()) {
        let hall = Hall::new(1e15, 3e12, 4.0e11);
        let model = if moe { experts() } else { dense() };
        let job = hall.job(&model, 4096, 1536);
        if let Some((terms, step, _)) = priced(&job, &plan) {
            let layers = model.num_layers() as f64;
            let forward = terms.layer.model_flop_per_token * layers + terms.ends.model_flop_per_token;
            let tokens = (job.sequence * job.batch) as f64;
            prop_assert!(step.seconds >= 3.0 * forward * tokens / 1e15 / plan.devices() as f64 * (1.0 - 1e-9));
            // Nor six operations for each weight that a token meets.
            let active = catalog::model::parameters(&model).active as f64 - (model.vocab * model.hidden) as f64;
            prop_assert!(step.seconds >= 6.0 * active * tokens / 1e15 / plan.devices() as f64 * 0.98);
        }
    }

    #[test]
    fn the_parts_of_a_step_are_the_step(plan in plans(), moe in any::<bool>()) {
        let hall = Hall::new(1e15, 3e12, 4.0e11);
        let model = if moe { experts() } else { dense() };
        let job = hall.job(&model, 4096, 1536);
        if let Some((_, step, _)) = priced(&job, &plan) {
            let b = &step.breakdown;
            prop_assert!((b.total() - step.seconds).abs() <= 1e-9 * step.seconds);
            for part in [b.compute, b.recompute, b.tensor, b.context, b.expert, b.data, b.pipeline, b.bubble, b.optimizer, b.other] {
                prop_assert!(part >= -1e-12, "{b:?}");
            }
        }
    }

    #[test]
    fn more_peak_bandwidth_and_links_are_never_slower(plan in plans(), moe in any::<bool>(), more in 1.0f64..4.0, which in 0usize..3) {
        let model = if moe { experts() } else { dense() };
        let base = Hall::new(1e15, 3e12, 4.0e11);
        let scale = |i| if i == which { more } else { 1.0 };
        let better = Hall::new(1e15 * scale(0), 3e12 * scale(1), 4.0e11 * scale(2));
        let (a, b) = (base.job(&model, 4096, 1536), better.job(&model, 4096, 1536));
        if let (Some((_, slow, _)), Some((_, fast, _))) = (priced(&a, &plan), priced(&b, &plan)) {
            // Hidden exchanges may show where operators became shorter, never more than operators gained.
            prop_assert!(fast.seconds <= slow.seconds * (1.0 + 1e-9), "{} {}", fast.seconds, slow.seconds);
        }
    }

    #[test]
    fn more_memory_never_makes_a_plan_infeasible(plan in plans(), moe in any::<bool>(), more in 1.0f64..4.0) {
        let model = if moe { experts() } else { dense() };
        let (small, mut large) = (Hall::new(1e15, 3e12, 4.0e11), Hall::new(1e15, 3e12, 4.0e11));
        large.chip.memory.value = large.chip.memory.value.map(|b| b * more);
        let (a, b) = (small.job(&model, 4096, 1536), large.job(&model, 4096, 1536));
        if let (Some((_, _, little)), Some((_, _, much))) = (priced(&a, &plan), priced(&b, &plan)) {
            prop_assert_eq!(little.total(), much.total());
            prop_assert!(!little.fits() || much.fits());
        }
    }

    #[test]
    fn sharding_and_recomputation_never_take_more_memory(plan in plans(), moe in any::<bool>()) {
        let hall = Hall::new(1e15, 3e12, 4.0e11);
        let model = if moe { experts() } else { dense() };
        let job = hall.job(&model, 4096, 1536);
        let with = |sharding, recompute| priced(&job, &Plan { sharding, recompute, shard: plan.dp * plan.cp, ..plan }).map(|p| p.2);
        let states = |m: TrainingMemory| m.parameters + m.gradients + m.optimizer;
        let by = [Sharding::None, Sharding::Optimizer, Sharding::Gradients, Sharding::Parameters];
        let all: Vec<f64> = by.into_iter().filter_map(|s| with(s, plan.recompute)).map(states).collect();
        prop_assert!(all.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)), "{all:?}");
        let by = [Recompute::None, Recompute::Selective, Recompute::Full];
        let all: Vec<f64> = by.into_iter().filter_map(|r| with(plan.sharding, r)).map(|m| m.activations).collect();
        prop_assert!(all.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)), "{all:?}");
    }
}

#[test]
fn weights_gradients_and_states_by_hand() {
    let hall = Hall::new(1e15, 3e12, 4.0e11);
    let model = dense();
    let job = hall.job(&model, 4096, 64);
    let (_, _, m) = priced(&job, &Plan { shard: 64, ..Plan::data(64, 1) }).expect("a plan");
    // All parameters on each device in 2 bytes, gradients in 4, and a sixty-fourth of 12 bytes of states. The last norm,
    // 4,096 weights, is not counted.
    let all = catalog::model::parameters(&model).total as f64 - 4096.0;
    let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    close(m.parameters, 2.0 * all);
    close(m.gradients, 4.0 * all);
    close(m.optimizer, 12.0 * all / 64.0);
}

#[test]
fn activations_are_those_of_the_books() {
    // Korthikanti et al. 2022: s b h (34 + 5 a s / h) bytes for a layer with unfused attention and no split; without the
    // scores 34, of which masks take 2. Ours has SwiGLU-less 4 h columns and 32 heads of 128.
    let mut hall = Hall::new(1e15, 3e12, 4.0e11);
    hall.stack.fused_attention = false;
    let model = super::testing::gpt();
    let job = hall.job(&model, 2048, 8);
    let layer = Pricer::new(job).terms(&Plan::data(1, 1)).layer;
    let (s, h, a) = (2048.0, 4096.0, 32.0);
    let saved = layer.saved.kept + layer.saved.dropped;
    let book = s * h * (34.0 + 5.0 * a * s / h);
    assert!((saved / book - 1.0).abs() < 0.01, "{saved} {book}");
}

#[test]
fn the_fullest_stage_has_the_heaviest_layers() {
    // A dense layer of 14,336 columns before three of experts: with two stages the second holds two of experts.
    let hall = Hall::new(1e15, 3e12, 4.0e11);
    let mut model = experts();
    model.layers[0].count = 3;
    model.layers.insert(0, catalog::LayerGroup { count: 1, ..dense().layers[0].clone() });
    let job = hall.job(&model, 4096, 64);
    let plan = Plan { pp: 2, schedule: Schedule::OneFOneB, ..Plan::data(4, 1) };
    let pricer = Pricer::new(job);
    let terms = pricer.terms(&plan);
    let [light, heavy] = [0, 1].map(|i| pricer.group(&model.layers[i], &plan));
    assert_eq!(terms.heavy, (heavy, 3.0));
    let two = terms.fullest(2.0, 4.0);
    assert!((two.experts / heavy.experts - 1.0).abs() < 1e-12);
    // All four together are three heavy ones and a light one.
    let four = terms.fullest(4.0, 4.0);
    assert!((four.dense * 4.0 / (light.dense + 3.0 * heavy.dense) - 1.0).abs() < 1e-12);
}
