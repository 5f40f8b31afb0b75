//! Seconds of a step, quickly: operators that depend on the number of rows only are priced once per row count.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::op::Op;
use crate::step::{Batch, StepCost};

use super::apart::{self, micro_batch};
use super::{Deployment, Part, Placed, Task};

/// How an engine brings kernels to the device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Launch {
    /// Seconds between two kernels of a recorded graph.
    pub gap: f64,
    /// Seconds that the host needs to launch a kernel where no graph is used.
    pub launch: f64,
    /// Whether decode steps run as graphs.
    pub graph_decode: bool,
    /// Whether steps with prompts run as graphs.
    pub graph_prefill: bool,
    /// Most requests in a decode step that runs as a graph.
    pub graph_requests: u64,
    /// Seconds that the ranks of an exchange wait for the slowest among them.
    pub wait: f64,
    /// Seconds that the host needs per prompt token in a step (copies, block tables).
    pub prompt_token: f64,
}

/// Row counts up to here are priced one by one; above, on a geometric grid.
const EXACT_ROWS: u64 = 256;
/// Ratio of neighbouring grid points.
const GRID: f64 = 1.0625;

/// Times that were asked of one deployment. They depend on the deployment alone, so whoever keeps them spares asking
/// again where the same deployment meets another workload.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Layers without attention, head, experts, exchange of experts: by row count.
    rows: [Vec<f64>; 4],
    /// Attention of steps that only decode or only compute prompts.
    attention: HashMap<Asked, f64>,
}

/// A batch, bit by bit.
type Asked = [u64; 5];

/// The batch by itself where it only decodes or only computes prompts: such ones come again and again. Where both share a
/// step, hardly any is like another.
fn asked(batch: &Batch) -> Option<Asked> {
    let bits = f64::to_bits;
    match (batch.decode, batch.prefill) {
        (decode, 0) => Some([0, decode, bits(batch.decode_kv), 0, 0]),
        (0, n) => Some([n, batch.prefill_tokens, bits(batch.prefill_pairs), bits(batch.prefill_past), 1]),
        _ => None,
    }
}

/// Times of attention that are kept; a slider that moves asks for new ones for ever.
const KEPT: usize = 1 << 14;

impl Known {
    /// Takes over what another knows of the same deployment.
    pub fn merge(&mut self, other: Known) {
        for (mine, others) in self.rows.iter_mut().zip(other.rows) {
            mine.resize(mine.len().max(others.len()), f64::NAN);
            for (m, o) in mine.iter_mut().zip(others) {
                if m.is_nan() {
                    *m = o;
                }
            }
        }
        if self.attention.len() < other.attention.len() {
            self.attention = other.attention;
        }
    }
}

/// Time of something by row count, filled on demand.
struct ByRows {
    known: RefCell<Vec<f64>>,
}

impl ByRows {
    fn new(known: Vec<f64>) -> Self {
        ByRows { known: RefCell::new(known) }
    }

    /// Looks up `rows`, pricing the grid points beside it with `price` where they are new.
    fn at(&self, rows: u64, price: impl Fn(u64) -> f64) -> f64 {
        if rows <= EXACT_ROWS {
            return self.point(rows as usize, rows, &price);
        }
        let position = (rows as f64 / EXACT_ROWS as f64).ln() / GRID.ln();
        let below = position.floor() as u64;
        let rows_at = |step: u64| (EXACT_ROWS as f64 * GRID.powi(step as i32)).round() as u64;
        let (low_rows, high_rows) = (rows_at(below), rows_at(below + 1));
        let low = self.point((EXACT_ROWS + below) as usize, low_rows, &price);
        let high = self.point((EXACT_ROWS + below + 1) as usize, high_rows, &price);
        let share = (rows as f64 - low_rows as f64) / (high_rows - low_rows).max(1) as f64;
        low + (high - low) * share.clamp(0.0, 1.0)
    }

