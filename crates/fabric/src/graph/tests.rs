use catalog::Catalog;

use super::*;

fn graph(system: &str, chips: u32) -> Graph {
    let catalog = Catalog::embedded();
    build(catalog.system(system).expect("known"), chips).expect("a graph")
}

fn count(graph: &Graph, kind: NodeKind) -> usize {
    graph.nodes.iter().filter(|n| n.kind == kind).count()
}

#[test]
fn one_rack_is_one_stage_of_switches() {
    let rack = graph("nvidia_gb200_nvl72", 72);
    assert_eq!((count(&rack, NodeKind::Chip), count(&rack, NodeKind::Switch), rack.links.len()), (72, 1, 144));
    assert!((rack.injection(0) - 900e9).abs() < 1.0);
    // Two racks: a card for each chip, and one Clos above.
    let two = graph("nvidia_gb200_nvl72", 100);
    assert_eq!((two.chips.len(), count(&two, NodeKind::Nic), count(&two, NodeKind::Switch)), (144, 144, 3));
    assert!((two.injection(0) - 1000e9).abs() < 1.0);
}

#[test]
fn a_cube_has_six_links_a_chip() {
    let cube = graph("google_ironwood_64", 64);
    assert_eq!(cube.links.len(), 64 * 6);
    assert!((cube.injection(17) - 600e9).abs() < 1.0);
    let map = cube.torus.as_ref().expect("a torus");
    assert_eq!(map.coordinates(27), [3, 2, 1]);
    assert_eq!((map.moved(27, 0, 1), map.moved(27, 2, -2)), (24, 59));
    let up = map.links(27, 0)[0].expect("a link");
    assert_eq!(cube.links[up as usize].to, 24);
}

#[test]
fn superpods_cross_optical_switches_at_the_faces_of_cubes() {
    let pod = graph("google_ironwood_9216", 512);
    assert_eq!(pod.torus.as_ref().map(|t| t.dims.clone()), Some(vec![8, 8, 8]));
    // 8 cubes with 6 faces of 16 links in each direction.
    let crossing: Vec<u16> = pod.links.iter().filter_map(|l| l.ocs).collect();
    assert_eq!(crossing.len(), 8 * 6 * 16);
    assert_eq!(crossing.iter().max(), Some(&47));
    assert!(pod.links.iter().all(|l| l.optical == l.ocs.is_some()));
}

#[test]
fn bad_links_are_refused() {
    let node =
        |name: &str| Node { kind: NodeKind::Chip, name: name.to_owned(), tier: 0, members: 1, planes: 1, adds: false };
    let link = |to, bandwidth| Link {
        from: 0,
        to,
        bandwidth,
        latency: 0.0,
        tier: 0,
        wires: 1,
        class: 0,
        optical: false,
        ocs: None,
    };
    let of = |l| Graph::new(vec![node("a"), node("b")], vec![l], vec![0, 1]);
    assert!(of(link(1, 1e9)).is_ok());
    assert!(of(link(1, 0.0)).unwrap_err().to_string().contains("from 'a' to 'b' has a bandwidth of 0 B/s"));
    assert!(matches!(of(link(7, 1e9)), Err(GraphError::NoNode { node: 7, .. })));
}

/// A system of the catalog, changed.
fn changed(name: &str, change: impl Fn(&mut catalog::System)) -> catalog::System {
    let mut system = Catalog::embedded().system(name).expect("known").clone();
    change(&mut system);
    system
}

fn fact(value: f64) -> Option<catalog::Fact<f64>> {
    let text = String::new;
    let value = units::Range::exact(value);
    Some(catalog::Fact { value, kind: catalog::Kind::Assumed, source: text(), note: text(), path: text() })
}

fn hops(graph: &Graph, from: u32, to: u32) -> f64 {
    let capacity: Vec<f64> = graph.links.iter().map(|l| l.bandwidth).collect();
    let mut way = Vec::new();
    let mut router = crate::route::Router::new(graph, &capacity, crate::route::Routing::Ecmp);
    router.route(graph.chips[from as usize], graph.chips[to as usize], 1.0, &mut way).expect("a way");
    (way.iter().map(|w| w.1).sum::<f64>() * 1e9).round() / 1e9
}

