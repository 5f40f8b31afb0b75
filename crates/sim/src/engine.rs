//! A serving engine: ranks in lock step, a clock, and a plan for the next steps.
//!
//! An engine plans one step that computes prompts, or a run of decode steps, and says when it will be over. The fleet
//! commits the plan at that moment, or shortens a run when something arrives that may change the batch.

use cost::StepCost;

use crate::curve::{Bound, Curves, UNIT_BITS, WHOLE_BITS, bounds, local};
use crate::error::SimError;
use crate::experts::Experts;
use crate::job::{Held, Job, Signal};
use crate::rank::{Rank, Still};
use crate::rules::Rules;
use crate::run::{Line, Piece, envelope, steps_until, sum};
use crate::scheduler::Router;
use crate::time::{Clock, FINE_BITS, Fine, Time};

#[derive(Debug, Clone, Copy)]
struct Plan {
    steps: u64,
    /// Whether the steps are a run of decodes, which may be cut.
    run: bool,
    /// Whether prompts wait meanwhile.
    hold: bool,
    end: Clock,
    span: Fine,
}

/// Sums over an engine's life. They are whole numbers, so that they do not depend on how runs were cut.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub steps: u64,
    pub prefill_steps: u64,
    pub busy: Fine,
    pub prefill_time: Fine,
    /// Requests that take part in steps, times time.
    pub active: Fine,
    /// Tokens computed.
    pub tokens: u128,
    /// Tokens (units) for which the cache is in use, summed over steps.
    pub held: u128,
}

/// What a step takes is asked of the curves, which engines of a kind share.
pub(crate) struct Engine {
    pub rules: Rules,
    pub ranks: Vec<Rank>,
    /// What is known of ranks to which nothing happens.
    stills: Vec<Option<Still>>,
    router: Router,
    turn: usize,
    clock: Clock,
    plan: Option<Plan>,
    pieces: Vec<Piece>,
    lines: Vec<Line>,
    /// Bounds on the time of the step that is planned.
    bounds: Vec<Bound>,
    longest_run: u64,
    /// Whether something happened since it was last decided that prompts wait for the other ranks, and what was
    /// decided. It is decided upon events only, or it would depend on how runs were cut.
    changed: bool,
    hold: bool,
    /// Steps for which prompts have waited for the other ranks.
    held: u64,
    pub generation: u32,
    pub tally: Tally,
    /// Until when the front end is busy sending tokens out.
    sent: Fine,
    /// How much longer its steps take than those of a sound one, in 1/1024.
    pub pace: Fine,
    /// The load of its experts, where it varies.
    pub experts: Option<Experts>,
}

/// The pace of a sound engine.
pub(crate) const SOUND: Fine = 1 << SOUND_BITS;
const SOUND_BITS: u32 = 10;

impl Engine {
    pub fn new(rules: Rules, ranks: Vec<Rank>, router: Router, longest_run: u64) -> Engine {
        Engine {
            rules,
            stills: vec![None; ranks.len()],
            ranks,
            router,
            turn: 0,
            clock: Clock::default(),
            plan: None,
            pieces: Vec::new(),
            lines: Vec::new(),
            bounds: Vec::new(),
            longest_run,
            changed: true,
            hold: false,
            held: 0,
            generation: 0,
            tally: Tally::default(),
            sent: 0,
            pace: SOUND,
            experts: None,
        }
    }

    /// A span at the engine's pace.
    fn paced(&self, span: Fine) -> Fine {
        if self.pace == SOUND { span } else { (span * self.pace) >> SOUND_BITS }
    }

    /// Requests that wait or run.
    pub fn load(&self) -> u64 {
        self.ranks.iter().map(Rank::load).sum()
    }

    /// Requests that wait.
    pub fn waiting(&self) -> u64 {
        self.ranks.iter().map(Rank::waiting).sum()
    }