    fn point(&self, index: usize, rows: u64, price: &impl Fn(u64) -> f64) -> f64 {
        let mut known = self.known.borrow_mut();
        if known.len() <= index {
            known.resize(index + 1, f64::NAN);
        }
        if known[index].is_nan() {
            known[index] = price(rows);
        }
        known[index]
    }
}

/// Step times of a deployment under an engine that launches its kernels so.
pub struct StepTimes<'a> {
    deployment: Deployment<'a>,
    launch: Launch,
    body: ByRows,
    body_kernels: Cell<(f64, f64)>,
    head: ByRows,
    experts: ByRows,
    exchange: ByRows,
    attention: RefCell<HashMap<Asked, f64>>,
    scratch: RefCell<Vec<Placed>>,
}

impl<'a> StepTimes<'a> {
    /// Prices nothing yet.
    pub fn new(deployment: Deployment<'a>, launch: Launch) -> Self {
        Self::knowing(deployment, launch, Known::default())
    }

    /// With what was asked of the same deployment before.
    pub fn knowing(deployment: Deployment<'a>, launch: Launch, known: Known) -> Self {
        let [body, head, experts, exchange] = known.rows.map(ByRows::new);
        StepTimes {
            deployment,
            launch,
            body,
            body_kernels: Cell::new((f64::NAN, 0.0)),
            head,
            experts,
            exchange,
            attention: RefCell::new(known.attention),
            scratch: RefCell::new(Vec::with_capacity(64)),
        }
    }

    /// Hands over what was asked so far, and forgets it.
    pub fn take_known(&self) -> Known {
        let rows = [&self.body, &self.head, &self.experts, &self.exchange].map(|of| of.known.take());
        Known { rows, attention: self.attention.take() }
    }

    /// What is priced.
    pub fn deployment(&self) -> &Deployment<'a> {
        &self.deployment
    }

    /// Seconds of one task, once.
    pub fn seconds(&self, task: &Task) -> f64 {
        match task {
            Task::Compute(op) => self.deployment.device.time(op).seconds,
            Task::Exchange(exchange) => self.deployment.network.time(exchange).seconds,
        }
    }

    fn total(&self, keep: impl Fn(&Placed) -> bool, lower: impl FnOnce(&mut Vec<Placed>)) -> f64 {
        let mut placed = self.scratch.borrow_mut();
        placed.clear();
        lower(&mut placed);
        placed.iter().filter(|p| keep(p)).map(|p| p.count * self.seconds(&p.task)).sum()
    }

    /// Attention of a step.
    fn attention(&self, batch: &Batch) -> f64 {
        let price = || self.total(|_| true, |out| self.deployment.attention(batch, out));
        let Some(key) = asked(batch) else { return price() };
        if let Some(seconds) = self.attention.borrow().get(&key) {
            return *seconds;
        }
        let seconds = price();
        let mut known = self.attention.borrow_mut();
        if known.len() < KEPT {
            known.insert(key, seconds);
        }
        seconds
    }

    /// Kernels of the layers in a step of one rank, and exchanges among them.
    fn kernels(&self) -> (f64, f64) {
        if self.body_kernels.get().0.is_nan() {
            let mut placed = Vec::new();
            self.deployment.body(1, &mut placed);
            // Those of feed-forward devices of their own are no kernels of this rank; the exchanges are.
            let before = placed.iter().map(|p| p.count * kernels_of(&p.task)).sum::<f64>();
            if self.deployment.shares() {
                self.deployment.experts(1, 1, &mut placed);
            }
            let own = |kernels: f64| if self.deployment.apart.is_some() { before } else { kernels };
            let kernels = own(placed.iter().map(|p| p.count * kernels_of(&p.task)).sum());
            let exchanges = placed.iter().filter(|p| matches!(p.task, Task::Exchange(_))).map(|p| p.count).sum();
            self.body_kernels.set((kernels, exchanges));
        }
        self.body_kernels.get()
    }

    /// Every task of a step, for explanations: `batch` on each rank.
    pub fn tasks(&self, batch: &Batch) -> Vec<Placed> {
        let d = &self.deployment;
        let mut placed = Vec::new();
        let rows = batch.decode * d.queries() + batch.prefill_tokens;
        d.body(rows, &mut placed);
        d.attention(batch, &mut placed);
        d.head(batch.decode * d.queries() + batch.prefill, &mut placed);
        if d.shares() {
            d.experts(rows * u64::from(d.parallel.dp), rows, &mut placed);
        }
        placed
    }
}

