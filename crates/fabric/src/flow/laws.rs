//! Laws of fair sharing, on random streams over random links.

use proptest::prelude::*;

use super::*;

type Flow = (f64, Vec<u32>);

fn flows() -> impl Strategy<Value = (Vec<f64>, Vec<Flow>)> {
    prop::collection::vec(0.5f64..8.0, 1..8).prop_flat_map(|links| {
        let n = links.len() as u32;
        let path = prop::collection::btree_set(0..n, 1..=links.len()).prop_map(|p| p.into_iter().collect());
        (Just(links), prop::collection::vec((0.1f64..10.0, path), 1..20))
    })
}

fn job(flows: &[Flow]) -> Job {
    let mut streams = Streams::new();
    flows.iter().for_each(|(bytes, path)| streams.push(*bytes, 0.0, path.iter().map(|&r| (r, 1.0))));
    Job { start: 0.0, phases: vec![Phase { streams, pause: 0.0, repeat: 1 }] }
}

/// Rates by definition: raise all together in small exact rounds, fixing those on full links.
fn reference(links: &[f64], flows: &[Flow]) -> Vec<f64> {
    let mut rates = vec![None; flows.len()];
    while rates.iter().any(Option::is_none) {
        let level = |l: usize| {
            let on: Vec<usize> = (0..flows.len()).filter(|&f| flows[f].1.contains(&(l as u32))).collect();
            let fixed: f64 = on.iter().filter_map(|&f| rates[f]).sum();
            let open = on.iter().filter(|&&f| rates[f].is_none()).count();
            if open == 0 { f64::INFINITY } else { (links[l] - fixed) / open as f64 }
        };
        let levels: Vec<f64> = (0..links.len()).map(level).collect();
        let lowest = (0..links.len()).min_by(|&a, &b| levels[a].total_cmp(&levels[b])).expect("links");
        for f in 0..flows.len() {
            if rates[f].is_none() && flows[f].1.contains(&(lowest as u32)) {
                rates[f] = Some(levels[lowest]);
            }
        }
    }
    rates.into_iter().map(|r| r.expect("set")).collect()
}

/// The whole transfer by definition: rates, first ending, rates again.
fn walk(links: &[f64], flows: &[Flow]) -> f64 {
    let (mut left, mut now) = (flows.to_vec(), 0.0);
    while !left.is_empty() {
        let rates = reference(links, &left);
        let step = left.iter().zip(&rates).map(|(f, r)| f.0 / r).fold(f64::INFINITY, f64::min);
        now += step;
        left.iter_mut().zip(&rates).for_each(|(f, r)| f.0 -= r * step);
        left.retain(|f| f.0 > 1e-9);
    }
    now
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn as_by_definition((links, flows) in flows()) {
        let done = run(&links, &[job(&flows)]).expect("sound").finish[0];
        let by_hand = walk(&links, &flows);
        prop_assert!((done - by_hand).abs() <= 1e-6 * by_hand, "{done} against {by_hand}");
    }

    #[test]
    fn never_below_the_busiest_link((links, flows) in flows()) {
        let done = run(&links, &[job(&flows)]).expect("sound").finish[0];
        let mut loads = vec![0.0; links.len()];
        job(&flows).phases[0].streams.load(1.0, &mut loads);
        let least = loads.iter().zip(&links).map(|(l, c)| l / c).fold(0.0, f64::max);
        prop_assert!(done >= least * (1.0 - 1e-9));
    }

    #[test]
    fn jobs_apart_are_as_if_alone((links, flows) in flows(), (others, more) in flows()) {
        let alone = run(&links, &[job(&flows)]).expect("sound").finish[0];
        let offset = links.len() as u32;
        let both: Vec<f64> = links.iter().chain(&others).copied().collect();
        let moved: Vec<Flow> = more.iter().map(|(b, p)| (*b, p.iter().map(|r| r + offset).collect())).collect();
        let done = run(&both, &[job(&flows), job(&moved)]).expect("sound");
        prop_assert!((done.finish[0] - alone).abs() <= 1e-9 * alone);
    }
}
