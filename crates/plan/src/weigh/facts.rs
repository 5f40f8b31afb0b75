//! The facts that an answer rests on, and the system at their ends.

use catalog::{Catalog, Fact, Kind, System};
use units::{Quantity, Range};

use crate::findings::FactUse;
use crate::search::Field;
use crate::study::{Candidate, Money};

/// Which end of disputed facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// All that slow the system down.
    Slow,
    /// All that speed it up.
    Fast,
}

/// The system with every disputed rate at one end; `None` where none is disputed. Memory capacity stays: it decides what
/// fits, and a set-up that does not fit is another set-up.
pub fn at_end(system: &System, end: End) -> Option<System> {
    let mut other = system.clone();
    let mut disputed = false;
    {
        let mut set = |range: &mut dyn Ranged| disputed |= range.set(end);
        let chip = &mut other.chip;
        chip.peak.values_mut().for_each(|f| set(&mut f.value));
        set(&mut chip.bandwidth.value);
        let links = [&mut chip.die_to_die, &mut chip.scale_up, &mut chip.scale_out];
        links.into_iter().flatten().for_each(|f| set(&mut f.value));
        other.fabric.tiers.iter_mut().for_each(|t| set(&mut t.bandwidth.value));
    }
    disputed.then_some(other)
}

/// A range that can be moved to an end. For all of them more is faster.
trait Ranged {
    /// Whether that changed anything.
    fn set(&mut self, end: End) -> bool;
}

impl<T: Copy + PartialEq> Ranged for Range<T> {
    fn set(&mut self, end: End) -> bool {
        let to = if end == End::Slow { self.low } else { self.high };
        let changed = to != self.mid;
        self.mid = to;
        changed
    }
}

/// Whether a fact is assumed or disputed.
pub fn in_doubt(fact: &FactUse) -> bool {
    fact.disputed || fact.kind == Kind::Assumed.name()
}

/// The facts behind a set-up, each once, in order of path.
pub fn all(field: &Field, candidate: &Candidate, money: &Money, priced: bool, catalog: &Catalog) -> Vec<FactUse> {
    let mut list = List { catalog, found: Vec::new() };
    let system = &field.machine.system;
    let chip = &system.chip;
    let used = [field.storage.weights.dense, field.storage.weights.experts, field.storage.kv, formats::Scheme::BF16];
    for scheme in used {
        if let Some((arithmetic, _)) = cost::arithmetic_for(chip, scheme)
            && let Some(peak) = chip.peak.get(&arithmetic)
        {
            list.add(peak);
        }
    }
    list.add(&chip.memory);
    list.add(&chip.bandwidth);
    for tier in &system.fabric.tiers {
        list.add(&tier.bandwidth);
        tier.latency.iter().for_each(|f| list.add(f));
    }
    match (&system.power, &chip.tdp) {
        (Some(power), _) => list.add(power),
        (None, Some(tdp)) => {
            list.add(tdp);
            list.add_number(&money.system_power);
        }
        (None, None) => {}
    }
    if let Some(fact) = candidate.price.as_ref().and_then(|p| p.fact.clone()).filter(|_| priced) {
        list.found.push(fact);
    }
    if priced {
        list.add_number(&money.utilisation);
        if matches!(candidate.price.as_ref().map(|p| p.price), Some(crate::money::Price::Purchase(_))) {
            list.add(&money.electricity);
            list.add_number(&money.pue);
            list.add_number(&money.lifetime_years);
        }
    }
    let mut found = list.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|a, b| a.path == b.path);
    found
}

struct List<'a> {
    catalog: &'a Catalog,
    found: Vec<FactUse>,
}

impl List<'_> {
    fn add<Q: Quantity>(&mut self, fact: &Fact<Q>) {
        self.push(fact, fact.value.to_string());
    }

    fn add_number(&mut self, fact: &Fact<f64>) {
        let Range { low, mid, high } = fact.value;
        let value = if low == high { mid.to_string() } else { format!("{mid} ({low} to {high})") };
        self.push(fact, value);
    }

    fn push<T: Copy + PartialEq>(&mut self, fact: &Fact<T>, value: String) {
        let source = self.catalog.sources.get(&fact.source).map_or(&fact.source, |s| &s.title);
        self.found.push(FactUse {
            path: fact.path.clone(),
            value,
            kind: fact.kind.name().to_owned(),
            source: source.clone(),
            disputed: !fact.value.is_exact(),
        });
    }
}
