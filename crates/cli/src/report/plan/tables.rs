//! The tables of a plan's report.

use plan::purchase::findings::{PlanFinding, PlanFindings, ShortFinding};

use super::{both, head, row, section, text};
use crate::lang::both::put;
use crate::lang::number::{Unit, digits, estimate, percent, quantity, thousands};
use crate::lang::plan_words::{self as words, money as amount};
use crate::lang::{Both, Msg, PlanMsg};

const END: &str = "</tbody></table></div>\n";

/// Orders, below the chart of them.
pub fn orders(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    let b = both;
    head(
        &[
            (b(PlanMsg::Quarter), false),
            (b(PlanMsg::Scenario), false),
            (b(PlanMsg::Offer), false),
            (b(PlanMsg::Units), true),
            (b(PlanMsg::Chips), true),
            (b(PlanMsg::Site), false),
            (b(PlanMsg::Delivered), false),
        ],
        out,
    );
    let mut sorted = p.orders.clone();
    sorted.sort_by_key(|o| (o.scenario.is_some(), o.scenario, o.quarter, o.offer));
    for o in sorted {
        let offer = &f.offers[o.offer];
        let scenario = match o.scenario {
            Some(s) => text(&f.scenarios[s].name),
            None => b(PlanMsg::AllScenarios).html(),
        };
        let site = offer.site.as_ref().map_or(b(PlanMsg::Rented).html(), |s| text(s));
        let arrives = o.arrives.map_or(b(PlanMsg::Depends).html(), |q| f.quarters[q].to_string());
        row(
            &[
                (f.quarters[o.quarter].to_string(), false),
                (scenario, false),
                (text(&offer.name), false),
                (thousands(o.units), true),
                (thousands(o.units * f64::from(offer.chips)), true),
                (site, false),
                (arrives, false),
            ],
            out,
        );
    }
    out.push_str(END);
    out.push_str("</section>\n");
}

/// Which work runs where.
pub fn placement(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    section("placement", PlanMsg::Placement, Some(both(PlanMsg::PlacementNote)), out);
    let shares = words::placement(f, p);
    let mut columns = vec![(both(PlanMsg::Work), false)];
    columns.extend(shares.offers.iter().map(|&o| (Both::same(f.offers[o].name.clone()), true)));
    columns.push((both(PlanMsg::Unmet), true));
    head(&columns, out);
    for (name, cells, unmet) in &shares.rows {
        let what = f.work.iter().find(|w| w.name == *name).map_or(String::new(), |w| text(&w.what));
        let mut line = vec![(format!("{}<small>{what}</small>", text(name)), false)];
        let show = |x: f64, least: f64| (if x > least { percent(x) } else { "–".to_owned() }, true);
        line.extend(cells.iter().map(|&x| show(x, 5e-4)));
        line.push(show(*unmet, 5e-6));
        row(&line, out);
    }
    out.push_str(END);
    out.push_str("</section>\n");
}

/// Money by kind and offer, below the chart of it.
pub fn money(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    let used = words::offers_with_money(f, p);
    let mut columns = vec![(Both::same(""), false), (both(PlanMsg::Total), true)];
    columns.extend(used.iter().map(|&o| (Both::same(f.offers[o].name.clone()), true)));
    head(&columns, out);
    let cell = |x: f64| (if x.abs() < 5e-7 { "–".to_owned() } else { digits(x / f.currency.1) }, true);
    for (kind, total) in words::by_kind(f, p) {
        let mut line = vec![(Both::term(&kind).html(), false), cell(total)];
        line.extend(used.iter().map(|&o| cell(words::spent(f, p, |s| s.kind == kind && s.offer == Some(o)))));
        row(&line, out);
    }
    let mut line = vec![(format!("<strong>{}</strong>", both(PlanMsg::Total).html()), false), cell(p.cost)];
    line.extend(used.iter().map(|&o| cell(words::spent(f, p, |s| s.offer == Some(o)))));
    row(&line, out);
    out.push_str(END);
    out.push_str("</section>\n");
}

/// Scenarios.
pub fn scenarios(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    if f.scenarios.len() < 2 {
        return;
    }
    let note = Both::of(|l| words::shared(f, l));
    section("scenarios", PlanMsg::Scenarios, Some(note), out);
    let regret = p.by_scenario.iter().any(|s| s.regret.is_some());
    let mut columns =
        vec![(both(PlanMsg::Scenario), false), (both(PlanMsg::Weight), true), (both(PlanMsg::Cost), true)];
    if regret {
        columns.push((both(PlanMsg::Regret), true));
    }
    columns.extend([
        (both(PlanMsg::Served), true),
        (both(PlanMsg::Chips), true),
        (both(PlanMsg::PeakPower), true),
        (both(PlanMsg::Happens), false),
    ]);
    head(&columns, out);
    for (s, sum) in f.scenarios.iter().zip(&p.by_scenario) {
        let mut line = vec![(text(&s.name), false), (percent(s.weight), true), (amount(f, sum.cost), true)];
        if regret {
            line.push((sum.regret.map_or(String::new(), |r| amount(f, r)), true));
        }
        line.extend([
            (percent(sum.served / sum.wanted.max(1e-9)), true),
            (thousands(sum.chips), true),
            (quantity(sum.power, Unit::Power), true),
            (Both::of(|l| words::events(s, l)).html(), false),
        ]);
        row(&line, out);
    }
    out.push_str(END);
    out.push_str("</section>\n");
}

