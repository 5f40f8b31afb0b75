//! Statements of others as small studies: each is put to the test case by case, and the figures give the verdict.
//!
//! A claim names what is compared ([`Test`]) and the bar that it sets. A case holds where the whole interval of its figure
//! lies on the claimed side of the bar, fails where it lies on the other, and stays open where it straddles the bar. The
//! claim holds if all cases do, holds under conditions if some do, and does not hold if one fails and none holds.

mod quantity;
mod read;
mod run;

use catalog::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::findings::Estimate;
use crate::goodput;
use crate::normal::{cumulative, quantile};
use crate::purchase::question::Ask;
use crate::study::{Candidate, Library};

pub use read::{check, read};
pub use run::run;

static FILES: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../examples/claims");

/// The claims that come with the program, by id.
///
/// # Errors
/// What is wrong with their files: nothing, or there is a bug.
pub fn embedded(library: Library) -> Result<Vec<Claim>, Vec<Diagnostic>> {
    let mut files: Vec<_> = FILES.files().filter(|f| f.path().extension().is_some_and(|e| e == "toml")).collect();
    files.sort_by_key(|f| f.path());
    let (mut claims, mut found) = (Vec::new(), Vec::new());
    for file in files {
        let name = format!("examples/claims/{}", file.path().display());
        match check(&name, file.contents_utf8().unwrap_or_default(), None, library) {
            Ok(claim) => claims.push(claim),
            Err(faults) => found.extend(faults),
        }
    }
    if found.is_empty() { Ok(claims) } else { Err(found) }
}

/// A text in both languages of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bilingual {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// A statement with its cases.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Name of its file.
    pub id: String,
    /// What is said.
    pub says: Bilingual,
    /// Who says it.
    pub by: String,
    /// What a reader should know beside the figures.
    pub note: Option<Bilingual>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One set of circumstances.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name.
    pub name: Bilingual,
    /// What is found out.
    pub test: Test,
    /// What the claim says of it.
    pub bar: Bar,
}

/// What a claim says of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bar {
    /// Not below.
    AtLeast(f64),
    /// Not above.
    AtMost(f64),
    /// Within this share of it, the second number.
    About(f64, f64),
}

/// What is found out.
#[derive(Debug, Clone)]
pub enum Test {
    /// Facts of the catalog: a product over a product.
    Facts {
        /// Paths of factors.
        of: Vec<String>,
        /// Paths of divisors.
        over: Vec<String>,
    },
    /// A figure of one system over the same of another, both doing the same work; over 1 where there is no other.
    Done {
        /// The work, and on what.
        left: Box<Side>,
        /// What it is compared with.
        right: Option<Box<Side>>,
        /// The figure.
        figure: Figure,
    },
    /// Chips of the largest scale-up tier of a medium among all systems of the catalog.
    LargestTier {
        /// The medium.
        medium: String,
    },
    /// How a long job fares on a machine that fails.
    Fares {
        /// The job and the machine: one.
        study: Box<goodput::Study>,
        /// The figure.
        fate: Fate,
    },
    /// Something that the program cannot find out: what it would take.
    Needs(String),
}

/// A system with work to do.
#[derive(Debug, Clone)]
pub struct Side {
    /// What is served or trained; its systems are empty.
    pub work: Ask,
    /// On what, with its price.
    pub unit: Candidate,
}

/// A figure of a system that serves or trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Generated tokens per second and chip.
    PerChip,
    /// Generated tokens per second of the system.
    PerSystem,
    /// US dollars for a million tokens.
    Cost,
    /// Joules for a token.
    Energy,
    /// Share of communication in a step of serving.
    Communication,
    /// US dollars for a million tokens of training.
    TrainingCost,
    /// Time on the links over the time of a training step, whether work hides it or not.
    TrainingLinks,
    /// The part of a training step in which nothing but communication goes on.
    TrainingExposed,
}