fn kernels_of(task: &Task) -> f64 {
    match task {
        Task::Compute(Op::Elementwise { kernels, .. }) => *kernels as f64,
        Task::Compute(Op::Moe { .. }) => 4.0,
        _ => 1.0,
    }
}

impl StepTimes<'_> {
    /// Seconds of one pass of a rank through its own layers.
    fn pass(&self, batch: &Batch) -> f64 {
        let d = &self.deployment;
        let rows = batch.decode * d.queries() + batch.prefill_tokens;
        if rows == 0 {
            return 0.0;
        }
        let mut device = self.body.at(rows, |r| self.total(|_| true, |out| d.body(r, out)));
        let sampled = batch.decode * d.queries() + batch.prefill;
        device += self.head.at(sampled, |r| self.total(|_| true, |out| d.head(r, out)));
        device += self.attention(batch);
        let launch = &self.launch;
        let (kernels, exchanges) = self.kernels();
        device += exchanges * launch.wait;
        let graph = if batch.prefill == 0 {
            launch.graph_decode && batch.decode <= launch.graph_requests
        } else {
            launch.graph_prefill
        };
        if graph {
            device += kernels * launch.gap;
        } else {
            // Without a graph the device waits for launches where its kernels are shorter than they take to launch.
            device = device.max(kernels * launch.launch);
        }
        device + launch.prompt_token * batch.prefill_tokens as f64
    }

    /// Seconds of the experts (apart: of all feed-forward layers) and of the exchanges with them, in one pass.
    fn together(&self, tokens: u64, fullest: u64) -> (f64, f64) {
        let d = &self.deployment;
        if !d.shares() || tokens == 0 {
            return (0.0, 0.0);
        }
        let ranks = u64::from(d.parallel.dp);
        let compute = self
            .experts
            .at(tokens, |t| self.total(|p| p.part != Part::ExpertExchange, |out| d.experts(t, t.div_ceil(ranks), out)));
        let exchange = self.exchange.at(fullest * ranks, |t| {
            self.total(|p| p.part == Part::ExpertExchange, |out| d.experts(t, t.div_ceil(ranks), out))
        });
        (compute, exchange)
    }
}

impl StepCost for StepTimes<'_> {
    fn local(&self, batch: &Batch) -> f64 {
        let rows = batch.decode * self.deployment.queries() + batch.prefill_tokens;
        match self.deployment.apart {
            None => self.pass(batch),
            Some(apart) => {
                let turns = apart.turns(rows);
                turns as f64 * self.pass(&micro_batch(batch, turns))
            }
        }
    }

    fn shared(&self, tokens: u64, fullest: u64) -> f64 {
        let turns = self.deployment.apart.map_or(1, |apart| apart.turns(fullest));
        let (compute, exchange) = self.together(tokens.div_ceil(turns), fullest.div_ceil(turns));
        turns as f64 * (compute + exchange)
    }

    fn bounds(&self, tokens: u64, fullest: u64, bound: &mut dyn FnMut(f64, f64)) {
        let Some(apart) = self.deployment.apart else { return bound(1.0, self.shared(tokens, fullest)) };
        let turns = apart.turns(fullest);
        let (feed, exchange) = self.together(tokens.div_ceil(turns), fullest.div_ceil(turns));
        let turns = turns as f64;
        let layers = self.deployment.model.layers.iter().map(|group| f64::from(group.count)).sum();
        apart::bounds(turns, layers, turns * feed, turns * exchange, bound);
    }
}
