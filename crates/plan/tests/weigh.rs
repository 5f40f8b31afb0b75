//! Laws of the answer: the same on any number of threads, never faster than physics, never worse with a better system.

use catalog::{Catalog, Engine, System};
use plan::findings::{Answer, Findings, Reason};
use plan::interval::Intervals;
use plan::machine::Fitted;
use plan::search::{Recall, search};
use plan::study::{self, Library, Study};
use plan::weigh::{Ground, weigh};
use proptest::prelude::*;
use std::sync::LazyLock;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::embedded);
static FITTED: LazyLock<Fitted> = LazyLock::new(|| Fitted {
    operators: cost::Calibration::embedded().expect("sound"),
    exchanges: cost::comm::CommCalibration::embedded().expect("sound"),
});

fn ask(text: &str) -> Study {
    study::check("s.toml", text, None, Library { catalog: &CATALOG, folder: None }).expect("a sound study")
}

fn answer(study: &Study) -> Findings {
    let intervals = Intervals::embedded().expect("sound");
    let done = |_: &str| {};
    weigh(study, &Ground { catalog: &CATALOG, fitted: &FITTED, intervals: &intervals, done: &done })
}

const SMALL: &str = r#"
model = "qwen3-32b"
[traffic]
input = { uniform = [500, 1500] }
output = 200
[levels]
ttft_p99 = "4 s"
tpot_mean = "40 ms"
[objective]
best = "tokens per chip"
[search]
requests = 128
[[system]]
name = "nvidia-hgx-h200"
[[system]]
name = "huawei-ascend-910b-node"
[[system]]
name = "hygon_bw1000_node"
"#;

