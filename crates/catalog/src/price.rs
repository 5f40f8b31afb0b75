//! Prices as written, in US dollars: rents, purchases, electricity, overhead of a site, lifetimes.

use std::collections::{BTreeMap, BTreeSet};

use units::{Quantity, Seconds, Usd, UsdPerHour, UsdPerKilowattHour};

use crate::Fact;
use crate::diagnostic::Diagnostic;
use crate::read::{Reader, Section};

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

const TERMS: &[&str] = &["on-demand", "1y", "3y", "5y", "spot", "calendar", "flex", "capacity-block", "owned"];
const CHANNELS: &[&str] = &[
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
    pub(crate) fn read(
        &mut self,
        file: &str,
        written: &str,
        sources: &BTreeSet<String>,
        ids: &Ids<'_>,
    ) -> Vec<Diagnostic> {
        let mut r = Reader::new(file, written, "prices".to_owned(), Some(sources));
        let table = r.parse();
        let known = ["exchange", "rent", "purchase", "electricity", "pue", "depreciation", "share"];
        let top = r.top(&table, &known);
        for of in r.sections(top, "exchange", &["currency", "date", "usd"]) {
            let currency = r.required(of, "currency").unwrap_or_default();
            if let Some(rate) = need(&mut r, of, "usd", |r, of| r.ratio(of, "usd", (1e-6, 1e6))) {
                self.exchange.insert(currency.to_owned(), placed(rate, format!("prices/exchange/{currency}")));
            }
        }
        let mut rents = Vec::new();
        for of in r.sections(top, "rent", &["of", "term", "channel", "region", "date", "price"]) {
            let (id, region, date) = (ids.chip(&mut r, of), text(&mut r, of, "region"), text(&mut r, of, "date"));
            let (term, channel) = (one_of(&mut r, of, "term", TERMS), one_of(&mut r, of, "channel", CHANNELS));
            let Some(price) = need(&mut r, of, "price", |r, of| self.money(r, of, "/h", (1e-4, 1e5))) else { continue };
            let price = placed(price, format!("prices/{id}/{term}/{channel}/{date}"));
            rents.push(Rent { of: id, term, channel, region, date, price });
        }
        replace(&mut self.rents, rents, |r| &r.of);
        let mut purchases = Vec::new();
        for of in r.sections(top, "purchase", &["of", "chips", "channel", "region", "date", "price"]) {
            let (id, region, date) = (ids.any(&mut r, of), text(&mut r, of, "region"), text(&mut r, of, "date"));
            let channel = one_of(&mut r, of, "channel", CHANNELS);
            let chips = r.whole(of, "chips", 10_000_000).unwrap_or(1);
            let Some(price) = need(&mut r, of, "price", |r, of| self.money(r, of, "", (1.0, 1e12))) else { continue };
            let price = placed(price, format!("prices/{id}/{channel}/{date}"));
            purchases.push(Purchase { of: id, chips, channel, region, date, price });
        }
        replace(&mut self.purchases, purchases, |p| &p.of);
        self.read_site(&mut r, top);
        r.found
    }

    fn read_site(&mut self, r: &mut Reader<'_>, top: Section<'_>) {
        let mut electricity = Vec::new();
        for of in r.sections(top, "electricity", &["region", "customer", "date", "price"]) {
            let (region, customer, date) = (text(r, of, "region"), text(r, of, "customer"), text(r, of, "date"));
            let Some(price) = need(r, of, "price", |r, of| self.money(r, of, "/kWh", (1e-4, 100.0))) else { continue };
            let price = placed(price, format!("prices/electricity/{region}/{customer}/{date}"));
            electricity.push(Electricity { region, customer, date, price });
        }
        replace(&mut self.electricity, electricity, |e| &e.region);
        let mut pue = Vec::new();
        for of in r.sections(top, "pue", &["site", "date", "pue"]) {
            let (name, date) = (text(r, of, "site"), text(r, of, "date"));
            let Some(value) = need(r, of, "pue", |r, of| r.ratio(of, "pue", (1.0, 10.0))) else { continue };
            pue.push(Named { value: placed(value, format!("prices/pue/{name}")), name, date });
        }
        replace(&mut self.pue, pue, |p| &p.name);
        let mut shares = Vec::new();
        for of in r.sections(top, "share", &["name", "date", "share"]) {
            let (name, date) = (text(r, of, "name"), text(r, of, "date"));
            let Some(value) = need(r, of, "share", |r, of| r.ratio(of, "share", (-1.0, 1.0))) else { continue };
            shares.push(Named { value: placed(value, format!("prices/share/{name}")), name, date });
        }
        replace(&mut self.shares, shares, |s| &s.name);
        let mut depreciation = Vec::new();
        for of in r.sections(top, "depreciation", &["owner", "date", "life"]) {
            let (owner, date) = (text(r, of, "owner"), text(r, of, "date"));
            let Some(life) = need(r, of, "life", |r, of| r.fact::<Seconds>(of, "life", (86400.0, 3.2e9))) else {
                continue;
            };
            let life = placed(life, format!("prices/depreciation/{owner}"));
            depreciation.push(Depreciation { owner, date, life });
        }
        replace(&mut self.depreciation, depreciation, |d| &d.owner);
    }

    /// `price` of a row: a number and a currency, then `per`. Bounds are in US dollars.
    fn money<T: Quantity>(&self, r: &mut Reader<'_>, of: Section<'_>, per: &str, sane: (f64, f64)) -> Option<Fact<T>> {
        r.silent_fact(of, "price", |r, value, key| {
            let Some(written) = value.get_ref().as_str() else {
                return r.quantity::<T>(value, key, sane);
            };
            let split = written.trim().split_once(' ').and_then(|(number, unit)| {
                let currency = unit.trim().strip_suffix(per)?;
                Some((number.replace([',', '_'], "").parse::<f64>().ok()?, currency.to_owned()))
            });
            let Some((number, currency)) = split else { return r.quantity::<T>(value, key, sane) };
            let rate = match self.exchange.get(&currency) {
                _ if currency == "USD" => 1.0,
                Some(rate) => rate.mid(),
                None => {
                    let known = self.exchange.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    let help = format!("use USD{per} or one of {known}, or add an [[exchange]]");
                    r.report(value.span(), "price/currency", format!("unknown currency in '{written}'"), help);
                    return None;
                }
            };
            r.believable(value, key, number * rate, sane).map(T::new)
        })
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
    fn chip(&self, r: &mut Reader<'_>, of: Section<'_>) -> String {
        self.check(r, of, |id| self.chips.contains(id), "a chip")
    }

    fn any(&self, r: &mut Reader<'_>, of: Section<'_>) -> String {
        self.check(r, of, |id| self.chips.contains(id) || self.systems.contains(id), "a chip or system")
    }

    fn check(&self, r: &mut Reader<'_>, of: Section<'_>, known: impl Fn(&str) -> bool, what: &str) -> String {
        let id = text(r, of, "of");
        if !id.is_empty() && !known(&id) {
            let span = r.value(of, "of").map(|v| v.span()).unwrap_or_default();
            let all = self.chips.iter().chain(&self.systems).copied();
            let help = crate::diagnostic::nearest(&id, all).map(|n| format!("did you mean '{n}'?")).unwrap_or_default();
            r.report(span, "price/unknown", format!("'{id}' is not the id of {what}"), help);
        }
        id
    }
}

pub(crate) fn text(r: &mut Reader<'_>, of: Section<'_>, key: &str) -> String {
    r.required(of, key).unwrap_or_default().to_owned()
}

fn one_of(r: &mut Reader<'_>, of: Section<'_>, key: &str, known: &[&str]) -> String {
    let name = text(r, of, key);
    if !name.is_empty() && !known.contains(&name.as_str()) {
        let span = r.value(of, key).map(|v| v.span()).unwrap_or_default();
        r.report(span, "price/bad-name", format!("unknown {key} '{name}'"), format!("use one of {}", known.join(", ")));
    }
    name
}

/// A fact that the row must have.
fn need<T>(
    r: &mut Reader<'_>,
    of: Section<'_>,
    key: &str,
    read: impl FnOnce(&mut Reader<'_>, Section<'_>) -> Option<Fact<T>>,
) -> Option<Fact<T>> {
    if r.value(of, key).is_none() {
        r.report_missing(of, format!("'{key}' is missing"));
    }
    read(r, of)
}

/// Rows have no ids, so their facts are named by what tells them apart.
fn placed<T>(mut fact: Fact<T>, path: String) -> Fact<T> {
    fact.path = path;
    fact
}
