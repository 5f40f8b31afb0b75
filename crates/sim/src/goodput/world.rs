//! The state of a job and its machine, and what each event does to it.

use crate::goodput::account::{Account, Span, State, Toll, Training};
use crate::goodput::clock::{Clock, Event};
use crate::goodput::run::Run;
use crate::goodput::scenario::{Response, Scenario, Step, Units, Without};
use crate::goodput::stretch::{Speed, Stretch};
use crate::nanos::Nanos;

/// How much later something is noticed that comes while the job is held up for a moment.
const MOMENT: Nanos = Nanos(1_000_000_000);

/// What a job that stops by plan does once its state is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Maintenance,
    Evict(u32),
    Grow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Restart,
    Replace,
    Evict,
    Resume,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Training,
    /// Training is held up: the state is saved before a planned stop.
    Closing(Then),
    /// Training is held up for a moment by this fault.
    Stalled(u32),
    /// Steps of a way back, with what they take this time.
    Recovering(Vec<(u8, Nanos)>),
    /// No spare: it starts again once enough units are repaired.
    Waiting,
    Maintenance,
}

/// Work since wrong numbers began, which will be worthless.
struct Suspect {
    work: Training,
}

pub(super) struct World<'s> {
    scenario: &'s Scenario,
    clock: Clock,
    now: Nanos,
    phase: Phase,
    since: Nanos,
    generation: u32,
    stretch: Stretch,
    active: u32,
    spares: u32,
    /// Faults behind slow units and detours, in order of time.
    slow: Vec<u32>,
    detours: Vec<u32>,
    suspect: Option<Suspect>,
    /// The fault that stopped training, if one did, and when.
    blame: Option<u32>,
    stopped: Nanos,
    record: bool,
    account: Account,
    out: Run,
}

