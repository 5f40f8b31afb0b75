//! Rules, duties, surcharges and announcements that decide what may be bought, and at what cost.

use std::collections::BTreeSet;

use units::BytesPerSecond;

use crate::Fact;
use crate::diagnostic::{Diagnostic, nearest};
use crate::price::text;
use crate::read::Reader;

/// One event. What it means for a purchase is decided by a scenario, not here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Key.
    pub id: String,
    /// When it was said.
    pub date: String,
    /// From when it counts; the date where the file says nothing else.
    pub effective: String,
    /// Whose it is: "US", "CN".
    pub side: String,
    /// `export-control`, `tariff`, `revenue-share`, `customs`, `guidance`, `subsidy`, `bill`, ...
    pub kind: String,
    /// What it is about, in words.
    pub subject: String,
    /// Ids of chips it names.
    pub chips: Vec<String>,
    /// What it says.
    pub what: String,
    /// Where it stands.
    pub status: String,
    /// What it means for a planner: our reading.
    pub effect: String,
    /// Key of the source.
    pub source: String,
    /// Duty, surcharge or rebate as a share of the price.
    pub rate: Option<Fact<f64>>,
    /// Total processing performance from which it applies.
    pub tpp_limit: Option<Fact<f64>>,
    /// Memory bandwidth from which it applies.
    pub bandwidth_limit: Option<Fact<BytesPerSecond>>,
    /// Most of the volume, as a share.
    pub volume_cap: Option<Fact<f64>>,
    /// Least share of domestic supply.
    pub domestic_share: Option<Fact<f64>>,
}

const KNOWN: &[&str] = &[
    "id",
    "date",
    "effective",
    "side",
    "kind",
    "subject",
    "chips",
    "what",
    "status",
    "effect",
    "source",
    "rate",
    "tpp_limit",
    "bandwidth_limit",
    "volume_cap",
    "domestic_share",
];

impl Policy {
    /// Whether it adds to the price of what it names.
    pub fn is_duty(&self) -> bool {
        matches!(self.kind.as_str(), "tariff" | "revenue-share" | "duty" | "surcharge") && self.rate.is_some()
    }
}

/// Reads `policies.toml` over what is there: an id that exists is replaced.
pub(crate) fn read(
    policies: &mut Vec<Policy>,
    file: &str,
    source: &str,
    sources: &BTreeSet<String>,
    chips: &BTreeSet<&str>,
) -> Vec<Diagnostic> {
    let mut r = Reader::new(file, source, "policies".to_owned(), Some(sources));
    let table = r.parse();
    let top = r.top(&table, &["policy"]);
    for of in r.sections(top, "policy", KNOWN) {
        let mut policy = Policy {
            id: text(&mut r, of, "id"),
            date: text(&mut r, of, "date"),
            side: text(&mut r, of, "side"),
            kind: text(&mut r, of, "kind"),
            subject: text(&mut r, of, "subject"),
            chips: r.texts(of, "chips"),
            what: text(&mut r, of, "what"),
            status: text(&mut r, of, "status"),
            effect: r.text(of, "effect").unwrap_or_default().to_owned(),
            source: text(&mut r, of, "source"),
            rate: r.ratio(of, "rate", (0.0, 10.0)),
            tpp_limit: r.ratio(of, "tpp_limit", (0.0, 1e9)),
            bandwidth_limit: r.fact(of, "bandwidth_limit", (1e9, 1e15)),
            volume_cap: r.ratio(of, "volume_cap", (0.0, 1.0)),
            domestic_share: r.ratio(of, "domestic_share", (0.0, 1.0)),
            effective: String::new(),
        };
        policy.effective = r.text(of, "effective").unwrap_or(&policy.date).to_owned();
        if !policy.source.is_empty() && !sources.contains(&policy.source) {
            let span = r.value(of, "source").map(|v| v.span()).unwrap_or_default();
            let help = "add it to sources.toml".to_owned();
            r.report(span, "catalog/unknown-source", format!("unknown source '{}'", policy.source), help);
        }
        for chip in policy.chips.iter().filter(|c| !chips.contains(c.as_str())) {
            let span = r.value(of, "chips").map(|v| v.span()).unwrap_or_default();
            let help = nearest(chip, chips.iter().copied()).map(|n| format!("did you mean '{n}'?")).unwrap_or_default();
            r.report(span, "policy/unknown-chip", format!("'{chip}' is not the id of a chip"), help);
        }
        let facts = [&mut policy.rate, &mut policy.tpp_limit, &mut policy.volume_cap, &mut policy.domestic_share];
        for fact in facts.into_iter().flatten() {
            fact.path = fact.path.replacen("policies.policy", &format!("policies/{}", policy.id), 1);
        }
        match policies.iter_mut().find(|p| p.id == policy.id) {
            Some(old) => *old = policy,
            None => policies.push(policy),
        }
    }
    r.found
}
