//! Single changes of orders, until none helps.

use super::super::watch::Watch;
use super::{Cut, Estimate, Memory, ROUNDS, STEP, State, Total};

/// A scenario under search, and what is known of it.
pub(super) type Found<'m> = (State, &'m mut Memory);

/// What is less than a cost by more than rounding.
fn below(cost: f64) -> f64 {
    cost - STEP * cost.abs().max(1e-6)
}

impl Cut<'_> {
    /// Single changes of a scenario's own orders, until none helps.
    pub(super) fn improve(&self, s: usize, state: &mut State, active: &[bool], memory: &mut Memory, watch: &Watch) {
        let lane = &self.lanes[s];
        let orders: Vec<_> = lane.orders.iter().copied().filter(|x| active[x.1]).collect();
        for _ in 0..ROUNDS {
            let mut better = false;
            for &(column, offer, quarter) in &orders {
                if (watch.stopped)() {
                    return;
                }
                // One fewer; one later or of another offer.
                let later = orders.iter().filter(|x| x.1 == offer && x.2 > quarter).take(2);
                let other = orders.iter().filter(|x| x.1 != offer && x.2 == quarter);
                let swaps = later.chain(other).map(|x| vec![(column, -1.0), (x.0, 1.0)]);
                let changes: Vec<_> = std::iter::once(vec![(column, -1.0)]).chain(swaps).collect();
                while state.values[column] >= 1.0 {
                    let than = below(state.cost);
                    if !changes.iter().any(|by| self.change(s, state, by, than, memory)) {
                        break;
                    }
                    better = true;
                }
            }
            for &(column, ..) in &orders {
                // More only where demand is left that more could serve.
                while self.leaves(s, state, memory) && {
                    let than = below(state.cost);
                    self.change(s, state, &[(column, 1.0)], than, memory)
                } {
                    better = true;
                }
            }
            if !better {
                break;
            }
        }
    }

    /// Whether demand of the scenario is left.
    fn leaves(&self, s: usize, state: &mut State, memory: &mut Memory) -> bool {
        let values = &mut state.values;
        self.fill(s, values, memory);
        self.lanes[s]
            .parts
            .iter()
            .flat_map(|p| &p.columns)
            .any(|&c| self.program.columns[c].upper == 1.0 && values[c] > 1e-7)
    }

    /// Single changes of orders that all scenarios share. Says whether any helped.
    pub(super) fn improve_shared(
        &self,
        lanes: &mut [Found<'_>],
        total: &Total,
        active: &[bool],
        watch: &Watch,
    ) -> bool {
        let mut any = false;
        let shared: Vec<_> = self.shared.iter().copied().filter(|x| active[x.1]).collect();
        // One more, while demand that must be served is left in any scenario.
        for &(column, ..) in &shared {
            while lanes.iter_mut().enumerate().any(|(s, l)| self.leaves(s, &mut l.0, l.1))
                && self.change_all(lanes, &|_| vec![(column, 1.0)], total)
            {
                any = true;
            }
        }
        for &(column, offer, quarter) in &shared {
            if (watch.stopped)() {
                return any;
            }
            // One fewer; one later or of another offer; one fewer now and one when each scenario is known.
            let later = shared.iter().filter(|x| x.1 == offer && x.2 > quarter).take(1);
            let other = shared.iter().filter(|x| x.1 != offer && x.2 == quarter);
            let mut targets: Vec<Option<usize>> = vec![None];
            targets.extend(later.chain(other).map(|x| Some(x.0)));
            let own = |s: usize| self.lanes[s].orders.iter().find(|x| x.1 == offer).map(|x| x.0);
            let by = |to: Option<usize>| [Some((column, -1.0)), to.map(|to| (to, 1.0))].into_iter().flatten().collect();
            while lanes.first().is_some_and(|l| l.0.values[column] >= 1.0)
                && (targets.iter().any(|&to| self.change_all(lanes, &|_| by(to), total))
                    || self.change_all(lanes, &|s| by(own(s)), total))
            {
                any = true;
            }
        }
        any
    }

    /// Makes a change in all scenarios if all together cost less with it; else leaves everything as it was.
    fn change_all(&self, lanes: &mut [Found<'_>], by: &dyn Fn(usize) -> Vec<(usize, f64)>, total: &Total) -> bool {
        let than = below(total.of(&lanes.iter().map(|l| l.0.cost).collect::<Vec<_>>()));
        for (s, (state, _)) in lanes.iter_mut().enumerate() {
            by(s).into_iter().for_each(|(c, x)| state.values[c] += x);
        }
        match self.cheaper(lanes, than, total) {
            Some(estimates) => {
                lanes.iter_mut().zip(estimates).for_each(|(l, estimate)| l.0.cost = estimate.cost);
                true
            }
            None => {
                for (s, (state, _)) in lanes.iter_mut().enumerate() {
                    by(s).into_iter().for_each(|(c, x)| state.values[c] -= x);
                    self.settle(s, &mut state.values);
                }
                false
            }
        }
    }

    /// What each scenario costs with its values, if all together cost less than `than`.
    fn cheaper(&self, lanes: &mut [Found<'_>], than: f64, total: &Total) -> Option<Vec<Estimate>> {
        let of = |(s, (state, memory)): (usize, &mut Found<'_>)| self.estimate(s, &mut state.values, memory);
        let mut all: Vec<Estimate> = lanes.iter_mut().enumerate().map(of).collect::<Option<_>>()?;
        let cost = |all: &[Estimate]| total.of(&all.iter().map(|e| e.cost).collect::<Vec<_>>());
        for s in 0..all.len() {
            while !all[s].is_exact() {
                if cost(&all) >= than {
                    return None;
                }
                self.learn(s, &mut all[s], lanes[s].1)?;
            }
        }
        (cost(&all) < than).then_some(all)
    }
}
