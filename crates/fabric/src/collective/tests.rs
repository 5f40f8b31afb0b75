//! Schedules as flows against closed forms and arithmetic by hand.

use catalog::{Catalog, System};

use super::lower::*;
use super::*;
use crate::flow::run;
use crate::graph::{Graph, build};
use crate::place::Placement;
use crate::price::{self, Collective, Exchange, Network};
use crate::route::Routing as Way;

fn system(name: &str) -> System {
    Catalog::embedded().system(name).expect("known").clone()
}

fn lowered(graph: &Graph, ranks: u32, operation: Operation, algorithm: Algorithm, bytes: f64) -> Lowered {
    let placement = Placement::packed(ranks);
    let plan = Plan { graph, placement: &placement, operation, bytes, step: 0.0 };
    let schedule = schedule(&plan, algorithm).expect("an algorithm for it");
    let capacity: Vec<f64> = graph.links.iter().map(|l| l.bandwidth).collect();
    lower(graph, &capacity, &placement, &schedule, Way::DimensionOrder, &|_| 0.0).expect("routes")
}

fn finish(lowered: &Lowered) -> f64 {
    run(&lowered.capacities, std::slice::from_ref(&lowered.job)).expect("sound").finish[0]
}

/// Seconds of flows over the named system at full bandwidth; latency is left out, for closed forms do so.
fn flows(name: &str, ranks: u32, operation: Operation, algorithm: Algorithm, bytes: f64) -> f64 {
    let mut graph = build(&system(name), ranks).expect("a graph");
    graph.links.iter_mut().for_each(|l| l.latency = 0.0);
    finish(&lowered(&graph, ranks, operation, algorithm, bytes))
}

/// The closed form of the same: the slowest tier.
fn closed(name: &str, ranks: u32, operation: Collective, bytes: f64) -> f64 {
    let whole = system(name);
    let part = whole.with_chips(ranks.max(1)).unwrap_or(whole);
    let network = Network::unpriced(&part.fabric, 1);
    let loads = network.loads(&Exchange::standard(operation, bytes, ranks));
    loads.tiers.iter().map(|t| t.ideal).fold(0.0, f64::max)
}

fn within(a: f64, b: f64, share: f64, what: &str) {
    assert!((a / b - 1.0).abs() <= share, "{what}: {a} against {b}");
}

