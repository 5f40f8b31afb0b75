//! What a fit found, as the files that the program reads.

use std::fmt::Write;

use catalog::{Fact, Framework};
use cost::train::ChipFit;

use super::calibrate::{TrainingFit, is_fitted};

/// The files of a fit: `training.toml` for the calibration, `<id>.toml` for the profiles of frameworks.
pub fn files(fit: &TrainingFit, date: &str) -> Vec<(String, String)> {
    let mut out = vec![("training.toml".to_owned(), chips_file(&fit.chips, date))];
    let fitted = |id: &String| fit.fitted.contains(id);
    out.extend(fit.frameworks.iter().map(|(id, f)| (format!("{id}.toml"), profile_file(f, fitted(id), date))));
    out
}

fn chips_file(chips: &[ChipFit], date: &str) -> String {
    let mut out = String::from(
        "# How long operators take in training runs over what the operator surfaces say, which were measured on single\n\
         # kernels. Made by `steelyard calibrate --training` from catalog/measurements/training.csv; rows = 0: set by hand, or\n\
         # no run could be used.\n",
    );
    if !date.is_empty() {
        let _ = writeln!(out, "# Fitted {date}.");
    }
    for c in chips {
        out.push_str("\n[[chip]]\n");
        for (key, text) in [("chip", &c.chip), ("architecture", &c.architecture), ("class", &c.class)] {
            if !text.is_empty() {
                let _ = writeln!(out, "{key} = {text:?}");
            }
        }
        let r = |v: f64| (v * 1e3).round() / 1e3;
        let _ = writeln!(out, "half = {:?}\neight = {:?}\nfour = {:?}", r(c.half), r(c.eight), r(c.four));
        let _ = writeln!(out, "attention = {:?}\nrows = {}", r(c.attention), c.rows);
    }
    out
}

fn profile_file(f: &Framework, fitted: bool, date: &str) -> String {
    let names = |list: &[String]| list.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    let mut out =
        format!("name = {:?}\nversion = {:?}\narchitectures = [{}]\n", f.name, f.version, names(&f.architectures));
    if !f.current {
        out.push_str("current = false\n");
    }
    let _ = writeln!(out, "schedules = [{}]\nsharding = [{}]", names(&f.schedules), names(&f.sharding));
    let origin = |fact_kind: catalog::Kind, source: &str, note: &str, moved: bool| {
        let note = match (moved && fitted, date) {
            (false, _) => note.to_owned(),
            (true, "") => "fitted to training.csv".to_owned(),
            (true, date) => format!("fitted to training.csv, {date}"),
        };
        let note = if note.is_empty() { String::new() } else { format!(", note = {note:?}") };
        format!("kind = {:?}, source = {source:?}{note} }}", fact_kind.name())
    };
    let can = [
        ("fused_attention", &f.fused_attention),
        ("tensor_parallel", &f.tensor_parallel),
        ("gathers_layers", &f.gathers_layers),
        ("recomputes_products", &f.recomputes_products),
    ];
    for (key, fact) in can {
        let _ =
            writeln!(out, "{key} = {{ value = {}, {}", fact.mid(), origin(fact.kind, &fact.source, &fact.note, false));
    }
    for (key, fact) in [("launch", &f.launch), ("routing", &f.routing), ("step", &f.step)] {
        let us = (fact.mid().0 * 1e8).round() / 1e2;
        let _ = writeln!(out, "{key} = {{ value = \"{us} us\", {}", origin(fact.kind, &fact.source, &fact.note, true));
    }
    let number = |out: &mut String, key: &str, fact: &Fact<f64>| {
        let value = (fact.mid() * 1e3).round() / 1e3;
        let _ = writeln!(
            out,
            "{key} = {{ value = {value:?}, {}",
            origin(fact.kind, &fact.source, &fact.note, is_fitted(key))
        );
    };
    for (key, fact) in [
        ("small", &f.small),
        ("grouped", &f.grouped),
        ("maturity", &f.maturity),
        ("attention", &f.attention),
        ("attention_backward", &f.attention_backward),
        ("contention", &f.contention),
        ("network", &f.network),
        ("logits", &f.logits),
    ] {
        number(&mut out, key, fact);
    }
    let gb = f.reserved.mid().0 / 1e9;
    let origin = origin(f.reserved.kind, &f.reserved.source, &f.reserved.note, false);
    let _ = writeln!(out, "reserved = {{ value = \"{gb} GB\", {origin}\n\n[overlap]");
    for (key, fact) in catalog::framework::OVERLAPS.iter().zip(&f.overlap) {
        number(&mut out, key, fact);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::read_to_string;
    use std::path::Path;

    use cost::train::TrainingCalibration;

    use super::*;

    #[test]
    fn the_built_in_files_are_as_the_command_writes_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = read_to_string(root.join("calibration/training.toml")).expect("built in");
        let date = text.split("# Fitted ").nth(1).and_then(|rest| rest.split('.').next()).expect("a date");
        let load = |id: &str| (id.to_owned(), Framework::load(id).expect("sound"));
        let frameworks: std::collections::BTreeMap<_, _> = Framework::names().into_iter().map(load).collect();
        let marked = |f: &Framework| f.launch.note.starts_with("fitted to training.csv");
        let fit = TrainingFit {
            fitted: frameworks.values().filter(|f| marked(f)).map(|f| f.id.clone()).collect::<BTreeSet<_>>(),
            frameworks,
            chips: TrainingCalibration::embedded().expect("sound").chip,
            loss: (0.0, 0.0),
            rows: 0,
        };
        for (name, written) in files(&fit, date) {
            let folder = if name == "training.toml" { "calibration" } else { "catalog/frameworks" };
            let text = read_to_string(root.join(folder).join(&name)).expect("built in");
            assert_eq!(written, text, "{folder}/{name} was edited by hand: `steelyard calibrate --training` writes it");
        }
    }
}
