//! Single changes of orders, until none helps.

use super::super::watch::Watch;
use super::{Cut, Memory, ROUNDS, STEP, State, Total};

impl Cut<'_> {
    /// Single changes of a scenario's own orders, until none helps.
    pub(super) fn improve(
        &self,
        s: usize,
        mut state: State,
        active: &[bool],
        memory: &mut Memory,
        watch: &Watch,
    ) -> State {
        let lane = &self.lanes[s];
        let orders: Vec<_> = lane.orders.iter().copied().filter(|x| active[x.1]).collect();
        for _ in 0..ROUNDS {
            let mut better = false;
            for &(column, offer, quarter) in &orders {
                if (watch.stopped)() {
                    return state;
                }
                while state.values[column] >= 1.0 {
                    let mut changes: Vec<Option<usize>> = vec![None];
                    let later = orders.iter().filter(|x| x.1 == offer && x.2 > quarter).take(2);
                    let other = orders.iter().filter(|x| x.1 != offer && x.2 == quarter);
                    changes.extend(later.chain(other).map(|x| Some(x.0)));
                    let change = changes.into_iter().find_map(|to| {
                        let mut next = state.values.clone();
                        next[column] -= 1.0;
                        if let Some(to) = to {
                            next[to] += 1.0;
                        }
                        self.better(s, next, state.cost, memory)
                    });
                    let Some(change) = change else { break };
                    (state, better) = (change, true);
                }
            }
            for &(column, ..) in &orders {
                // More only where demand is left that more could serve.
                while self.leaves(s, &state.values) {
                    let mut next = state.values.clone();
                    next[column] += 1.0;
                    let Some(change) = self.better(s, next, state.cost, memory) else { break };
                    (state, better) = (change, true);
                }
            }
            if !better {
                break;
            }
        }
        state
    }

    pub(super) fn better(&self, s: usize, mut next: Vec<f64>, than: f64, memory: &mut Memory) -> Option<State> {
        let cost = self.evaluate(s, &mut next, memory)?;
        (cost < than - STEP * than.abs().max(1e-6)).then_some(State { values: next, cost })
    }

    /// Whether a penalised column of the scenario is used.
    pub(super) fn leaves(&self, s: usize, values: &[f64]) -> bool {
        self.lanes[s]
            .parts
            .iter()
            .flat_map(|p| &p.columns)
            .any(|&c| self.program.columns[c].upper == 1.0 && values[c] > 1e-7)
    }

    /// Single changes of orders that all scenarios share. Says whether any helped.
    pub(super) fn improve_shared(
        &self,
        lanes: &mut [(State, Memory)],
        total: &Total,
        active: &[bool],
        watch: &Watch,
    ) -> bool {
        let mut any = false;
        let costs = |lanes: &[(State, Memory)]| total.of(&lanes.iter().map(|l| l.0.cost).collect::<Vec<_>>());
        let mut now = costs(lanes);
        // One more, while demand that must be served is left in any scenario.
        for &(column, ..) in self.shared.iter().filter(|x| active[x.1]) {
            while lanes.iter().enumerate().any(|(s, l)| self.leaves(s, &l.0.values)) {
                let mut next = Vec::with_capacity(lanes.len());
                for (s, (state, memory)) in lanes.iter_mut().enumerate() {
                    let mut values = state.values.clone();
                    values[column] += 1.0;
                    let Some(cost) = self.evaluate(s, &mut values, memory) else { break };
                    next.push(State { values, cost });
                }
                let cost = total.of(&next.iter().map(|n| n.cost).collect::<Vec<_>>());
                if next.len() < lanes.len() || cost >= now - STEP * now.abs().max(1e-6) {
                    break;
                }
                lanes.iter_mut().zip(next).for_each(|(l, n)| l.0 = n);
                (now, any) = (cost, true);
            }
        }
        for &(column, offer, quarter) in self.shared.iter().filter(|x| active[x.1]) {
            if (watch.stopped)() {
                return any;
            }
            while lanes.first().is_some_and(|l| l.0.values[column] >= 1.0) {
                let later = self.shared.iter().filter(|x| x.1 == offer && x.2 > quarter).take(1);
                let other = self.shared.iter().filter(|x| x.1 != offer && x.2 == quarter && active[x.1]);
                // One fewer; one later or of another offer; one fewer now and one when each scenario is known.
                let mut changes: Vec<Option<Option<usize>>> = vec![Some(None)];
                changes.extend(later.chain(other).map(|x| Some(Some(x.0))));
                changes.push(None);
                let mut changed = false;
                for change in changes {
                    let mut next = Vec::with_capacity(lanes.len());
                    for (s, (state, memory)) in lanes.iter_mut().enumerate() {
                        let mut values = state.values.clone();
                        values[column] -= 1.0;
                        let to = match change {
                            Some(to) => to,
                            None => self.lanes[s].orders.iter().find(|x| x.1 == offer).map(|x| x.0),
                        };
                        if let Some(to) = to {
                            values[to] += 1.0;
                        }
                        let Some(cost) = self.evaluate(s, &mut values, memory) else { break };
                        next.push(State { values, cost });
                    }
                    if next.len() < lanes.len() {
                        continue;
                    }
                    let cost = total.of(&next.iter().map(|n| n.cost).collect::<Vec<_>>());
                    if cost < now - STEP * now.abs().max(1e-6) {
                        lanes.iter_mut().zip(next).for_each(|(l, n)| l.0 = n);
                        (now, any, changed) = (cost, true, true);
                        break;
                    }
                }
                if !changed {
                    break;
                }
            }
        }
        any
    }
}
