use catalog::Catalog;
use proptest::prelude::*;

use super::*;
use crate::collective::{Plan, Routing as Tokens, lower, schedule};
use crate::flow::run;
use crate::graph::{Level, Link, Node, NodeKind, build};
use crate::route::Routing;
use crate::testing::star;

fn whole(graph: &Graph) -> Vec<f64> {
    graph.links.iter().map(|l| l.bandwidth).collect()
}

#[test]
fn all_to_all_needs_its_ports() {
    let star = star(64, 50e9, 1e-6);
    let bytes = f64::from(1u32 << 30);
    let found = bounds(&star, &whole(&star), &Placement::packed(64), Operation::AllToAll, bytes, None);
    assert!((found.injection - 63.0 / 64.0 * bytes / 50e9).abs() < 1e-9);
    assert!((found.latency - 2e-6).abs() < 1e-12);
    // Half of the half: 32 x 32 / 64 GiB over 32 ports.
    assert!((found.bisection - 16.0 * bytes / (32.0 * 50e9)).abs() < 1e-9);
}

#[test]
fn a_cube_is_cut_through_its_middle() {
    let catalog = Catalog::embedded();
    let cube = build(catalog.system("google_ironwood_64").expect("known"), 64).expect("a graph");
    // Two planes of 16 links of 100 GB/s.
    assert!((bisection(&cube) - 3.2e12).abs() < 1e-3 * 3.2e12, "{}", bisection(&cube));
    let pod = build(catalog.system("google_tpu_v4_pod").expect("known"), 4096).expect("a graph");
    // Published: 24 TB/s, both directions together: 2 x 256 links of 50 GB/s each way is 25.6 TB/s one way.
    assert!((bisection(&pod) - 25.6e12).abs() < 1e-3 * 25.6e12, "{}", bisection(&pod));
    let rack = build(catalog.system("nvidia_gb200_nvl72").expect("known"), 72).expect("a graph");
    assert!((bisection(&rack) - 36.0 * 900e9).abs() < 1.0);
}

/// A connected graph of chips and switches with random links.
fn graph() -> impl Strategy<Value = Graph> {
    (2u32..10, 0u32..5).prop_flat_map(|(chips, switches)| {
        let n = chips + switches;
        let tree = prop::collection::vec((0u32..1000, 0.5f64..8.0, 0.0f64..2.0), n as usize - 1);
        let more = prop::collection::vec((0..n, 0..n, 0.5f64..8.0, 0.0f64..2.0), 0..12);
        (Just((chips, n)), tree, more).prop_map(|((chips, n), tree, more)| {
            let node = |i: u32| Node {
                kind: if i < chips { NodeKind::Chip } else { NodeKind::Switch },
                name: i.to_string(),
                tier: 0,
                members: 1,
                planes: 1,
                adds: false,
            };
            let link = |from, to, bandwidth: f64, latency: f64| Link {
                from,
                to,
                bandwidth: bandwidth * 1e9,
                latency: latency * 1e-6,
                tier: 0,
                wires: 1,
                class: 0,
                optical: false,
                ocs: None,
            };
            let mut links = Vec::new();
            for (i, (parent, bandwidth, latency)) in tree.into_iter().enumerate() {
                let child = i as u32 + 1;
                links.push(link(child, parent % child, bandwidth, latency));
                links.push(link(parent % child, child, bandwidth, latency));
            }
            links.extend(more.into_iter().filter(|m| m.0 != m.1).map(|(a, b, w, l)| link(a, b, w, l)));
            let mut graph = Graph::new((0..n).map(node).collect(), links, (0..chips).collect()).expect("sound");
            let name = "random".to_owned();
            graph.levels = vec![Level { name, chips, bandwidth: 1e9, links_stated: true, switches_stated: true }];
            graph
        })
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let tokens = Tokens { top_k: 4, experts: 32 };
    prop_oneof![
        Just(Operation::AllReduce),
        Just(Operation::AllGather),
        Just(Operation::ReduceScatter),
        Just(Operation::AllToAll),
        Just(Operation::Dispatch(tokens)),
        Just(Operation::Combine(tokens)),
        Just(Operation::Broadcast),
        Just(Operation::Send),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_schedule_beats_them(
        graph in graph(),
        operation in operation(),
        bytes in 1e3f64..1e9,
        routing in prop_oneof![Just(Routing::Shortest), Just(Routing::Ecmp), Just(Routing::Adaptive)],
    ) {
        let placement = Placement::packed(graph.chips.len() as u32);
        let capacity = whole(&graph);
        for algorithm in Algorithm::ALL {
            let plan = Plan { graph: &graph, placement: &placement, operation, bytes, step: 1e-7 };
            let Ok(schedule) = schedule(&plan, algorithm) else { continue };
            let lowered = lower(&graph, &capacity, &placement, &schedule, routing, &|_| 0.0).expect("connected");
            let time = run(&lowered.capacities, std::slice::from_ref(&lowered.job)).expect("sound").finish[0];
            let bound = bounds(&graph, &capacity, &placement, operation, bytes, Some(algorithm));
            prop_assert!(
                time >= bound.seconds() * (1.0 - 1e-9),
                "{} by {}: {time} below {bound:?}", operation.name(), algorithm.name()
            );
        }
    }
}
