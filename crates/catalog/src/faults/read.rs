//! Reads a file of `faults/`.

use units::{PerSecond, Quantity, Seconds};

use super::{Cause, Effect, FaultKind, FaultsSpec, Part, PathStep, Seen, StepTime, Way};
use crate::facts::{Facts, Sources, document, each, need_text, text, texts};
use crate::written::{Table, Value};
use crate::{ChipClass, Diagnostic, Fact};

const DAY: f64 = 86_400.0;
/// Failures of one part a day: from one in three million years to ten a minute.
const RATE: (f64, f64) = (1e-9, 14_400.0);
const TIME: (f64, f64) = (1e-6, 366.0 * DAY);
const PARTS: [(&str, Part); 3] = [("chip", Part::Chip), ("node", Part::Node), ("job", Part::Job)];
const EFFECTS: [(&str, u8); 6] =
    [("restart", 0), ("replace", 1), ("reroute", 2), ("stall", 3), ("slow", 4), ("corrupt", 5)];
/// Most steps, kinds, causes and rows that a file may have of each.
const MOST: usize = 60;

impl FaultsSpec {
    /// Reads a file of `faults/`. What cannot be read is left out and reported.
    pub(crate) fn read(id: &str, file: &str, written: &str, sources: &Sources) -> (FaultsSpec, Vec<Diagnostic>) {
        document(file, written, |top| {
            let facts = Facts::new(format!("faults/{id}"), sources);
            let mut spec = FaultsSpec {
                id: id.to_owned(),
                name: text(top, "name"),
                systems: texts(top, "systems"),
                architectures: texts(top, "architectures"),
                class: top.get("class").and_then(|v| v.choice(&ChipClass::NAMED)),
                node: facts.number(top, "node", (1.0, 1e6)),
                unit: facts.number(top, "unit", (1.0, 1e6)),
                repair: time(&facts, top, "repair"),
                ..FaultsSpec::default()
            };
            each(top, "fault", |_, row| spec.kinds.extend(kind(&facts, row)));
            each(top, "way", |_, row| {
                let name = row.need("name", "write which way back").and_then(|v| v.choice(&Way::NAMED));
                let mut steps = Vec::new();
                each(row, "step", |_, row| steps.extend(step(&facts, row)));
                if let Some(way) = name
                    && spec.ways.insert(way, steps).is_some()
                {
                    row.fault("stands twice", "write each way once");
                }
            });
            let names = |kinds: &[FaultKind]| {
                let mut names: Vec<String> = kinds.iter().map(|k| k.name.clone()).collect();
                names.sort();
                names.windows(2).any(|pair| pair[0] == pair[1])
            };
            if names(&spec.kinds) {
                top.fault("two kinds of fault have one name", "name each its own");
            }
            let steps: usize = spec.ways.values().map(Vec::len).sum();
            if spec.kinds.len() > MOST || steps > MOST {
                top.fault(
                    format!("has {} kinds of fault and {steps} steps", spec.kinds.len()),
                    format!("at most {MOST}"),
                );
            }
            spec.entries = facts.into_entries();
            spec
        })
    }
}

fn kind(facts: &Facts, row: &Table) -> Option<FaultKind> {
    let name = need_text(row, "name");
    let of = row.need("of", "write \"chip\", \"node\" or \"job\"").and_then(|v| v.choice(&PARTS));
    let parts = facts.number(row, "parts", (1e-3, 1e6));
    let between_units = row.get("between_units").is_some_and(|v| v.truth().unwrap_or(false));
    let (mut seen, mut causes) = (Vec::new(), Vec::new());
    each(row, "seen", |_, row| {
        let fleet = need_text(row, "fleet");
        seen.extend(needed(row, "rate").and_then(|v| rate(facts, &v)).map(|rate| Seen { fleet, rate }));
    });
    each(row, "cause", |_, row| causes.extend(cause(facts, row)));
    if seen.is_empty() || causes.is_empty() {
        row.fault("lacks a [[fault.seen]] or a [[fault.cause]]", "say how often it was seen, and what follows from it");
    }
    let sum: f64 = causes.iter().map(|c: &Cause| c.share.mid()).sum();
    if !causes.is_empty() && (sum - 1.0).abs() > 0.01 {
        row.fault(format!("the shares of its causes add up to {sum:.3}"), "make them add up to 1");
    }
    Some(FaultKind { name, of: of?, parts, between_units, seen, causes })
}

