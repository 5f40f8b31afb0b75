//! Sites and stacks.

use std::collections::BTreeSet;

use catalog::written::Table;
use units::{Range, Watts};

use super::{Reader, name};
use crate::purchase::question::{Site, Stack};
use crate::study::systems::name_of;

/// Most power of a site: ten gigawatts.
const MOST_WATTS: Watts = Watts(1e10);

impl Reader<'_> {
    pub(super) fn site(&self, table: &Table) -> Option<Site> {
        let name = name(table);
        let known: Vec<&str> = self.regions.iter().map(|r| r.id.as_str()).collect();
        let region = table.get("region").map_or(Some("world"), |v| name_of(&v, &known, "region"));
        let region = region.and_then(|id| self.regions.iter().find(|r| r.id == id));
        let power = table.get("power").map(|v| match v.as_list() {
            Some(list) if list.len() > 3 => {
                let each = list.iter().map(|v| v.quantity(Watts(0.0), MOST_WATTS).map(|w| Range::exact(w.0)));
                each.collect::<Option<Vec<_>>>()
            }
            _ => v.quantities(Watts(0.0), MOST_WATTS).map(|r| vec![r.map(|w| w.0)]),
        });
        let racks = table.get("racks").map(|v| v.range(|v| v.number(0.0, 1e7), f64::midpoint));
        let electricity = table.get("electricity").map(|v| self.money(&v, "/kWh", (0.0, 10.0)));
        let pue = table.get("pue").map(|v| v.range(|v| v.number(1.0, 5.0), f64::midpoint));
        let hosting = table.get("hosting").map_or(Some(Range::exact(0.0)), |v| self.money(&v, "/kW/month", (0.0, 1e5)));
        let region = region?;
        let or =
            |given: Option<Option<Range<f64>>>, fact: &dyn Fn() -> Range<f64>| given.unwrap_or_else(|| Some(fact()));
        Some(Site {
            name: name?,
            region: region.id.clone(),
            power: power.map_or(Some(None), |p| p.map(Some))?,
            racks: racks.map_or(Some(None), |r| r.map(Some))?,
            electricity: or(electricity, &|| self.quantity_fact(&region.electricity))?,
            pue: or(pue, &|| self.fact(&region.pue))?,
            hosting: hosting?,
        })
    }

    pub(super) fn stack(&self, table: &Table) -> Option<Stack> {
        let name = name(table);
        let cost = "write what moving all work to it costs once, as in cost = [\"1 M USD\", \"3 M USD\"]";
        let cost = table.need("cost", cost).and_then(|v| self.money(&v, "", (0.0, 1e12)));
        let time = "write how long until work runs on it, as in time = \"6 months\", or quarters as a number";
        let time = table.need("time", time).and_then(|v| self.span(&v));
        let staff = "write what the people who keep it running cost, as in staff = \"1 M USD/a\"";
        let staff = table.need("staff", staff).and_then(|v| self.money(&v, "/a", (0.0, 1e11)));
        let porting = match table.get("porting") {
            Some(v) => {
                let known: BTreeSet<&str> = self.catalog().porting.iter().map(|p| p.stack.as_str()).collect();
                let known: Vec<&str> = known.into_iter().collect();
                name_of(&v, &known, "stack in the catalog").map(|n| Some(n.to_owned()))
            }
            None => Some(None),
        };
        Some(Stack { name: name?, porting: porting?, cost: cost?, quarters: time?, staff: staff? })
    }
}
