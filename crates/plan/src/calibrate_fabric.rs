//! Fits the families of fabrics (`calibration/fabric.toml`) to measured collectives.
//!
//! A row becomes what flows say of it at full bandwidth, for every algorithm that a library may have chosen: messages one
//! after the other, and seconds on the wire. Four numbers of a family, six where switches add, turn these into a time;
//! the fastest algorithm counts. They are fitted to the rows of `collectives.csv` alone, all rows alike, by the mean of
//! |ln(fitted / measured)|, and again without each source (each chip, where a family has one source) to see how they do on
//! rows that they were not fitted to.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Catalog;
use cost::comm::{Collective, CommCalibration, Exchange, Kernel, Phase};
use fabric::collective::{Algorithm, Operation, Routing as Tokens};
use fabric::estimate::{Bench, Place};
use fabric::family::Families;
use fabric::fault::Damage;
use fabric::route::Routing;

use crate::calibrate_comm::data::Data;
use crate::calibrate_comm::{CommFitError, measured};
use crate::tables::Table;

/// A measured row with what flows say of it.
struct Row {
    source: String,
    chip: String,
    tier: String,
    bytes: f64,
    seconds: f64,
    /// Algorithm, messages, seconds on the wire.
    ways: Vec<(Algorithm, f64, f64)>,
}

/// What trees are cut into pieces by while steps are not known yet.
const START: &str = "[[family]]\nname = \"any\"\nlaunch = \"10 us\"\nstep = \"1 us\"\nfill = 1.0\nefficiency = 1.0\nadding = 1.0\n\
                     adding_launch = \"0 us\"\nrows = 0\nmedian = 0.0\np90 = 0.0\n";

/// launch, step, fill, efficiency; then efficiency and further launch where switches add.
type Numbers = [f64; 6];

/// Largest and smallest that any of them may be.
const ENDS: [(f64, f64); 6] =
    [(0.5e-6, 200e-6), (0.05e-6, 50e-6), (1e-3, 4.0), (0.05, 1.0), (0.05, 1.0), (0.1e-6, 200e-6)];

/// How a family was met.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyFit {
    /// "NVLink".
    pub name: String,
    /// Its tiers.
    pub tiers: Vec<String>,
    /// Launch, step, fill, efficiency; efficiency and further launch where switches add.
    pub numbers: [f64; 6],
    /// |ln(fitted / measured)| of every row it was fitted to, with the bytes of the row.
    pub errors: Vec<(f64, f64)>,
    /// The same for rows that were held out, each predicted by a fit without its source.
    pub held_out: Vec<(f64, f64)>,
}

/// Families by the tiers of the catalog: what is called differently but built alike counts as one.
const FAMILIES: [(&str, &[&str]); 5] = [
    ("NVLink", &["NVLink"]),
    ("PCIe", &["PCIe"]),
    ("UB", &["UB node", "UB", "UB blade", "UB cabinet"]),
    ("InfiniBand and RoCE", &["InfiniBand", "RoCE", "EFA", "UBoE", "DCN"]),
    ("Infinity Fabric", &["Infinity Fabric"]),
];

/// Fits all families to the rows of a table with the columns of `collectives.csv`.
///
/// # Errors
/// [`CommFitError`] if the table lacks columns or a named system is missing.
pub fn fit(table: &Table, catalog: &Catalog) -> Result<Vec<FamilyFit>, CommFitError> {
    let rows = read(table, catalog)?;
    let mut fits = Vec::new();
    for (name, tiers) in FAMILIES {
        let of: Vec<&Row> = rows.iter().filter(|r| tiers.contains(&r.tier.as_str())).collect();
        if !of.is_empty() {
            fits.push(family(name, tiers, &of));
        }
    }
    let all: Vec<&Row> = rows.iter().collect();
    fits.push(family("any", &[], &all));
    Ok(fits)
}

