//! Jobs that fail: seen against predicted.

use catalog::{Catalog, Diagnostic};
use plan::goodput::{self, Answer, Observed};
use plan::train::Watch;

use crate::lang::goodput::seen_and_predicted;
use crate::lang::{Msg, term};
use crate::table::{Align, View, grid, heading, paragraph};

/// A job of which operators published how it fared.
pub struct Job {
    /// Name of its study.
    pub id: String,
    /// What it was.
    pub title: String,
    /// What was seen, with the prediction; or why there is none.
    pub seen: Result<Vec<Observed>, String>,
}

/// All of them, predicted; those before `watch` said stop.
///
/// # Errors
/// What their studies lack.
pub fn jobs(catalog: &Catalog, watch: Watch) -> Result<Vec<Job>, Vec<Diagnostic>> {
    let job = |(id, study): (String, goodput::Study)| {
        let seen = goodput::watched(&study, watch)?.systems.into_iter().next().map(|s| s.answer);
        let seen = match seen {
            Some(Answer::Effective(found)) => Ok(found.observed),
            Some(Answer::Refused { reason }) => Err(reason),
            None => Ok(Vec::new()),
        };
        Some(Job { id, title: study.title, seen })
    };
    Ok(goodput::measured(catalog)?.into_iter().filter_map(job).collect())
}

/// A table of them.
pub fn text(jobs: &[Job], view: View) -> String {
    if jobs.is_empty() {
        return String::new();
    }
    let lang = view.lang;
    let columns = [
        (Msg::Value, Align::Left),
        (Msg::Measured, Align::Right),
        (Msg::PredictedValue, Align::Right),
        (Msg::InsideInterval, Align::Left),
    ];
    let mut header = vec![(Msg::JobColumn.text(lang).to_owned(), Align::Left)];
    header.extend(columns.into_iter().map(|(msg, align)| (msg.text(lang).to_owned(), align)));
    let mut rows = Vec::new();
    let (mut count, mut held) = (0usize, 0usize);
    for job in jobs {
        let seen = match &job.seen {
            Ok(seen) => seen,
            Err(reason) => {
                rows.push(vec![job.title.clone(), reason.clone(), String::new(), String::new(), String::new()]);
                continue;
            }
        };
        for (at, seen) in seen.iter().enumerate() {
            let (value, predicted) = seen_and_predicted(seen, lang);
            let value = if seen.at_least { format!("> {value}") } else { value };
            let inside = if seen.inside { Msg::Yes } else { Msg::No }.text(lang);
            let title = if at == 0 { job.title.clone() } else { String::new() };
            rows.push(vec![title, term(&seen.what, lang).to_owned(), value, predicted, inside.to_owned()]);
            count += 1;
            held += usize::from(seen.inside);
        }
    }
    let counts = [("held", held.to_string()), ("count", count.to_string())];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(n, v)| (*n, v.as_str())).collect();
    heading(Msg::FaultRows.text(lang), view)
        + &grid(&header, &rows, false, view)
        + &paragraph(&Msg::FaultRowsHeld.fill(lang, &counts), 0, view)
}
