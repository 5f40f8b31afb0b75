//! Every rank to every other one on a torus with a few broken links: the loads of the whole torus, which are the same for all
//! links of a class, corrected for the pairs that the damage concerns.
//!
//! Along an axis the way of dimension order depends on where the pair is on it alone, so the pairs that go over one link
//! are those of a plane of sources and a plane of targets: a few hundred thousand instead of all.

use super::lower::Classes;
use crate::graph::{Graph, LinkId, NodeId};
use crate::route::{NoRoute, Router, Routing};

/// Damaged links that are worth it: beyond, following every pair is no slower.
const MOST_DEAD: usize = 512;

/// Bytes on every link and the longest latency of a way, or `None` where this shortcut does not hold: not one straight
/// torus, ways other than by dimension order, ranks missing on more than an eighth of the chips, or too much broken.
pub(super) fn loads(
    graph: &Graph,
    capacity: &[f64],
    routing: Routing,
    nodes: &[NodeId],
    bytes: f64,
) -> Option<Result<(Vec<f64>, f64), NoRoute>> {
    let map = graph.torus.as_ref().filter(|m| !m.twisted)?;
    let n = graph.chips.len();
    let one = map.size as usize == n && map.ports == graph.chips && graph.nodes.len() == n;
    let dead: Vec<LinkId> = (0..graph.links.len() as u32).filter(|&l| capacity[l as usize] <= 0.0).collect();
    let mut present = vec![false; n];
    nodes.iter().for_each(|&node| present[node as usize] = true);
    let absent: Vec<NodeId> = (0..n as u32).filter(|&c| !present[c as usize]).collect();
    if !one || routing != Routing::DimensionOrder || dead.len() > MOST_DEAD || absent.len() * 8 > n {
        return None;
    }
    let whole: Vec<f64> = graph.links.iter().map(|l| l.bandwidth).collect();
    let mut before = Router::new(graph, &whole, routing);
    let mut after = Router::new(graph, capacity, routing);
    Some(corrected(graph, (&mut before, &mut after), &dead, (&present, &absent), bytes))
}

fn corrected(
    graph: &Graph,
    (before, after): (&mut Router<'_>, &mut Router<'_>),
    dead: &[LinkId],
    (present, absent): (&[bool], &[NodeId]),
    bytes: f64,
) -> Result<(Vec<f64>, f64), NoRoute> {
    let n = graph.chips.len() as u32;
    let mut way = Vec::new();
    // What the first chip sends, spread over the links of each class.
    let classes = Classes::of(graph);
    let mut of_class = vec![0.0; classes.count.len()];
    let mut slowest = 0.0f64;
    for to in 1..n {
        way.clear();
        slowest = slowest.max(before.route(0, to, bytes, &mut way)?);
        way.iter().for_each(|&(l, share)| of_class[classes.of_link[l as usize] as usize] += share * bytes);
    }
    let all = f64::from(n);
    let mut carried: Vec<f64> =
        classes.of_link.iter().map(|&c| of_class[c as usize] * all / classes.count[c as usize]).collect();
    let mut add = |router: &mut Router<'_>, from, to, sign: f64, carried: &mut [f64]| -> Result<f64, NoRoute> {
        way.clear();
        let latency = router.route(from, to, bytes, &mut way)?;
        way.iter().for_each(|&(l, share)| carried[l as usize] += sign * share * bytes);
        Ok(latency)
    };
    for &gone in absent {
        for other in (0..n).filter(|&o| o != gone) {
            add(before, gone, other, -1.0, &mut carried)?;
            // Pairs of two that are gone are taken away once in each direction.
            if present[other as usize] {
                add(before, other, gone, -1.0, &mut carried)?;
            }
        }
    }
    let mut seen = vec![0u64; (n as usize * n as usize).div_ceil(64)];
    for &link in dead {
        for (from, to) in over(graph, link) {
            let bit = from as usize * n as usize + to as usize;
            let known = seen[bit / 64] >> (bit % 64) & 1 == 1;
            if from == to || known || !present[from as usize] || !present[to as usize] {
                continue;
            }
            seen[bit / 64] |= 1 << (bit % 64);
            add(before, from, to, -1.0, &mut carried)?;
            slowest = slowest.max(add(after, from, to, 1.0, &mut carried)?);
        }
    }
    dead.iter().for_each(|&l| carried[l as usize] = 0.0);
    // Sums of what was added and taken away leave dust.
    carried.iter_mut().for_each(|b| *b = b.max(0.0));
    Ok((carried, slowest))
}