    /// When the plan is over.
    pub fn end(&self) -> Option<Time> {
        self.plan.map(|plan| plan.end.now)
    }

    /// A request arrives. Tells whether the end of the plan changed.
    pub fn push(&mut self, id: u32, now: Time, jobs: &mut [Job]) -> Result<bool, SimError> {
        let place = match self.ranks.len() {
            1 => 0,
            _ if self.rules.sticky => self.stick(id, jobs),
            _ => choose(self.router, &mut self.turn, self.ranks.iter().map(Rank::load)),
        };
        jobs[id as usize].rank = place as u32;
        self.wake(place);
        let stop = self.ranks[place].push(id, jobs, &self.rules);
        if stop { self.interrupt(now) } else { Ok(false) }
    }

    /// The cache of an admitted request has arrived. Tells whether the end of the plan changed.
    pub fn land(&mut self, id: u32, now: Time, jobs: &[Job]) -> Result<bool, SimError> {
        let place = jobs[id as usize].rank as usize;
        self.wake(place);
        self.ranks[place].land(id);
        self.interrupt(now)
    }

    /// Something happens to a rank.
    fn wake(&mut self, place: usize) {
        if let Some(still) = self.stills[place].take() {
            self.ranks[place].wake(&still, &self.rules);
        }
    }

    /// The rank that knows the most of a prompt; the least loaded of equals.
    fn stick(&self, id: u32, jobs: &[Job]) -> usize {
        let known = |rank: &Rank| rank.cache.as_ref().map_or(0, |cache| cache.find(&jobs[id as usize]).here);
        let key = |place: &usize| (known(&self.ranks[*place]), std::cmp::Reverse((self.ranks[*place].load(), *place)));
        (0..self.ranks.len()).max_by_key(key).unwrap_or(0)
    }

    /// The cache of a request that left has been shipped, or is not wanted any more. Tells whether the end of the plan
    /// changed.
    pub fn release(&mut self, held: Held, job: &Job, now: Time) -> Result<bool, SimError> {
        self.wake(held.rank as usize);
        self.ranks[held.rank as usize].release(held, job);
        self.interrupt(now)
    }

    /// A request that waits here, or whose cache is under way to here, is taken out.
    pub fn withdraw(&mut self, id: u32, now: Time, jobs: &[Job]) -> Result<bool, SimError> {
        let place = jobs[id as usize].rank as usize;
        self.wake(place);
        self.ranks[place].withdraw(id, jobs, &self.rules);
        self.interrupt(now)
    }

    /// From the next step on, steps take `pace` / 1024 times as long as those of a sound engine.
    pub fn slow(&mut self, pace: Fine, now: Time) -> Result<bool, SimError> {
        self.pace = pace;
        self.interrupt(now)
    }

    /// Steps of the plan that are over by now.
    fn over(&self, now: Time) -> u64 {
        let Some(plan) = &self.plan else { return 0 };
        if plan.end.now <= now {
            return plan.steps;
        }
        if !plan.run {
            return 0;
        }
        // A step is over in the picosecond in which it ends.
        let span = self.clock.until(Time(now.0.saturating_add(1)));
        let steps = steps_until(&self.pieces, span).min(plan.steps);
        if sum(&self.pieces, steps) < span { steps } else { steps - 1 }
    }

    /// Everything stops and all caches are gone; what came out of the steps that are over has been sent.
    pub fn fail(&mut self, now: Time, jobs: &mut [Job], signals: &mut Vec<Signal>) {
        let steps = self.over(now);
        if let Some(plan) = &mut self.plan {
            if steps > 0 {
                plan.steps = steps;
                plan.span = if plan.run { sum(&self.pieces, steps) } else { plan.span };
                plan.end = self.clock.after(plan.span).unwrap_or(plan.end);
                self.commit(jobs, signals);
            }
            self.plan = None;
        }
        for place in 0..self.ranks.len() {
            self.wake(place);
            self.ranks[place].fail(jobs, &self.rules);
        }
        self.generation += 1;
        (self.changed, self.hold, self.held, self.sent) = (true, false, 0, 0);
    }