#[test]
fn rails_join_chips_of_equal_place() {
    let railed = changed("nvidia_dgx_h100", |s| {
        s.fabric.tiers[1].wiring.rails = true;
        s.fabric.tiers[1].wiring.leaf = fact(4.0);
    });
    // Two pods of four nodes: eight leaves each, below one layer of spines.
    let graph = build(&railed, 64).expect("a graph");
    assert_eq!(count(&graph, NodeKind::Switch), 8 + 16 + 1);
    // Same rail of the same pod: over the leaf. Same rail of the other pod: over the spines.
    assert_eq!((hops(&graph, 3, 8 + 3), hops(&graph, 3, 32 + 3)), (4.0, 6.0));
    assert_eq!(hops(&graph, 3, 4), 2.0);
}

#[test]
fn oversubscription_narrows_what_leaves_a_leaf() {
    let narrow = changed("nvidia_dgx_h100", |s| {
        s.fabric.tiers[1].shape = catalog::TierShape::Clos { oversubscription_percent: 400 };
        s.fabric.tiers[1].wiring.leaf = fact(16.0);
    });
    let graph = build(&narrow, 64).expect("a graph");
    // Four leaves of 16 chips; a quarter of 16 x 50 GB/s goes up.
    let up: Vec<f64> = graph.links.iter().filter(|l| l.class == 16 + 4).map(|l| l.bandwidth).collect();
    assert_eq!(up, [200e9; 4]);
    assert_eq!((hops(&graph, 0, 8), hops(&graph, 0, 16)), (4.0, 6.0));
}

#[test]
fn a_third_tier_goes_on_from_the_second() {
    let three = changed("nvidia_dgx_h100", |s| {
        s.fabric.tiers[1].chips = 32;
        let mut core = s.fabric.tiers[1].clone();
        (core.name, core.chips, core.wiring.uplink) = ("core".to_owned(), 4096, true);
        core.shape = catalog::TierShape::Clos { oversubscription_percent: 200 };
        s.fabric.tiers.push(core);
    });
    let graph = build(&three, 64).expect("a graph");
    let core = graph.named("core 0").expect("a core");
    let pod = graph.named("InfiniBand 0").expect("a pod");
    let up = graph.between(pod, core).expect("a link");
    // 32 chips of 50 GB/s, half of it.
    assert_eq!(graph.links[up as usize].bandwidth, 800e9);
    assert_eq!((hops(&graph, 0, 8), hops(&graph, 0, 32)), (4.0, 6.0));
}

#[test]
fn supernodes_share_ports_between_their_planes() {
    let cm = graph("huawei_cloudmatrix384", 768);
    // Two supernodes: 392 GB/s of UB and 50 GB/s of RoCE a chip; a UB node's switches send up what they get.
    assert_eq!(cm.chips.len(), 768);
    assert!((cm.injection(0) - 442e9).abs() < 1.0);
    assert_eq!((hops(&cm, 0, 7), hops(&cm, 0, 8), hops(&cm, 0, 400)), (2.0, 4.0, 4.0));
    let atlas = graph("huawei_atlas950_superpod_8192", 64);
    // Mesh links and cabinet links hang off the same ports.
    assert!((atlas.injection(0) - 1.008e12).abs() < 1.0);
    assert_eq!((hops(&atlas, 0, 1), hops(&atlas, 0, 8)), (3.0, 4.0));
}

#[test]
fn twisted_tori_keep_every_link_and_shorten_ways() {
    let shaped = |twisted| {
        changed("google_tpu_v4_pod", |s| {
            s.chips = 128;
            s.parts.clear();
            s.fabric.tiers[0].shape = catalog::TierShape::Torus { dims: vec![4, 4, 8] };
            s.fabric.tiers[0].chips = 128;
            s.fabric.tiers[0].wiring.twisted = twisted;
        })
    };
    let mean = |twisted| {
        let graph = build(&shaped(twisted), 128).expect("a graph");
        assert_eq!(graph.links.len(), 128 * 6);
        for l in &graph.links {
            assert!(graph.between(l.to, l.from).is_some());
        }
        (1..128).map(|to| hops(&graph, 0, to)).sum::<f64>() / 127.0
    };
    assert!(mean(true) < mean(false), "{} {}", mean(true), mean(false));
}

#[test]
fn what_is_too_large_or_contradicts_itself_is_refused() {
    let catalog = Catalog::embedded();
    let rack = catalog.system("nvidia_gb200_nvl72").expect("known");
    assert!(build(rack, 1_000_000_000).unwrap_err().to_string().contains("joins at most 4608 chips"));
    let wrong = changed("google_ironwood_9216", |s| {
        s.parts.get_mut("cubes").expect("stated").value = units::Range::exact(100.0)
    });
    assert!(build(&wrong, 64).unwrap_err().to_string().contains("parts.cubes"));
}
