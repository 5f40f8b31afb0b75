//! Prices as written, in US dollars: rents, purchases, electricity, overhead of a site, lifetimes.

use std::collections::{BTreeMap, BTreeSet};

use units::{Quantity, Seconds, Usd, UsdPerHour, UsdPerKilowattHour};

use crate::facts::{Facts, Sources, document, each, need_text};
use crate::written::{Table, Value, nearest, short};
use crate::{Diagnostic, Fact};

/// A rent of one chip.
#[derive(Debug, Clone, PartialEq)]
pub struct Rent {
    /// Id of the chip.
    pub of: String,
    /// `on-demand`, `1y`, `3y`, `spot`, `calendar`, `flex`, `capacity-block`, or `owned` (an estimate of cost, not a rent).
    pub term: String,
    /// `hyperscaler`, `neocloud`, `market`, `analyst`.
    pub channel: String,
    /// Where.
    pub region: String,
    /// When: a day, a month, a quarter or a year.
    pub date: String,
    /// Per chip.
    pub price: Fact<UsdPerHour>,
}

/// A price to buy.
#[derive(Debug, Clone, PartialEq)]
pub struct Purchase {
    /// Id of the chip, or of the system where the whole is bought.
    pub of: String,
    /// Chips that it buys.
    pub chips: u32,
    /// `quoted`, `list`, `street`, `grey`, `planned`, `estimate`, `derived`.
    pub channel: String,
    /// Where.
    pub region: String,
    /// When.
    pub date: String,
    /// For all `chips` together.
    pub price: Fact<Usd>,
}

/// A price of electricity.
#[derive(Debug, Clone, PartialEq)]
pub struct Electricity {
    /// Where.
    pub region: String,
    /// `industrial`, `commercial`, `non-household`, `wholesale`, `data centre`.
    pub customer: String,
    /// When.
    pub date: String,
    /// Per kilowatt-hour.
    pub price: Fact<UsdPerKilowattHour>,
}

/// Something named with a number: power usage effectiveness of a site, a share of cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// What.
    pub name: String,
    /// When.
    pub date: String,
    /// The number.
    pub value: Fact<f64>,
}

/// Over how long an owner writes off.
#[derive(Debug, Clone, PartialEq)]
pub struct Depreciation {
    /// Who.
    pub owner: String,
    /// When.
    pub date: String,
    /// Over how long.
    pub life: Fact<Seconds>,
}

/// Everything of `prices.toml`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices {
    /// US dollars for one unit of a currency, by its code.
    pub exchange: BTreeMap<String, Fact<f64>>,
    /// Rents.
    pub rents: Vec<Rent>,
    /// Purchases.
    pub purchases: Vec<Purchase>,
    /// Electricity.
    pub electricity: Vec<Electricity>,
    /// Power usage effectiveness of sites.
    pub pue: Vec<Named>,
    /// Lifetimes in the books of owners.
    pub depreciation: Vec<Depreciation>,
    /// Shares of cost and the like.
    pub shares: Vec<Named>,
}

const TERMS: [&str; 9] = ["on-demand", "1y", "3y", "5y", "spot", "calendar", "flex", "capacity-block", "owned"];
const CHANNELS: [&str; 11] = [
    "hyperscaler",
    "neocloud",
    "market",
    "analyst",
    "quoted",
    "list",
    "street",
    "grey",
    "planned",
    "estimate",
    "derived",
];

impl Prices {
    /// Reads `prices.toml` over what is there already: new rows take the place of all earlier ones of the same thing.
    pub(crate) fn read(&mut self, file: &str, written: &str, sources: &Sources, ids: &Ids) -> Vec<Diagnostic> {
        let facts = Facts::new("prices".to_owned(), sources);
        document(file, written, |top| {
            each(top, "exchange", |_, row| {
                let (currency, _) = (need_text(row, "currency"), need_text(row, "date"));
                if let Some(rate) = need(row, "usd").and_then(|_| facts.number(row, "usd", (1e-6, 1e6))) {
                    self.exchange.insert(currency.clone(), placed(rate, format!("prices/exchange/{currency}")));
                }
            });
            self.read_chips(&facts, top, ids);
            self.read_site(&facts, top);
        })
        .1
    }

    fn read_chips(&mut self, facts: &Facts, top: &Table, ids: &Ids) {
        let mut rents = Vec::new();
        each(top, "rent", |_, row| {
            let (of, region, date) = (ids.read(row, false), need_text(row, "region"), need_text(row, "date"));
            let (term, channel) = (one_of(row, "term", &TERMS), one_of(row, "channel", &CHANNELS));
            let Some(price) = self.money(facts, row, "/h", (1e-4, 1e5)) else { return };
            let price = placed(price, format!("prices/{of}/{term}/{channel}/{date}"));
            rents.push(Rent { of, term, channel, region, date, price });
        });
        replace(&mut self.rents, rents, |r| &r.of);
        let mut purchases = Vec::new();
        each(top, "purchase", |_, row| {
            let (of, region, date) = (ids.read(row, true), need_text(row, "region"), need_text(row, "date"));
            let channel = one_of(row, "channel", &CHANNELS);
            let chips = row.need("chips", "write how many chips it buys").and_then(|v| v.count(1, 10_000_000));
            let Some(price) = self.money(facts, row, "", (1.0, 1e12)) else { return };
            let price = placed(price, format!("prices/{of}/{channel}/{date}"));
            purchases.push(Purchase { of, chips: chips.unwrap_or(1) as u32, channel, region, date, price });
        });
        replace(&mut self.purchases, purchases, |p| &p.of);
    }

