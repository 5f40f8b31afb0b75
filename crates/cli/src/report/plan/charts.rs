//! The charts of a plan's report.

use plan::purchase::findings::{PlanFinding, PlanFindings};

use super::{both, section};
use crate::chart::pareto::axis_number;
use crate::chart::{WIDTHS, gantt, heat, stack, tornado, waterfall};
use crate::lang::both::put;
use crate::lang::number::{Unit, digits, percent, quantity, thousands};
use crate::lang::plan_inputs as inputs;
use crate::lang::plan_words::{self as words, money as amount};
use crate::lang::{Both, PlanMsg};

/// Scenarios whose supply is drawn.
const DRAWN: usize = 4;
/// Bars of a tornado.
const BARS: usize = 14;

fn colour(offer: usize) -> String {
    format!("k{}", offer % 6)
}

/// Orders and deliveries.
pub fn gantt(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    section("gantt", PlanMsg::Gantt, Some(both(PlanMsg::GanttNote)), out);
    let mut keys: Vec<(usize, Option<usize>)> = p.orders.iter().map(|o| (o.offer, o.scenario)).collect();
    keys.sort_unstable();
    keys.dedup();
    let rows: Vec<gantt::Row> = keys
        .into_iter()
        .map(|(offer, scenario)| {
            let name = Both::of(|l| match scenario {
                Some(s) => format!("{} · {}", f.offers[offer].name, f.scenarios[s].name),
                None if f.scenarios.len() == 1 => f.offers[offer].name.clone(),
                None => format!("{} · {}", f.offers[offer].name, PlanMsg::AllScenarios.text(l)),
            });
            let orders = p.orders.iter().filter(|o| o.offer == offer && o.scenario == scenario);
            let orders = orders.map(|o| {
                let tip = Both::of(|l| {
                    let units = thousands(o.units);
                    let quarter = f.quarters[o.quarter].to_string();
                    let arguments =
                        [("units", units.as_str()), ("offer", &f.offers[offer].name), ("quarter", &quarter)];
                    let order = PlanMsg::OrderOf.fill(l, &arguments);
                    let arrives = o.arrives.map_or(PlanMsg::Depends.text(l).to_owned(), |a| f.quarters[a].to_string());
                    format!("{order}\n{}{}{arrives}", PlanMsg::Delivered.text(l), l.colon())
                });
                let stands = o.arrives.zip(o.until);
                gantt::Order { at: o.quarter, stands, units: thousands(o.units), tip }
            });
            gantt::Row { name, class: colour(offer), shared: scenario.is_none(), orders: orders.collect() }
        })
        .collect();
    let quarters: Vec<String> = f.quarters.iter().map(ToString::to_string).collect();
    for (width, class) in WIDTHS {
        out.push_str(&gantt::gantt(&rows, &quarters, f.decided, width, class, "gantt-h"));
    }
}

/// What is served against what is wanted, class by class, in the likeliest scenarios.
pub fn supply(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    super::section_of("supply", &both(PlanMsg::Supply), None, out);
    let used: Vec<usize> = (0..f.offers.len()).filter(|&o| p.places.iter().any(|x| x.offer == o)).collect();
    out.push_str("<ul class=\"legend\">");
    for &o in &used {
        put(
            out,
            format_args!(
                "<li><svg viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"bar {}\" \
                 width=\"12\" height=\"12\"/></svg>{}</li>",
                colour(o),
                crate::lang::both::escape(&f.offers[o].name)
            ),
        );
    }
    out.push_str("</ul>\n");
    let mut order: Vec<usize> = (0..f.scenarios.len()).collect();
    order.sort_by(|&a, &b| f.scenarios[b].weight.total_cmp(&f.scenarios[a].weight).then(a.cmp(&b)));
    for (w, work) in f.work.iter().enumerate() {
        for (i, &s) in order.iter().take(DRAWN).enumerate() {
            // The likeliest is open, the others wait behind a line.
            if i == 1 {
                put(out, format_args!("<details class=\"data\"><summary>{}</summary>\n", both(PlanMsg::Others).html()));
            }
            let id = format!("supply-{w}-{s}");
            let title = match f.scenarios.len() {
                1 => work.name.clone(),
                _ => format!("{} · {}", work.name, f.scenarios[s].name),
            };
            put(out, format_args!("<h3 id=\"{id}\">{}</h3>\n", crate::lang::both::escape(&title)));
            let columns = columns(f, p, s, w, &used);
            for (width, class) in WIDTHS {
                out.push_str(&stack::stack(&columns, &both(PlanMsg::PerDay), width, class, &id));
            }
        }
        if order.len() > 1 {
            out.push_str("</details>\n");
        }
    }
    out.push_str("</section>\n");
}

fn columns(f: &PlanFindings, p: &PlanFinding, s: usize, w: usize, used: &[usize]) -> Vec<stack::Column> {
    let days = plan::purchase::quarter::DAYS;
    let of_quarter = |quarter: usize| {
        let wanted = p.served.iter().find(|x| x.scenario == s && x.work == w && x.quarter == quarter)?.wanted / days;
        let part = |&o: &usize| {
            let places =
                p.places.iter().filter(|x| x.scenario == s && x.work == w && x.quarter == quarter && x.offer == o);
            let tokens = places.map(|x| x.tokens).sum::<f64>() / days;
            let tip = Both::of(|l| {
                let amount = format!("{} {}", quantity(tokens, Unit::Plain), PlanMsg::PerDay.text(l));
                format!("{}\n{amount}\n{}", f.offers[o].name, f.quarters[quarter])
            });
            (colour(o), tokens, tip)
        };
        let parts = used.iter().map(part).filter(|x| x.1 > 0.0).collect();
        Some(stack::Column { name: f.quarters[quarter].to_string(), parts, wanted })
    };
    (0..f.quarters.len()).filter_map(of_quarter).collect()
}

