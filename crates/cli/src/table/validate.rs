//! Predicted against measured, group by group.

use super::View;
use super::grid::{Align, grid, heading, paragraph};
use crate::lang::Msg;
use crate::lang::number::{NONE, percent, thousands};

/// The errors of one group of measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationRow {
    /// Name of the group.
    pub group: String,
    /// Measurements predicted.
    pub count: usize,
    /// Measurements refused with a reason.
    pub refused: usize,
    /// Median of |ln(predicted / measured)|.
    pub median: f64,
    /// 90th percentile of it.
    pub p90: f64,
    /// Median of ln(predicted / measured).
    pub bias: f64,
    /// Share of measurements inside the 90 % interval, where intervals were asked for.
    pub coverage: Option<f64>,
}

/// Groups of one kind under a heading: by chip, by engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The groups.
    pub rows: Vec<ValidationRow>,
}

/// The tables of a validation.
pub fn validate(sections: &[Section], view: View) -> String {
    let lang = view.lang;
    let mut header = vec![(Msg::Group.text(lang).to_owned(), Align::Left)];
    for msg in [Msg::Count, Msg::Refused, Msg::MedianError, Msg::P90Error, Msg::Bias, Msg::Coverage] {
        header.push((msg.text(lang).to_owned(), Align::Right));
    }
    let mut out = String::new();
    for section in sections {
        out.push_str(heading(&section.title, view).trim_start_matches(if out.is_empty() { "\n" } else { "" }));
        let rows: Vec<Vec<String>> = section
            .rows
            .iter()
            .map(|row| {
                let of_some = |text: String| if row.count == 0 { NONE.to_owned() } else { text };
                vec![
                    row.group.clone(),
                    thousands(row.count as f64),
                    thousands(row.refused as f64),
                    of_some(percent(row.median)),
                    of_some(percent(row.p90)),
                    of_some(format!("{}{}", if row.bias > 0.0 { "+" } else { "" }, percent(row.bias))),
                    of_some(row.coverage.map_or_else(|| NONE.to_owned(), percent)),
                ]
            })
            .collect();
        out.push_str(&grid(&header, &rows, false, view));
    }
    out.push_str(&paragraph(Msg::ErrorNote.text(lang), 0, view));
    out
}

/// A goal and what was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalRow {
    /// Which measurements.
    pub what: String,
    /// Measurements predicted.
    pub count: usize,
    /// Measurements refused with a reason.
    pub refused: usize,
    /// Median of |ln(predicted / measured)|.
    pub median: f64,
    /// 90th percentile of it.
    pub p90: f64,
    /// Share of measurements inside the 90 % interval.
    pub coverage: f64,
    /// Median and 90th percentile to stay below, where there is such a goal.
    pub goal: (Option<f64>, Option<f64>),
}

/// Goals against what was reached.
pub fn goals(rows: &[GoalRow], view: View) -> String {
    let lang = view.lang;
    let mut header = vec![(Msg::Goal.text(lang).to_owned(), Align::Left)];
    for msg in [Msg::Count, Msg::Refused, Msg::MedianError, Msg::P90Error, Msg::Coverage] {
        header.push((msg.text(lang).to_owned(), Align::Right));
    }
    header.push((Msg::GoalBelow.text(lang).to_owned(), Align::Right));
    header.push((Msg::GoalMet.text(lang).to_owned(), Align::Left));
    let body: Vec<Vec<String>> = rows.iter().map(|row| goal_cells(row, view)).collect();
    grid(&header, &body, false, view)
}

fn goal_cells(row: &GoalRow, view: View) -> Vec<String> {
    let some = |value: f64| if value.is_finite() { percent(value) } else { NONE.to_owned() };
    let below = |goal: Option<f64>| goal.map_or_else(|| NONE.to_owned(), percent);
    let met = |value: f64, goal: Option<f64>| goal.is_none_or(|g| value <= g);
    let has_goal = row.goal.0.is_some() || row.goal.1.is_some();
    let verdict = match has_goal && row.count > 0 {
        false => NONE,
        true if met(row.median, row.goal.0) && met(row.p90, row.goal.1) => Msg::Yes.text(view.lang),
        true => Msg::No.text(view.lang),
    };
    vec![
        row.what.clone(),
        thousands(row.count as f64),
        thousands(row.refused as f64),
        some(row.median),
        some(row.p90),
        some(row.coverage),
        if has_goal { format!("{} / {}", below(row.goal.0), below(row.goal.1)) } else { NONE.to_owned() },
        verdict.to_owned(),
    ]
}