    fn read_site(&mut self, facts: &Facts, top: &Table) {
        let mut electricity = Vec::new();
        each(top, "electricity", |_, row| {
            let (region, customer, date) =
                (need_text(row, "region"), need_text(row, "customer"), need_text(row, "date"));
            let Some(price) = self.money(facts, row, "/kWh", (1e-4, 100.0)) else { return };
            let price = placed(price, format!("prices/electricity/{region}/{customer}/{date}"));
            electricity.push(Electricity { region, customer, date, price });
        });
        replace(&mut self.electricity, electricity, |e| &e.region);
        let named = |key: &'static str, name: &'static str, value: &'static str, sane| {
            let mut rows = Vec::new();
            each(top, key, |_, row| {
                let (name, date) = (need_text(row, name), need_text(row, "date"));
                let Some(value) = need(row, value).and_then(|_| facts.number(row, value, sane)) else { return };
                rows.push(Named { value: placed(value, format!("prices/{key}/{name}")), name, date });
            });
            rows
        };
        replace(&mut self.pue, named("pue", "site", "pue", (1.0, 10.0)), |p| &p.name);
        replace(&mut self.shares, named("share", "name", "share", (-1.0, 1.0)), |s| &s.name);
        let mut depreciation = Vec::new();
        each(top, "depreciation", |_, row| {
            let (owner, date) = (need_text(row, "owner"), need_text(row, "date"));
            let life = need(row, "life").and_then(|_| facts.quantity::<Seconds>(row, "life", (86400.0, 3.2e9)));
            let Some(life) = life else { return };
            let life = placed(life, format!("prices/depreciation/{owner}"));
            depreciation.push(Depreciation { owner, date, life });
        });
        replace(&mut self.depreciation, depreciation, |d| &d.owner);
    }

    /// `price` of a row: a number and a currency, then `per`. Bounds are in US dollars.
    fn money<Q: Quantity>(&self, facts: &Facts, row: &Table, per: &str, (low, high): (f64, f64)) -> Option<Fact<Q>> {
        let read = |value: &Value| {
            let split = value.as_text().and_then(|written| {
                let (number, unit) = written.trim().split_once(' ')?;
                let currency = unit.trim().strip_suffix(per)?;
                Some((number.replace([',', '_'], "").parse::<f64>().ok()?, currency))
            });
            let Some((number, currency)) = split else { return value.quantity(Q::new(low), Q::new(high)) };
            let rate = match self.exchange.get(currency) {
                _ if currency == "USD" => 1.0,
                Some(rate) => rate.mid(),
                None => {
                    let known = self.exchange.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    let remedy = format!("use USD{per} or one of {known}, or add an [[exchange]]");
                    value.fault(format!("is in an unknown currency, '{}'", short(currency)), remedy);
                    return None;
                }
            };
            let usd = number * rate;
            if !(low..=high).contains(&usd) {
                value.fault(format!("{usd} USD{per} is out of bounds"), format!("from {low} to {high} USD{per}"));
                return None;
            }
            Some(Q::new(usd))
        };
        facts.of(&need(row, "price")?, read, |q| q.to_string())
    }
}

/// Puts `new` rows in the place of the `old` ones that are about the same thing.
fn replace<T>(old: &mut Vec<T>, new: Vec<T>, about: impl Fn(&T) -> &str) {
    old.retain(|o| !new.iter().any(|n| about(n) == about(o)));
    old.extend(new);
}

/// Ids that a price may name.
pub(crate) struct Ids<'a> {
    pub chips: BTreeSet<&'a str>,
    pub systems: BTreeSet<&'a str>,
}

impl Ids<'_> {
    /// `of` of a row: a chip, or a system where the row may be about one.
    fn read(&self, row: &Table, or_system: bool) -> String {
        let id = need_text(row, "of");
        let known = self.chips.contains(id.as_str()) || (or_system && self.systems.contains(id.as_str()));
        if !id.is_empty() && !known {
            let all = self.chips.iter().chain(self.systems.iter().filter(|_| or_system)).copied();
            let near = nearest(&id, all).map(|n| format!("did you mean '{n}'?")).unwrap_or_default();
            let what = if or_system { "a chip or system" } else { "a chip" };
            row.fault(format!("'{}' is not the id of {what}", short(&id)), near);
        }
        id
    }
}

fn one_of(row: &Table, key: &'static str, known: &[&'static str]) -> String {
    let known: Vec<(&'static str, &'static str)> = known.iter().map(|&k| (k, k)).collect();
    row.need(key, "write one").and_then(|v| v.choice(&known)).unwrap_or_default().to_owned()
}

/// A value that the row must have.
fn need<'d, 't>(row: &Table<'d, 't>, key: &'static str) -> Option<Value<'d, 't>> {
    row.need(key, "write { value = .., kind = .., source = .. }")
}

/// Rows have no ids, so their facts are named by what tells them apart.
fn placed<T>(mut fact: Fact<T>, path: String) -> Fact<T> {
    fact.path = path;
    fact
}