fn rate(facts: &Facts, value: &Value) -> Option<Fact<PerSecond>> {
    let one = |v: &Value| {
        let rate: PerSecond = v.quantity(PerSecond(0.0), PerSecond(f64::MAX))?;
        let day = rate.get() * DAY;
        if (RATE.0..=RATE.1).contains(&day) {
            return Some(rate);
        }
        v.fault(format!("{} /d is out of bounds", significant(day)), format!("from {} /d to {} /d", RATE.0, RATE.1));
        None
    };
    facts.of(value, one, |q| format!("{} /d", significant(q.get() * DAY)))
}

/// A time of the key, printed in the largest unit that leaves a whole part.
fn time(facts: &Facts, table: &Table, key: &'static str) -> Option<Fact<Seconds>> {
    const UNITS: [(f64, &str); 5] = [(DAY, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")];
    let print = |q: Seconds| match UNITS.iter().find(|(size, _)| q.0 >= *size) {
        Some((size, unit)) => format!("{} {unit}", significant(q.0 / size)),
        None => q.to_string(),
    };
    facts.of(&table.get(key)?, |v| v.quantity(Seconds(TIME.0), Seconds(TIME.1)), print)
}

/// Four digits.
fn significant(x: f64) -> String {
    let text = format!("{x:.3e}");
    text.parse::<f64>().map_or(text, |x| x.to_string())
}

fn cause(facts: &Facts, row: &Table) -> Option<Cause> {
    let name = need_text(row, "name");
    let share = needed(row, "share").and_then(|_| facts.number(row, "share", (0.0, 1.0)));
    let effect = row.need("effect", "write what it does to a job").and_then(|v| v.choice(&EFFECTS));
    let time = |key| needed(row, key).and_then(|_| time(facts, row, key));
    let slower = || needed(row, "slower").and_then(|_| facts.number(row, "slower", (1e-6, 10.0)));
    let effect = match effect? {
        0 => Some(Effect::Restart),
        1 => Some(Effect::Replace),
        2 => slower().zip(time("repair")).map(|(slower, repair)| Effect::Reroute { slower, repair }),
        3 => time("lasts").map(|lasts| Effect::Stall { lasts }),
        4 => slower().zip(time("unnoticed")).map(|(slower, unnoticed)| Effect::Slow { slower, unnoticed }),
        _ => time("unnoticed").map(|unnoticed| Effect::Corrupt { unnoticed }),
    };
    Some(Cause { name, share: share?, effect: effect? })
}

fn step(facts: &Facts, row: &Table) -> Option<PathStep> {
    const REMEDY: &str = "write time = { .. }, or reload = true for reading the checkpoint";
    let name = need_text(row, "name");
    let reload = row.get("reload").is_some_and(|v| v.truth().unwrap_or(false));
    let written = row.get("time").is_some();
    let time = time(facts, row, "time");
    let chance = facts.number(row, "chance", (0.0, 1.0));
    if reload == written {
        row.fault(if reload { "says two times" } else { "says no time" }, REMEDY);
        return None;
    }
    Some(PathStep { name, time: if reload { StepTime::Reload } else { StepTime::Known(time?) }, chance })
}

fn needed<'d, 't>(row: &Table<'d, 't>, key: &'static str) -> Option<Value<'d, 't>> {
    row.need(key, "write { value = .., kind = .., source = .. }")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name = "Boxes"
class = "gpu"
node = { value = 8, kind = "vendor", source = "s" }
unit = { value = 8, kind = "vendor", source = "s" }
repair = { value = "1 d", kind = "assumed", source = "s" }
[[fault]]
name = "box"
of = "node"
[[fault.seen]]
fleet = "one"
rate = { value = "0.0065 /d", kind = "measured", source = "s" }
[[fault.cause]]
name = "chip"
share = { value = 0.75, kind = "measured", source = "s" }
effect = "replace"
[[fault.cause]]
name = "wrong numbers"
share = { value = 0.25, kind = "measured", source = "s" }
effect = "corrupt"
unnoticed = { value = "1 h", kind = "assumed", source = "s" }
[[way]]
name = "restart"
[[way.step]]
name = "detect"
time = { value = "1 min", kind = "measured", source = "s" }
chance = { value = 0.5, kind = "measured", source = "s" }
[[way.step]]
name = "reload"
reload = true
"#;

    fn read(text: &str) -> (FaultsSpec, Vec<String>) {
        let sources = Sources::from(["s".to_owned()]);
        let (spec, found) = FaultsSpec::read("boxes", "boxes.toml", text, &sources);
        (spec, found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_is_read() {
        let (spec, found) = read(FILE);
        assert!(found.is_empty(), "{found:?}");
        assert!((spec.kinds[0].seen[0].rate.mid().0 * DAY - 0.0065).abs() < 1e-15);
        assert_eq!(spec.kinds[0].seen[0].rate.path, "faults/boxes.fault[0].seen[0].rate");
        assert!(matches!(spec.kinds[0].causes[1].effect, Effect::Corrupt { .. }));
        assert_eq!(spec.ways[&Way::Restart][1].time, StepTime::Reload);
        assert!(spec.entries.iter().any(|e| e.value == "0.0065 /d"));
        let missing = spec.resolve().expect_err("one way of four");
        assert_eq!(missing, ["faults/boxes.way.replace", "faults/boxes.way.evict", "faults/boxes.way.resume"]);
    }

    #[test]
    fn a_user_replaces_facts_kinds_and_ways() {
        let (mut spec, _) = read(FILE);
        let (over, found) = read("repair = { value = \"3 d\", kind = \"measured\", source = \"s\" }");
        assert!(found.is_empty(), "{found:?}");
        spec.overlay(over);
        assert_eq!(spec.repair.as_ref().map(Fact::mid), Some(Seconds(3.0 * DAY)));
        assert_eq!((spec.name.as_deref(), spec.kinds.len()), (Some("Boxes"), 1));
    }

    #[test]
    fn faults_of_a_file_are_told() {
        let cases = [
            ("of = \"node\"", "of = \"nodes\"", "did you mean \"node\"?"),
            ("\"0.0065 /d\"", "\"0.0065\"", "has no unit"),
            ("\"0.0065 /d\"", "\"0.0065 h\"", "is not a unit here"),
            ("\"0.0065 /d\"", "\"0 /d\"", "0 /d is out of bounds"),
            ("value = 0.75", "value = 0.7", "add up to 0.950"),
            ("effect = \"replace\"", "effect = \"slow\"", "slower: is missing"),
            ("reload = true", "", "says no time"),
            (
                "[[fault.seen]]\nfleet = \"one\"\nrate = { value = \"0.0065 /d\", kind = \"measured\", source = \"s\" }",
                "",
                "lacks a [[fault.seen]]",
            ),
            ("name = \"restart\"", "name = \"reboot\"", "'reboot' is unknown"),
            ("value = \"1 d\"", "value = \"1 ms\", low = \"2 ms\"", "not in rising order"),
            ("class = \"gpu\"", "klass = \"gpu\"", "unknown key 'klass'"),
            ("source = \"s\" }\nunit", "source = \"t\" }\nunit", "source 't' is unknown"),
        ];
        for (from, to, told) in cases {
            assert!(FILE.contains(from), "{from}");
            let (_, found) = read(&FILE.replacen(from, to, 1));
            assert!(found.iter().any(|f| f.contains(told)), "{told}: {found:?}");
        }
    }
}
