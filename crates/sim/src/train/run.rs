//! Plays a schedule.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::{Pass, Pipeline, Slot, Work};
use super::links::{Cargo, Link};
use super::order::orders;
use crate::error::SimError;
use crate::time::Time;

/// What a span of a timeline shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work.
    Work(Work),
    /// Gathering of a chunk's parameters.
    Gather(u32),
    /// Reduction of a chunk's gradients.
    Reduce(u32),
    /// The optimizer.
    Optimizer,
}

/// Something on a stage from one moment to another. Works that overlap have equal spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where.
    pub stage: u32,
    /// From.
    pub start: Time,
    /// To.
    pub end: Time,
    /// What.
    pub kind: SpanKind,
}

/// A step that was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The whole step.
    pub end: Time,
    /// When the last work was done, before what replicas still had to exchange and the optimizer.
    pub pipeline_end: Time,
    /// When all gradients were there.
    pub reduced: Time,
    /// Time of each stage in work.
    pub busy: Vec<Time>,
    /// Most chunk activations that each stage kept.
    pub kept: Vec<u32>,
    /// Events that were handled.
    pub events: u64,
    /// Everything that happened, by stage and time.
    pub spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A stage's work is over.
    Done { stage: u32 },
    /// A transfer is through, unless the link's rate changed meanwhile.
    Through { stage: u32, link: u32, generation: u32 },
    /// A stage looks for work.
    Wake { stage: u32 },
}

struct Stage {
    order: Vec<Slot>,
    next: usize,
    running: Option<(Slot, Time)>,
    links: [Link; 2],
    busy: Time,
    kept: u32,
    most_kept: u32,
}

struct Player<'p> {
    p: &'p Pipeline,
    stages: Vec<Stage>,
    events: BinaryHeap<Reverse<(Time, Event)>>,
    /// Moment at which the input of a forward, and of a backward, is there: by chunk and micro-batch.
    ready: [Vec<Time>; 2],
    /// Works of a chunk's weights still to do, and when its parameters and gradients are exchanged.
    weights_left: Vec<u32>,
    gathered: Vec<Time>,
    reduced: Vec<Time>,
    spans: Vec<Span>,
    handled: u64,
}

/// Plays the step.
///
/// # Errors
/// A pipeline that cannot be, an order that waits for itself (our fault), or a time beyond 213 days.
pub fn run(pipeline: &Pipeline) -> Result<Ran, SimError> {
    pipeline.check()?;
    let stages = orders(pipeline).into_iter().map(|order| Stage {
        order,
        next: 0,
        running: None,
        links: [Link::new(), Link::new()],
        busy: Time::ZERO,
        kept: 0,
        most_kept: 0,
    });
    let cells = pipeline.chunks.len() * pipeline.micro_batches as usize;
    let chunks = pipeline.chunks.len();
    // Chunks of a bidirectional pipeline are on two stages: each has its own exchange, the later one counts.
    let mut player = Player {
        p: pipeline,
        stages: stages.collect(),
        events: BinaryHeap::new(),
        ready: [vec![Time::NEVER; cells], vec![Time::NEVER; cells]],
        weights_left: vec![pipeline.micro_batches; chunks],
        gathered: vec![Time::ZERO; chunks],
        reduced: vec![Time::NEVER; chunks],
        spans: Vec::new(),
        handled: 0,
    };
    player.begin()?;
    while let Some(Reverse((now, event))) = player.events.pop() {
        player.handled += 1;
        player.handle(now, event)?;
    }
    player.finish()
}

