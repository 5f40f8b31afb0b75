use super::*;
use crate::graph::{Link, Node, build};

fn graph(nodes: u32, chips: u32, pairs: &[(u32, u32)]) -> Graph {
    let node = |n: u32| {
        let kind = if n < chips { NodeKind::Chip } else { NodeKind::Switch };
        Node { kind, name: n.to_string(), tier: 0, members: 1, planes: 1, adds: false }
    };
    let link = |&(from, to): &(u32, u32)| Link {
        from,
        to,
        bandwidth: 1e9,
        latency: 1e-6,
        tier: 0,
        wires: 1,
        class: 0,
        optical: false,
        ocs: None,
    };
    let both: Vec<Link> = pairs.iter().flat_map(|&(a, b)| [link(&(a, b)), link(&(b, a))]).collect();
    Graph::new((0..nodes).map(node).collect(), both, (0..chips).collect()).expect("sound")
}

fn alive(graph: &Graph) -> Vec<f64> {
    graph.links.iter().map(|l| l.bandwidth).collect()
}

/// Nodes on the way with the share that passes each link.
fn way(graph: &Graph, capacity: &[f64], routing: Routing, from: u32, to: u32) -> Vec<(u32, u32, f64)> {
    let mut way = Vec::new();
    Router::new(graph, capacity, routing).route(from, to, 1.0, &mut way).expect("a way");
    let ends = |&(l, share): &(LinkId, f64)| (graph.links[l as usize].from, graph.links[l as usize].to, share);
    way.iter().map(ends).collect()
}

/// Two leaves (2, 3) below three spines (4, 5, 6).
fn clos() -> Graph {
    graph(7, 2, &[(0, 2), (1, 3), (2, 4), (2, 5), (2, 6), (3, 4), (3, 5), (3, 6)])
}

#[test]
fn equal_ways_share() {
    let clos = clos();
    let all = way(&clos, &alive(&clos), Routing::Ecmp, 0, 1);
    assert_eq!(all.len(), 8);
    let on = |from, to| all.iter().find(|l| (l.0, l.1) == (from, to)).map(|l| l.2).expect("a link");
    assert!(
        (on(0, 2) - 1.0).abs() < 1e-12 && (on(2, 5) - 1.0 / 3.0).abs() < 1e-12 && (on(6, 3) - 1.0 / 3.0).abs() < 1e-12
    );
    assert_eq!(way(&clos, &alive(&clos), Routing::Shortest, 0, 1).len(), 4);
}

#[test]
fn adaptive_ways_avoid_what_is_full() {
    let clos = clos();
    let capacity = alive(&clos);
    let mut router = Router::new(&clos, &capacity, Routing::Adaptive);
    let mut spines = Vec::new();
    for _ in 0..3 {
        let mut way = Vec::new();
        let latency = router.route(0, 1, 1e6, &mut way).expect("a way");
        assert!((latency - 4e-6).abs() < 1e-12);
        spines.push(clos.links[way[1].0 as usize].to);
    }
    spines.sort_unstable();
    assert_eq!(spines, [4, 5, 6]);
}

#[test]
fn dead_links_are_gone_around_or_cut() {
    let square = graph(4, 4, &[(0, 1), (1, 2), (2, 3), (3, 0)]);
    let mut capacity = alive(&square);
    capacity[square.between(0, 1).expect("a link") as usize] = 0.0;
    // Chips pass data on only if nothing else is left.
    assert_eq!(way(&square, &capacity, Routing::Ecmp, 0, 1).len(), 3);
    capacity[square.between(0, 3).expect("a link") as usize] = 0.0;
    let mut router = Router::new(&square, &capacity, Routing::Ecmp);
    assert_eq!(router.route(0, 1, 1.0, &mut Vec::new()), Err(NoRoute { from: 0, to: 1 }));
    // Nobody hears rank 0 any more, though it hears the others.
    assert_eq!(cut_off(&square, &capacity, &[0, 1, 2, 3]), [0]);
}

#[test]
fn a_torus_goes_axis_by_axis_and_both_ways_around_when_equal() {
    let catalog = catalog::Catalog::embedded();
    let cube = build(catalog.system("google_ironwood_64").expect("known"), 64).expect("a graph");
    let capacity = alive(&cube);
    // 0 to (1, 1, 0): two hops; to (2, 0, 0): half each way.
    let straight = way(&cube, &capacity, Routing::DimensionOrder, 0, 5);
    assert_eq!(straight, [(0, 1, 1.0), (1, 5, 1.0)]);
    let around = way(&cube, &capacity, Routing::DimensionOrder, 0, 2);
    assert_eq!(around, [(0, 1, 0.5), (1, 2, 0.5), (0, 3, 0.5), (3, 2, 0.5)]);
    // As long as any other shortest way.
    for to in 1..64 {
        let sum = |r| way(&cube, &capacity, r, 0, to).iter().map(|l| l.2).sum::<f64>();
        assert!((sum(Routing::DimensionOrder) - sum(Routing::Ecmp)).abs() < 1e-9, "{to}");
    }
    // A dead link on the way: another way of the same length.
    let mut capacity = capacity;
    capacity[cube.between(0, 1).expect("a link") as usize] = 0.0;
    assert_eq!(way(&cube, &capacity, Routing::DimensionOrder, 0, 5), [(0, 4, 1.0), (4, 5, 1.0)]);
}
