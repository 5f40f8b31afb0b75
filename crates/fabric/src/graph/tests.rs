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