/// How the cost adds up.
pub fn money(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    let unit = format!("M {}", f.currency.0);
    let start = f.quarters.first().map_or(String::new(), ToString::to_string);
    let note = Both::of(|l| PlanMsg::MoneyNote.fill(l, &[("unit", &unit), ("quarter", &start)]));
    section("money", PlanMsg::Money, Some(note), out);
    let part = |(i, (kind, sum)): (usize, (String, f64))| waterfall::Part {
        name: Both::term(&kind),
        class: if sum < 0.0 { "k4".to_owned() } else { format!("k{}", [0, 3, 1, 0, 2, 5, 3, 5][i.min(7)]) },
        amount: sum / f.currency.1,
        end: Both::same(digits(sum / f.currency.1)),
    };
    let parts: Vec<waterfall::Part> = words::by_kind(f, p).into_iter().enumerate().map(part).collect();
    for (width, class) in WIDTHS {
        let total = waterfall::Part {
            name: both(PlanMsg::Total),
            class: "k0".to_owned(),
            amount: p.cost / f.currency.1,
            end: Both::same(amount(f, p.cost)),
        };
        out.push_str(&waterfall::waterfall(&parts, total, width, class, "money-h"));
    }
}

/// What the cost hangs on.
pub fn tornado(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    let Some(first) = p.tornado.first() else { return };
    let note = Both::of(|l| l.sentences(&[PlanMsg::TornadoNote.text(l), PlanMsg::FurtherNote.text(l)]));
    section("tornado", PlanMsg::Tornado, Some(note), out);
    let swings: Vec<tornado::Swing> = p
        .tornado
        .iter()
        .take(BARS)
        .map(|s| {
            let scaled = |x: Option<f64>| x.map(|x| x / f.currency.1);
            let tip = Both::of(|l| {
                let end = |value: f64, cost: Option<f64>| {
                    let cost = cost.map_or(PlanMsg::NoEnd.text(l).to_owned(), |c| amount(f, c));
                    format!("{}{}{cost}", inputs::amount(&s.input, value, &s.unit), l.colon())
                };
                let ends = [end(s.range.0, s.at_low), end(s.range.1, Some(s.at_mid)), end(s.range.2, s.at_high)];
                format!("{}\n{}", inputs::name(&s.input, l), ends.join("\n"))
            });
            tornado::Swing {
                name: Both::of(|l| inputs::labelled(&s.input, &s.unit, l)),
                ends: (scaled(s.at_low), scaled(s.at_high)),
                values: (inputs::value(&s.input, s.range.0), inputs::value(&s.input, s.range.2)),
                tip,
            }
        })
        .collect();
    let unit = Both::of(|l| format!("{}{}", PlanMsg::Cost.text(l), l.brackets(&format!("M {}", f.currency.0))));
    let (mid, none) = (first.at_mid / f.currency.1, both(PlanMsg::NoEnd));
    for (width, class) in WIDTHS {
        out.push_str(&tornado::tornado(&swings, mid, &unit, &none, width, class, "tornado-h"));
    }
    out.push_str("</section>\n");
}

/// A value of an input at an axis.
fn tick(path: &str, x: f64) -> String {
    if inputs::is_share(path) { percent(x) } else { axis_number(x) }
}

/// Maps over two inputs.
pub fn maps(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    for (i, map) in p.maps.iter().enumerate() {
        let id = format!("map-{i}");
        let note = Both::of(|l| match map.shown.as_str() {
            "cost" => {
                let unit = PlanMsg::InUnit.fill(l, &[("unit", &format!("M {}", f.currency.0))]);
                l.sentences(&[unit.as_str(), PlanMsg::FurtherNote.text(l)])
            }
            _ => PlanMsg::FurtherNote.text(l).to_owned(),
        });
        super::section_of(&id, &Both::of(|l| words::map_title(map, l)), Some(&note), out);
        let scale = if map.shown == "cost" { f.currency.1 } else { 1.0 };
        let print = |x: f64| if x / scale < 5e-4 { "0".to_owned() } else { digits(x / scale) };
        let heat = heat::Heat {
            x: &map.x.2,
            y: &map.y.2,
            ticks: (&|x| tick(&map.x.0, x), &|y| tick(&map.y.0, y)),
            x_name: Both::of(|l| inputs::labelled(&map.x.0, &map.x.1, l)),
            y_name: Both::of(|l| inputs::labelled(&map.y.0, &map.y.1, l)),
            cells: &map.cells,
            print: &print,
            none: both(PlanMsg::MapNone),
            now: map.now.unwrap_or((f64::NAN, f64::NAN)),
        };
        for (width, class) in WIDTHS {
            out.push_str(&heat::heat(&heat, width, class, &format!("{id}-h")));
        }
        out.push_str("</section>\n");
    }
}
