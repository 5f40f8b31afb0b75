//! Jobs through the network, event by event.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use thiserror::Error;

use super::Streams;
use super::fair::Filler;

/// Most uses of resources that are shared out anew, about a second of work; beyond it somebody wants sums.
const MOST_WORK: u64 = 20_000_000;

/// Streams that start together, some time after the phase before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Phase {
    /// What flows.
    pub streams: Streams,
    /// Seconds before anything flows: the software's step.
    pub pause: f64,
    /// How often the phase runs; 0 is none.
    pub repeat: u64,
}

/// Phases one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Job {
    /// Second at which the first phase begins.
    pub start: f64,
    /// In order.
    pub phases: Vec<Phase>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Second at which each job is done.
    pub finish: Vec<f64>,
    /// Endings of streams that were simulated.
    pub events: u64,
    /// Rounds of phases that were skipped as repetitions.
    pub skipped: u64,
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FlowError {
    /// A resource that does not exist.
    #[error("a stream uses resource {resource}, but there are {resources}")]
    NoResource {
        /// Asked for.
        resource: u32,
        /// There are.
        resources: usize,
    },
    /// Zero, negative or not finite.
    #[error("resource {resource} has a capacity of {capacity} B/s; it must be above 0")]
    Capacity {
        /// Which.
        resource: usize,
        /// As given.
        capacity: f64,
    },
    /// Bytes, latencies or pauses that are not finite.
    #[error("bytes, latencies, shares and times must be finite and not negative")]
    NotFinite,
    /// Endless.
    #[error("too many unlike streams to follow each")]
    TooMany,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A stream's last byte is sent.
    Sent { stream: u32, version: u32 },
    /// A job's phase begins to flow.
    Flow { job: u32 },
    /// The last byte of a phase arrived.
    Arrived { job: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    at: f64,
    order: u64,
    what: What,
}

impl Eq for Event {}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where a job is.
#[derive(Clone, Copy, Default)]
struct Progress {
    phase: usize,
    /// Rounds of the phase that are done.
    rounds: u64,
    /// Streams that still send.
    sending: u32,
    /// First of its streams.
    base: u32,
    /// Latest arrival of the streams that are sent.
    arrival: f64,
    started: bool,
    done: bool,
}

struct Run<'a> {
    jobs: &'a [Job],
    now: f64,
    order: u64,
    events: BinaryHeap<Event>,
    progress: Vec<Progress>,
    finish: Vec<f64>,
    /// By stream, all phases of all jobs.
    first: Vec<Vec<u32>>,
    left: Vec<f64>,
    rate: Vec<f64>,
    since: Vec<f64>,
    version: Vec<u32>,
    active: Vec<bool>,
    users: Vec<Vec<u32>>,
    /// Resources whose streams changed.
    dirty: Vec<u32>,
    filler: Filler,
    seen_stream: Vec<u32>,
    seen_resource: Vec<u32>,
    mark: u32,
    ended: u64,
    work: u64,
    skipped: u64,
    states: HashMap<Vec<u64>, (f64, Vec<u64>)>,
}

/// Runs jobs over resources of these capacities (bytes per second).
///
/// # Errors
/// [`FlowError`] if a stream uses what does not exist, or numbers mean nothing.
pub fn run(capacities: &[f64], jobs: &[Job]) -> Result<Outcome, FlowError> {
    check(capacities, jobs)?;
    let mut streams = 0;
    let mut owner = Vec::new();
    let first: Vec<Vec<u32>> = jobs
        .iter()
        .enumerate()
        .map(|(j, job)| {
            let base = |(p, phase): (usize, &Phase)| {
                let base = streams;
                streams += phase.streams.len() as u32;
                owner.extend(std::iter::repeat_n((j as u32, p as u32), phase.streams.len()));
                base
            };
            job.phases.iter().enumerate().map(base).collect()
        })
        .collect();
    let n = streams as usize;
    let mut run = Run {
        jobs,
        now: 0.0,
        order: 0,
        events: BinaryHeap::new(),
        progress: vec![Progress::default(); jobs.len()],
        finish: vec![0.0; jobs.len()],
        first,
        left: vec![0.0; n],
        rate: vec![0.0; n],
        since: vec![0.0; n],
        version: vec![0; n],
        active: vec![false; n],
        users: vec![Vec::new(); capacities.len()],
        dirty: Vec::new(),
        filler: Filler::new(capacities),
        seen_stream: vec![0; n],
        seen_resource: vec![0; capacities.len()],
        mark: 0,
        ended: 0,
        work: 0,
        skipped: 0,
        states: HashMap::new(),
    };
    for job in 0..jobs.len() {
        run.begin(job, jobs[job].start);
    }
    run.go(&owner)?;
    Ok(Outcome { finish: run.finish, events: run.ended, skipped: run.skipped })
}