fn read(table: &Table, catalog: &Catalog) -> Result<Vec<Row>, CommFitError> {
    let data = Data::embedded(catalog)?;
    let (sources, ids) = (table.text("source_key")?, table.text("id")?);
    let source: BTreeMap<&str, &str> = ids.iter().zip(sources.iter()).map(|(id, s)| (&**id, &**s)).collect();
    let curves = CommCalibration::embedded()?;
    let families = Families::parse(START).map_err(|e| CommFitError::Data(e.to_string()))?;
    let mut rows = Vec::new();
    for row in measured::read_collectives(table, &data)? {
        let Some(ask) = row.ask.filter(|a| row.refused.is_none() && !a.outer_only && row.seconds > a.host) else {
            continue;
        };
        let system = &data.machines[ask.machine].system;
        let devices = system.chip.devices.max(1);
        let Some((operation, bytes, ranks, kernel)) = asked(&ask.exchange) else { continue };
        // Ranks of one package are one chip here.
        let (chips, bytes) = (ranks / devices, bytes * f64::from(devices));
        if chips < 2 {
            continue;
        }
        let bench = Bench::new(system, Some(chips), &Place::Packed, &curves, &families, Routing::DimensionOrder);
        let Ok(bench) = bench else { continue };
        let whole = Damage::none(&bench.graph);
        let may = |a: &Algorithm| match kernel {
            Some(Kernel::HighThroughput) => {
                *a == Algorithm::Hierarchical || (bench.one_domain() && *a == Algorithm::Direct)
            }
            Some(_) => *a == Algorithm::Direct,
            None if ask.rings => *a == Algorithm::Ring,
            None => bench.usual(operation, *a),
        };
        let timed = |a: Algorithm| {
            let timed = bench.timed(&whole, &bench.placement, operation, bytes, a).ok()?;
            Some((a, timed.rounds, timed.wire))
        };
        let ways: Vec<_> = Algorithm::ALL.into_iter().filter(may).filter_map(timed).collect();
        let outer = system.fabric.tiers.iter().find(|t| t.chips >= chips).or(system.fabric.tiers.last());
        let (Some(outer), false) = (outer, ways.is_empty()) else { continue };
        rows.push(Row {
            source: source.get(row.id.as_str()).map_or_else(String::new, |s| (*s).to_owned()),
            chip: row.chip,
            tier: outer.name.clone(),
            bytes,
            seconds: row.seconds - ask.host,
            ways,
        });
    }
    Ok(rows)
}

/// Operation, bytes of a rank, ranks, and kernel of tokens.
fn asked(exchange: &Exchange) -> Option<(Operation, f64, u32, Option<Kernel>)> {
    match exchange {
        Exchange::Collective { operation, group, bytes, .. } => {
            let operation = match operation {
                Collective::AllReduce => Operation::AllReduce,
                Collective::AllGather => Operation::AllGather,
                Collective::ReduceScatter => Operation::ReduceScatter,
                Collective::AllToAll => Operation::AllToAll,
                Collective::Broadcast => Operation::Broadcast,
            };
            Some((operation, *bytes, group.ranks, None))
        }
        Exchange::Routed(r) => {
            let tokens = Tokens { top_k: r.top_k, experts: r.experts };
            let operation = match r.phase {
                Phase::Dispatch => Operation::Dispatch(tokens),
                Phase::Combine => Operation::Combine(tokens),
            };
            Some((operation, r.tokens * r.hidden as f64 * r.value_bits / 8.0, r.group.ranks, Some(r.kernel)))
        }
        Exchange::SendRecv { .. } => None,
    }
}

/// Seconds of a row: the fastest way.
fn predict(n: &Numbers, row: &Row) -> f64 {
    let way = |&(algorithm, rounds, wire): &(Algorithm, f64, f64)| {
        let adds = algorithm == Algorithm::InNetwork;
        let latency = n[0] + rounds * n[1] + if adds { n[5] } else { 0.0 };
        let reach = if adds { n[4] } else { n[3] };
        latency + n[2] * (latency * wire).sqrt() + wire / reach
    };
    row.ways.iter().map(way).fold(f64::INFINITY, f64::min)
}

fn error(n: &Numbers, row: &Row) -> f64 {
    (predict(n, row) / row.seconds).ln().abs()
}

/// Steps along each number and along pairs that trade against each other, halved when nothing helps.
fn search(rows: &[&Row]) -> Numbers {
    let adds = rows.iter().any(|r| r.ways.iter().any(|w| w.0 == Algorithm::InNetwork));
    let mean = |n: &Numbers| rows.iter().map(|r| error(n, r)).sum::<f64>() / rows.len().max(1) as f64;
    let mut best = (f64::INFINITY, [0.0; 6]);
    let starts = [
        [10e-6, 1e-6, 0.5, 0.8, 0.7, 10e-6],
        [30e-6, 3e-6, 1.5, 0.6, 0.6, 20e-6],
        [4e-6, 0.5e-6, 0.1, 0.9, 0.8, 5e-6],
        [8e-6, 0.3e-6, 1.0, 0.9, 0.7, 30e-6],
    ];
    for start in starts {
        let (mut at, mut here, mut stride) = (start, mean(&start), 0.5f64);
        while stride > 0.002 {
            let mut moved = false;
            for which in 0..36 {
                let (a, b) = (which / 6, which % 6);
                if !adds && (a >= 4 || b >= 4) {
                    continue;
                }
                for (up, down) in [(stride, -stride), (-stride, stride), (stride, stride), (-stride, -stride)] {
                    let mut next = at;
                    next[a] *= up.exp();
                    if b != a {
                        next[b] *= down.exp();
                    }
                    next.iter_mut().zip(ENDS).for_each(|(v, (low, high))| *v = v.clamp(low, high));
                    let there = mean(&next);
                    if there < here - 1e-12 {
                        (at, here, moved) = (next, there, true);
                    }
                }
            }
            if !moved {
                stride /= 2.0;
            }
        }
        if here < best.0 {
            best = (here, at);
        }
    }
    if !adds {
        (best.1[4], best.1[5]) = (best.1[3], 0.0);
    }
    best.1
}

