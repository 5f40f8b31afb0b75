//! `[assume]`: one value of a fact that sources dispute.
//!
//! ```toml
//! [assume]
//! "chips/some_chip.memory.bandwidth" = "3.6 TB/s"     # the path is the one that answers name, the value within its range
//! ```
//!
//! The answer bears the mark of it: the fact is told as assumed, with the study as its source.

use catalog::written::{Value, nearest};
use catalog::{Fact, Kind, System};
use units::{Quantity, Range};

use super::Candidate;

/// By how much a printed number may be off.
const PRINTED: f64 = 5e-4;

/// Sets disputed facts of the candidates' chips and fabrics to what the study assumes.
pub(super) fn assume(value: &Value, candidates: &mut [Candidate]) {
    let Some(table) = value.table("write a table [assume] with paths of disputed facts and their values") else {
        return;
    };
    for (path, value) in table.entries() {
        let mut met = false;
        let mut known = Vec::new();
        for candidate in candidates.iter_mut() {
            facts(&mut candidate.system, &mut |fact| {
                known.push(fact.path().to_owned());
                if fact.path() == path {
                    met = true;
                    fact.assume(&value);
                }
            });
        }
        if !met {
            let near = nearest(path, known.iter().map(String::as_str));
            let help =
                near.map_or("answers name the paths of their facts".to_owned(), |n| format!("did you mean \"{n}\"?"));
            value.fault("no candidate has a disputed fact of this path", help);
        }
    }
}

/// A fact that can be assumed, whatever it measures.
trait Disputed {
    fn path(&self) -> &str;
    fn assume(&mut self, value: &Value);
}

impl<Q: Quantity> Disputed for Fact<Q> {
    fn path(&self) -> &str {
        &self.path
    }

    fn assume(&mut self, value: &Value) {
        // Ends are printed with four digits, and may be written so.
        let Range { low, high, .. } = self.value;
        let (least, most) = (low.get().min(low.get() * (1.0 - PRINTED)), high.get() * (1.0 + PRINTED));
        if let Some(assumed) = value.quantity(Q::new(least), Q::new(most)) {
            self.value = Range::exact(Q::new(assumed.get().clamp(low.get(), high.get())));
            self.kind = Kind::Assumed;
            self.source = "study".to_owned();
            self.note = "assumed by the study".to_owned();
        }
    }
}

/// Every disputed fact that decides how fast a system is or what fits on it. A chip is the same in every system, so what
/// is assumed of it holds in all.
fn facts(system: &mut System, each: &mut dyn FnMut(&mut dyn Disputed)) {
    fn one<Q: Quantity>(fact: &mut Fact<Q>, each: &mut dyn FnMut(&mut dyn Disputed)) {
        // A value that was assumed before stays: candidates are walked once for each path.
        if !fact.value.is_exact() {
            each(fact);
        }
    }
    let chip = &mut system.chip;
    chip.peak.values_mut().for_each(|fact| one(fact, each));
    one(&mut chip.memory, each);
    one(&mut chip.bandwidth, each);
    for fact in [&mut chip.die_to_die, &mut chip.scale_up, &mut chip.scale_out].into_iter().flatten() {
        one(fact, each);
    }
    for tier in &mut system.fabric.tiers {
        one(&mut tier.bandwidth, each);
        if let Some(latency) = &mut tier.latency {
            one(latency, each);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::study::{Library, check};
    use catalog::Catalog;

    const STUDY: &str = r#"
title = "assumed"
model = "qwen3-8b"
[traffic]
input = 1000
output = 100
[objective]
best = "tokens per chip"
[[system]]
name = "huawei_cloudmatrix384"
"#;

    #[test]
    fn a_disputed_fact_is_set_within_its_range_and_told_as_assumed() {
        let catalog = Catalog::embedded();
        let library = Library { catalog: &catalog, folder: None };
        let read = |more: &str| check("t.toml", &format!("{more}\n{STUDY}"), None, library);
        let plain = read("").expect("it is whole");
        let tier = |study: &crate::study::Study| study.systems[0].system.fabric.tiers[0].bandwidth.clone();
        let fact = tier(&plain);
        assert!(fact.value.low < fact.value.high, "the catalog does not dispute it any more");
        let assumed = |value: &str| format!("assume = {{ \"{}\" = \"{value}\" }}", fact.path);
        let low = read(&assumed(&fact.value.low.to_string())).expect("within");
        let set = tier(&low);
        assert!(set.value.is_exact() && set.value.mid == fact.value.low);
        assert_eq!((set.kind.name(), set.source.as_str()), ("assumed", "study"));
        // Outside of it, of another unit, or of another path: a fault with its place.
        for wrong in [assumed("1 PB/s"), assumed("3 s"), "assume = { \"chips/none.memory\" = \"1 GB\" }".to_owned()] {
            assert!(read(&wrong).is_err_and(|faults| faults[0].line == 1), "{wrong}");
        }
    }
}
