//! Rules, duties, surcharges and announcements that decide what may be bought, and at what cost.

use std::collections::BTreeSet;

use units::BytesPerSecond;

use crate::facts::{Facts, Sources, document, each, need_text, text, texts};
use crate::written::{Table, nearest, short};
use crate::{Arithmetic, Chip, Diagnostic, Fact};

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
    /// What a plan does with it; `None` where nothing follows for a purchase.
    pub acts: Option<Acts>,
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

/// What a policy does to a purchase: our reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// The chips it names cannot be had.
    Ban,
    /// They may not be used either.
    NoUse,
    /// `rate` comes on top of the price of the chips it names.
    Surcharge,
    /// Chips at or above `tpp_limit` or `bandwidth_limit` cannot be had.
    ExportTest,
    /// At least `domestic_share` of the chips must come from its own side.
    OriginShare,
    /// Electricity costs `rate` less.
    PowerRebate,
}

impl Acts {
    /// Every act, with its name in catalog files.
    pub const NAMED: [(&'static str, Acts); 6] = [
        ("ban", Acts::Ban),
        ("no-use", Acts::NoUse),
        ("surcharge", Acts::Surcharge),
        ("export-test", Acts::ExportTest),
        ("origin-share", Acts::OriginShare),
        ("power-rebate", Acts::PowerRebate),
    ];
}

/// Total processing performance: the dense peak in TFLOP/s times the bits of an operand, at its largest over formats.
pub fn tpp(chip: &Chip) -> f64 {
    let bits = |a: &Arithmetic| match a {
        Arithmetic::Fp32 => 32.0,
        Arithmetic::Bf16 | Arithmetic::Fp16 => 16.0,
        Arithmetic::Fp8 | Arithmetic::Mxfp8 | Arithmetic::Int8 => 8.0,
        Arithmetic::Fp6 => 6.0,
        Arithmetic::Fp4 => 4.0,
    };
    chip.peak.iter().map(|(a, peak)| peak.mid().0 / 1e12 * bits(a)).fold(0.0, f64::max)
}

impl Policy {
    /// Whether its limits bar a chip.
    pub fn bars(&self, chip: &Chip) -> bool {
        let over = |limit: &Option<Fact<f64>>| limit.as_ref().is_some_and(|l| tpp(chip) >= l.mid());
        over(&self.tpp_limit) || self.bandwidth_limit.as_ref().is_some_and(|l| chip.bandwidth.mid() >= l.mid())
    }

    /// Whether it adds to the price of what it names.
    pub fn is_duty(&self) -> bool {
        matches!(self.kind.as_str(), "tariff" | "revenue-share" | "duty" | "surcharge") && self.rate.is_some()
    }
}

/// Reads `policies.toml` over what is there: an id that exists is replaced.
pub(crate) fn read(
    policies: &mut Vec<Policy>,
    file: &str,
    written: &str,
    sources: &Sources,
    chips: &BTreeSet<&str>,
) -> Vec<Diagnostic> {
    document(file, written, |top| {
        each(top, "policy", |_, row| {
            let facts = Facts::new("policies".to_owned(), sources);
            let policy = one(&facts, row, chips);
            match policies.iter_mut().find(|p| p.id == policy.id) {
                Some(old) => *old = policy,
                None => policies.push(policy),
            }
        });
    })
    .1
}

fn one(facts: &Facts, row: &Table, chips: &BTreeSet<&str>) -> Policy {
    let (id, date) = (need_text(row, "id"), need_text(row, "date"));
    let mut policy = Policy {
        effective: text(row, "effective").unwrap_or_else(|| date.clone()),
        side: need_text(row, "side"),
        kind: need_text(row, "kind"),
        subject: need_text(row, "subject"),
        chips: texts(row, "chips"),
        what: need_text(row, "what"),
        status: need_text(row, "status"),
        effect: text(row, "effect").unwrap_or_default(),
        source: row
            .need("source", "name a key of sources.toml")
            .and_then(|v| facts.check_source(v))
            .unwrap_or_default(),
        acts: row.get("acts").and_then(|v| v.choice(&Acts::NAMED)),
        rate: facts.number(row, "rate", (0.0, 10.0)),
        tpp_limit: facts.number(row, "tpp_limit", (0.0, 1e9)),
        bandwidth_limit: facts.quantity(row, "bandwidth_limit", (1e9, 1e15)),
        volume_cap: facts.number(row, "volume_cap", (0.0, 1.0)),
        domestic_share: facts.number(row, "domestic_share", (0.0, 1.0)),
        id,
        date,
    };
    for chip in policy.chips.iter().filter(|c| !chips.contains(c.as_str())) {
        let near = nearest(chip, chips.iter().copied()).map(|n| format!("did you mean '{n}'?")).unwrap_or_default();
        row.fault(format!("'{}' is not the id of a chip", short(chip)), near);
    }
    let facts = [&mut policy.rate, &mut policy.tpp_limit, &mut policy.volume_cap, &mut policy.domestic_share];
    for fact in facts.into_iter().flatten() {
        let key = fact.path.rsplit('.').next().unwrap_or_default();
        fact.path = format!("policies/{}.{key}", policy.id);
    }
    policy
}
