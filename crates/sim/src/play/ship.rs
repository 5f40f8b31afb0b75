//! Caches on the move: from prefill to decode, and between a replica and its slower memories.

use cost::StepCost;

use super::Play;
use crate::error::SimError;
use crate::fleet::Role;
use crate::time::Time;

impl<C: StepCost> Play<'_, '_, C> {
    /// A request was admitted whose cache is elsewhere: with another engine, in the host's memory, or in part in slower
    /// memories.
    pub(super) fn ship(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        if self.jobs[id as usize].held.is_some() {
            return self.hand_over(id, now);
        }
        let job = &self.jobs[id as usize];
        let (engine, attempt) = (job.engine as usize, job.attempt);
        let (swapped, fetch, length) = (job.swapped, job.fetch, job.prompt() - 1);
        let block = self.content.as_ref().map_or(1, |content| u64::from(content.block));
        let tokens = if swapped { [length, 0] } else { fetch.map(|blocks| u64::from(blocks) * block) };
        let end = self.move_tokens(engine, tokens, now)?;
        self.queue.push(end, crate::queue::Event::Shipped { job: id, attempt });
        Ok(())
    }

    /// The cache of a preempted request moves to the host's memory.
    pub(super) fn swap_out(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        let job = &self.jobs[id as usize];
        let (engine, tokens) = (job.engine as usize, job.prompt() - 1);
        self.swapped += tokens;
        self.move_tokens(engine, [tokens, 0], now).map(|_| ())
    }

    /// An engine moves tokens to or from its slower memories, one request after the other. Gives when it is done.
    fn move_tokens(&mut self, engine: usize, tokens: [u64; 2], now: Time) -> Result<Time, SimError> {
        let Some(tiers) = &self.groups[self.pool_of[engine] as usize].tiers else { return Ok(now) };
        let mut end = self.fetches[engine].max(now);
        for (tokens, path) in tokens.into_iter().zip(tiers.seconds) {
            if tokens > 0 {
                end = end.plus(span(path(tokens), tokens)?)?;
            }
        }
        self.fetches[engine] = end;
        Ok(end)
    }

    /// Ships the cache of a request as soon as both ends, and what lies between them, have a stream free.
    fn hand_over(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        let job = &self.jobs[id as usize];
        let Some(held) = job.held else { return Ok(()) };
        let (ends, attempt) = ([held.engine as usize, job.engine as usize], job.attempt);
        let tokens = job.prompt() - 1;
        let pool = self.pool_of[ends[0]] as usize;
        let Role::Prefill { link, .. } = &self.groups[pool].role else { return Ok(()) };
        let pace =
            self.places[self.place_of[ends[0]] as usize].link.max(self.places[self.place_of[ends[1]] as usize].link);
        let span = span((link.seconds)(tokens) * pace, tokens)?;
        let earliest = |line: &Vec<Time>| line.iter().enumerate().min_by_key(|(_, free)| **free).map_or(0, |(i, _)| i);
        let slots = ends.map(|end| earliest(&self.lines[end]));
        let mut start = now.max(self.lines[ends[0]][slots[0]]).max(self.lines[ends[1]][slots[1]]);
        let trunk = &mut self.groups[pool].trunk;
        if !trunk.is_empty() {
            let slot = earliest(trunk);
            start = start.max(trunk[slot]);
            trunk[slot] = start.plus(span)?;
        }
        let end = start.plus(span)?;
        for (line, slot) in ends.into_iter().zip(slots) {
            self.lines[line][slot] = end;
        }
        self.shipped += tokens;
        self.queue.push(end, crate::queue::Event::Shipped { job: id, attempt });
        Ok(())
    }

    /// The cache of a request is where it is wanted.
    pub(super) fn land(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        let job = &mut self.jobs[id as usize];
        let target = job.engine;
        if let Some(held) = job.held.take() {
            let group = &self.groups[self.pool_of[held.engine as usize] as usize];
            // Later tokens than the first are there already where a request began anew.
            if matches!(&group.role, Role::Prefill { link, .. } if link.first_token_after) && job.emitted == 1 {
                job.first = now.plus(self.engines[target as usize].rules.egress)?;
            }
            let changed = self.engines[held.engine as usize].release(held, &self.jobs[id as usize], now)?;
            self.touch(held.engine, changed);
        }
        let changed = self.engines[target as usize].land(id, now, &self.jobs)?;
        self.touch(target, changed);
        Ok(())
    }

    /// What a request holds elsewhere is not wanted any more.
    pub(super) fn drop_held(&mut self, id: u32, now: Time) -> Result<(), SimError> {
        if let Some(held) = self.jobs[id as usize].held.take() {
            let changed = self.engines[held.engine as usize].release(held, &self.jobs[id as usize], now)?;
            self.touch(held.engine, changed);
        }
        Ok(())
    }
}

fn span(seconds: f64, tokens: u64) -> Result<Time, SimError> {
    Time::from_seconds(seconds).map_err(|_| SimError::Transfer { seconds, tokens })
}