fn family(name: &str, tiers: &[&str], rows: &[&Row]) -> FamilyFit {
    let numbers = search(rows);
    let sources: BTreeSet<&str> = rows.iter().map(|r| r.source.as_str()).collect();
    let chips: BTreeSet<&str> = rows.iter().map(|r| r.chip.as_str()).collect();
    let by_source = sources.len() > 1;
    let group = |r: &Row| if by_source { r.source.clone() } else { r.chip.clone() };
    let mut held_out = Vec::new();
    for out in if by_source { &sources } else { &chips } {
        let (those, rest): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| group(r) == **out);
        // What is left must say something of each number.
        if rest.len() >= 5 {
            let without = search(&rest);
            held_out.extend(those.iter().map(|r| (r.bytes, error(&without, r))));
        }
    }
    FamilyFit {
        name: name.to_owned(),
        tiers: tiers.iter().map(|t| (*t).to_owned()).collect(),
        numbers,
        errors: rows.iter().map(|r| (r.bytes, error(&numbers, r))).collect(),
        held_out,
    }
}

/// A quantile of errors, of rows with at least so many bytes; `None` of none.
pub fn quantile(errors: &[(f64, f64)], least: f64, at: f64) -> Option<f64> {
    let mut all: Vec<f64> = errors.iter().filter(|e| e.0 >= least).map(|e| e.1).collect();
    all.sort_by(f64::total_cmp);
    all.get(((all.len() as f64 * at) as usize).min(all.len().checked_sub(1)?)).copied()
}

/// The file that [`Families::parse`] reads. A family of a few rows knows less of itself than their errors say: the 90th
/// percentile is at least 0.2, and at least 0.5 below ten rows and where others borrow.
pub fn write(fits: &[FamilyFit]) -> String {
    let mut text = "note = \"fitted to catalog/measurements/collectives.csv; see docs/fabrics.md\"\n".to_owned();
    for f in fits {
        let [launch, step, fill, efficiency, adding, adding_launch] = f.numbers;
        let least = if f.errors.len() < 10 || f.tiers.is_empty() { 0.5 } else { 0.2 };
        let p90 = quantile(&f.errors, 0.0, 0.9).unwrap_or(least).max(least);
        let median = quantile(&f.errors, 0.0, 0.5).unwrap_or(0.0);
        let tiers: Vec<String> = f.tiers.iter().map(|t| format!("\"{t}\"")).collect();
        text += &format!(
            "\n[[family]]\nname = \"{}\"\ntiers = [{}]\nlaunch = \"{:.3} us\"\nstep = \"{:.3} us\"\nfill = {fill:.3}\n\
             efficiency = {efficiency:.4}\nadding = {adding:.4}\nadding_launch = \"{:.3} us\"\nrows = {}\nmedian = {median:.3}\np90 = {p90:.3}\n",
            f.name,
            tiers.join(", "),
            launch * 1e6,
            step * 1e6,
            adding_launch * 1e6,
            f.errors.len(),
        );
        if let Some(held_out) = quantile(&f.held_out, 0.0, 0.5) {
            text += &format!("held_out = {held_out:.3}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> Vec<FamilyFit> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalog/measurements/collectives.csv");
        let table = Table::read(std::path::Path::new(file)).expect("a table");
        fit(&table, &Catalog::embedded()).expect("rows")
    }

    #[test]
    fn the_committed_file_is_what_the_fit_gives() {
        let fits = embedded();
        for f in &fits {
            let q = |e: &[(f64, f64)], least| quantile(e, least, 0.5).unwrap_or(f64::NAN);
            println!(
                "{}: {:?} rows {} median {:.3} (from 1 MiB {:.3}), held out {} median {:.3} (from 1 MiB {:.3})",
                f.name,
                f.numbers,
                f.errors.len(),
                q(&f.errors, 0.0),
                q(&f.errors, 1048576.0),
                f.held_out.len(),
                q(&f.held_out, 0.0),
                q(&f.held_out, 1048576.0)
            );
        }
        let written = write(&fits);
        println!("{written}");
        assert_eq!(written, include_str!("../../../calibration/fabric.toml"));
    }

    #[test]
    fn the_search_finds_the_truth_again() {
        let truth = [12e-6, 1.5e-6, 0.8, 0.75, 0.75, 0.0];
        let row = |i: i32| {
            let wire = 1e-7 * 2f64.powi(i);
            let mut row = Row {
                source: String::new(),
                chip: String::new(),
                tier: String::new(),
                bytes: 1.0,
                seconds: 1.0,
                ways: vec![(Algorithm::Ring, [2.0, 6.0, 14.0][i as usize % 3], wire)],
            };
            row.seconds = predict(&truth, &row);
            row
        };
        let rows: Vec<Row> = (0..18).map(row).collect();
        let found = search(&rows.iter().collect::<Vec<_>>());
        let worst = rows.iter().map(|r| error(&found, r)).fold(0.0, f64::max);
        assert!(worst < 0.03, "{found:?}: {worst}");
    }
}
