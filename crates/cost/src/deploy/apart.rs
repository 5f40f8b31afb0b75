//! Feed-forward layers on devices of their own: attention on some devices, experts on others, an exchange to and fro in
//! every layer. A step is cut into micro-batches that take turns, so that attention computes one while experts compute
//! another and a third is on its way.
//!
//! What is a choice: norms, router and output head stay with attention; shared experts and dense layers are copied to
//! every feed-forward device, each taking its part of the tokens; exchanges are priced as dispatch and combine among all
//! devices of the replica, as many tokens on each as the busier side sends or takes. Stops holding where the fabric
//! between the two sides is narrower than within them.

use catalog::Ffn;
use catalog::model::Dense;

use crate::comm::{Exchange, Group, Kernel, Phase, Routed};
use crate::step::Batch;

use super::lower::ACTIVATION;
use super::{Deployment, Parallel, Part, Placed, Task};

/// Feed-forward layers on devices of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// How many devices.
    pub devices: u32,
    /// Parts of a step that take turns on both sides; 1: each side waits for the other.
    pub micro_batches: u32,
}

impl Apart {
    /// Micro-batches of a step whose fullest rank has so many rows: none is empty.
    pub fn turns(&self, rows: u64) -> u64 {
        u64::from(self.micro_batches.max(1)).min(rows.max(1))
    }
}

/// One of so many equal parts of a batch.
pub(super) fn micro_batch(batch: &Batch, turns: u64) -> Batch {
    let share = |whole: f64| whole / turns as f64;
    Batch {
        decode: batch.decode.div_ceil(turns),
        decode_kv: share(batch.decode_kv),
        prefill: batch.prefill.div_ceil(turns),
        prefill_tokens: batch.prefill_tokens.div_ceil(turns),
        prefill_pairs: share(batch.prefill_pairs),
        prefill_past: share(batch.prefill_past),
    }
}

/// Bounds on a step of `turns` micro-batches through `layers` layers; see [`crate::StepCost::bounds`]. Of all micro-batches
/// together, experts take `feed` seconds and exchanges `exchange`, half of it on either way.
///
/// The first three: one micro-batch goes through all layers, after the others have once been served where it takes longest.
/// The other three: the busiest of attention, experts and either way never rests, but for one piece of the others.
pub(super) fn bounds(turns: f64, layers: f64, feed: f64, exchange: f64, bound: &mut dyn FnMut(f64, f64)) {
    let way = 0.5 * exchange;
    let piece = 1.0 / (turns * layers);
    let through = (feed + exchange) / turns;
    let others = (turns - 1.0) * piece;
    bound(1.0 / turns + others, through);
    bound(1.0 / turns, through + others * feed);
    bound(1.0 / turns, through + others * way);
    bound(1.0, piece * (feed + exchange));
    bound(piece, feed + piece * exchange);
    bound(piece, way + piece * (feed + way));
}