#[test]
fn rings_and_pairs_agree_with_closed_forms() {
    let gb = 1e9;
    let cases: [(&str, u32, Operation, Algorithm, Collective); 22] = [
        ("nvidia_dgx_h100", 8, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
        ("nvidia_dgx_h100", 8, Operation::ReduceScatter, Algorithm::Ring, Collective::ReduceScatter),
        ("nvidia_dgx_h100", 8, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("nvidia_dgx_h100", 8, Operation::AllReduce, Algorithm::InNetwork, Collective::AllReduce),
        ("nvidia_dgx_h100", 8, Operation::Broadcast, Algorithm::Ring, Collective::Broadcast),
        ("nvidia_dgx_h100", 64, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
        ("nvidia_dgx_h100", 64, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("nvidia_gb200_nvl72", 72, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
        ("nvidia_gb200_nvl72", 144, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("nvidia_gb200_nvl72", 288, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
        ("amd_mi300x_node", 8, Operation::AllReduce, Algorithm::Direct, Collective::AllReduce),
        ("amd_mi300x_node", 8, Operation::AllGather, Algorithm::Direct, Collective::AllGather),
        ("amd_mi300x_node", 8, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("huawei_cloudmatrix384", 384, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("huawei_cloudmatrix384", 384, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
        ("google_ironwood_64", 64, Operation::AllReduce, Algorithm::Ring, Collective::AllReduce),
        ("google_ironwood_64", 64, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
        ("google_ironwood_64", 64, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("google_ironwood_256", 256, Operation::AllReduce, Algorithm::Ring, Collective::AllReduce),
        ("google_ironwood_256", 256, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("google_ironwood_9216", 512, Operation::AllToAll, Algorithm::Direct, Collective::AllToAll),
        ("google_tpu_v5e_pod", 256, Operation::AllGather, Algorithm::Ring, Collective::AllGather),
    ];
    let mut wrong = Vec::new();
    for (name, ranks, operation, algorithm, collective) in cases {
        let (flows, closed) = (flows(name, ranks, operation, algorithm, gb), closed(name, ranks, collective, gb));
        if (flows / closed - 1.0).abs() > 0.05 {
            wrong.push(format!(
                "{name} {ranks} {} {}: flows {flows}, closed {closed}",
                operation.name(),
                algorithm.name()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_routing_agrees_where_ways_are_alike() {
    // Whole fabrics and even traffic: what is spread without looking is as good as what looks.
    let cases = [
        ("nvidia_dgx_h100", 32, [Way::Ecmp, Way::DimensionOrder, Way::Adaptive].as_slice()),
        ("nvidia_gb200_nvl72", 72, &[Way::Ecmp, Way::DimensionOrder, Way::Adaptive]),
        ("google_ironwood_64", 64, &[Way::Ecmp, Way::DimensionOrder]),
    ];
    for (name, ranks, routings) in cases {
        let mut graph = build(&system(name), ranks).expect("a graph");
        graph.links.iter_mut().for_each(|l| l.latency = 0.0);
        let time = |routing| {
            let placement = Placement::packed(ranks);
            let plan =
                Plan { graph: &graph, placement: &placement, operation: Operation::AllToAll, bytes: 1e9, step: 0.0 };
            let schedule = schedule(&plan, Algorithm::Direct).expect("possible");
            let capacity: Vec<f64> = graph.links.iter().map(|l| l.bandwidth).collect();
            finish(&lower(&graph, &capacity, &placement, &schedule, routing, &|_| 0.0).expect("ways"))
        };
        let closed = closed(name, ranks, Collective::AllToAll, 1e9);
        for &routing in routings {
            within(time(routing), closed, 0.05, &format!("{name} {routing:?}"));
        }
        // One fixed way of several that are equal is never better.
        assert!(time(Way::Shortest) >= time(Way::Ecmp) * (1.0 - 1e-9), "{name}");
    }
}

#[test]
fn by_hand_on_eight_gpus() {
    let time = |operation, algorithm| flows("nvidia_dgx_h100", 8, operation, algorithm, 7.2e9);
    // 450 GB/s: 7.2 GB take 16 ms; all ways that need 7/8 of it each way need 14 ms.
    within(time(Operation::AllReduce, Algorithm::Ring), 28e-3, 1e-9, "ring");
    within(time(Operation::AllReduce, Algorithm::HalvingDoubling), 28e-3, 1e-9, "halving and doubling");
    within(time(Operation::AllReduce, Algorithm::Direct), 28e-3, 1e-9, "direct");
    within(time(Operation::AllReduce, Algorithm::InNetwork), 16e-3, 1e-9, "in the network");
    within(time(Operation::Send, Algorithm::Direct), 16e-3, 1e-9, "send");
    within(time(Operation::Broadcast, Algorithm::Direct), 7.0 * 16e-3, 1e-9, "one by one");
    // In 256 pieces over 7 stages: (7 + 255) / 256 of 16 ms.
    within(time(Operation::Broadcast, Algorithm::Ring), 16e-3 * 262.0 / 256.0, 1e-9, "a chain");
}

#[test]
fn all_to_all_through_one_port_takes_the_floor() {
    // 64 nodes, 1 GiB each, one switch of 50 GB/s a port, 1 us: 63/64 GiB / 50 GB/s = 21.14 ms.
    let graph = crate::testing::star(64, 50e9, 0.5e-6);
    let bytes = f64::from(1u32 << 30);
    let time = finish(&lowered(&graph, 64, Operation::AllToAll, Algorithm::Direct, bytes));
    let floor = 63.0 / 64.0 * bytes / 50e9;
    assert!(floor >= 19.7e-3 && time >= floor && time <= floor * 1.05 + 1e-6, "{time}");
}

#[test]
fn alike_ranks_stand_for_all() {
    for (name, ranks) in [("google_ironwood_256", 256), ("google_ironwood_64", 64), ("nvidia_gb200_nvl72", 144)] {
        let graph = build(&system(name), ranks).expect("a graph");
        let placement = Placement::packed(ranks);
        let plan = Plan { graph: &graph, placement: &placement, operation: Operation::AllToAll, bytes: 1e9, step: 0.0 };
        let schedule = schedule(&plan, Algorithm::Direct).expect("direct");
        let capacity: Vec<f64> = graph.links.iter().map(|l| l.bandwidth).collect();
        let with = |fidelity| {
            let lowered = lower_as(&graph, &capacity, &placement, &schedule, (Way::DimensionOrder, &|_| 0.0), fidelity)
                .expect("routes");
            (finish(&lowered), lowered.carried)
        };
        let (each, loads) = with(Fidelity::Streams);
        let (one, alike_loads) = with(Fidelity::Alike);
        let (least, _) = with(Fidelity::Loads);
        within(one, each, 1e-6, name);
        assert!(least <= each * (1.0 + 1e-9));
        for (a, b) in loads.iter().zip(&alike_loads) {
            assert!((a - b).abs() <= 1e-6 * b.max(1.0), "{name}: {a} against {b}");
        }
    }
}

#[test]
fn high_throughput_tokens_cross_once_a_node() {
    let routing = Routing { top_k: 8, experts: 256 };
    let time = |a| flows("nvidia_dgx_h100", 64, Operation::Dispatch(routing), a, 1e9);
    // 8 nodes: 5.29 of them distinct, so 7/8 x 5.29 copies cross a NIC of 50 GB/s, of 7.1 distinct ranks x 7/8.
    let once = price::distinct_places(8.0, 8, 256) * 7.0 / 8.0 * 1e9 / 50e9;
    let each = price::distinct_places(64.0, 8, 256) * 56.0 / 64.0 * 1e9 / 50e9;
    within(time(Algorithm::Hierarchical), once, 0.03, "once a node");
    within(time(Algorithm::Direct), each, 0.03, "once a rank");
}

#[test]
fn hierarchy_is_as_fast_as_its_slowest_tier() {
    let time = flows("nvidia_dgx_h100", 64, Operation::AllReduce, Algorithm::Hierarchical, 1e9);
    // 1/8 of the buffer through each NIC, 2 x 7/8 of it.
    within(time, 2.0 * 7.0 / 8.0 * 1e9 / 8.0 / 50e9, 0.05, "all-reduce");
    assert!(time <= flows("nvidia_dgx_h100", 64, Operation::AllReduce, Algorithm::Ring, 1e9) * 1.05);
}

#[test]
fn trees_reach_every_rank_once() {
    for n in 2..70u32 {
        let graph = crate::testing::star(n, 1e9, 0.0);
        let placement = Placement::packed(n);
        let plan =
            Plan { graph: &graph, placement: &placement, operation: Operation::Broadcast, bytes: 1.0, step: 1.0 };
        let tree = schedule(&plan, Algorithm::Tree).expect("a tree");
        for half in tree.steps[0].sends.chunks(n as usize - 1) {
            let mut reached: Vec<u32> = half.iter().map(|s| s.to).collect();
            reached.sort_unstable();
            reached.dedup();
            assert_eq!(reached, (1..n).collect::<Vec<u32>>());
        }
    }
}

#[test]
fn what_does_not_fit_says_why() {
    let graph = build(&system("nvidia_dgx_h100"), 6).expect("a graph");
    let placement = Placement::packed(6);
    let plan = Plan { graph: &graph, placement: &placement, operation: Operation::AllReduce, bytes: 1e6, step: 1e-6 };
    let why = |a| schedule(&plan, a).expect_err("not possible");
    assert_eq!(why(Algorithm::HalvingDoubling), AlgorithmError::NoPowerOfTwo);
    assert_eq!(why(Algorithm::Hierarchical), AlgorithmError::OneDomain);
    let send = Plan { operation: Operation::Send, ..plan };
    assert_eq!(schedule(&send, Algorithm::Tree), Err(AlgorithmError::NotFor));
}
