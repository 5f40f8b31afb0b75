//! A plan on the terminal.

use plan::purchase::findings::{LimitFinding, PlanAnswer, PlanFinding, PlanFindings, ShortFinding};

use super::View;
use super::grid::{Align, bold, grid, heading, paragraph};
use crate::lang::number::{Unit, digits, estimate, percent, quantity, thousands};
use crate::lang::plan_inputs as inputs;
use crate::lang::plan_words::{self as words, money};
use crate::lang::{Lang, PlanMsg, term};

/// The whole answer.
pub fn plan(f: &PlanFindings, view: View) -> String {
    let mut out = bold(&f.title, view);
    out.push_str(&paragraph(&words::asked(f, view.lang), 2, view));
    out.push('\n');
    match &f.answer {
        PlanAnswer::Plan(p) => {
            answer(f, p, view, &mut out);
            orders(f, p, view, &mut out);
            placement(f, p, view, &mut out);
            costs(f, p, view, &mut out);
            scenarios(f, p, view, &mut out);
            worth(f, p, view, &mut out);
            further(f, p, view, &mut out);
        }
        PlanAnswer::Short(short) => none(short, view, &mut out),
    }
    rates(f, view, &mut out);
    out
}

fn m(msg: PlanMsg, view: View) -> String {
    msg.text(view.lang).to_owned()
}

fn answer(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    for sentence in words::answer(f, p, view.lang) {
        out.push_str(&paragraph(&sentence, 0, view));
    }
}

fn orders(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    out.push_str(&heading(&m(PlanMsg::Orders, view), view));
    let header = [
        (m(PlanMsg::Quarter, view), Align::Left),
        (m(PlanMsg::Scenario, view), Align::Left),
        (m(PlanMsg::Offer, view), Align::Left),
        (m(PlanMsg::Units, view), Align::Right),
        (m(PlanMsg::Chips, view), Align::Right),
        (m(PlanMsg::Site, view), Align::Left),
        (m(PlanMsg::Delivered, view), Align::Left),
    ];
    let mut sorted = p.orders.clone();
    sorted.sort_by_key(|o| (o.scenario.is_some(), o.scenario, o.quarter, o.offer));
    let rows: Vec<Vec<String>> = sorted
        .iter()
        .map(|o| {
            let offer = &f.offers[o.offer];
            vec![
                f.quarters[o.quarter].to_string(),
                o.scenario.map_or(m(PlanMsg::AllScenarios, view), |s| f.scenarios[s].name.clone()),
                offer.name.clone(),
                thousands(o.units),
                thousands(o.units * f64::from(offer.chips)),
                offer.site.clone().unwrap_or_else(|| m(PlanMsg::Rented, view)),
                o.arrives.map_or(m(PlanMsg::Depends, view), |q| f.quarters[q].to_string()),
            ]
        })
        .collect();
    out.push_str(&grid(&header, &rows, false, view));
}

fn placement(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    out.push_str(&heading(&m(PlanMsg::Placement, view), view));
    let shares = words::placement(f, p);
    let mut header = vec![(m(PlanMsg::Work, view), Align::Left)];
    header.extend(shares.offers.iter().map(|&o| (f.offers[o].name.clone(), Align::Right)));
    header.push((m(PlanMsg::Unmet, view), Align::Right));
    let rows = shares.rows.iter().map(|(name, row, unmet)| {
        let mut cells = vec![name.clone()];
        cells.extend(row.iter().map(|&x| if x > 5e-4 { percent(x) } else { "–".to_owned() }));
        cells.push(if *unmet > 5e-6 { percent(*unmet) } else { "–".to_owned() });
        cells
    });
    out.push_str(&grid(&header, &rows.collect::<Vec<_>>(), false, view));
}

fn costs(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    out.push_str(&heading(&m(PlanMsg::Money, view), view));
    let unit = format!("M {}", f.currency.0);
    let note = PlanMsg::MoneyNote.fill(view.lang, &[("unit", &unit), ("quarter", &f.quarters[0].to_string())]);
    out.push_str(&paragraph(&note, 0, view));
    let kinds = words::by_kind(f, p);
    let mut header = vec![(String::new(), Align::Left), (m(PlanMsg::Total, view), Align::Right)];
    let used = words::offers_with_money(f, p);
    header.extend(used.iter().map(|&o| (f.offers[o].name.clone(), Align::Right)));
    let cell = |x: f64| if x.abs() < 5e-7 { "–".to_owned() } else { digits(x / f.currency.1) };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (kind, total) in &kinds {
        let mut row = vec![term(kind, view.lang).to_owned(), cell(*total)];
        row.extend(used.iter().map(|&o| cell(words::spent(f, p, |s| s.kind == *kind && s.offer == Some(o)))));
        rows.push(row);
    }
    let mut row = vec![m(PlanMsg::Total, view), cell(p.cost)];
    row.extend(used.iter().map(|&o| cell(words::spent(f, p, |s| s.offer == Some(o)))));
    rows.push(row);
    out.push_str(&grid(&header, &rows, false, view));
}