#[test]
fn the_same_bytes_on_one_thread_and_on_two() {
    let study = ask(SMALL);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        serde_json::to_string(&pool.install(|| answer(&study))).expect("findings are JSON")
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn ranked_with_those_that_lack_facts_last() {
    let findings = answer(&ask(SMALL));
    let figure = |i: usize| match &findings.systems[i].answer {
        Answer::Served(choice) => choice.tokens_per_chip.value,
        other => panic!("{other:?}"),
    };
    assert!(figure(0) > figure(1));
    assert!(matches!(&findings.systems[2].answer, Answer::Incomplete { missing } if !missing.is_empty()));
    for system in &findings.systems[..2] {
        let Answer::Served(choice) = &system.answer else { unreachable!() };
        assert!(choice.ttft.p99.value <= 4.0 && choice.tpot.mean.value <= 0.04);
        let e = choice.tokens_per_chip;
        assert!(e.low < e.value && e.value < e.high);
        assert!(choice.operators.iter().all(|op| op.seconds >= op.speed_of_light * 0.999));
        let shares: f64 = choice.operators.iter().filter(|op| op.phase == "decode").map(|op| op.share).sum();
        assert!((shares - 1.0).abs() < 0.01, "{shares}");
        assert!(
            system.pareto.windows(2).all(|p| {
                p[0].tokens_per_user >= p[1].tokens_per_user && p[0].tokens_per_chip <= p[1].tokens_per_chip
            })
        );
        assert!(system.pareto.iter().any(|p| p.meets_levels));
    }
}

#[test]
fn never_faster_than_physics() {
    let study = ask(SMALL);
    let (input, output) = (study.traffic.input.mean(), study.traffic.output.mean());
    for candidate in &study.systems {
        let engines = catalog::engine::engines_for(&candidate.system.chip.architecture).expect("sound");
        let recall = Recall::default();
        let found = search(&study, candidate, &engines, &FITTED, &recall).expect("a search");
        let chip = &candidate.system.chip;
        let parameters = catalog::model::parameters(&study.model);
        let peak = chip.peak.values().map(|p| p.mid().0).fold(0.0, f64::max);
        for point in &found.points {
            // Every token of prompt and answer takes two operations a parameter (tables aside).
            let flop = 2.0 * (parameters.total - parameters.embedding) as f64 * (input + output) * 0.95;
            let requests = peak * f64::from(candidate.chips) / flop;
            assert!(point.output() <= requests * output, "compute: {} of {}", point.output(), requests * output);
            // A decode step reads the weights of a replica once, whatever the batch.
            let plan = &found.plans[point.plan];
            let replicas = f64::from(plan.pools.decode().replicas) * point.copies;
            let devices = f64::from(plan.pools.decode().parallel.tp) / f64::from(chip.devices);
            let weights = parameters.total as f64 * 2.0 * 0.95;
            let step = weights / (chip.bandwidth.mid().0 * devices);
            let batch = (point.concurrency() as f64 / replicas).max(1.0);
            assert!(point.output() <= 1.05 * batch / step * replicas, "memory");
        }
    }
}

#[test]
fn what_does_not_fit_names_the_chips_that_would() {
    let text = SMALL.replace("qwen3-32b", "deepseek-v3.1").replace("nvidia-hgx-h200", "nvidia-hgx-h100");
    let findings = answer(&ask(&text));
    let h100 = findings.systems.iter().find(|s| s.id == "nvidia_dgx_h100").expect("listed");
    let Answer::Unserved { reason: Reason::DoesNotFit { needs, has, nearest_chips }, .. } = &h100.answer else {
        panic!("{:?}", h100.answer)
    };
    assert!(needs > has);
    assert_eq!(*nearest_chips, Some(16));
}

#[test]
fn a_level_that_none_meets_is_told_with_the_best() {
    let text = SMALL.replace("tpot_mean = \"40 ms\"", "tpot_mean = \"1 ms\"");
    for system in &answer(&ask(&text)).systems[..2] {
        let Answer::Unserved { reason: Reason::MissesLevel { level, bound, best }, nearest } = &system.answer else {
            panic!("{:?}", system.answer)
        };
        assert_eq!((level.as_str(), *bound), ("tpot_mean", 1e-3));
        let near = nearest.as_ref().expect("one runs");
        assert!((near.tpot.mean.value - best).abs() < 1e-12 && !near.operators.is_empty());
        assert!(*best > 1e-3 && *best < 0.1);
    }
}

#[test]
fn a_rate_is_carried_or_refused() {
    let with = |rate: &str| SMALL.replace("output = 200\n", &format!("output = 200\nload = {{ rate = \"{rate}\" }}\n"));
    for system in &answer(&ask(&with("4 /s"))).systems[..2] {
        let Answer::Served(choice) = &system.answer else { panic!("{:?}", system.answer) };
        assert!((choice.tokens_per_system.value - 800.0).abs() < 1.0, "{}", choice.tokens_per_system.value);
    }
    for system in &answer(&ask(&with("2000 /s"))).systems[..2] {
        assert!(matches!(&system.answer, Answer::Unserved { .. }), "{:?}", system.answer);
    }
}

#[test]
fn the_fewest_chips_that_carry_a_load() {
    let text = SMALL
        .replace("output = 200\n", "output = 200\nload = { concurrency = 8 }\n")
        .replace("tokens per chip", "chips")
        .replace("\"40 ms\"", "\"80 ms\"");
    let findings = answer(&ask(&text));
    assert!(matches!(findings.systems[0].answer, Answer::Served(_)));
    assert_eq!((findings.systems[0].id.as_str(), findings.systems[0].chips), ("nvidia_hgx_h200", 1));
}

/// Tokens per second of the best answer of a system.
fn best(study: &Study, system: System, engine: &[Engine]) -> f64 {
    let mut candidate = study.systems[0].clone();
    candidate.system = system;
    let recall = Recall::default();
    let found = search(study, &candidate, engine, &FITTED, &recall).expect("a search");
    found.best.map_or(0.0, |(point, _)| point.output())
}

#[test]
fn a_set_up_may_be_named() {
    let with = |setup: &str| {
        let mut study = ask(&SMALL
            .replace("qwen3-32b", "deepseek-v3.1")
            .replace("[levels]\nttft_p99 = \"4 s\"\ntpot_mean = \"40 ms\"", "[levels]\ntpot_mean = \"400 ms\""));
        study.systems.truncate(1);
        study.systems[0].given = study::Given::parse(setup, &["vllm"]).expect("sound");
        study.systems[0].engine = study.systems[0].given.engine.clone();
        answer(&study).systems.remove(0).answer
    };
    let served = |setup: &str| match with(setup) {
        Answer::Served(choice) => choice.setup,
        other => panic!("{setup}: {other:?}"),
    };
    let all = served("TP4 DP2 EP8 batch=32 engine=vllm kv=bf16 aggregated");
    let p = all.parallel;
    assert_eq!((p.tp, p.dp, p.ep, all.batch, all.engine.as_str(), all.kv.as_str()), (4, 2, 8, 32, "vllm", "bf16"));
    assert_eq!((all.concurrency, all.prefill), (32, None));
    assert_eq!(served("TP8").parallel.tp, 8);
    assert_eq!(served("weights=nvfp4 aggregated").weights, "nvfp4");
    assert!(served("disaggregated weights=nvfp4").prefill.is_some());
    // 128 heads are not divided by 3; nine devices are not there; a dense split of experts is.
    assert!(matches!(with("TP3 DP1"), Answer::Unserved { .. }));
    assert!(matches!(with("9x TP1"), Answer::Unserved { .. }));
}

#[test]
fn every_fact_and_fit_is_told() {
    let findings = answer(&ask(SMALL));
    let Answer::Served(choice) = &findings.systems[0].answer else { panic!("{:?}", findings.systems[0].answer) };
    let has = |part: &str| choice.facts.iter().any(|f| f.path.contains(part) && !f.source.is_empty());
    assert!(has("peak.bf16") && has("memory.bandwidth") && has("memory.capacity") && has("tier[0].bandwidth"));
    assert!(choice.rests_on.iter().all(|f| choice.facts.contains(f)));
    let share: f64 = choice.calibration.iter().map(|f| f.share).sum();
    assert!(share > 0.5 && share < 1.0 + 1e-9, "{share}");
    let best = &choice.calibration[0];
    assert!(best.rows > 10 && best.median > 0.0 && best.p90 >= best.median && !best.subject.is_empty(), "{best:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn a_better_system_is_never_slower(more in 1.1f64..3.0, what in 0usize..3) {
        let study = ask(SMALL);
        let engines = [Engine::load("vllm").expect("built in")];
        let system = study.systems[0].system.clone();
        let mut better = system.clone();
        let chip = &mut better.chip;
        match what {
            0 => chip.bandwidth.value = chip.bandwidth.value.map(|b| b * more),
            1 => chip.memory.value = chip.memory.value.map(|b| b * more),
            _ => chip.peak.values_mut().for_each(|p| p.value = p.value.map(|p| p * more)),
        }
        let (plain, improved) = (best(&study, system, &engines), best(&study, better, &engines));
        // The boundary of the levels is met to 6 %.
        prop_assert!(plain > 0.0 && improved >= 0.93 * plain, "{what} x {more}: {improved} after {plain}");
    }
}
