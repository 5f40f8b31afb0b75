//! Fits the families of fabrics (`calibration/fabric.toml`) to measured collectives.
//!
//! A row becomes what flows say of it at full bandwidth, for every algorithm that a library may have chosen: messages one
//! after the other, and seconds on the wire. Times of a family and the shares of the links that each architecture reaches
//! turn these into a time; the fastest algorithm counts. They are fitted to the rows of `collectives.csv` alone, all rows
//! alike, by the mean of |ln(fitted / measured)|. Leaving the start, or the other architectures, costs a little, so a number
//! that no row determines stays. The fit is done again without each source, and without each machine (a chip as one source
//! measured it), to see how it does on rows that it was not fitted to.

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
    architecture: String,
    tier: String,
    bytes: f64,
    seconds: f64,
    /// Algorithm, messages, seconds on the wire.
    ways: Vec<(Algorithm, f64, f64)>,
}

/// What trees are cut into pieces by while steps are not known yet.
const FIRST: &str = "[[family]]\nname = \"any\"\nlaunch = \"10 us\"\nstep = \"1 us\"\nfill = 1.0\nefficiency = 1.0\nadding = 1.0\n\
                     adding_launch = \"0 us\"\nrows = 0\nmedian = 0.0\np90 = 0.0\n";

/// launch, step, fill, further launch where switches add; then of each architecture the efficiency, and that where switches
/// add.
type Numbers = Vec<f64>;

/// Numbers that all architectures share.
const SHARED: usize = 4;
/// Largest and smallest that any of them may be.
const ENDS: [(f64, f64); SHARED] = [(0.5e-6, 200e-6), (0.05e-6, 50e-6), (1e-3, 4.0), (0.1e-6, 200e-6)];
/// The same of a share of a link.
const SHARES: (f64, f64) = (0.03, 1.0);
/// Where they start: a kernel's launch, a message between neighbours, and a wait as long again as the geometric mean.
const START: [f64; SHARED] = [5e-6, 1e-6, 1.0, 10e-6];
/// Shares of a link at the start.
const START_SHARES: [f64; 2] = [0.8, 0.6];
/// What leaving the start, or the other architectures, by a factor of e costs, in units of the mean error.
const COST: [f64; 2] = [0.003, 0.01];

/// How a family was met.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyFit {
    /// "NVLink".
    pub name: String,
    /// Its tiers.
    pub tiers: Vec<String>,
    /// Launch, step, fill, further launch where switches add.
    pub times: [f64; 4],
    /// Architectures with their rows, efficiency, and that where switches add; the first, without a name, is for all others.
    pub reach: Vec<(String, usize, [f64; 2])>,
    /// |ln(fitted / measured)| of every row it was fitted to, with the bytes of the row.
    pub errors: Vec<(f64, f64)>,
    /// The same for rows that were held out, each predicted by a fit without its source (its chip, where a family has one
    /// source).
    pub held_out: Vec<(f64, f64)>,
    /// The same by fits without the machine of the row: its chip as its source measured it.
    pub unseen: Vec<(f64, f64)>,
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
    let families = Families::parse(FIRST).map_err(|e| CommFitError::Data(e.to_string()))?;
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
            architecture: system.chip.architecture.clone(),
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

/// Numbers with the architectures whose shares they hold.
struct Fitted {
    /// None: all are one.
    architectures: Vec<String>,
    numbers: Numbers,
}

impl Fitted {
    /// Shares of the links: of an architecture, or the geometric mean of those that were fitted.
    fn shares(&self, architecture: &str) -> [f64; 2] {
        let all: Vec<&[f64]> = self.numbers[SHARED..].chunks(2).collect();
        let own = self.architectures.iter().position(|a| a == architecture);
        own.map_or_else(
            || [0, 1].map(|i| (all.iter().map(|s| s[i].ln()).sum::<f64>() / all.len() as f64).exp()),
            |at| [all[at][0], all[at][1]],
        )
    }

    fn error(&self, row: &Row) -> f64 {
        (predict(&self.numbers[..SHARED], self.shares(&row.architecture), row) / row.seconds).ln().abs()
    }
}