impl Figure {
    /// Whether it is one of training.
    pub fn of_training(self) -> bool {
        matches!(self, Figure::TrainingCost | Figure::TrainingLinks | Figure::TrainingExposed)
    }
}

/// How a long job fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Share of the time in which the job was up.
    Up,
    /// Share of the time in which as many units are up as the job needs, spares included.
    EnoughUp,
    /// Seconds of the way back after a failed unit, in the mean.
    WayBack,
    /// Seconds of the step of that way that wires the fabric anew.
    ReWire,
}

impl Fate {
    /// Unit of its figure; empty for shares.
    pub fn unit(self) -> &'static str {
        match self {
            Fate::Up | Fate::EnoughUp => "",
            Fate::WayBack | Fate::ReWire => "s",
        }
    }
}

/// Fates by the name that a claim writes.
pub const FATES: [(&str, Fate); 4] = [
    ("time up", Fate::Up),
    ("enough units up", Fate::EnoughUp),
    ("way back", Fate::WayBack),
    ("re-wiring", Fate::ReWire),
];

/// Figures by the name that a claim writes.
pub const FIGURES: [(&str, Figure); 8] = [
    ("tokens per chip", Figure::PerChip),
    ("tokens per system", Figure::PerSystem),
    ("cost per token", Figure::Cost),
    ("energy per token", Figure::Energy),
    ("communication", Figure::Communication),
    ("cost per trained token", Figure::TrainingCost),
    ("training communication", Figure::TrainingLinks),
    ("training communication that nothing hides", Figure::TrainingExposed),
];

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is as claimed.
    Yes,
    /// It is not.
    No,
    /// The interval of the figure holds both.
    Open,
    /// It could not be found out.
    Unknown,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// In every case.
    Holds,
    /// In some cases.
    HoldsIf,
    /// In none, and it fails in at least one.
    DoesNotHold,
    /// No case is decided.
    CannotBeTested,
}

impl Verdict {
    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsIf => "holds if",
            Verdict::DoesNotHold => "does not hold",
            Verdict::CannotBeTested => "cannot be tested",
        }
    }

    /// From the outcomes of cases.
    pub fn of(outcomes: &[Outcome]) -> Verdict {
        let any = |o: Outcome| outcomes.contains(&o);
        match (any(Outcome::Yes), any(Outcome::No)) {
            (true, _) if outcomes.iter().all(|o| *o == Outcome::Yes) => Verdict::Holds,
            (true, _) => Verdict::HoldsIf,
            (false, true) => Verdict::DoesNotHold,
            (false, false) => Verdict::CannotBeTested,
        }
    }
}

/// A claim with what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimFinding {
    /// Name of its file.
    pub id: String,
    /// What is said.
    pub says: Bilingual,
    /// Who says it.
    pub by: String,
    /// What a reader should know.
    pub note: Option<Bilingual>,
    /// The verdict.
    pub verdict: Verdict,
    /// Its cases.
    pub cases: Vec<CaseFinding>,
}

/// A case with what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseFinding {
    /// Name.
    pub name: Bilingual,
    /// The figure, by the name that a claim writes; empty for facts.
    pub figure: String,
    /// What was compared: paths of facts, or systems.
    pub what: String,
    /// What the claim says.
    pub bar: Bar,
    /// Unit of the figure and of what the claim says, without a prefix: `FLOP/s`; empty for ratios, shares and counts.
    #[serde(default)]
    pub unit: String,
    /// What was found, or why nothing was.
    pub found: Result<Estimate, String>,
    /// Figures of both sides, in words.
    pub sides: Vec<(String, String)>,
    /// Whether it is as claimed.
    pub outcome: Outcome,
    /// How likely it is, if that is open.
    #[serde(default)]
    pub odds: Option<f64>,
}