/// What limits are worth, and break-even points.
pub fn worth(f: &PlanFindings, p: &PlanFinding, out: &mut String) {
    section("worth", PlanMsg::Worth, Some(both(PlanMsg::WorthNote)), out);
    out.push_str("<ul class=\"plain\">\n");
    if p.worth.is_empty() {
        put(out, format_args!("<li>{}</li>\n", both(PlanMsg::WorthNone).html()));
    }
    for limit in &p.worth {
        put(out, format_args!("<li>{}</li>\n", Both::of(|l| words::worth(f, limit, l)).html()));
    }
    out.push_str("</ul>\n");
    if !p.break_even.is_empty() {
        put(out, format_args!("<h3>{}</h3>\n", both(PlanMsg::BreakEven).html()));
        put(out, format_args!("<p class=\"note\">{}</p>\n<ul class=\"plain\">\n", both(PlanMsg::FurtherNote).html()));
        for even in &p.break_even {
            put(out, format_args!("<li>{}</li>\n", Both::of(|l| words::even(even, l)).html()));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

/// Why there is no plan.
pub fn none(short: &ShortFinding, out: &mut String) {
    put(
        out,
        format_args!(
            "<section id=\"answer\"><p class=\"lead\">{}</p>\n<ul class=\"plain\">\n",
            both(PlanMsg::NoPlan).html()
        ),
    );
    let lines = Both::of(|l| words::unserved(short, l).join("\n"));
    for (en, zh) in lines.en.lines().zip(lines.zh.lines()) {
        put(out, format_args!("<li>{}</li>\n", Both { en: en.to_owned(), zh: zh.to_owned() }.html()));
    }
    out.push_str("</ul>\n");
    if !short.binding.is_empty() {
        put(out, format_args!("<h3>{}</h3>\n<ul class=\"plain\">\n", both(PlanMsg::Binding).html()));
        for limit in &short.binding {
            put(out, format_args!("<li>{}</li>\n", Both::of(|l| words::binding(limit, l)).html()));
        }
        out.push_str("</ul>\n");
    }
    put(out, format_args!("<p>{}</p>\n</section>\n", both(PlanMsg::Remedy).html()));
}

/// Speeds of units.
pub fn rates(f: &PlanFindings, out: &mut String) {
    section("rates", PlanMsg::Rates, Some(both(PlanMsg::RatesNote)), out);
    let tasks: Vec<&str> = f.offers.first().map_or(Vec::new(), |o| o.rates.iter().map(|r| r.task.as_str()).collect());
    let mut columns = vec![(both(PlanMsg::Offer), false), (both(PlanMsg::Chips), true), (Both::same(""), false)];
    columns.extend(tasks.iter().map(|t| (Both::same(*t), true)));
    head(&columns, out);
    for o in &f.offers {
        let unit = if o.how == "buy" { "USD" } else { "USD/h" };
        let price = format!("{} {unit}<small>{}</small>", estimate(&o.price, Unit::Plain), text(&o.price_source));
        let name = format!("{}<small>{}</small>", text(&o.name), text(&o.system));
        let mut line = vec![(name, false), (o.chips.to_string(), true), (price, false)];
        line.extend(o.rates.iter().map(|r| match &r.tokens {
            Ok(e) => (format!("{}<small>{}</small>", estimate(e, Unit::Plain), text(&r.setup)), true),
            Err(why) => (format!("<small>{}</small>", text(why)), false),
        }));
        row(&line, out);
    }
    out.push_str(END);
    out.push_str("</section>\n");
}

/// Facts that the plan rests on.
pub fn facts(f: &PlanFindings, out: &mut String) {
    super::section_of("facts", &Both::msg(Msg::ProvenanceTitle), None, out);
    let m = |msg: Msg| (Both::msg(msg), false);
    head(&[m(Msg::Fact), m(Msg::Value), m(Msg::Kind), m(Msg::Source)], out);
    for fact in &f.facts {
        row(
            &[
                (format!("<code>{}</code>", text(&fact.path)), false),
                (text(&fact.value), false),
                (Both::term(&fact.kind).html(), false),
                (text(&fact.source), false),
            ],
            out,
        );
    }
    out.push_str(END);
    out.push_str("</section>\n");
}

/// What the catalog says of stacks and supply.
pub fn remarks(f: &PlanFindings, out: &mut String) {
    if f.remarks.is_empty() {
        return;
    }
    section("remarks", PlanMsg::Remarks, Some(both(PlanMsg::RemarksNote)), out);
    put(out, format_args!("<details class=\"data\"><summary>{}</summary>\n", both(PlanMsg::RemarksShow).html()));
    head(&[(both(PlanMsg::About), false), (both(PlanMsg::Says), false), (Both::msg(Msg::Source), false)], out);
    for r in &f.remarks {
        row(&[(text(&r.about), false), (text(&r.says), false), (text(&r.source), false)], out);
    }
    out.push_str(END);
    out.push_str("</details>\n</section>\n");
}
