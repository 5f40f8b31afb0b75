//! The one price to use where several are known, as a range with its source.

use units::{Range, Usd, UsdPerHour, UsdPerKilowattHour};

use crate::price::{Electricity, Prices, Purchase, Rent};
use crate::{Fact, Kind};

/// What a chip costs, as far as known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Price {
    /// Rent of one chip with its share of the system.
    pub rent: Option<Fact<UsdPerHour>>,
    /// Purchase of one chip.
    pub purchase: Option<Fact<Usd>>,
    /// Whether `purchase` is a share of a whole system's price, hosts and network included, or the bare chip's.
    pub whole_system: bool,
}

/// Rents that a planner may count on: no spot, no estimate of an owner's cost.
const FIRM_TERMS: &[&str] = &["on-demand", "1y", "3y", "5y", "calendar", "flex", "capacity-block"];

impl Prices {
    /// Rent of `chip`, of one `term` or of all firm terms. From the newest two years; the value is the median of the
    /// offers outside hyperscalers (whose list prices are two to four times the others), or of all if there are no
    /// others; low and high span all of them.
    pub fn rent(&self, chip: &str, term: Option<&str>) -> Option<Fact<UsdPerHour>> {
        let of_term = |r: &&Rent| match term {
            Some(term) => r.term == term,
            None => FIRM_TERMS.contains(&r.term.as_str()),
        };
        let all: Vec<&Rent> = self.rents.iter().filter(|r| r.of == chip).filter(of_term).collect();
        let newest = all.iter().filter_map(|r| year(&r.date)).max();
        let recent: Vec<&Rent> = all.into_iter().filter(|r| year(&r.date).map(|y| y + 1) >= newest).collect();
        let others: Vec<&Fact<UsdPerHour>> =
            recent.iter().filter(|r| r.channel != "hyperscaler").map(|r| &r.price).collect();
        let every: Vec<&Fact<UsdPerHour>> = recent.iter().map(|r| &r.price).collect();
        typical(if others.is_empty() { &every } else { &others }, &every)
    }

    /// Purchase of one `chip` bare. The value is the median of quoted and list prices, or of all if there are none; low
    /// and high span all but plans that never became a product.
    pub fn purchase_of_chip(&self, chip: &str) -> Option<Fact<Usd>> {
        self.purchase(chip)
    }

    /// Share of one chip in the price of a whole `system`.
    pub fn purchase_of_system(&self, system: &str) -> Option<Fact<Usd>> {
        self.purchase(system)
    }

    fn purchase(&self, of: &str) -> Option<Fact<Usd>> {
        let each = |p: &Purchase| p.price.map(|usd| usd / f64::from(p.chips));
        let all: Vec<&Purchase> = self.purchases.iter().filter(|p| p.of == of && p.channel != "planned").collect();
        let every: Vec<Fact<Usd>> = all.iter().map(|p| each(p)).collect();
        let firm: Vec<Fact<Usd>> =
            all.iter().filter(|p| p.channel == "quoted" || p.channel == "list").map(|p| each(p)).collect();
        let every: Vec<&Fact<Usd>> = every.iter().collect();
        let firm: Vec<&Fact<Usd>> = firm.iter().collect();
        typical(if firm.is_empty() { &every } else { &firm }, &every)
    }

    /// Electricity in `region`: rows of exactly this region, else of the regions within it ("US" within "US-Ohio"),
    /// wholesale left out.
    pub fn electricity(&self, region: &str) -> Option<Fact<UsdPerKilowattHour>> {
        let retail = || self.electricity.iter().filter(|e| e.customer != "wholesale");
        let exact: Vec<&Electricity> = retail().filter(|e| e.region.eq_ignore_ascii_case(region)).collect();
        let within = |e: &&Electricity| e.region.split('-').next().is_some_and(|r| r.eq_ignore_ascii_case(region));
        let rows = if exact.is_empty() { retail().filter(within).collect() } else { exact };
        let every: Vec<&Fact<UsdPerKilowattHour>> = rows.iter().map(|e| &e.price).collect();
        typical(&every, &every)
    }
}

/// The year that a date starts with.
fn year(date: &str) -> Option<i32> {
    date.get(..4)?.parse().ok()
}

/// The median of `best`, between the extremes of `every`. `every` holds `best`.
pub(crate) fn typical<T: Copy + PartialOrd>(best: &[&Fact<T>], every: &[&Fact<T>]) -> Option<Fact<T>> {
    let mut sorted = best.to_vec();
    sorted.sort_by(|a, b| a.mid().partial_cmp(&b.mid()).unwrap_or(std::cmp::Ordering::Equal));
    let median = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    let mut range = median.value;
    for fact in every {
        range = Range {
            low: if fact.value.low < range.low { fact.value.low } else { range.low },
            mid: range.mid,
            high: if fact.value.high > range.high { fact.value.high } else { range.high },
        };
    }
    let mut fact = (*median).clone();
    fact.value = range;
    if every.len() > 1 {
        fact.kind = fact.kind.max(Kind::Analyst);
        let of = every.len();
        fact.note =
            if fact.note.is_empty() { format!("of {of} prices") } else { format!("of {of} prices; {}", fact.note) };
    }
    Some(fact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rent(term: &str, channel: &str, date: &str, usd: f64) -> Rent {
        let path = format!("{term}/{channel}/{date}");
        let value = Range::exact(UsdPerHour(usd));
        let price = Fact { value, kind: Kind::Vendor, source: "s".to_owned(), note: String::new(), path };
        let own = str::to_owned;
        Rent { of: own("c"), term: own(term), channel: own(channel), region: own("US"), date: own(date), price }
    }

    #[test]
    fn rent_is_the_median_outside_hyperscalers() {
        let rents = vec![
            rent("on-demand", "neocloud", "2026", 3.0),
            rent("on-demand", "market", "2026-05", 2.0),
            rent("1y", "market", "2025-10", 1.7),
            rent("on-demand", "hyperscaler", "2026-09", 11.0),
            rent("spot", "neocloud", "2026-09", 1.0),
            rent("on-demand", "market", "2023", 9.5),
        ];
        let prices = Prices { rents, ..Prices::default() };
        let price = prices.rent("c", None).expect("known").value;
        assert_eq!((price.low.0, price.mid.0, price.high.0), (1.7, 2.0, 11.0));
        assert_eq!(prices.rent("c", Some("spot")).expect("known").mid().0, 1.0);
        assert_eq!(prices.rent("d", None), None);
    }
}
