//! Classes of work.

use catalog::written::Table;
use units::Range;

use super::amount::larges;
use super::{Reader, name};
use crate::purchase::question::{Ask, Work};
use crate::study::work::work;
use crate::train::study as train;

const KINDS: [(&str, bool); 2] = [("serving", false), ("training", true)];

impl Reader<'_> {
    pub(super) fn work(&self, table: &Table) -> Option<Work> {
        let name = name(table);
        let training = table.get("kind").map_or(Some(false), |v| v.choice(&KINDS));
        let ask = match training {
            Some(true) => train::work(table, self.folder, self.library).map(|s| Ask::Train(Box::new(s))),
            _ => work(table, self.folder, self.library).map(|s| Ask::Serve(Box::new(s))),
        };
        let remedy = "write tokens a day, as in tokens_per_day = \"20 G\": generated ones of serving, processed ones of \
                      training";
        let tokens = table.need("tokens_per_day", remedy).and_then(|v| larges(&v, 1.0, 1e20));
        let growth = table.get("growth").map_or(Some(Range::exact(0.0)), |v| v.fractions(-0.9, 10.0));
        let (from, until) = (self.when(table, "from", 0), self.when(table, "until", usize::MAX));
        let unmet = table.get("unmet").map_or(Some(None), |v| self.money(&v, "/M", (0.0, 1e6)).map(Some));
        let apart = match table.get("prefill") {
            Some(v) => v.choice(&[("together", false), ("apart", true)]),
            None => Some(false),
        };
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            table.fault("has no quarter with demand", "let until come after from, within the plan");
        }
        Some(Work {
            name: name?,
            ask: ask?,
            tokens_per_day: tokens?,
            growth: growth?,
            from: from?,
            until: until?,
            unmet: unmet?,
            apart: apart?,
        })
    }
}