fn check(capacities: &[f64], jobs: &[Job]) -> Result<(), FlowError> {
    let sane = |v: f64| v.is_finite() && v >= 0.0;
    if let Some((resource, &capacity)) = capacities.iter().enumerate().find(|(_, c)| !(c.is_finite() && **c > 0.0)) {
        return Err(FlowError::Capacity { resource, capacity });
    }
    for job in jobs {
        for phase in &job.phases {
            let s = &phase.streams;
            if !(sane(job.start) && sane(phase.pause) && s.bytes.iter().chain(&s.latency).all(|v| sane(*v))) {
                return Err(FlowError::NotFinite);
            }
            for &(resource, share) in &s.uses {
                if resource as usize >= capacities.len() {
                    return Err(FlowError::NoResource { resource, resources: capacities.len() });
                }
                if !(share.is_finite() && share > 0.0) {
                    return Err(FlowError::NotFinite);
                }
            }
        }
    }
    Ok(())
}

impl<'a> Run<'a> {
    fn push(&mut self, at: f64, what: What) {
        self.order += 1;
        self.events.push(Event { at, order: self.order, what });
    }

    /// The next phase of a job that has any rounds, from `at` on; or its end.
    fn begin(&mut self, job: usize, at: f64) {
        let phases = &self.jobs[job].phases;
        let progress = &mut self.progress[job];
        while progress.phase < phases.len() && progress.rounds >= phases[progress.phase].repeat {
            progress.phase += 1;
            progress.rounds = 0;
        }
        match phases.get(progress.phase) {
            Some(phase) => self.push(at + phase.pause, What::Flow { job: job as u32 }),
            None => {
                progress.done = true;
                self.finish[job] = at;
            }
        }
    }

    fn go(&mut self, owner: &[(u32, u32)]) -> Result<(), FlowError> {
        while let Some(event) = self.events.pop() {
            self.now = self.now.max(event.at);
            self.handle(event.what);
            // What happens at the same moment (but for rounding) shares one new computation of rates.
            let until = self.now * (1.0 + 1e-13);
            while let Some(next) = self.events.peek().filter(|e| e.at <= until) {
                let what = next.what;
                self.events.pop();
                self.handle(what);
            }
            if !self.dirty.is_empty() {
                self.share(owner);
            }
            if self.work > MOST_WORK {
                return Err(FlowError::TooMany);
            }
        }
        Ok(())
    }

    fn handle(&mut self, what: What) {
        match what {
            What::Sent { stream, version } => {
                if self.active[stream as usize] && self.version[stream as usize] == version {
                    self.sent(stream);
                }
            }
            What::Flow { job } => self.flow(job as usize),
            What::Arrived { job } => {
                let progress = &mut self.progress[job as usize];
                progress.rounds += 1;
                self.skip(job as usize);
                self.begin(job as usize, self.now);
            }
        }
    }

    /// All streams of a phase start.
    fn flow(&mut self, job: usize) {
        let jobs = self.jobs;
        let (phase, base) = (self.progress[job].phase, self.first[job][self.progress[job].phase]);
        let streams = &jobs[job].phases[phase].streams;
        let progress = &mut self.progress[job];
        *progress = Progress { base, sending: 0, arrival: self.now, started: true, ..*progress };
        for s in 0..streams.len() {
            let id = base + s as u32;
            let uses = streams.uses(s);
            if streams.bytes[s] <= 0.0 || uses.is_empty() {
                progress.arrival = progress.arrival.max(self.now + streams.latency[s]);
                continue;
            }
            progress.sending += 1;
            let at = id as usize;
            (self.left[at], self.rate[at], self.since[at], self.active[at]) = (streams.bytes[s], 0.0, self.now, true);
            for &(r, _) in uses {
                self.users[r as usize].push(id);
                self.dirty.push(r);
            }
        }
        if self.progress[job].sending == 0 {
            let at = self.progress[job].arrival;
            self.push(at, What::Arrived { job: job as u32 });
        }
    }

    fn sent(&mut self, stream: u32) {
        let at = stream as usize;
        self.active[at] = false;
        self.ended += 1;
        let job = self.owner_of(stream);
        let (phase, base) = (self.progress[job].phase, self.progress[job].base);
        let jobs = self.jobs;
        let streams = &jobs[job].phases[phase].streams;
        let local = (stream - base) as usize;
        self.dirty.extend(streams.uses(local).iter().map(|&(r, _)| r));
        let progress = &mut self.progress[job];
        progress.arrival = progress.arrival.max(self.now + streams.latency[local]);
        progress.sending -= 1;
        if progress.sending == 0 {
            let arrival = progress.arrival;
            self.push(arrival, What::Arrived { job: job as u32 });
        }
    }

    /// Jobs own ranges of streams in order.
    fn owner_of(&self, stream: u32) -> usize {
        self.first.partition_point(|bases| bases.first().is_none_or(|&b| b <= stream)) - 1
    }

