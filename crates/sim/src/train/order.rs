//! The order of work of every stage.

use super::graph::{Pass, Pipeline, Schedule, Slot, Work};
use super::greedy;

/// The slots of each stage, in order.
pub fn orders(pipeline: &Pipeline) -> Vec<Vec<Slot>> {
    match pipeline.schedule {
        Schedule::GPipe => each(pipeline, gpipe),
        Schedule::OneFOneB => each(pipeline, one_f_one_b),
        Schedule::Interleaved => each(pipeline, interleaved),
        Schedule::ZbH1 => each(pipeline, zb_h1),
        Schedule::ZbV => greedy::orders(pipeline),
        Schedule::DualPipe => each(pipeline, dual_pipe),
    }
}

fn each(pipeline: &Pipeline, order: fn(&Pipeline, u32) -> Vec<Slot>) -> Vec<Vec<Slot>> {
    (0..pipeline.stages).map(|stage| order(pipeline, stage)).collect()
}

fn alone(pass: Pass, chunk: u32, micro: u32) -> Slot {
    Slot { work: Work { pass, chunk, micro }, with: None }
}

fn gpipe(p: &Pipeline, stage: u32) -> Vec<Slot> {
    let of = |pass| (0..p.micro_batches).map(move |micro| alone(pass, stage, micro));
    of(Pass::Forward).chain(of(Pass::Backward)).collect()
}

/// As many forward passes as there are stages behind, then one and one, then the backward passes that are left.
fn one_f_one_b(p: &Pipeline, stage: u32) -> Vec<Slot> {
    let forward = (0..p.micro_batches).map(|m| alone(Pass::Forward, stage, m)).collect();
    let backward = (0..p.micro_batches).map(|m| alone(Pass::Backward, stage, m)).collect();
    alternate(forward, backward, (p.stages - stage - 1) as usize)
}

/// One forward pass more than 1F1B keeps under way on each stage's way in, and stage `s` puts off `s` gradients of weights:
/// in all as many activations as 1F1B's first stage, and work for the way out.
fn zb_h1(p: &Pipeline, stage: u32) -> Vec<Slot> {
    let (micro_batches, put_off) = (p.micro_batches, stage);
    let warm = (p.stages - stage).min(micro_batches);
    let mut out: Vec<Slot> = (0..warm).map(|m| alone(Pass::Forward, stage, m)).collect();
    let mut weights = 0;
    for micro in 0..micro_batches {
        out.push(alone(Pass::Input, stage, micro));
        let forward = micro + warm;
        // On the way out every wait is filled.
        if micro >= put_off || forward >= micro_batches {
            out.push(alone(Pass::Weight, stage, weights));
            weights += 1;
        }
        if forward < micro_batches {
            out.push(alone(Pass::Forward, stage, forward));
        }
    }
    out.extend((weights..micro_batches).map(|m| alone(Pass::Weight, stage, m)));
    out
}

/// Groups of as many micro-batches as stages go through one chunk after the other.
fn interleaved(p: &Pipeline, stage: u32) -> Vec<Slot> {
    let (stages, held) = (p.stages, p.held());
    let place = |k: u32, back: bool| {
        let local = k % (stages * held) / stages;
        let local = if back { held - 1 - local } else { local };
        (local * stages + stage, k / (stages * held) * stages + k % stages)
    };
    let of = |pass, back| {
        let slots = (0..p.micro_batches * held).map(|k| place(k, back));
        slots.map(|(chunk, micro)| alone(pass, chunk, micro)).collect()
    };
    let warm = (stages - stage - 1) * 2 + (held - 1) * stages;
    alternate(of(Pass::Forward, false), of(Pass::Backward, true), warm as usize)
}

/// `warm` of the first, then in turns, then what is left of the second.
fn alternate(first: Vec<Slot>, second: Vec<Slot>, warm: usize) -> Vec<Slot> {
    let warm = warm.min(first.len());
    let mut out = first[..warm].to_vec();
    let mut second = second.into_iter();
    for slot in &first[warm..] {
        out.push(*slot);
        out.extend(second.next());
    }
    out.extend(second);
    out
}

/// Eight phases (DeepSeek-V3 technical report, figure 5), the same for both ends of the pipeline. A stage near an end has
/// the more to do before the other end's micro-batches reach it. "Near" micro-batches come from its own end.
fn dual_pipe(p: &Pipeline, stage: u32) -> Vec<Slot> {
    let (stages, half) = (p.stages, p.micro_batches / 2);
    let upper = stage >= stages / 2;
    let depth = if upper { stages - 1 - stage } else { stage };
    let mut q = DualQueue { slots: Vec::new(), chunk: [depth, stages - 1 - depth], ..DualQueue::default() };
    // Micro-batches from this stage's end, and from the other.
    q.base = if upper { [half, 0] } else { [0, half] };
    let apart = stages / 2 - depth - 1;
    for _ in 0..2 * apart {
        q.forward(0);
    }
    for _ in 0..=depth {
        q.forward(0);
        q.forward(1);
    }
    for _ in 0..apart {
        q.input(1);
        q.weight();
        q.forward(1);
    }
    for i in 0..half + depth + 1 - stages {
        if i == 0 && apart == 0 {
            // The middle stages have nothing to overlap their first forward with yet.
            q.forward(0);
            q.backward(1);
        } else {
            q.pair(0, 1);
        }
        q.pair(1, 0);
    }
    for _ in 0..apart {
        q.backward(1);
        q.pair(1, 0);
    }
    let last = depth + 1;
    for i in 0..last {
        // From the middle of this phase on weight gradients are put off.
        if i >= last / 2 {
            q.input(1);
            q.input(0);
        } else {
            q.backward(1);
            q.backward(0);
        }
    }
    for _ in 0..apart {
        q.weight();
        q.input(0);
    }
    while q.weights_left() {
        q.weight();
    }
    q.slots
}

#[derive(Default)]
struct DualQueue {
    slots: Vec<Slot>,
    /// Chunk for micro-batches from this end, and from the other.
    chunk: [u32; 2],
    base: [u32; 2],
    forwards: [u32; 2],
    backwards: [u32; 2],
    put_off: std::collections::VecDeque<Work>,
}

impl DualQueue {
    fn next_forward(&mut self, end: usize) -> Work {
        let micro = self.base[end] + self.forwards[end];
        self.forwards[end] += 1;
        Work { pass: Pass::Forward, chunk: self.chunk[end], micro }
    }

    fn next_backward(&mut self, end: usize, pass: Pass) -> Work {
        let micro = self.base[end] + self.backwards[end];
        self.backwards[end] += 1;
        Work { pass, chunk: self.chunk[end], micro }
    }

    fn forward(&mut self, end: usize) {
        let work = self.next_forward(end);
        self.slots.push(Slot { work, with: None });
    }

    fn backward(&mut self, end: usize) {
        let work = self.next_backward(end, Pass::Backward);
        self.slots.push(Slot { work, with: None });
    }

    fn input(&mut self, end: usize) {
        let work = self.next_backward(end, Pass::Input);
        self.put_off.push_back(Work { pass: Pass::Weight, ..work });
        self.slots.push(Slot { work, with: None });
    }

    fn weight(&mut self) {
        if let Some(work) = self.put_off.pop_front() {
            self.slots.push(Slot { work, with: None });
        }
    }

    fn weights_left(&self) -> bool {
        !self.put_off.is_empty()
    }

    fn pair(&mut self, forward: usize, backward: usize) {
        let work = self.next_forward(forward);
        let with = Some(self.next_backward(backward, Pass::Backward));
        self.slots.push(Slot { work, with });
    }
}
