//! What was rejected, and why.

use crate::findings::{Reason, Rejection};
use crate::refusal::Refusal;

/// Rejections by reason, in order of first appearance.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    list: Vec<Rejection>,
}

impl Tally {
    /// Whether nothing was rejected.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One more.
    pub fn add(&mut self, reason: Reason, example: impl FnOnce() -> String) {
        self.put(Rejection { reason, count: 1, example: example() });
    }

    /// Those of another tally.
    pub fn merge(&mut self, other: Tally) {
        other.list.into_iter().for_each(|r| self.put(r));
    }

    fn put(&mut self, new: Rejection) {
        match self.list.iter_mut().find(|old| same(&old.reason, &new.reason)) {
            Some(old) => {
                old.count += new.count;
                if nearer(&new.reason, &old.reason) {
                    (old.reason, old.example) = (new.reason, new.example);
                }
            }
            None => self.list.push(new),
        }
    }

    /// The reason that came nearest to fitting, if memory was one.
    pub fn least_too_large(&self) -> Option<&Reason> {
        self.list.iter().map(|r| &r.reason).find(|r| matches!(r, Reason::DoesNotFit { .. }))
    }

    /// Tells those that do not fit how many chips would do.
    pub fn set_nearest(&mut self, chips: Option<u32>) {
        for r in &mut self.list {
            if let Reason::DoesNotFit { nearest_chips, .. } = &mut r.reason {
                *nearest_chips = chips;
            }
        }
    }

    /// The list.
    pub fn into_list(self) -> Vec<Rejection> {
        self.list
    }
}

/// Whether two reasons are one to a reader: the same kind, and the same level or degree.
fn same(a: &Reason, b: &Reason) -> bool {
    match (a, b) {
        (Reason::DoesNotFit { .. }, Reason::DoesNotFit { .. }) => true,
        (Reason::MissesLevel { level: a, .. }, Reason::MissesLevel { level: b, .. }) => a == b,
        (Reason::DoesNotDivide { what: a, .. }, Reason::DoesNotDivide { what: b, .. }) => a == b,
        (Reason::Overloaded { .. }, Reason::Overloaded { .. }) => true,
        (Reason::NotAsNamed { .. }, Reason::NotAsNamed { .. }) => true,
        _ => false,
    }
}

/// Whether `a` came nearer to serving than `b` of the same kind.
fn nearer(a: &Reason, b: &Reason) -> bool {
    match (a, b) {
        (Reason::DoesNotFit { needs: a, has: x, .. }, Reason::DoesNotFit { needs: b, has: y, .. }) => a / x < b / y,
        (Reason::MissesLevel { best: a, .. }, Reason::MissesLevel { best: b, .. }) => a < b,
        (Reason::Overloaded { reached: a, .. }, Reason::Overloaded { reached: b, .. }) => a > b,
        _ => false,
    }
}

/// The reason behind a refusal that is the set-up's fault; `None` for all others.
pub fn reason(refusal: &Refusal) -> Option<Reason> {
    use cost::deploy::Misfit;
    let divide = |what: &str, count: u64, of: &str| {
        Some(Reason::DoesNotDivide { what: what.to_owned(), count, of: of.to_owned() })
    };
    match refusal {
        Refusal::DoesNotFit { needs, has } => {
            Some(Reason::DoesNotFit { needs: *needs, has: *has, nearest_chips: None })
        }
        Refusal::Misfit(Misfit::DoesNotDivide { degree, of, count, .. }) => divide(degree, *count, of),
        Refusal::Misfit(Misfit::TooManyStages { layers, .. }) => divide("pp", u64::from(*layers), "layers"),
        Refusal::Misfit(Misfit::ExpertGrid { tp, dp, .. }) => divide("ep", u64::from(tp * dp), "devices"),
        Refusal::Misfit(Misfit::Zero(degree)) => divide(degree, 0, "devices"),
        _ => None,
    }
}