impl Bar {
    /// Least and most value that is as claimed.
    fn span(&self) -> (f64, f64) {
        match *self {
            Bar::AtLeast(bar) => (bar, f64::INFINITY),
            Bar::AtMost(bar) => (f64::NEG_INFINITY, bar),
            Bar::About(bar, share) => (bar - (bar * share).abs(), bar + (bar * share).abs()),
        }
    }

    /// How likely a figure is as claimed, where its interval of 90 % leaves that open: the logarithm of the figure is taken
    /// as normal, with a spread of its own to each side.
    pub fn odds(&self, e: &Estimate) -> f64 {
        let below = |x: f64| {
            if x <= 0.0 || x.is_infinite() {
                return f64::from(u8::from(x > 0.0));
            }
            let (far, end) = ((x / e.value).ln(), if x < e.value { e.value / e.low } else { e.high / e.value });
            cumulative(far / (end.ln() / quantile(0.95)).max(1e-9))
        };
        let (low, high) = self.span();
        below(high) - below(low)
    }

    /// Where an interval lies.
    pub fn judge(&self, e: &Estimate) -> Outcome {
        let (low, high) = self.span();
        match () {
            () if e.low >= low && e.high <= high => Outcome::Yes,
            () if e.high < low || e.low > high => Outcome::No,
            () => Outcome::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_passed_with_the_whole_interval() {
        let e = |low, high| Estimate { value: f64::midpoint(low, high), low, high };
        assert_eq!(Bar::AtLeast(2.0).judge(&e(2.0, 3.0)), Outcome::Yes);
        assert_eq!(Bar::AtLeast(2.0).judge(&e(1.9, 3.0)), Outcome::Open);
        assert_eq!(Bar::AtMost(2.0).judge(&e(2.1, 3.0)), Outcome::No);
        assert_eq!(Bar::About(42.5, 0.01).judge(&e(42.52, 42.52)), Outcome::Yes);
        assert_eq!(Bar::About(42.5, 0.01).judge(&e(40.0, 41.0)), Outcome::No);
    }

    #[test]
    fn odds_are_those_of_the_interval() {
        // One in twenty lies below the interval, one in twenty above, half below the middle.
        let e = Estimate { value: 1.0, low: 0.5, high: 4.0 };
        for (bar, odds) in [(0.5, 0.05), (1.0, 0.5), (4.0, 0.95)] {
            assert!((Bar::AtMost(bar).odds(&e) - odds).abs() < 1e-6);
            assert!((Bar::AtLeast(bar).odds(&e) - (1.0 - odds)).abs() < 1e-6);
        }
        // A spread of two above: 8 is three halves of it.
        assert!((Bar::AtMost(8.0).odds(&e) - cumulative(1.5 * quantile(0.95))).abs() < 1e-9);
        assert!((Bar::About(1.0, 0.5).odds(&e) - (Bar::AtMost(1.5).odds(&e) - 0.05)).abs() < 1e-6);
        assert_eq!(Bar::AtMost(-1.0).odds(&e), 0.0);
    }

    #[test]
    fn claims_that_come_with_the_program_are_sound() {
        let catalog = catalog::Catalog::embedded();
        let claims = embedded(Library { catalog: &catalog, folder: None });
        let claims = claims.unwrap_or_else(|faults| panic!("{}", faults[0]));
        assert!(claims.len() >= 14);
    }

    #[test]
    fn cases_make_the_verdict() {
        use Outcome::{No, Open, Unknown, Yes};
        assert_eq!(Verdict::of(&[Yes, Yes]), Verdict::Holds);
        assert_eq!(Verdict::of(&[Yes, No, Open]), Verdict::HoldsIf);
        assert_eq!(Verdict::of(&[Yes, Open]), Verdict::HoldsIf);
        assert_eq!(Verdict::of(&[No, Open]), Verdict::DoesNotHold);
        assert_eq!(Verdict::of(&[Open, Unknown]), Verdict::CannotBeTested);
        assert_eq!(Verdict::of(&[]), Verdict::CannotBeTested);
    }
}
