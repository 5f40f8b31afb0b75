use catalog::Catalog;

use super::*;
use crate::fault::Fault;
use crate::graph::build;
use crate::route::Routing;

fn graph(system: &str, chips: u32) -> Graph {
    build(Catalog::embedded().system(system).expect("known"), chips).expect("a graph")
}

fn sound(graph: &Graph, map: &Map, most: usize) {
    let units = map.spots.iter().filter(|s| !s.switch);
    assert_eq!(units.clone().map(|s| s.members).sum::<u32>(), graph.chips.len() as u32);
    assert!(units.count() <= most, "{} spots", map.spots.len());
    for s in &map.spots {
        assert!((0.0..=WIDTH).contains(&s.x) && (0.0..=map.height).contains(&s.y), "{s:?} of {}", map.height);
    }
    // Nothing stands on anything else.
    let mut places: Vec<(i64, i64)> = map.spots.iter().map(|s| ((s.x * 10.0) as i64, (s.y * 10.0) as i64)).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), map.spots.len(), "of {:?}", graph.levels);
}

#[test]
fn every_chip_has_its_place() {
    let cases = [
        ("nvidia_gb200_nvl72", 72, 73),
        ("huawei_cloudmatrix384", 384, 384 + 48 + 1),
        ("nvidia_dgx_h100", 64, 64 + 8 + 1),
        ("google_ironwood_64", 64, 64),
    ];
    for (system, chips, spots) in cases {
        let graph = graph(system, chips);
        let map = map(&graph, &Damage::none(&graph), None, 600);
        sound(&graph, &map, 600);
        assert_eq!(map.spots.len(), spots, "{system}");
        assert_eq!(map.unit, 1);
    }
}

#[test]
fn many_chips_stand_together() {
    // 16 x 24 x 24 in blocks of 4 x 4 x 4: 144, each with 3 x 144 lines.
    let pod = graph("google_ironwood_9216", 9216);
    let all = map(&pod, &Damage::none(&pod), None, 600);
    sound(&pod, &all, 600);
    assert_eq!((all.spots.len(), all.unit, all.lines.len()), (144, 64, 3 * 144));
    assert!(all.lines.iter().all(|l| l.links == 16));
    assert_eq!(all.lines.iter().filter(|l| l.wraps).count(), 6 * 6 + 2 * 4 * 6);
    // 8,192 in cabinets of 64.
    let big = graph("huawei_atlas950_superpod_8192", 8192);
    let all = map(&big, &Damage::none(&big), None, 600);
    sound(&big, &all, 600);
    assert_eq!((all.unit, all.spots.len()), (64, 128 + 1));
}

#[test]
fn loads_and_damage_are_seen() {
    let rack = graph("nvidia_gb200_nvl72", 72);
    let faults = Fault::parse("chip=5,switch=NVLink.0.3").expect("readable");
    let damage = Damage::of(&rack, &faults, Routing::Ecmp).expect("there");
    let carried: Vec<f64> = rack.links.iter().map(|l| l.bandwidth * 0.5).collect();
    let map = map(&rack, &damage, Some((&carried, 1.0)), 600);
    assert_eq!(map.spots[5].dead, 1);
    let line = |chip: u32| map.lines.iter().find(|l| l.from == chip).expect("a line");
    assert_eq!((line(5).left, line(5).load), (0.0, [0.0, 0.0]));
    assert!((line(6).left - 17.0 / 18.0).abs() < 1e-12);
    assert!((line(6).load[0] - 0.5 * 18.0 / 17.0).abs() < 1e-12);
}
