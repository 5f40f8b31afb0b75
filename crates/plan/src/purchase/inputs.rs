//! The walk over every number of a question that may be uncertain: sensitivity, break-even points and maps follow it, and
//! have no list of their own.

use units::Range;

use super::question::{Ask, Effect, How, Question};

/// An uncertain number on the walk over all of them.
pub struct Input<'a> {
    /// `offer.h200.duty`.
    pub path: String,
    /// Unit in words, empty for a plain number.
    pub unit: &'static str,
    /// Its values.
    pub range: &'a mut Range<f64>,
    /// Whether a change needs new rates from the engine.
    pub engine: bool,
}

impl Question {
    /// Walks over every number that may be uncertain.
    pub fn inputs(&mut self, see: &mut dyn FnMut(Input)) {
        let mut tell = |path: String, unit: &'static str, range: &mut Range<f64>| {
            see(Input { path, unit, range, engine: false });
        };
        if let Some(budget) = &mut self.budget {
            tell("budget".into(), "USD", budget);
        }
        let f = &mut self.finance;
        tell("money.interest".into(), "", &mut f.interest);
        tell("money.lifetime".into(), "years", &mut f.lifetime_years);
        tell("money.resale".into(), "", &mut f.resale);
        tell("money.utilisation".into(), "", &mut f.utilisation);
        for site in &mut self.sites {
            let path = |key: &str| format!("site.{}.{key}", site.name);
            tell(path("electricity"), "USD/kWh", &mut site.electricity);
            tell(path("pue"), "", &mut site.pue);
            tell(path("hosting"), "USD/kW/month", &mut site.hosting);
            if let Some(racks) = &mut site.racks {
                tell(path("racks"), "", racks);
            }
            if let Some([power]) = site.power.as_deref_mut() {
                tell(path("power"), "W", power);
            }
        }
        for stack in &mut self.stacks {
            let path = |key: &str| format!("stack.{}.{key}", stack.name);
            tell(path("cost"), "USD", &mut stack.cost);
            tell(path("time"), "quarters", &mut stack.quarters);
            tell(path("staff"), "USD/year", &mut stack.staff);
        }
        for offer in &mut self.offers {
            let path = |key: &str| format!("offer.{}.{key}", offer.name);
            let unit = if offer.how == How::Buy { "USD/chip" } else { "USD/chip/h" };
            tell(path("price"), unit, &mut offer.price);
            tell(path("beside"), "USD/chip", &mut offer.beside);
            tell(path("duty"), "", &mut offer.duty);
            tell(path("pass_through"), "", &mut offer.pass_through);
            tell(path("lead"), "quarters", &mut offer.lead);
            tell(path("power"), "W", &mut offer.power);
            if let Some(supply) = &mut offer.supply {
                tell(path("supply"), "units/quarter", supply);
            }
            if let Some(stock) = &mut offer.stock {
                tell(path("stock"), "units", stock);
            }
        }
        for work in &mut self.work {
            let path = |key: &str| format!("work.{}.{key}", work.name);
            tell(path("tokens_per_day"), "tokens/day", &mut work.tokens_per_day);
            tell(path("growth"), "", &mut work.growth);
            if let Some(unmet) = &mut work.unmet {
                tell(path("unmet"), "USD/M tokens", unmet);
            }
        }
        for scenario in &mut self.scenarios {
            for event in &mut scenario.events {
                let path = format!("scenario.{}.{}", scenario.name, event.name);
                match &mut event.effect {
                    Effect::Ban | Effect::NoUse => {}
                    Effect::Cap(range) => tell(path, "chips", range),
                    Effect::Delay(range) => tell(path, "quarters", range),
                    Effect::Surcharge(range)
                    | Effect::Price(range)
                    | Effect::Supply(range)
                    | Effect::OriginShare(_, range)
                    | Effect::Power(range)
                    | Effect::Electricity(range)
                    | Effect::Demand(range) => tell(path, "", range),
                }
            }
        }
        self.engine_inputs(see);
    }

    /// Those whose change needs new rates: means of prompts and answers, drafts that are accepted, cache hits.
    fn engine_inputs(&mut self, see: &mut dyn FnMut(Input)) {
        use crate::traffic::Lengths;
        for work in &mut self.work {
            let Ask::Serve(study) = &mut work.ask else { continue };
            let path = |key: &str| format!("work.{}.{key}", work.name);
            let traffic = &mut study.traffic;
            for (key, lengths) in [("input", &mut traffic.input), ("output", &mut traffic.output)] {
                let mut range = Range::exact(lengths.mean());
                let before = range;
                see(Input { path: path(key), unit: "tokens", range: &mut range, engine: true });
                if range != before {
                    *lengths = Lengths::Fixed(range.mid.round().max(1.0) as u64);
                }
            }
            let mut share = Range::exact(traffic.prefix_hit);
            see(Input { path: path("prefix_hit"), unit: "", range: &mut share, engine: true });
            traffic.prefix_hit = share.mid;
            if let Some(accepted) = &mut traffic.mtp_accepted {
                let mut range = Range::exact(*accepted);
                see(Input { path: path("mtp_accepted"), unit: "tokens", range: &mut range, engine: true });
                *accepted = range.mid;
            }
        }
    }

    /// Sets an input to one value. `None` if there is no such input; else whether it needs new rates.
    pub fn set(&mut self, path: &str, value: f64) -> Option<bool> {
        let mut found = None;
        self.inputs(&mut |input| {
            if input.path == path {
                *input.range = Range::exact(value);
                found = Some(input.engine);
            }
        });
        found
    }

    /// Paths of all inputs with units and ranges.
    pub fn listed(&self) -> Vec<(String, &'static str, Range<f64>)> {
        let mut all = Vec::new();
        self.clone().inputs(&mut |input| all.push((input.path, input.unit, *input.range)));
        all
    }
}
