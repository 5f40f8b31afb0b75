//! What can be bought or rented.

use catalog::written::Table;
use catalog::{Fact, System};
use units::Range;

use super::{Reader, name};
use crate::purchase::question::{How, Offer, Site};
use crate::study::Candidate;
use crate::study::systems::{name_of, system};

/// Most chips of a unit.
const MOST_CHIPS: u64 = 1_000_000;
/// Terms of a rent: name, quarters, and the name that prices have it by.
const TERMS: [(&str, (usize, &str)); 4] =
    [("on demand", (1, "on-demand")), ("1 year", (4, "1y")), ("3 years", (12, "3y")), ("5 years", (20, "5y"))];

/// What offers may name.
pub(super) struct Known<'a> {
    pub sites: &'a [Site],
    pub site_names: &'a [String],
    pub stack_names: &'a [String],
}

impl Reader<'_> {
    pub(super) fn offer(&self, table: &Table, known: &Known) -> Option<Offer> {
        let name = name(table);
        let unit = self.unit(table);
        let how = self.how(table);
        let index = |key: &'static str, names: &[String], noun: &str| match table.get(key) {
            Some(v) => {
                let all: Vec<&str> = names.iter().map(String::as_str).collect();
                name_of(&v, &all, noun).and_then(|n| names.iter().position(|x| x == n)).map(Some)
            }
            None => Some(None),
        };
        let site = index("site", known.site_names, "site");
        let stack = index("stack", known.stack_names, "stack");
        let price = table.get("price");
        let per = how.map_or("", |(how, _)| if how == How::Buy { "" } else { "/h" });
        let stated = price.as_ref().map(|v| self.money(v, per, (0.0, 1e9)));
        let beside = table.get("beside").map(|v| self.money(&v, "", (0.0, 1e8)));
        let duty = table.get("duty").map_or(Some(Range::exact(0.0)), |v| v.fractions(0.0, 10.0));
        let pass_through = table.get("pass_through").map_or(Some(Range::exact(1.0)), |v| v.fractions(0.0, 1.0));
        let lead = match table.get("lead") {
            Some(v) => self.span(&v),
            None if how.is_some_and(|h| h.0 != How::Buy) => Some(Range::exact(0.0)),
            None => {
                table.need("lead", "write the time from order to delivery, as in lead = \"6 months\" or quarters");
                None
            }
        };
        let (from, until) = (self.when(table, "from", 0), self.when(table, "until", usize::MAX));
        let units = |key| match table.get(key) {
            Some(v) => v.range(|v| v.number(0.0, 1e9), f64::midpoint).map(Some),
            None => Some(None),
        };
        let (supply, stock) = (units("supply"), units("stock"));
        let racks = table.get("racks").map(|v| v.number(0.0, 1e6));
        let origin = table.get("origin").map_or(Some(None), |v| v.text("name a country").map(|t| Some(t.to_owned())));
        // Everything of this offer has been read: what is missing now keeps it from being used, not from being checked.
        let (unit, (how, term), site) = (unit?, how?, site?);
        if how == How::Buy && site.is_none() {
            table.need("site", "name the site where it stands");
            return None;
        }
        if let (How::Rent { .. }, Some(_)) = (how, site) {
            table.fault("is rented and stands at a site", "leave site out: whoever rents it out houses it");
        }
        let (price, beside, source) = match (stated, beside) {
            (Some(price), beside) => (price?, beside.unwrap_or(Some(Range::exact(0.0)))?, "this plan".to_owned()),
            (None, beside) => {
                let (price, own, source) = self.known_price(table, &unit.system, how, term)?;
                (price, beside.unwrap_or(Some(own))?, source)
            }
        };
        let power = match site {
            Some(at) => self.power(table, &unit, known.sites.get(at)?)?,
            None => Range::exact(0.0),
        };
        let racks = match (racks, site) {
            (Some(racks), _) => racks?,
            (None, Some(at)) if known.sites.get(at)?.racks.is_some() => {
                table.need("racks", "write how many racks a unit takes: its site has a limit");
                return None;
            }
            (None, _) => 0.0,
        };
        Some(Offer {
            name: name?,
            chip: unit.system.chip.id.clone(),
            unit,
            site,
            stack: stack?,
            how,
            price,
            price_source: source,
            beside,
            duty: duty?,
            pass_through: pass_through?,
            lead: lead?,
            from: from?,
            until: until?,
            supply: supply?,
            stock: stock?,
            power,
            racks,
            origin: origin?,
        })
    }

    fn unit(&self, table: &Table) -> Option<Candidate> {
        let listed = table.need("system", "name a system of the catalog").and_then(|v| system(&v, self.library));
        let chips = table.get("chips");
        let count = chips.as_ref().map(|v| v.count(1, MOST_CHIPS));
        let engine = match table.get("engine") {
            Some(v) => name_of(&v, &catalog::Engine::names(), "engine").map(|e| Some(e.to_owned())),
            None => Some(None),
        };
        let listed = listed?;
        let system = match &listed.checked {
            Ok(system) => system,
            Err(missing) => {
                let value = table.get("system")?;
                let help = "supply them in a catalog folder of your own (--catalog)";
                value.fault(format!("{} lacks {}", listed.spec.id, missing.join(", ")), help);
                return None;
            }
        };
        let count = count.map_or(Some(system.chips), |c| c.map(|c| c as u32))?;
        let Some(sized) = system.with_chips(count) else {
            let message = format!("{} does not come with {count} chips", system.name);
            let help = format!("1 to {} can be joined", system.most_chips());
            chips
                .map_or_else(|| table.fault(message.clone(), help.clone()), |v| v.fault(message.clone(), help.clone()));
            return None;
        };
        let (surcharge, pass_through) = (Range::exact(0.0), Range::exact(1.0));
        Some(Candidate {
            system: sized,
            chips: count,
            engine: engine?,
            given: Default::default(),
            price: None,
            surcharge,
            pass_through,
        })
    }

    fn how(&self, table: &Table) -> Option<(How, Option<&'static str>)> {
        let rent = match table.need("how", "write how = \"buy\" or \"rent\"") {
            Some(v) => v.choice(&[("buy", false), ("rent", true)]),
            None => None,
        };
        let term = table.get("term");
        match rent? {
            false => {
                if let Some(term) = term {
                    term.fault("goes with a rent", "leave it out");
                }
                Some((How::Buy, None))
            }
            true => {
                let term = match term {
                    Some(v) => v.choice(&TERMS),
                    None => Some(TERMS[0].1),
                };
                term.map(|(quarters, name)| (How::Rent { quarters }, Some(name)))
            }
        }
    }

    /// The catalog's price of one chip, what stands beside it, and where it is from.
    fn known_price(
        &self,
        table: &Table,
        system: &System,
        how: How,
        term: Option<&str>,
    ) -> Option<(Range<f64>, Range<f64>, String)> {
        let title = |source: &str| self.catalog().sources.get(source).map_or(source.to_owned(), |s| s.title.clone());
        if let How::Rent { .. } = how {
            let rent = self.catalog().prices.rent(&system.chip.id, term);
            let Some(rent) = rent else {
                let what = term.unwrap_or("any term");
                let message = format!("the catalog knows no rent of {} for {what}", system.chip.name);
                table.fault(message, "write price = \"3 USD/h\", or a range");
                return None;
            };
            let source = format!("{} ({})", title(&rent.source), rent.path);
            return Some((self.quantity_fact(&rent), Range::exact(0.0), source));
        }
        let found = self.catalog().price_of_system(&system.id).ok();
        let whole = found.as_ref().is_some_and(|f| f.whole_system);
        let Some(price) = found.and_then(|f| f.purchase) else {
            let message = format!("the catalog knows no price of {}", system.name);
            table.fault(message, "write price = \"30_000 USD\" for one chip, or a range");
            return None;
        };
        let range = self.quantity_fact(&price);
        let beside = if whole { Range::exact(0.0) } else { self.beside(&range) };
        Some((range, beside, format!("{} ({})", title(&price.source), price.path)))
    }

    /// Hosts, network and storage of a bare chip: their shares of the capital cost of data centres over that of chips.
    fn beside(&self, price: &Range<f64>) -> Range<f64> {
        let share = |name: &str| {
            let found = self.catalog().prices.shares.iter().find(|s| s.name == name);
            found.map_or(0.0, |s| self.fact(&s.value).mid)
        };
        let chips = share("ai_dc_capex_share_gpu");
        let beside = ["networking", "cpu", "storage"].map(|n| share(&format!("ai_dc_capex_share_{n}")));
        if chips <= 0.0 {
            return Range::exact(0.0);
        }
        let ratio = beside.iter().sum::<f64>() / chips;
        price.map(|p| p * ratio)
    }

    /// IT power of a unit.
    fn power(&self, table: &Table, unit: &Candidate, site: &Site) -> Option<Range<f64>> {
        let region = self.regions.iter().find(|r| r.id == site.region)?;
        let of_chips = |ratio: &Fact<f64>| {
            let tdp = unit.system.chip.tdp.as_ref()?;
            let (watts, ratio) = (self.quantity_fact(tdp), self.fact(ratio));
            let chips = f64::from(unit.chips);
            Some(Range {
                low: watts.low * ratio.low * chips,
                mid: watts.mid * ratio.mid * chips,
                high: watts.high * ratio.high * chips,
            })
        };
        let power = match &unit.system.power {
            Some(power) => Some(self.quantity_fact(power)),
            None => of_chips(&region.system_power),
        };
        if power.is_none() {
            let path = format!("chips/{}.power.tdp", unit.system.chip.id);
            table.fault(
                format!("its power is unknown: {path}"),
                "supply it in a catalog folder of your own (--catalog)",
            );
        }
        power
    }
}