    /// What is in use now: requests that wait and that run, blocks in use, idle blocks of cached prefixes; and for how
    /// long steps have run so far.
    pub fn probe(&self, now: Time) -> ([u64; 4], Fine) {
        let steps = self.over(now);
        let mut sums = [0; 4];
        for (rank, still) in self.ranks.iter().zip(&self.stills) {
            let own = rank.probe_still(steps, still.as_ref(), &self.rules);
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        let running = if self.plan.is_some() { self.clock.until(now).max(0) } else { 0 };
        (sums, self.tally.busy + running)
    }

    /// Blocks in all.
    pub fn blocks(&self) -> u64 {
        self.ranks.iter().map(|rank| rank.pool.total()).sum()
    }

    /// Cuts a run of decode steps at the end of the step that runs now.
    fn interrupt(&mut self, now: Time) -> Result<bool, SimError> {
        self.changed = true;
        let Some(plan) = &mut self.plan else { return Ok(false) };
        if !plan.run || plan.end.now <= now {
            return Ok(false);
        }
        let steps = steps_until(&self.pieces, self.clock.until(now));
        if steps >= plan.steps {
            return Ok(false);
        }
        plan.steps = steps;
        plan.span = sum(&self.pieces, steps);
        plan.end = self.clock.after(plan.span)?;
        self.generation += 1;
        Ok(true)
    }

    /// Plans what comes next, if nothing is planned and there is something to do. Tells whether it did.
    pub fn plan<C: StepCost>(
        &mut self,
        now: Time,
        curves: &mut Curves<'_, C>,
        jobs: &mut [Job],
        signals: &mut Vec<Signal>,
    ) -> Result<bool, SimError> {
        if self.plan.is_some() {
            return Ok(false);
        }
        self.clock.wake(now);
        if std::mem::take(&mut self.changed) {
            self.hold = self.may_hold(jobs);
        }
        let hold = self.hold && self.held < self.rules.balance;
        let (mut prefills, mut decodes) = self.form(hold, now, jobs, signals);
        if hold && !prefills && !decodes {
            (prefills, decodes) = self.form(false, now, jobs, signals);
        }
        if prefills {
            self.held = 0;
        }
        let (steps, span) = match (prefills, decodes) {
            (true, _) => (1, self.step(curves)?),
            (false, true) => self.run(hold, curves, jobs)?,
            (false, false) => return Ok(false),
        };
        let end = self.clock.after(span)?;
        self.plan = Some(Plan { steps, run: !prefills, hold, end, span });
        self.generation += 1;
        Ok(true)
    }

    /// Whether prompts wait. For the other ranks: a prompt on one rank keeps all of them, so ranks compute theirs
    /// together if they do not have to wait too long. Or for more prompts: a step takes its time, however full it is.
    fn may_hold(&self, jobs: &[Job]) -> bool {
        let rules = &self.rules;
        let enough = || match rules.gather {
            0 => self.ranks.iter().all(|rank| rank.has_prompt(jobs, rules)),
            tokens => self.ranks.iter().any(|rank| rank.fills(tokens, jobs, rules)),
        };
        rules.balance > 0
            && self.ranks.iter().any(|rank| rank.decoding() > 0)
            && self.ranks.iter().any(|rank| rank.has_prompt(jobs, rules))
            && !enough()
    }

    /// Forms the next step of all ranks. Tells whether any computes prompts, and whether any decodes.
    fn form(&mut self, hold: bool, now: Time, jobs: &mut [Job], signals: &mut Vec<Signal>) -> (bool, bool) {
        let (mut prefills, mut decodes) = (false, false);
        for (rank, still) in self.ranks.iter_mut().zip(&mut self.stills) {
            if still.is_none() {
                rank.form(hold, jobs, &self.rules, now, signals);
                prefills |= rank.batch.prefill > 0;
                *still = rank.still(jobs, &self.rules);
            }
            decodes |= rank.decodes;
        }
        (prefills, decodes)
    }

    /// Sets the bounds on the time of the next step. Gives what the host adds to it and demands at least.
    fn bound<C: StepCost>(&mut self, cost: &C) -> Result<(Fine, Fine), SimError> {
        let (mut tokens, mut fullest, mut host) = (0, 0, 0);
        for (rank, still) in self.ranks.iter().zip(&self.stills) {
            let (own, time) = match still {
                Some(still) => (still.decode * self.rules.queries, still.host),
                None => (
                    rank.batch.decode * self.rules.queries + rank.batch.prefill_tokens,
                    self.rules.host.time(rank.batch.decode + rank.batch.prefill, rank.prefilled),
                ),
            };
            tokens += own;
            fullest = fullest.max(own);
            host = host.max(time);
        }
        let (added, least) = self.rules.host.split(host);
        bounds(cost, tokens, fullest, &mut self.bounds)?;
        let Some(experts) = &self.experts else { return Ok((added, least)) };
        let (load, pause) = experts.at(self.tally.steps);
        self.bounds.iter_mut().for_each(|(_, together)| *together = (*together * load) >> 10);
        Ok((added + pause, least + pause))
    }

    /// The time of a step that computes prompts.
    fn step<C: StepCost>(&mut self, curves: &mut Curves<'_, C>) -> Result<Fine, SimError> {
        let mut slowest = 0;
        for (rank, still) in self.ranks.iter().zip(&mut self.stills) {
            let own = match still {
                Some(still) if still.decode > 0 => still.cell(0, curves)?.at(still.cached),
                Some(_) => 0,
                None if rank.batch.prefill > 0 => local(curves.cost(), &rank.batch)?,
                None if rank.decodes => {
                    let cached = rank.cached(&self.rules);
                    curves.cell(rank.decoding(), cached)?.at(cached)
                }
                None => 0,
            };
            slowest = slowest.max(own);
        }
        let (added, least) = self.bound(curves.cost())?;
        let time = self.bounds.iter().map(|(own, together)| ((slowest * own) >> WHOLE_BITS) + together).max();
        Ok((self.paced(time.unwrap_or(slowest)) + added).max(least))
    }

    /// The steps of a run of decodes and their time.
    fn run<C: StepCost>(
        &mut self,
        hold: bool,
        curves: &mut Curves<'_, C>,
        jobs: &[Job],
    ) -> Result<(u64, Fine), SimError> {
        let rules = &self.rules;
        let mut most = self.longest_run;
        if hold {
            most = most.min(rules.balance - self.held);
        }
        for (rank, still) in self.ranks.iter_mut().zip(&self.stills) {
            match still {
                Some(still) => most = most.min(still.left),
                None if rank.decodes => most = most.min(rank.limit(jobs, rules)),
                None => {}
            }
        }
        if let Some(experts) = &self.experts {
            most = most.min(experts.left(self.tally.steps));
        }
        let (added, least) = self.bound(curves.cost())?;
        let rules = &self.rules;
        self.pieces.clear();
        let mut done = 0;
        while done < most {
            self.lines.clear();
            self.lines.push(Line { time: least, growth: 0, left: u64::MAX });
            for (rank, still) in self.ranks.iter().zip(&mut self.stills) {
                let (grows, cached, whole) = match still {
                    Some(still) if still.decode > 0 => {
                        (still.emits, still.cached + still.emits * done, still.cell(done, curves)?)
                    }
                    None if rank.decodes => {
                        let grows = rank.emits(rules);
                        let cached = rank.cached(rules) + grows * done;
                        (grows, cached, curves.cell(rank.decoding(), cached)?)
                    }
                    _ => continue,
                };
                for (own, together) in &self.bounds {
                    let cell = whole.scaled(*own, WHOLE_BITS).scaled(self.pace, SOUND_BITS);
                    let together = if self.pace == SOUND { *together } else { (together * self.pace) >> SOUND_BITS };
                    self.lines.push(Line {
                        time: cell.at(cached) + together + added,
                        growth: cell.slope * Fine::from(grows),
                        left: if most - done == 1 { 1 } else { (cell.high - cached).div_ceil(grows) },
                    });
                }
            }
            let piece = envelope(self.lines.iter().copied(), most - done);
            done += piece.steps;
            self.pieces.push(piece);
        }
        Ok((most, sum(&self.pieces, most)))
    }

    /// When the front end has sent out what the plan's steps emit. It sends token by token; its queue is longest after
    /// the first step or after the last, since steps never get shorter while the batch stays.
    fn send(&mut self, plan: &Plan) -> Time {
        let rules = &self.rules;
        let emitted = |(rank, still): (&Rank, &Option<Still>)| {
            let decoded = match still {
                Some(still) => still.emits,
                None if rank.decodes => rank.emits(rules),
                None => 0,
            };
            decoded + (rank.prefilled << UNIT_BITS)
        };
        let all: u64 = self.ranks.iter().zip(&self.stills).map(emitted).sum();
        let step = (Fine::from(all) * rules.stream) >> UNIT_BITS;
        if step == 0 {
            return plan.end.now;
        }
        let first = if plan.run { sum(&self.pieces, 1) } else { plan.span };
        let all = step * Fine::from(plan.steps);
        let start = self.clock.fine();
        self.sent = (self.sent + all).max(start + first + all).max(start + plan.span + step);
        Time(u64::try_from(self.sent >> FINE_BITS).unwrap_or(u64::MAX))
    }

    /// The plan is over.
    pub fn commit(&mut self, jobs: &mut [Job], signals: &mut Vec<Signal>) {
        let Some(plan) = self.plan.take() else { return };
        let shown = self.send(&plan);
        self.clock = plan.end;
        if plan.hold {
            self.held += plan.steps;
        }
        let tally = &mut self.tally;
        tally.steps += plan.steps;
        tally.busy += plan.span;
        if !plan.run {
            self.changed = true;
            tally.prefill_steps += 1;
            tally.prefill_time += plan.span;
        }
        let before = signals.len();
        let (mut active, mut tokens) = (0, 0u128);
        for (rank, still) in self.ranks.iter_mut().zip(&mut self.stills) {
            if let Some(quiet) = still {
                active += quiet.decode;
                tokens += u128::from(plan.steps) * u128::from(quiet.decode * self.rules.queries);
                tally.held += quiet.held(plan.steps);
                if plan.steps < quiet.left {
                    quiet.pass(plan.steps);
                    continue;
                }
                rank.wake(quiet, &self.rules);
                *still = None;
            } else {
                active += rank.active();
                let decoded = u128::from(plan.steps) * u128::from(rank.batch.decode * self.rules.queries);
                tokens += decoded + u128::from(rank.batch.prefill_tokens);
                tally.held += rank.held(plan.steps, &self.rules);
            }
            rank.commit(plan.steps, shown, jobs, &self.rules, signals);
        }
        tally.active += plan.span * Fine::from(active);
        tally.tokens += tokens;
        self.changed |= signals.len() > before;
    }
}

/// The target of a request.
pub(crate) fn choose(router: Router, turn: &mut usize, loads: impl ExactSizeIterator<Item = u64>) -> usize {
    match router {
        Router::RoundRobin => {
            let place = *turn % loads.len();
            *turn = place + 1;
            place
        }
        Router::LeastLoaded => {
            loads.enumerate().min_by_key(|(place, load)| (*load, *place)).map_or(0, |(place, _)| place)
        }
    }
}