/// Pairs whose way by dimension order may go over a link, others among them that lie in the same planes.
fn over(graph: &Graph, link: LinkId) -> Vec<(NodeId, NodeId)> {
    let Some(map) = &graph.torus else { return Vec::new() };
    let l = &graph.links[link as usize];
    let (here, there) = (map.coordinates(l.from), map.coordinates(l.to));
    let axis = (0..map.dims.len()).find(|&a| here[a] != there[a]).unwrap_or(0);
    let dim = map.dims[axis];
    let up = map.links(l.from, axis)[0] == Some(link);
    let stride: u32 = map.dims[..axis].iter().product();
    let beyond = map.size / stride / dim;
    let (low, high) = (l.from % stride, l.from / stride / dim);
    // Sources agree with the link on later axes, targets on earlier ones.
    let mut pairs = Vec::new();
    for s in 0..dim {
        for t in 0..dim {
            // Steps from the source to the link, and to the target, the way that the link goes.
            let steps = |to: u32| if up { (to + dim - s) % dim } else { (s + dim - to) % dim };
            let length = steps(t);
            if 2 * length > dim || steps(here[axis]) >= length {
                continue;
            }
            for earlier in 0..stride {
                for later in 0..beyond {
                    let from = earlier + stride * (s + dim * high);
                    let to = low + stride * (t + dim * later);
                    pairs.push((from, to));
                }
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use catalog::Catalog;

    use super::*;
    use crate::fault::{Damage, Fault};
    use crate::graph::build;

    /// Every pair one by one.
    fn one_by_one(graph: &Graph, capacity: &[f64], nodes: &[NodeId]) -> (Vec<f64>, f64) {
        let mut router = Router::new(graph, capacity, Routing::DimensionOrder);
        let (mut carried, mut slowest, mut way) = (vec![0.0; graph.links.len()], 0.0f64, Vec::new());
        for &from in nodes {
            for &to in nodes.iter().filter(|&&to| to != from) {
                way.clear();
                slowest = slowest.max(router.route(from, to, 3.0, &mut way).expect("a way"));
                way.iter().for_each(|&(l, share)| carried[l as usize] += share * 3.0);
            }
        }
        (carried, slowest)
    }

    #[test]
    fn as_if_every_pair_were_followed() {
        let catalog = Catalog::embedded();
        let cases =
            [(64, "link=0-1"), (64, "chip=21"), (128, "link=0-1,link=5-6"), (256, "ocs=5"), (512, "chip=17,ocs=3")];
        for (chips, faults) in cases {
            let graph = build(catalog.system("google_ironwood_9216").expect("known"), chips).expect("a graph");
            let faults = Fault::parse(faults).expect("readable");
            let damage = Damage::of(&graph, &faults, Routing::DimensionOrder).expect("there");
            let nodes: Vec<NodeId> = (0..chips).filter(|c| !damage.chips.contains(c)).collect();
            let quick = loads(&graph, &damage.capacity, Routing::DimensionOrder, &nodes, 3.0);
            let (quick, slowest) = quick.expect("it holds").expect("ways");
            let (slow, late) = one_by_one(&graph, &damage.capacity, &nodes);
            let worst = quick.iter().zip(&slow).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-6 * slow.iter().copied().fold(0.0, f64::max), "{chips} {faults:?}: {worst}");
            assert!((slowest - late).abs() < 1e-12 || slowest >= late, "{chips} {faults:?}");
        }
    }
}