/// Seconds of a row: the fastest way.
fn predict(times: &[f64], [efficiency, adding]: [f64; 2], row: &Row) -> f64 {
    let way = |&(algorithm, rounds, wire): &(Algorithm, f64, f64)| {
        let adds = algorithm == Algorithm::InNetwork;
        let latency = times[0] + rounds * times[1] + if adds { times[3] } else { 0.0 };
        let reach = if adds { adding } else { efficiency };
        latency + times[2] * (latency * wire).sqrt() + wire / reach
    };
    row.ways.iter().map(way).fold(f64::INFINITY, f64::min)
}

/// The mean error, and what the numbers cost.
fn cost(n: &[f64], rows: &[(&Row, usize)], adds: bool) -> f64 {
    let error = |&(row, at): &(&Row, usize)| {
        let first = SHARED + 2 * at;
        (predict(&n[..SHARED], [n[first], n[first + 1]], row) / row.seconds).ln().abs()
    };
    let mean = rows.iter().map(error).sum::<f64>() / rows.len().max(1) as f64;
    let times = n.iter().zip(START).take(if adds { SHARED } else { SHARED - 1 });
    let left: f64 = times.map(|(v, start)| (v / start).ln().abs()).sum();
    let apart = |which: usize| {
        let all = || n[SHARED..].chunks(2).map(|s| s[which].ln());
        let middle = all().sum::<f64>() / all().count() as f64;
        all().map(|v| (v - middle).abs()).sum::<f64>()
    };
    mean + COST[0] * left + COST[1] * (apart(0) + if adds { apart(1) } else { 0.0 })
}

/// Steps along each number and along pairs that trade against each other, halved when nothing helps.
fn search(rows: &[&Row], by_architecture: bool) -> Fitted {
    let adds = rows.iter().any(|r| r.ways.iter().any(|w| w.0 == Algorithm::InNetwork));
    let names: BTreeSet<&str> = rows.iter().filter(|_| by_architecture).map(|r| r.architecture.as_str()).collect();
    let architectures: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let place = |r: &Row| architectures.iter().position(|a| *a == r.architecture).unwrap_or(0);
    let rows: Vec<(&Row, usize)> = rows.iter().map(|r| (*r, place(r))).collect();
    let kinds = architectures.len().max(1);
    // What moves together: each number; the shares of all architectures.
    let shares = |which: usize| (0..kinds).map(|k| SHARED + 2 * k + which).collect::<Vec<usize>>();
    let mut groups: Vec<Vec<usize>> = (0..SHARED + 2 * kinds).map(|i| vec![i]).collect();
    if kinds > 1 {
        groups.extend([shares(0), shares(1)]);
    }
    let idle = |g: &[usize]| !adds && g.iter().all(|&i| i == SHARED - 1 || i >= SHARED && (i - SHARED) % 2 == 1);
    groups.retain(|g| !idle(g));
    let start: Numbers = START.into_iter().chain(START_SHARES.repeat(kinds)).collect();
    let (mut at, mut here, mut stride) = (start.clone(), cost(&start, &rows, adds), 0.5f64);
    while stride > 0.002 {
        let mut moved = false;
        for a in 0..groups.len() {
            for b in a..groups.len() {
                for (one, other) in [(stride, -stride), (-stride, stride), (stride, stride), (-stride, -stride)] {
                    let mut next = at.clone();
                    groups[a].iter().for_each(|&i| next[i] *= one.exp());
                    if a != b {
                        groups[b].iter().for_each(|&i| next[i] *= other.exp());
                    }
                    for (i, v) in next.iter_mut().enumerate() {
                        let (low, high) = ENDS.get(i).copied().unwrap_or(SHARES);
                        *v = v.clamp(low, high);
                    }
                    let there = cost(&next, &rows, adds);
                    if there < here - 1e-12 {
                        (at, here, moved) = (next, there, true);
                    }
                }
            }
        }
        if !moved {
            stride /= 2.0;
        }
    }
    if !adds {
        at[SHARED - 1] = 0.0;
        at[SHARED..].chunks_mut(2).for_each(|s| s[1] = s[0]);
    }
    Fitted { architectures, numbers: at }
}