    /// New rates for the streams that share links, directly or through others, with those that started or ended.
    fn share(&mut self, owner: &[(u32, u32)]) {
        self.mark += 1;
        let jobs = self.jobs;
        let first = &self.first;
        let uses = |stream: u32| -> &'a [(u32, f64)] {
            let (job, phase) = owner[stream as usize];
            let local = stream - first[job as usize][phase as usize];
            jobs[job as usize].phases[phase as usize].streams.uses(local as usize)
        };
        let (mut streams, mut resources) = (Vec::new(), Vec::new());
        let mut open = std::mem::take(&mut self.dirty);
        while let Some(r) = open.pop() {
            if self.seen_resource[r as usize] == self.mark {
                continue;
            }
            self.seen_resource[r as usize] = self.mark;
            resources.push(r);
            let active = &self.active;
            self.users[r as usize].retain(|&s| active[s as usize]);
            for &s in &self.users[r as usize] {
                if self.seen_stream[s as usize] == self.mark {
                    continue;
                }
                self.seen_stream[s as usize] = self.mark;
                streams.push(s);
                open.extend(uses(s).iter().map(|&(r, _)| r));
            }
        }
        self.dirty = open;
        self.work += streams.iter().map(|&s| uses(s).len() as u64).sum::<u64>();
        streams.sort_unstable();
        resources.sort_unstable();
        for &s in &streams {
            let at = s as usize;
            self.left[at] = (self.left[at] - self.rate[at] * (self.now - self.since[at])).max(0.0);
            self.since[at] = self.now;
        }
        let users = &self.users;
        self.filler.fill(&streams, &resources, uses, |r| users[r as usize].as_slice(), &mut self.rate);
        for &s in &streams {
            let at = s as usize;
            self.version[at] += 1;
            let (ends, version) = (self.now + self.left[at] / self.rate[at], self.version[at]);
            self.push(ends, What::Sent { stream: s, version });
        }
    }

    /// If all jobs are where they were before, up to rounds done, goes on as many whole periods as the rounds allow.
    fn skip(&mut self, job: usize) {
        let left = |p: &Progress, j: usize| self.jobs[j].phases.get(p.phase).map_or(0, |f| f.repeat - p.rounds);
        if left(&self.progress[job], job) < 2 {
            return;
        }
        let state = self.state(job);
        let rounds: Vec<u64> = self.progress.iter().map(|p| p.rounds).collect();
        let Some((then, before)) = self.states.get(&state) else {
            // Aperiodic jobs bring a new state every time.
            if self.states.len() > 256 {
                self.states.clear();
            }
            self.states.insert(state, (self.now, rounds));
            return;
        };
        let period = self.now - then;
        let mut times = u64::MAX;
        for (j, p) in self.progress.iter().enumerate() {
            let each = rounds[j] - before[j];
            if each > 0 {
                times = times.min(left(p, j).saturating_sub(1) / each);
            }
            if !p.started && !p.done {
                times = times.min(((self.jobs[j].start - self.now) / period).max(0.0) as u64);
            }
        }
        let each: Vec<u64> = rounds.iter().zip(before).map(|(now, then)| now - then).collect();
        if times == 0 || times == u64::MAX || period <= 0.0 {
            return;
        }
        let ahead = period * times as f64;
        for (p, each) in self.progress.iter_mut().zip(&each) {
            p.rounds += each * times;
            p.arrival += ahead;
            self.skipped += each * times;
        }
        self.now += ahead;
        for stream in 0..self.left.len() {
            if self.active[stream] {
                self.since[stream] += ahead;
            }
        }
        let progress = &self.progress;
        let moves = |what: What| match what {
            What::Flow { job } => progress[job as usize].started,
            _ => true,
        };
        let events = std::mem::take(&mut self.events);
        self.events =
            events.into_iter().map(|e| if moves(e.what) { Event { at: e.at + ahead, ..e } } else { e }).collect();
        self.states.clear();
    }

    /// What decides how things go on, but for the rounds done: to six digits, for rates carry rounding errors.
    fn state(&self, job: usize) -> Vec<u64> {
        let digits = |x: f64| (x * 1e6).round() as u64;
        let mut state = vec![job as u64];
        for (j, p) in self.progress.iter().enumerate() {
            state.push(p.phase as u64);
            state.push(u64::from(p.done) | u64::from(p.started) << 1 | u64::from(p.sending) << 2);
            let Some(phase) = self.jobs[j].phases.get(p.phase).filter(|_| p.sending > 0 && j != job) else { continue };
            for s in 0..phase.streams.len() {
                let at = (p.base + s as u32) as usize;
                let left = self.left[at] - self.rate[at] * (self.now - self.since[at]);
                let share = if self.active[at] { 1.0 + left.max(0.0) / phase.streams.bytes[s] } else { 0.0 };
                state.push(digits(share));
            }
        }
        // What else is pending: pauses and last bytes under way.
        let mut pending: Vec<(u64, u64)> = self
            .events
            .iter()
            .filter_map(|e| match e.what {
                What::Flow { job } if self.progress[job as usize].started => Some((2 * u64::from(job), e.at)),
                What::Arrived { job } => Some((2 * u64::from(job) + 1, e.at)),
                _ => None,
            })
            // Relative to a nanosecond: shorter than any step.
            .map(|(who, at)| (who, ((at - self.now) * 1e12).round() as u64))
            .collect();
        pending.sort_unstable();
        state.extend(pending.into_iter().flat_map(|(who, at)| [who, at]));
        state
    }
}
