//! What befalls the fleet.

use catalog::written::Value;
use sim::Harm;
use units::Seconds;

use super::{LONGEST, Names, tables};
use crate::replay::faults::units;
use crate::replay::study::{Extent, FaultAsked, PoolAsked, When};

const EXTENTS: [(&str, Extent); 4] =
    [("chip", Extent::Chip), ("node", Extent::Node), ("supernode", Extent::Supernode), ("replica", Extent::Replica)];

#[derive(Clone, Copy)]
enum Kind {
    Stop,
    Slow,
    Link,
    Drain,
}

const KINDS: [(&str, Kind); 4] =
    [("stop", Kind::Stop), ("slow", Kind::Slow), ("link", Kind::Link), ("drain", Kind::Drain)];

/// All faults. `pools`, where they are sound: each with the most replicas that it ever has, so that a fault at something that
/// does not exist is told.
pub fn faults(value: &Value, names: &Names, pools: Option<(&[PoolAsked], &[u32])>) -> Option<Vec<FaultAsked>> {
    let mut found = Vec::new();
    for table in tables(value, "write a table [[fault]] with a pool, what fails, and when")? {
        let pool = table.need("pool", "name the pool").and_then(|v| Names::of(&names.pools, &v, "pool"));
        let extent = table
            .need("what", "write \"chip\", \"node\", \"supernode\" or \"replica\"")
            .and_then(|v| v.choice(&EXTENTS));
        let kind = table.get("kind").map_or(Some(Kind::Stop), |v| v.choice(&KINDS));
        let time = |key, low| table.get(key).map(|v| v.quantity(Seconds(low), LONGEST));
        let (at, mtbf, repair, span) = (time("at", 0.0), time("mtbf", 1.0), time("repair", 0.0), time("for", 0.0));
        let number = table.get("number").map_or(Some(0), |v| {
            let number = v.count(0, 1_000_000)?;
            if let (Some((pools, sizes)), Some(pool), Some(extent)) = (pools, pool, extent) {
                let count = units(&pools[pool], sizes[pool], extent).max(1);
                if number >= u64::from(count) {
                    let message = format!("is {number}, and pool {} stands on {count} of them", pools[pool].name);
                    v.fault(message, format!("numbers begin at 0: write 0 to {}", count - 1));
                    return None;
                }
            }
            Some(number)
        });
        let factor = table.get("factor").map(|v| v.number(1.0, 1e6));
        if at.is_some() == mtbf.is_some() {
            table.fault("says neither or both of when and how often", "write at = \"10 min\" or mtbf = \"1000 h\"");
        }
        let lasting = matches!(kind, Some(Kind::Slow | Kind::Link));
        if lasting && (factor.is_none() || span.is_none()) {
            table.fault("slows down by how much and how long?", "write factor = 2 and for = \"10 min\"");
        }
        table.finish();
        found.push((|| {
            let seconds = |time: Option<Option<Seconds>>| time.map_or(Some(None), |time| time.map(Some));
            let when = match (seconds(at)?, seconds(mtbf)?) {
                (Some(at), _) => When::Once(at.0, number? as u32),
                (None, mtbf) => When::Mtbf(mtbf?.0),
            };
            let harm = match kind? {
                Kind::Stop => Harm::Stop { repair: seconds(repair)? },
                Kind::Slow => Harm::Slow { factor: factor??, span: span?? },
                Kind::Link => Harm::Link { factor: factor??, span: span?? },
                Kind::Drain => Harm::Drain,
            };
            Some(FaultAsked { pool: pool?, extent: extent?, when, harm })
        })());
    }
    found.into_iter().collect()
}