fn family(name: &str, tiers: &[&str], rows: &[&Row]) -> FamilyFit {
    // Where families are mixed, an architecture says nothing of its links.
    let fit = |rows: &[&Row]| search(rows, !tiers.is_empty());
    let fitted = fit(rows);
    let sources: BTreeSet<&str> = rows.iter().map(|r| r.source.as_str()).collect();
    let one_source = sources.len() < 2;
    let without = |group: &dyn Fn(&Row) -> String| {
        let all: BTreeSet<String> = rows.iter().map(|r| group(r)).collect();
        let mut held_out = Vec::new();
        for out in all {
            let (those, rest): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| group(r) == out);
            // What is left must say something of each number.
            if rest.len() >= 5 {
                let fitted = fit(&rest);
                held_out.extend(those.iter().map(|r| (r.bytes, fitted.error(r))));
            }
        }
        held_out
    };
    let counted = |a: &String| rows.iter().filter(|r| r.architecture == *a).count();
    let others = (String::new(), rows.len(), fitted.shares(""));
    let own = fitted.architectures.iter().map(|a| (a.clone(), counted(a), fitted.shares(a)));
    FamilyFit {
        name: name.to_owned(),
        tiers: tiers.iter().map(|t| (*t).to_owned()).collect(),
        times: [0, 1, 2, 3].map(|i| fitted.numbers[i]),
        reach: std::iter::once(others).chain(own).collect(),
        errors: rows.iter().map(|r| (r.bytes, fitted.error(r))).collect(),
        held_out: without(&|r| if one_source { r.chip.clone() } else { r.source.clone() }),
        unseen: without(&|r| format!("{} {}", r.source, r.chip)),
    }
}

/// A quantile of errors, of rows with at least so many bytes; `None` of none.
pub fn quantile(errors: &[(f64, f64)], least: f64, at: f64) -> Option<f64> {
    let mut all: Vec<f64> = errors.iter().filter(|e| e.0 >= least).map(|e| e.1).collect();
    all.sort_by(f64::total_cmp);
    all.get(((all.len() as f64 * at) as usize).min(all.len().checked_sub(1)?)).copied()
}

/// The file that [`Families::parse`] reads. The 90th percentile is that on machines that a fit did not see, where there are
/// any; it is at least 0.2, and at least 0.5 below ten rows and where others borrow.
pub fn write(fits: &[FamilyFit]) -> String {
    let mut text = "note = \"fitted to catalog/measurements/collectives.csv; see docs/fabrics.md\"\n".to_owned();
    for f in fits {
        let [launch, step, fill, adding_launch] = f.times;
        let least = if f.errors.len() < 10 || f.tiers.is_empty() { 0.5 } else { 0.2 };
        let p90 = |errors: &[(f64, f64)]| quantile(errors, 0.0, 0.9).unwrap_or(least);
        let p90 = p90(&f.errors).max(p90(&f.unseen)).max(least);
        let median = quantile(&f.errors, 0.0, 0.5).unwrap_or(0.0);
        let tiers: Vec<String> = f.tiers.iter().map(|t| format!("\"{t}\"")).collect();
        let [efficiency, adding] = f.reach.first().map_or(START_SHARES, |r| r.2);
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
        for (architecture, rows, [efficiency, adding]) in f.reach.iter().skip(1) {
            text += &format!(
                "\n[[family.reach]]\narchitecture = \"{architecture}\"\nefficiency = {efficiency:.4}\nadding = {adding:.4}\nrows = {rows}\n"
            );
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
                f.times,
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
        let truth = [12e-6, 1.5e-6, 0.8, 0.0];
        let shares = |architecture: &str| if architecture == "new" { [0.75; 2] } else { [0.85; 2] };
        let row = |i: i32| {
            let wire = 1e-7 * 2f64.powi(i / 2);
            let mut row = Row {
                source: String::new(),
                chip: String::new(),
                architecture: ["old", "new"][i as usize % 2].to_owned(),
                tier: String::new(),
                bytes: 1.0,
                seconds: 1.0,
                ways: vec![(Algorithm::Ring, [2.0, 6.0, 14.0][i as usize % 3], wire)],
            };
            row.seconds = predict(&truth, shares(&row.architecture), &row);
            row
        };
        let rows: Vec<Row> = (0..36).map(row).collect();
        let found = search(&rows.iter().collect::<Vec<_>>(), true);
        // Leaving the start costs, so the truth is not met exactly.
        let worst = rows.iter().map(|r| found.error(r)).fold(0.0, f64::max);
        assert!(worst < 0.1, "{:?}: {worst}", found.numbers);
        assert!(found.shares("new")[0] < found.shares("old")[0]);
        let middle = (found.shares("new")[0] * found.shares("old")[0]).sqrt();
        assert!((found.shares("not measured")[0] - middle).abs() < 1e-12);
    }
}