impl<'s> World<'s> {
    pub fn new(scenario: &'s Scenario, seed: u64, run: u64, record: bool) -> World<'s> {
        let Units { used, spares, .. } = scenario.units;
        let whole = Speed { active: 1, whole: 1, slower: 0 };
        let mut world = World {
            scenario,
            clock: Clock::new(seed, run, scenario.faults.len()),
            now: Nanos::ZERO,
            phase: Phase::Training,
            since: Nanos::ZERO,
            generation: 0,
            stretch: Stretch::new(Nanos::ZERO, whole, scenario.checkpoints),
            active: used,
            spares,
            slow: Vec::new(),
            detours: Vec::new(),
            suspect: None,
            blame: None,
            stopped: Nanos::ZERO,
            record,
            account: Account::default(),
            out: Run { tolls: vec![Toll::default(); scenario.faults.len()], ..Run::default() },
        };
        for (i, fault) in scenario.faults.iter().enumerate() {
            world.clock.next_strike(Nanos::ZERO, i as u32, fault.rate);
            world.clock.next_at_spares(Nanos::ZERO, i as u32, fault.spare_rate * f64::from(spares));
        }
        if let Some(maintenance) = scenario.maintenance {
            world.clock.push(maintenance.every, Event::Maintenance);
        }
        world.clock.push(scenario.length, Event::End);
        world
    }

    pub fn run(mut self) -> Run {
        self.train();
        while let Some((at, event)) = self.clock.pop() {
            self.now = at;
            match event {
                Event::End => break,
                Event::Phase { generation } if generation == self.generation => self.phase_over(),
                Event::Phase { .. } => {}
                Event::Return => self.returned(),
                Event::Healed { fault } => {
                    remove(&mut self.detours, fault);
                    self.speed_changed();
                }
                Event::SlowFound { fault } => self.slow_found(fault),
                Event::CorruptFound { fault } => self.corrupt_found(fault),
                Event::Maintenance => self.maintenance_due(),
                Event::Strike { fault } => self.strike(fault),
                Event::StrikeSpare { fault } => self.strike_spare(fault),
            }
        }
        self.end();
        self.out.account = self.account;
        self.out
    }

    // What happens.

    fn strike(&mut self, fault: u32) {
        let kind = self.scenario.faults[fault as usize];
        self.clock.next_strike(self.now, fault, kind.rate);
        match kind.response {
            Response::Restart if self.working() => self.interrupt(fault, Way::Restart),
            Response::Restart => self.toll(fault).others += 1,
            Response::Replace => self.unit_failed(fault),
            Response::Reroute { healed, .. } => {
                self.detours.push(fault);
                self.clock.push(self.now + healed, Event::Healed { fault });
                if self.working() { self.interrupt(fault, Way::Restart) } else { self.toll(fault).others += 1 }
            }
            Response::Stall { lasts } => {
                self.toll(fault).others += 1;
                if self.phase == Phase::Training {
                    self.enter(Phase::Stalled(fault), Some(lasts));
                }
            }
            Response::Slow { unnoticed, .. } => {
                self.slow.push(fault);
                self.clock.push(self.now + unnoticed, Event::SlowFound { fault });
                self.speed_changed();
            }
            Response::Corrupt { unnoticed } => {
                // A second one adds nothing: all work since the first is worthless already.
                if self.phase == Phase::Training && self.suspect.is_none() {
                    let from = self.stretch.start();
                    let kept = self.stretch.keep_durable(self.now);
                    self.book(from, kept);
                    self.suspect = Some(Suspect { work: Training::default() });
                    self.clock.push(self.now + unnoticed, Event::CorruptFound { fault });
                }
            }
        }
    }

    fn unit_failed(&mut self, fault: u32) {
        let used = u64::from(self.scenario.units.used);
        // The rate is of all units; those in repair do not fail.
        if self.active < self.scenario.units.used && self.clock.other.below(used) >= u64::from(self.active) {
            return;
        }
        self.lose_unit();
        if self.working() {
            return self.interrupt(fault, Way::Replace);
        }
        self.toll(fault).others += 1;
        if matches!(self.phase, Phase::Recovering(_)) {
            self.leave();
            self.recover(Way::Replace);
        }
    }

    fn strike_spare(&mut self, fault: u32) {
        let spares = self.scenario.units.spares;
        let rate = self.scenario.faults[fault as usize].spare_rate * f64::from(spares);
        self.clock.next_at_spares(self.now, fault, rate);
        if self.clock.other.below(u64::from(spares)) < u64::from(self.spares) {
            self.spares -= 1;
            self.schedule_return();
        }
    }

    fn returned(&mut self) {
        if self.active == self.scenario.units.used {
            self.spares += 1;
            return self.levels();
        }
        match self.phase {
            Phase::Training => self.enter(Phase::Closing(Then::Grow), Some(self.scenario.checkpoints.durable)),
            Phase::Stalled(_) | Phase::Closing(_) => self.clock.push(self.now + MOMENT, Event::Return),
            Phase::Recovering(_) | Phase::Maintenance => self.join(),
            Phase::Waiting => {
                self.join();
                if !self.short() {
                    self.leave();
                    self.recover(Way::Restart);
                }
            }
        }
    }

    fn slow_found(&mut self, fault: u32) {
        match self.phase {
            Phase::Stalled(_) | Phase::Closing(_) => {
                return self.clock.push(self.now + MOMENT, Event::SlowFound { fault });
            }
            // It slows the job until its state is saved.
            Phase::Training => {
                return self.enter(Phase::Closing(Then::Evict(fault)), Some(self.scenario.checkpoints.durable));
            }
            Phase::Recovering(_) | Phase::Waiting | Phase::Maintenance => {}
        }
        remove(&mut self.slow, fault);
        self.toll(fault).others += 1;
        self.lose_unit();
        if matches!(self.phase, Phase::Recovering(_)) {
            self.leave();
            self.recover(Way::Replace);
        }
    }

    fn corrupt_found(&mut self, fault: u32) {
        let working = self.working();
        if working {
            self.stop(fault);
        } else {
            self.toll(fault).others += 1;
            self.leave();
        }
        if let Some(suspect) = self.suspect.take() {
            let lost = self.account.disown(&suspect.work);
            self.toll(fault).lost += lost;
        }
        self.lose_unit();
        self.recover(Way::Replace);
    }

    fn maintenance_due(&mut self) {
        if let Some(maintenance) = self.scenario.maintenance {
            self.clock.push(self.now + maintenance.every, Event::Maintenance);
        }
        if self.phase == Phase::Training {
            self.enter(Phase::Closing(Then::Maintenance), Some(self.scenario.checkpoints.durable));
        }
    }

    fn phase_over(&mut self) {
        let phase = self.phase.clone();
        match phase {
            Phase::Closing(then) => {
                let from = self.stretch.start();
                let kept = self.stretch.keep_all(self.since);
                self.book(from, kept);
                self.leave();
                self.stopped = self.now;
                self.blame = None;
                match then {
                    Then::Maintenance => {
                        self.out.planned.interruptions += 1;
                        let lasts = self.scenario.maintenance.map(|m| m.lasts);
                        self.enter(Phase::Maintenance, lasts);
                    }
                    Then::Evict(fault) => {
                        remove(&mut self.slow, fault);
                        self.blame = Some(fault);
                        self.toll(fault).interruptions += 1;
                        self.lose_unit();
                        self.recover(Way::Evict);
                    }
                    Then::Grow => {
                        self.out.planned.interruptions += 1;
                        self.join();
                        self.recover(Way::Resume);
                    }
                }
            }
            Phase::Stalled(_) => {
                let span = self.now - self.since;
                self.leave();
                self.stretch.stall(span);
                self.enter(Phase::Training, None);
                self.speed_changed();
            }
            Phase::Recovering(_) => {
                self.leave();
                self.train();
            }
            Phase::Maintenance => {
                self.leave();
                self.recover(Way::Resume);
            }
            Phase::Training | Phase::Waiting => {}
        }
    }

    fn end(&mut self) {
        let at = match self.phase {
            Phase::Training => self.now,
            _ => self.since,
        };
        if self.working() {
            let from = self.stretch.start();
            let kept = self.stretch.keep_all(at);
            self.book(from, kept);
        }
        self.leave();
    }

    // What the job does.

    /// Whether training is under way, be it held up for a moment.
    fn working(&self) -> bool {
        matches!(self.phase, Phase::Training | Phase::Closing(_) | Phase::Stalled(_))
    }

    fn interrupt(&mut self, fault: u32, way: Way) {
        self.stop(fault);
        self.recover(way);
    }

    /// Training ends here, and what no usable save holds is lost.
    fn stop(&mut self, fault: u32) {
        let at = if self.phase == Phase::Training { self.now } else { self.since };
        let from = self.stretch.start();
        let kept = self.stretch.keep_durable(at);
        self.book(from, kept);
        let (lost, held) = self.stretch.lost(at);
        self.account.add(State::Lost, lost);
        self.account.add(State::Saving, held);
        self.span(State::Lost, self.stretch.start(), at, Some(fault));
        self.leave();
        let toll = self.toll(fault);
        toll.interruptions += 1;
        toll.lost += lost;
        self.blame = Some(fault);
        self.stopped = self.now;
    }

    fn recover(&mut self, way: Way) {
        if self.short() {
            return self.enter(Phase::Waiting, None);
        }
        let scenario = self.scenario;
        let path: &[Step] = match way {
            Way::Restart => &scenario.paths.restart,
            Way::Replace => &scenario.paths.replace,
            Way::Evict => &scenario.paths.evict,
            Way::Resume => &scenario.paths.resume,
        };
        let mut steps = Vec::with_capacity(path.len());
        for step in path {
            if step.chance >= 1.0 || self.clock.happens(step.chance) {
                steps.push((step.name, step.lasts));
            }
        }
        let lasts = steps.iter().fold(Nanos::ZERO, |sum, step| sum + step.1);
        self.enter(Phase::Recovering(steps), Some(lasts));
    }

    fn train(&mut self) {
        let down = self.now - self.stopped;
        match self.blame {
            Some(fault) => self.toll(fault).down += down,
            None => self.out.planned.down += down,
        }
        self.stretch = Stretch::new(self.now, self.speed(), self.scenario.checkpoints);
        self.levels();
        self.enter(Phase::Training, None);
    }

    fn enter(&mut self, phase: Phase, lasts: Option<Nanos>) {
        self.phase = phase;
        self.since = self.now;
        self.generation += 1;
        if let Some(lasts) = lasts {
            self.clock.push(self.now + lasts, Event::Phase { generation: self.generation });
        }
    }

    /// Accounts for the phase so far. Training is accounted for where its stretch is settled.
    fn leave(&mut self) {
        let (from, now) = (self.since, self.now);
        let blame = self.blame;
        match self.phase.clone() {
            Phase::Training => {}
            Phase::Closing(_) => self.held(State::Saving, from, now, None),
            Phase::Stalled(fault) => self.held(State::Stalled, from, now, Some(fault)),
            Phase::Waiting => self.held(State::Waiting, from, now, blame),
            Phase::Maintenance => self.held(State::Maintenance, from, now, None),
            Phase::Recovering(steps) => {
                let mut at = from;
                for (name, lasts) in steps {
                    let end = (at + lasts).min(now);
                    self.held(State::Step(name), at, end, blame);
                    at = end;
                }
            }
        }
    }

    // Units and speed.

    fn speed(&self) -> Speed {
        let Units { used, replica, .. } = self.scenario.units;
        let worst = |faults: &[u32]| {
            let slower = |&fault: &u32| match self.scenario.faults[fault as usize].response {
                Response::Slow { slower, .. } | Response::Reroute { slower, .. } => slower,
                _ => 0,
            };
            faults.iter().map(slower).max().unwrap_or(0)
        };
        Speed {
            active: u64::from(self.active / replica),
            whole: u64::from((used / replica).max(1)),
            // All wait for the slowest; a detour comes on top of a slow unit.
            slower: worst(&self.slow) + worst(&self.detours),
        }
    }

    fn speed_changed(&mut self) {
        if self.phase == Phase::Training {
            let speed = self.speed();
            self.stretch.change(self.now, speed);
        }
    }

    /// Whether there are too few units to train.
    fn short(&self) -> bool {
        match self.scenario.units.without {
            Without::Wait => self.active < self.scenario.units.used,
            Without::Shrink(least) => self.active < least,
        }
    }

    /// A unit in use goes to repair, a spare takes its place if there is one.
    fn lose_unit(&mut self) {
        if self.spares > 0 {
            self.spares -= 1;
        } else if self.active > 0 {
            self.active -= 1;
        } else {
            return;
        }
        self.schedule_return();
    }

    fn join(&mut self) {
        self.active += 1;
        self.levels();
    }

    fn schedule_return(&mut self) {
        let repair = self.clock.exponential(self.scenario.units.repair);
        self.clock.push(self.now + repair, Event::Return);
        self.levels();
    }

    // Books.

    fn toll(&mut self, fault: u32) -> &mut Toll {
        &mut self.out.tolls[fault as usize]
    }

    fn held(&mut self, state: State, from: Nanos, to: Nanos, fault: Option<u32>) {
        self.account.add(state, to - from);
        self.span(state, from, to, fault);
    }

    /// Kept training from `from` up to the start of what is not settled.
    fn book(&mut self, from: Nanos, training: Training) {
        self.account.train(&training);
        if let Some(suspect) = &mut self.suspect {
            suspect.work.add(&training);
        }
        self.span(State::Useful, from, self.stretch.start(), None);
    }

    fn span(&mut self, state: State, start: Nanos, end: Nanos, fault: Option<u32>) {
        if self.record && end > start {
            self.out.spans.push(Span { state, start, length: end - start, fault });
        }
    }

    fn levels(&mut self) {
        if self.record {
            self.out.levels.push((self.now, self.active, self.spares));
        }
    }
}

fn remove(list: &mut Vec<u32>, fault: u32) {
    if let Some(at) = list.iter().position(|&f| f == fault) {
        list.remove(at);
    }
}