fn scenarios(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    if f.scenarios.len() < 2 {
        return;
    }
    out.push_str(&heading(&m(PlanMsg::Scenarios, view), view));
    out.push_str(&paragraph(&words::shared(f, view.lang), 0, view));
    let regret = p.by_scenario.iter().any(|s| s.regret.is_some());
    let mut header = vec![
        (m(PlanMsg::Scenario, view), Align::Left),
        (m(PlanMsg::Weight, view), Align::Right),
        (m(PlanMsg::Cost, view), Align::Right),
    ];
    if regret {
        header.push((m(PlanMsg::Regret, view), Align::Right));
    }
    header.extend([
        (m(PlanMsg::Served, view), Align::Right),
        (m(PlanMsg::Chips, view), Align::Right),
        (m(PlanMsg::PeakPower, view), Align::Right),
        (m(PlanMsg::Happens, view), Align::Left),
    ]);
    let rows = f.scenarios.iter().zip(&p.by_scenario).map(|(s, sum)| {
        let mut row = vec![s.name.clone(), percent(s.weight), money(f, sum.cost)];
        if regret {
            row.push(sum.regret.map_or(String::new(), |r| money(f, r)));
        }
        row.extend([
            percent(sum.served / sum.wanted.max(1e-9)),
            thousands(sum.chips),
            quantity(sum.power, Unit::Power),
            words::events(s, view.lang),
        ]);
        row
    });
    out.push_str(&grid(&header, &rows.collect::<Vec<_>>(), false, view));
}

fn worth(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    out.push_str(&heading(&m(PlanMsg::Worth, view), view));
    if p.worth.is_empty() {
        out.push_str(&paragraph(&m(PlanMsg::WorthNone, view), 0, view));
    }
    for limit in &p.worth {
        out.push_str(&paragraph(&words::worth(f, limit, view.lang), 2, view));
    }
}

fn further(f: &PlanFindings, p: &PlanFinding, view: View, out: &mut String) {
    let note = paragraph(&m(PlanMsg::FurtherNote, view), 0, view);
    if !p.break_even.is_empty() {
        out.push_str(&heading(&m(PlanMsg::BreakEven, view), view));
        out.push_str(&note);
        for even in &p.break_even {
            out.push_str(&paragraph(&words::even(even, view.lang), 2, view));
        }
    }
    if !p.tornado.is_empty() {
        out.push_str(&heading(&m(PlanMsg::Tornado, view), view));
        out.push_str(&paragraph(&m(PlanMsg::TornadoNote, view), 0, view));
        out.push_str(&note);
        let unit = format!("M {}", f.currency.0);
        let header = [
            (m(PlanMsg::Input, view), Align::Left),
            (format!("{} ({unit})", m(PlanMsg::Cost, view)), Align::Left),
            (String::new(), Align::Left),
        ];
        let end = |path: &str, value: f64, cost: Option<f64>| {
            let cost = cost.map_or(m(PlanMsg::NoEnd, view), |c| digits(c / f.currency.1));
            format!("{cost} {}", PlanMsg::AtLow.fill(view.lang, &[("value", &inputs::value(path, value))]))
        };
        let rows = p.tornado.iter().take(12).map(|s| {
            let name = inputs::labelled(&s.input, &s.unit, view.lang);
            vec![name, end(&s.input, s.range.0, s.at_low), end(&s.input, s.range.2, s.at_high)]
        });
        out.push_str(&grid(&header, &rows.collect::<Vec<_>>(), false, view));
    }
    for map in &p.maps {
        out.push_str(&heading(&words::map_title(map, view.lang), view));
        out.push_str(&note);
        let mut header = vec![(String::new(), Align::Right)];
        header.extend(map.x.2.iter().map(|x| (inputs::value(&map.x.0, *x), Align::Right)));
        let show = |c: &Option<f64>| match c {
            None => m(PlanMsg::MapNone, view),
            Some(c) if map.shown == "cost" => digits(c / f.currency.1),
            Some(c) if *c < 5e-4 => "0".to_owned(),
            Some(c) => digits(*c),
        };
        let rows = map.cells.iter().zip(&map.y.2).rev().map(|(cells, y)| {
            let mut row = vec![inputs::value(&map.y.0, *y)];
            row.extend(cells.iter().map(show));
            row
        });
        out.push_str(&grid(&header, &rows.collect::<Vec<_>>(), false, view));
    }
}

fn none(short: &ShortFinding, view: View, out: &mut String) {
    out.push_str(&bold(&m(PlanMsg::NoPlan, view), view));
    for line in words::unserved(short, view.lang) {
        out.push_str(&paragraph(&line, 2, view));
    }
    if !short.binding.is_empty() {
        out.push_str(&heading(&m(PlanMsg::Binding, view), view));
        for limit in &short.binding {
            out.push_str(&paragraph(&binding(limit, view.lang), 2, view));
        }
    }
    out.push_str(&paragraph(&m(PlanMsg::Remedy, view), 0, view));
}

fn binding(limit: &LimitFinding, lang: Lang) -> String {
    words::binding(limit, lang)
}

fn rates(f: &PlanFindings, view: View, out: &mut String) {
    out.push_str(&heading(&m(PlanMsg::Rates, view), view));
    out.push_str(&paragraph(&m(PlanMsg::RatesNote, view), 0, view));
    let tasks: Vec<&str> = f.offers.first().map_or(Vec::new(), |o| o.rates.iter().map(|r| r.task.as_str()).collect());
    let mut header = vec![(m(PlanMsg::Offer, view), Align::Left), (m(PlanMsg::Chips, view), Align::Right)];
    header.extend(tasks.iter().map(|t| ((*t).to_owned(), Align::Right)));
    let rows = f.offers.iter().map(|o| {
        let mut row = vec![format!("{}\n{}", o.name, o.system), o.chips.to_string()];
        row.extend(o.rates.iter().map(|r| match &r.tokens {
            Ok(e) => estimate(e, Unit::Plain).replace(" (", "\n("),
            Err(why) => why.clone(),
        }));
        row
    });
    out.push_str(&grid(&header, &rows.collect::<Vec<_>>(), false, view));
}