impl Deployment<'_> {
    /// Whether ranks share work: experts of all attention ranks, or feed-forward layers elsewhere.
    pub(super) fn shares(&self) -> bool {
        self.parallel.dp > 1 || self.apart.is_some()
    }

    /// All feed-forward layers on their own devices, for `tokens` of all attention ranks and `fullest` of the fullest, and
    /// the exchanges there and back.
    pub(super) fn feed_forward(&self, apart: Apart, tokens: u64, fullest: u64, out: &mut Vec<Placed>) {
        let devices = u64::from(apart.devices.max(1));
        let there = Deployment { parallel: Parallel { tp: 1, ..self.parallel }, apart: None, ..*self };
        for (index, group) in self.model.layers.iter().enumerate() {
            let last = index + 1 == self.model.layers.len();
            let drafts = self.speculation.filter(|_| last).map_or(0.0, |s| f64::from(s.drafts) / self.queries() as f64);
            let layers = f64::from(group.count) + drafts;
            let part = tokens.div_ceil(devices);
            let (hidden, top_k, experts, gated, inners) = match &group.ffn {
                Ffn::None => continue,
                Ffn::Dense(dense) => (self.model.hidden, 1, devices, dense.gated, [dense.inner, 0]),
                Ffn::Moe(moe) => {
                    there.routed(moe, tokens, layers, out);
                    let hidden = moe.latent.unwrap_or(self.model.hidden);
                    let places = self.parallel.expert_places(moe.experts).1;
                    (hidden, moe.top_k, places, moe.gated, [moe.shared_inner, moe.parallel_dense_inner])
                }
            };
            for inner in inners.into_iter().filter(|inner| *inner > 0) {
                there.dense(&Dense { inner, gated }, part, layers, out);
            }
            // The busier side sets the pace: a rank's devices send its tokens, the feed-forward devices take all.
            let sent = fullest as f64 / f64::from(self.parallel.tp);
            let busier = sent.max(tokens as f64 / devices as f64);
            self.there_and_back(apart, (hidden, top_k, experts), busier, layers, out);
        }
    }

    fn there_and_back(
        &self,
        apart: Apart,
        (hidden, top_k, experts): (u64, u64, u64),
        tokens: f64,
        layers: f64,
        out: &mut Vec<Placed>,
    ) {
        let group = Group::packed(self.parallel.tp * self.parallel.dp + apart.devices);
        let pair = |kernel| {
            [(Phase::Dispatch, self.dispatch_bits()), (Phase::Combine, ACTIVATION * 8.0)].map(|(phase, value_bits)| {
                let routed =
                    Routed { phase, kernel, group, tokens, hidden, value_bits, top_k, experts, node_limit: None };
                Exchange::Routed(routed)
            })
        };
        let time = |pair: &[Exchange; 2]| pair.iter().map(|e| self.network.time(e).seconds).sum::<f64>();
        let [first, rest @ ..] = [Kernel::LowLatency, Kernel::HighThroughput, Kernel::OneSided].map(pair);
        let chosen = rest.into_iter().fold(first, |best, other| if time(&other) < time(&best) { other } else { best });
        for exchange in chosen {
            out.push(Placed { part: Part::ExpertExchange, count: layers, task: Task::Exchange(exchange) });
        }
    }

    /// Bytes of weights on a feed-forward device; 0 where there are none of their own.
    pub fn feed_forward_bytes(&self) -> f64 {
        let Some(apart) = self.apart else { return 0.0 };
        let device = |group: &catalog::LayerGroup| {
            let bytes = catalog::model::layer_parameters(group, self.model.hidden, self.model.residual_streams)
                .bytes(&self.storage.weights);
            let copies = match &group.ffn {
                Ffn::Moe(moe) => self.parallel.expert_places(moe.experts).1 as f64 / moe.experts.max(1) as f64,
                Ffn::None | Ffn::Dense(_) => 1.0,
            };
            f64::from(group.count) * (bytes.dense + copies * bytes.experts / f64::from(apart.devices.max(1)))
        };
        self.model.layers.iter().map(device).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The longest of the bounds for an own time.
    fn longest(turns: u32, layers: u32, [own, feed, exchange]: [f64; 3]) -> f64 {
        let mut longest: f64 = 0.0;
        bounds(f64::from(turns), f64::from(layers), feed, exchange, &mut |share, seconds| {
            assert!((0.0..=1.0).contains(&share));
            longest = longest.max(share * own + seconds);
        });
        longest
    }

    /// Plays every piece: four servers in a row, visited once a layer, each serving who comes first.
    fn played(turns: u32, layers: u32, [own, feed, exchange]: [f64; 3]) -> f64 {
        let pieces = f64::from(turns * layers);
        let spans = [own / pieces, 0.5 * exchange / pieces, feed / pieces, 0.5 * exchange / pieces];
        let (mut free, mut at) = ([0.0f64; 4], vec![0.0f64; turns as usize]);
        let mut next = vec![0usize; turns as usize];
        let stages = 4 * layers as usize;
        while let Some(batch) = (0..at.len()).filter(|b| next[*b] < stages).min_by(|a, b| {
            let start = |b: usize| at[b].max(free[next[b] % 4]);
            start(*a).total_cmp(&start(*b)).then(next[*a].cmp(&next[*b]))
        }) {
            let server = next[batch] % 4;
            let end = at[batch].max(free[server]) + spans[server];
            (at[batch], free[server]) = (end, end);
            next[batch] += 1;
        }
        at.into_iter().fold(0.0, f64::max)
    }

    #[test]
    fn one_micro_batch_waits_and_three_overlap() {
        // Ten layers of 3 ms attention, 2 ms experts and 1 ms on either way, by hand: 70 ms one after the other. Three
        // micro-batches of a third of that: attention never rests but for the last piece of the others, 30 + 4 / 30.
        let work = [30e-3, 20e-3, 20e-3];
        assert!((longest(1, 10, work) - 70e-3).abs() < 1e-12);
        assert!((longest(3, 10, work) - (30e-3 + 40e-3 / 30.0)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn bounds_are_what_playing_every_piece_gives(
            (turns, layers) in (1u32..6, 1u32..40),
            own in 1e-3..1.0f64,
            feed in 1e-3..1.0f64,
            exchange in 1e-3..1.0f64,
        ) {
            let work = [own, feed, exchange];
            let (bound, played) = (longest(turns, layers, work), played(turns, layers, work));
            prop_assert!(bound <= played * (1.0 + 1e-9), "{bound} {played}");
            prop_assert!(played <= bound * 1.02, "{bound} {played}");
        }
    }
}
