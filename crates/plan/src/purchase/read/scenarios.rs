//! What may happen: events written in the plan, or policies of the catalog.

use catalog::written::{Table, Value, nearest, short};
use catalog::{Acts, Policy};
use units::Range;

use super::Reader;
use crate::purchase::quarter::Quarter;
use crate::purchase::question::{Effect, Event, Offer, Scenario};
use crate::study::systems::name_of;

/// Things that an event may be about.
pub(super) struct Things<'a> {
    /// The sound ones: all of them, or there is no question in the end.
    pub offers: &'a [Offer],
    pub offer_names: &'a [String],
    pub site_names: &'a [String],
    pub work_names: &'a [String],
}

const KEYS: &str = "one of ban, no_use, surcharge, price, cap, supply, delay, origin_share, power, electricity, demand, or \
                    policy = \"id\"";

impl Reader<'_> {
    /// Scenarios with weights that add up to one; without any, nothing happens.
    pub(super) fn scenarios(&self, root: &Table, things: &Things) -> Option<Vec<Scenario>> {
        let Some(value) = root.get("scenario") else {
            return Some(vec![Scenario { name: "as it is".to_owned(), weight: 1.0, events: Vec::new() }]);
        };
        let list = value.list("write [[scenario]] for each")?;
        if list.is_empty() || list.len() > 50 {
            value.fault(format!("lists {}", list.len()), "give 1 to 50");
            return None;
        }
        let mut all: Vec<Scenario> = Vec::new();
        for item in &list {
            let Some(table) = item.table("write [[scenario]]") else { continue };
            let name = super::name(&table);
            let weight = table.need("weight", "write how likely it is, as in weight = 0.3");
            let weight = weight.and_then(|v| v.fraction(1e-6, 1.0));
            let mut events = Vec::new();
            for value in table.get("event").and_then(|v| v.list("write [[scenario.event]]")).unwrap_or_default() {
                let Some(table) = value.table("write [[scenario.event]]") else { continue };
                events.extend(self.event(&table, things));
                table.finish();
            }
            table.finish();
            if let (Some(name), Some(weight)) = (name, weight) {
                if all.iter().any(|s| s.name == name) {
                    item.fault(format!("'{}' is the name of an earlier one", short(&name)), "choose another");
                }
                all.push(Scenario { name, weight, events });
            }
        }
        let sum: f64 = all.iter().map(|s| s.weight).sum();
        if all.len() == list.len() && (sum - 1.0).abs() > 1e-6 {
            value.fault(format!("weights add up to {sum:.4}"), "let them add up to 1");
        }
        // What is left of rounding in decimal fractions goes.
        all.iter_mut().for_each(|s| s.weight /= sum);
        Some(all)
    }

    fn event(&self, table: &Table, things: &Things) -> Option<Event> {
        let policy = table.get("policy").map(|v| self.policy(&v));
        let name = table.get("name").map(|v| v.text("write what happens").map(str::to_owned));
        let offers = chosen(table, "offers", "offer", things.offer_names);
        let sites = chosen(table, "sites", "site", things.site_names);
        let work = chosen(table, "work", "class of work", things.work_names);
        let effects = self.effects(table);
        let otherwise = match &policy {
            Some(Some(policy)) => match Quarter::of_date(&policy.effective) {
                Some(q) => q.since(self.start).clamp(0, self.quarters as i64) as usize,
                None => 0,
            },
            _ => 0,
        };
        let (from, until) = (self.when(table, "from", otherwise), self.when(table, "until", usize::MAX));
        let (offers, sites, work, effects) = (offers?, sites?, work?, effects?);
        let (from, until) = (from?, until?);
        let (effect, name_of_effect) = match (policy, &effects[..]) {
            (Some(policy), []) => {
                let policy = policy?;
                (self.acts(table, policy)?, policy.id.clone())
            }
            (None, [(key, effect)]) => (effect.clone(), (*key).to_owned()),
            (Some(_), _) => {
                table.fault("names a policy and an effect", "write one of the two");
                return None;
            }
            (None, many) => {
                table.fault(format!("has {} effects", many.len()), format!("write {KEYS}"));
                return None;
            }
        };
        let named_by_policy = || match &table.get("policy").and_then(|v| self.policy_quietly(&v)) {
            Some(policy) => touched(policy, things),
            None => (0..things.offer_names.len()).collect(),
        };
        let offers = offers.unwrap_or_else(named_by_policy);
        let about_offers = !matches!(effect, Effect::Power(_) | Effect::Electricity(_) | Effect::Demand(_));
        if about_offers && offers.is_empty() {
            table.fault("touches no offer of this plan", "leave it out, or name offers = [..]");
        }
        if let Effect::OriginShare(..) = &effect {
            let named = offers.iter().filter_map(|&o| things.offers.get(o));
            for offer in named.filter(|o| o.origin.is_none()) {
                let name = short(&offer.name);
                table
                    .fault(format!("asks where '{name}' comes from"), "write origin = \"CN\" or another at that offer");
            }
        }
        Some(Event {
            name: name.unwrap_or(Some(name_of_effect))?,
            offers,
            sites: sites.unwrap_or_else(|| (0..things.site_names.len()).collect()),
            work: work.unwrap_or_else(|| (0..things.work_names.len()).collect()),
            from,
            until,
            effect,
        })
    }

    /// Effects that are written, with their keys.
    fn effects(&self, table: &Table) -> Option<Vec<(&'static str, Effect)>> {
        let mut all = Vec::new();
        let mut sound = true;
        for (key, effect) in [("ban", Effect::Ban), ("no_use", Effect::NoUse)] {
            match table.get(key).map(|v| v.truth()) {
                Some(Some(true)) => all.push((key, effect)),
                Some(None) => sound = false,
                Some(Some(false)) | None => {}
            }
        }
        type Make = fn(Range<f64>) -> Effect;
        let factors: [(&'static str, Make, f64); 5] = [
            ("price", Effect::Price, 100.0),
            ("supply", Effect::Supply, 100.0),
            ("power", Effect::Power, 10.0),
            ("electricity", Effect::Electricity, 100.0),
            ("demand", Effect::Demand, 100.0),
        ];
        for (key, make, most) in factors {
            if let Some(value) = table.get(key) {
                match value.range(|v| v.fraction(0.0, most), f64::midpoint) {
                    Some(by) => all.push((key, make(by))),
                    None => sound = false,
                }
            }
        }
        if let Some(value) = table.get("surcharge") {
            match value.fractions(0.0, 10.0) {
                Some(rate) => all.push(("surcharge", Effect::Surcharge(rate))),
                None => sound = false,
            }
        }
        if let Some(value) = table.get("cap") {
            match value.range(|v| super::amount::large(v, 0.0, 1e9), f64::midpoint) {
                Some(chips) => all.push(("cap", Effect::Cap(chips))),
                None => sound = false,
            }
        }
        if let Some(value) = table.get("delay") {
            match self.span(&value) {
                Some(time) => all.push(("delay", Effect::Delay(time))),
                None => sound = false,
            }
        }
        if let Some(value) = table.get("origin_share") {
            const REMEDY: &str = "write origin_share = { of = \"CN\", at_least = \"80 %\" }";
            let inner = value.table(REMEDY);
            let share = inner.and_then(|t| {
                let of = t.need("of", REMEDY).and_then(|v| v.text(REMEDY).map(str::to_owned));
                let least = t.need("at_least", REMEDY).and_then(|v| v.fractions(0.0, 1.0));
                t.finish();
                Some(Effect::OriginShare(of?, least?))
            });
            match share {
                Some(share) => all.push(("origin_share", share)),
                None => sound = false,
            }
        }
        sound.then_some(all)
    }

    fn policy(&self, value: &Value) -> Option<&Policy> {
        let id = value.text("name a policy of the catalog")?;
        let found = self.catalog().policies.iter().find(|p| p.id == id);
        if found.is_none() {
            let ids = self.catalog().policies.iter().map(|p| p.id.as_str());
            let near = nearest(id, ids).map(|n| format!("did you mean \"{n}\"? "));
            let help = format!("{}policies.toml of the catalog lists all", near.unwrap_or_default());
            value.fault(format!("there is no policy '{}'", short(id)), help);
        }
        found
    }

    fn policy_quietly(&self, value: &Value) -> Option<&Policy> {
        let id = value.as_text()?;
        self.catalog().policies.iter().find(|p| p.id == id)
    }

    /// What a policy does, by the catalog.
    fn acts(&self, table: &Table, policy: &Policy) -> Option<Effect> {
        let lacks = |what: &str| {
            table.fault(format!("policy {} has no {what}", policy.id), "write the effect in the event itself");
            None
        };
        match policy.acts {
            Some(Acts::Ban | Acts::ExportTest) => Some(Effect::Ban),
            Some(Acts::NoUse) => Some(Effect::NoUse),
            Some(Acts::Surcharge) => match &policy.rate {
                Some(rate) => Some(Effect::Surcharge(self.fact(rate))),
                None => lacks("rate"),
            },
            Some(Acts::PowerRebate) => match &policy.rate {
                Some(rate) => {
                    let rate = self.fact(rate);
                    Some(Effect::Electricity(Range { low: 1.0 - rate.high, mid: 1.0 - rate.mid, high: 1.0 - rate.low }))
                }
                None => lacks("rate"),
            },
            Some(Acts::OriginShare) => match &policy.domestic_share {
                Some(share) => Some(Effect::OriginShare(policy.side.clone(), self.fact(share))),
                None => lacks("domestic_share"),
            },
            None => {
                let message = format!("policy {} says nothing that a plan can apply", policy.id);
                table.fault(message, format!("write its effect instead: {KEYS}"));
                None
            }
        }
    }
}

/// Offers whose chip a policy is about: those that it names, or those above its limits.
fn touched(policy: &Policy, things: &Things) -> Vec<usize> {
    let about = |o: &Offer| match policy.acts {
        Some(Acts::ExportTest) => policy.bars(&o.unit.system.chip),
        Some(Acts::OriginShare | Acts::PowerRebate) => true,
        _ => policy.chips.contains(&o.chip),
    };
    (0..things.offers.len()).filter(|&i| about(&things.offers[i])).collect()
}

/// Indices of named things; `Some(None)` where the key is not written.
fn chosen(table: &Table, key: &'static str, noun: &str, names: &[String]) -> Option<Option<Vec<usize>>> {
    let Some(value) = table.get(key) else { return Some(None) };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let list = value.list(&format!("write {key} = [\"name\", ..]"))?;
    let find = |v: &Value| name_of(v, &names, noun).and_then(|n| names.iter().position(|x| *x == n));
    let all: Vec<Option<usize>> = list.iter().map(find).collect();
    all.into_iter().collect::<Option<Vec<_>>>().map(Some)
}