impl Player<'_> {
    fn cell(&self, chunk: u32, micro: u32) -> usize {
        chunk as usize * self.p.micro_batches as usize + micro as usize
    }

    /// The stage that exchanges a chunk's parameters.
    fn home(&self, chunk: u32) -> u32 {
        self.p.stage_of(chunk, 0)
    }

    fn begin(&mut self) -> Result<(), SimError> {
        for micro in 0..self.p.micro_batches {
            let cell = self.cell(0, micro);
            self.ready[0][cell] = Time::ZERO;
        }
        for chunk in 0..self.p.chunks.len() as u32 {
            let data = self.p.data[chunk as usize];
            if data.gather != [Time::ZERO; 2] {
                self.gathered[chunk as usize] = Time::NEVER;
                let all = data.gather[0].plus(data.gather[1])?;
                self.send(Time::ZERO, self.home(chunk), data.inner, all, Cargo::Gathered { chunk });
            }
        }
        for stage in 0..self.p.stages {
            self.events.push(Reverse((Time::ZERO, Event::Wake { stage })));
        }
        Ok(())
    }

    fn send(&mut self, now: Time, stage: u32, inner: bool, time: Time, cargo: Cargo) {
        let link = usize::from(!inner);
        self.stages[stage as usize].links[link].send(now, time, cargo);
        self.announce(stage, link);
    }

    fn announce(&mut self, stage: u32, link: usize) {
        let l = &self.stages[stage as usize].links[link];
        if let Some(due) = l.due() {
            let event = Event::Through { stage, link: link as u32, generation: l.generation };
            self.events.push(Reverse((due, event)));
        }
    }

    fn handle(&mut self, now: Time, event: Event) -> Result<(), SimError> {
        match event {
            Event::Wake { stage } => self.start(now, stage),
            Event::Done { stage } => {
                self.done(now, stage)?;
                self.start(now, stage)
            }
            Event::Through { stage, link, generation } => {
                let l = &mut self.stages[stage as usize].links[link as usize];
                if l.generation != generation {
                    return Ok(());
                }
                let cargo = l.arrive(now);
                self.announce(stage, link as usize);
                match cargo {
                    Some(Cargo::Hand { stage, work }) => self.arrived(now, stage, work),
                    Some(Cargo::Gathered { chunk }) => {
                        self.gathered[chunk as usize] = now;
                        self.spans.push(Span { stage, start: Time::ZERO, end: now, kind: SpanKind::Gather(chunk) });
                        self.events.push(Reverse((now, Event::Wake { stage })));
                    }
                    Some(Cargo::Reduced { chunk }) => self.reduced[chunk as usize] = now,
                    None => {}
                }
                Ok(())
            }
        }
    }

    fn arrived(&mut self, now: Time, stage: u32, work: Work) {
        let cell = self.cell(work.chunk, work.micro);
        self.ready[usize::from(work.pass != Pass::Forward)][cell] = now;
        self.events.push(Reverse((now, Event::Wake { stage })));
    }

    fn is_ready(&self, now: Time, work: Work) -> bool {
        let cell = self.cell(work.chunk, work.micro);
        match work.pass {
            Pass::Forward => self.ready[0][cell] <= now && self.may_begin(now, work.chunk),
            Pass::Input | Pass::Backward => self.ready[1][cell] <= now,
            // The order puts it behind its input.
            Pass::Weight => true,
        }
    }

    /// Whether the first of a chunk's layers have their parameters: they are gathered layer by layer, so a chunk may begin
    /// with the first and is held up at its end where the last is late.
    fn may_begin(&self, now: Time, chunk: u32) -> bool {
        if self.gathered[chunk as usize] <= now {
            return true;
        }
        let data = &self.p.data[chunk as usize];
        let parts = u64::from(self.p.chunks[chunk as usize].parts.max(1));
        // Only where it is the only chunk does the gathering begin with the step.
        parts > 1 && self.p.chunks.len() == 1 && now.0 >= (data.gather[0].0 + data.gather[1].0) / parts
    }

    fn start(&mut self, now: Time, index: u32) -> Result<(), SimError> {
        let stage = &self.stages[index as usize];
        let Some(slot) = stage.order.get(stage.next).copied() else { return Ok(()) };
        if stage.running.is_some() {
            return Ok(());
        }
        if self.p.chunks.len() == 1 && now == Time::ZERO && self.gathered[0] == Time::NEVER {
            let data = &self.p.data[0];
            let parts = u64::from(self.p.chunks[0].parts.max(1));
            let first = Time((data.gather[0].0 + data.gather[1].0) / parts);
            if first > now {
                self.events.push(Reverse((first, Event::Wake { stage: index })));
                return Ok(());
            }
        }
        if !self.is_ready(now, slot.work) || slot.with.is_some_and(|w| !self.is_ready(now, w)) {
            return Ok(());
        }
        let mut time = self.p.time_of(slot.work);
        if let Some(with) = slot.with {
            time = time.plus(self.p.time_of(with))?;
        }
        let mut end = now.plus(time)?;
        let chunk = &self.p.chunks[slot.work.chunk as usize];
        // Layers whose parameters come late hold the chunk up.
        if slot.work.pass == Pass::Forward && self.gathered[slot.work.chunk as usize] == Time::NEVER {
            let data = &self.p.data[slot.work.chunk as usize];
            let parts = u64::from(chunk.parts.max(1));
            let late = Time(data.gather[0].0 + data.gather[1].0 + chunk.forward.0 / parts);
            let hidden = end.plus(data.gather[1])?;
            end = end.max(late).max(hidden);
        }
        for work in [Some(slot.work), slot.with].into_iter().flatten() {
            end = end.plus(Time(self.stand_still(work)))?;
        }
        let busy = chunk.busy;
        let stage = &mut self.stages[index as usize];
        stage.next += 1;
        stage.running = Some((slot, now));
        for (link, share) in stage.links.iter_mut().zip(busy) {
            link.share(now, share);
        }
        for work in [Some(slot.work), slot.with].into_iter().flatten() {
            stage.kept += u32::from(work.pass == Pass::Forward);
        }
        stage.most_kept = stage.most_kept.max(stage.kept);
        self.events.push(Reverse((end, Event::Done { stage: index })));
        self.announce(index, 0);
        self.announce(index, 1);
        Ok(())
    }

    /// Picoseconds for which the sender of a work's result stands still.
    fn stand_still(&self, work: Work) -> u64 {
        let from = self.p.stage_of(work.chunk, work.micro);
        match next(self.p, work) {
            Some(to) if self.p.stage_of(to.chunk, to.micro) != from => self.p.hop[1].0,
            _ => 0,
        }
    }

    fn done(&mut self, now: Time, index: u32) -> Result<(), SimError> {
        let Some((slot, start)) = self.stages[index as usize].running.take() else { return Ok(()) };
        let stage = &mut self.stages[index as usize];
        stage.busy = stage.busy.plus(Time(now.0 - start.0))?;
        for link in &mut stage.links {
            link.share(now, 0);
        }
        self.announce(index, 0);
        self.announce(index, 1);
        for work in [Some(slot.work), slot.with].into_iter().flatten() {
            self.spans.push(Span { stage: index, start, end: now, kind: SpanKind::Work(work) });
            if let Some(next) = next(self.p, work) {
                let to = self.p.stage_of(next.chunk, next.micro);
                if to == index {
                    self.arrived(now, to, next);
                } else {
                    let hop = self.p.hop[0];
                    self.send(now, index, self.p.hop_inner, hop, Cargo::Hand { stage: to, work: next });
                }
            }
            if matches!(work.pass, Pass::Weight | Pass::Backward) {
                self.stages[index as usize].kept -= 1;
                self.weights_done(now, start, index, work)?;
            }
        }
        Ok(())
    }

    /// Gradients of a chunk are exchanged once its last micro-batch is through; those of its last layers went before.
    fn weights_done(&mut self, now: Time, start: Time, index: u32, work: Work) -> Result<(), SimError> {
        let left = &mut self.weights_left[work.chunk as usize];
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        let data = self.p.data[work.chunk as usize];
        let parts = u64::from(self.p.chunks[work.chunk as usize].parts.max(1));
        let span = now.0 - start.0;
        // Layer by layer: all but the last layer's had this work's own time to go.
        let gone = (span - span / parts).min(data.reduce[0].0 - data.reduce[0].0 / parts);
        let rest = Time(data.reduce[0].0 - gone).plus(data.reduce[1])?;
        if rest == Time::ZERO {
            self.reduced[work.chunk as usize] = now;
        } else {
            self.send(now, index, data.inner, rest, Cargo::Reduced { chunk: work.chunk });
            // Shown from when it began.
            let kind = SpanKind::Reduce(work.chunk);
            self.spans.push(Span { stage: index, start: Time(now.0 - gone), end: now.plus(rest)?, kind });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Ran, SimError> {
        if self.stages.iter().any(|s| s.next < s.order.len() || s.running.is_some()) {
            return Err(SimError::Pipeline("the schedule waits for itself".to_owned()));
        }
        let work_end = |s: &&Span| matches!(s.kind, SpanKind::Work(_));
        let pipeline_end = self.spans.iter().filter(work_end).map(|s| s.end).max().unwrap_or(Time::ZERO);
        let reduced = self.reduced.iter().copied().max().unwrap_or(Time::ZERO).max(pipeline_end);
        let end = reduced.plus(self.p.optimizer)?;
        for stage in 0..self.p.stages {
            self.spans.push(Span { stage, start: reduced, end, kind: SpanKind::Optimizer });
        }
        self.spans.sort_by_key(|s| (s.stage, s.start, s.end));
        Ok(Ran {
            end,
            pipeline_end,
            reduced,
            busy: self.stages.iter().map(|s| s.busy).collect(),
            kept: self.stages.iter().map(|s| s.most_kept).collect(),
            events: self.handled,
            spans: self.spans,
        })
    }
}

/// What a work's result is the input of.
fn next(p: &Pipeline, work: Work) -> Option<Work> {
    let last = p.chunks.len() as u32 - 1;
    match work.pass {
        Pass::Forward if work.chunk == last => Some(Work { pass: Pass::Input, ..work }),
        Pass::Forward => Some(Work { chunk: work.chunk + 1, ..work }),
        Pass::Input | Pass::Backward if work.chunk > 0 => {
            Some(Work { pass: Pass::Input, chunk: work.chunk - 1, ..work })
        }
        _ => None,
    }
}
