//! Crates use only what stands to their left: units, formats, catalog, fabric, cost, sim, plan, cli.

use std::process::Command;

use serde_json::Value;

const LEFT_TO_RIGHT: [&str; 8] = [
    "steelyard-units",
    "steelyard-formats",
    "steelyard-catalog",
    "steelyard-fabric",
    "steelyard-cost",
    "steelyard-sim",
    "steelyard-plan",
    "steelyard",
];

/// Every crate of the workspace with the crates of the workspace that it uses, in tests too.
fn arrows() -> Vec<(String, Vec<String>)> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo prints JSON");
    let text = |v: &Value| v.as_str().expect("a name").to_owned();
    let list = |v: &Value| v.as_array().expect("a list").clone();
    let uses = |package: &Value| {
        let inside = list(&package["dependencies"]).into_iter().filter(|d| d["path"].is_string());
        inside.map(|d| text(&d["name"])).collect()
    };
    list(&metadata["packages"]).iter().map(|p| (text(&p["name"]), uses(p))).collect()
}

#[test]
fn arrows_point_left() {
    let place = |name: &str| LEFT_TO_RIGHT.iter().position(|&n| n == name);
    for (package, uses) in arrows() {
        let at = place(&package).unwrap_or_else(|| panic!("{package} has no place yet: add it to LEFT_TO_RIGHT"));
        for used in uses {
            let from = place(&used).unwrap_or_else(|| panic!("{package} uses {used}, which has no place"));
            assert!(from < at, "{package} must not use {used}");
        }
    }
}

#[test]
fn every_place_is_taken() {
    let names: Vec<String> = arrows().into_iter().map(|(name, _)| name).collect();
    for place in LEFT_TO_RIGHT {
        assert!(names.iter().any(|n| n == place), "no crate {place}");
    }
}
