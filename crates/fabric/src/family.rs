//! What families of fabrics achieve of their links, and what a step costs: fitted to measured collectives.
//!
//! `seconds = launch + flows + fill x sqrt((launch + rounds x step) x wire)`, where flows run over links of `efficiency` of
//! their bandwidth and pause for `step` a round, and `wire` is the same without pauses over whole links. It tells how
//! algorithms, placements and damage differ; how fast a vendor's library is where it was measured, curves tell better (see
//! [`crate::price`]).

use serde::Deserialize;
use thiserror::Error;
use units::Seconds;

static EMBEDDED: &str = include_str!("../../../calibration/fabric.toml");

/// Fitted parameters of one family.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// "NVLink"; "any" for tiers that no family names.
    pub name: String,
    /// Names of its tiers in the catalog.
    #[serde(default)]
    pub tiers: Vec<String>,
    /// Shares by architecture of the chip, that is by generation of the link, where they were measured.
    #[serde(default)]
    pub reach: Vec<Reach>,
    /// Seconds before anything happens.
    pub launch: Seconds,
    /// Seconds of software for each message of a chain.
    pub step: Seconds,
    /// Cost of filling pipelines, times the geometric mean of latency and transfer.
    pub fill: f64,
    /// Share of a link's bandwidth that large messages reach, under architectures that `reach` does not name.
    pub efficiency: f64,
    /// The same where switches add.
    pub adding: f64,
    /// Seconds more before anything happens where switches add: libraries set that up for large messages only.
    pub adding_launch: Seconds,
    /// Rows it was fitted to.
    pub rows: u32,
    /// Median of |ln(fitted / measured)|.
    pub median: f64,
    /// 90th percentile of it.
    pub p90: f64,
    /// Median for rows of sources (or chips, where there is one source) that the fit did not see; absent where nothing was
    /// left to hold out.
    pub held_out: Option<f64>,
}

/// Shares of a link's bandwidth that one architecture reaches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// "hopper".
    pub architecture: String,
    /// As [`Family::efficiency`].
    pub efficiency: f64,
    /// As [`Family::adding`].
    pub adding: f64,
    /// Rows it was fitted to.
    pub rows: u32,
}

impl Family {
    /// Share of a link's bandwidth that large messages reach under an architecture, and the same where switches add.
    pub fn reach(&self, architecture: &str) -> (f64, f64) {
        let own = self.reach.iter().find(|r| r.architecture.eq_ignore_ascii_case(architecture));
        own.map_or((self.efficiency, self.adding), |r| (r.efficiency, r.adding))
    }
}

/// All families.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Families {
    /// For people.
    #[serde(default)]
    pub note: String,
    /// In the order of the file.
    pub family: Vec<Family>,
}

/// Why parameters cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FamilyError {
    /// No TOML, or fields missing, unknown or of the wrong type.
    #[error("fabric.toml: {0}")]
    Malformed(String),
    /// Numbers that mean nothing.
    #[error("fabric.toml: family '{0}': efficiencies must be in (0, 1], the rest not negative")]
    Numbers(String),
    /// Nothing for other tiers.
    #[error("fabric.toml has no family 'any'")]
    NoAny,
}

impl Families {
    /// Those that come with the program.
    ///
    /// # Errors
    /// If the file is malformed, which the tests exclude.
    pub fn embedded() -> Result<Families, FamilyError> {
        Families::parse(EMBEDDED)
    }

    /// Reads `fabric.toml`.
    ///
    /// # Errors
    /// [`FamilyError`] if it is malformed.
    pub fn parse(text: &str) -> Result<Families, FamilyError> {
        let all: Families = toml::from_str(text).map_err(|e| FamilyError::Malformed(e.to_string()))?;
        let share = |e: f64| e > 0.0 && e <= 1.0;
        let sane = |f: &Family| {
            let rest = [f.launch.0, f.adding_launch.0, f.step.0, f.fill, f.median, f.p90];
            let shares = f.reach.iter().all(|r| share(r.efficiency) && share(r.adding));
            shares && share(f.efficiency) && share(f.adding) && rest.iter().all(|v| v.is_finite() && *v >= 0.0)
        };
        if let Some(bad) = all.family.iter().find(|f| !sane(f)) {
            return Err(FamilyError::Numbers(bad.name.clone()));
        }
        if !all.family.iter().any(|f| f.name == "any") {
            return Err(FamilyError::NoAny);
        }
        Ok(all)
    }

    /// The family of a tier: the one that names it, else "any".
    pub fn of(&self, tier: &str) -> &Family {
        let named = self.family.iter().find(|f| f.tiers.iter().any(|t| t.eq_ignore_ascii_case(tier)));
        let any = || self.family.iter().find(|f| f.name == "any");
        named.or_else(any).unwrap_or(&self.family[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_ones_are_sound() {
        let all = Families::embedded().expect("sound");
        assert_eq!(all.of("NVLink").name, "NVLink");
        assert_eq!(all.of("never heard of").name, "any");
    }

    #[test]
    fn nonsense_is_refused() {
        let text = |efficiency: &str| {
            format!(
                "[[family]]\nname = \"any\"\nlaunch = \"5 us\"\nstep = \"1 us\"\nfill = 0.5\nefficiency = {efficiency}\n\
                 adding = 0.6\nadding_launch = \"3 us\"\nrows = 1\nmedian = 0.1\np90 = 0.2\n"
            )
        };
        assert!(Families::parse(&text("0.8")).is_ok());
        assert!(matches!(Families::parse(&text("1.8")), Err(FamilyError::Numbers(_))));
        assert!(matches!(Families::parse("family = 3"), Err(FamilyError::Malformed(_))));
        assert_eq!(Families::parse("family = []"), Err(FamilyError::NoAny));
    }
}
