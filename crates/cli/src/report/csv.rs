//! The ranking for spreadsheets.

use plan::findings::{Answer, Choice, Estimate, Findings};

use crate::lang::{Lang, words};

const HEADER: [&str; 28] = [
    "rank",
    "id",
    "name",
    "vendor",
    "chip",
    "chips",
    "answer",
    "setup",
    "weights",
    "arithmetic",
    "tokens_per_s_chip",
    "tokens_per_s_chip_low",
    "tokens_per_s_chip_high",
    "tokens_per_s_system",
    "ttft_mean_s",
    "ttft_p99_s",
    "tpot_mean_s",
    "tpot_p50_s",
    "tpot_p99_s",
    "communication_share",
    "power_w",
    "joules_per_token",
    "usd_per_million",
    "usd_per_million_low",
    "usd_per_million_high",
    "limit",
    "tried",
    "basis_of_cost",
];

/// One line a system, best first, times in seconds; what there is no figure for is empty.
pub fn csv(findings: &Findings) -> Vec<u8> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(HEADER);
    for (i, s) in findings.systems.iter().enumerate() {
        let (answer, choice) = match &s.answer {
            Answer::Served(choice) => ("served".to_owned(), Some(&**choice)),
            Answer::Unserved { reason, .. } => (words::reason(reason, Lang::En), None),
            Answer::Incomplete { missing } => (format!("lacks {}", missing.join(", ")), None),
        };
        let mut line = vec![(i + 1).to_string(), s.id.clone(), s.name.clone(), s.vendor.clone(), s.chip.clone()];
        line.extend([s.chips.to_string(), answer]);
        line.extend(figures(choice));
        line.insert(HEADER.len() - 2, s.tried.to_string());
        let _ = writer.write_record(line);
    }
    writer.into_inner().unwrap_or_default()
}

/// The cells from the set-up to the limit, and the basis of cost.
fn figures(choice: Option<&Choice>) -> Vec<String> {
    let Some(c) = choice else { return vec![String::new(); HEADER.len() - 8] };
    let all = |e: Estimate| [e.value, e.low, e.high].map(|v| v.to_string());
    let optional = |e: Option<Estimate>| e.map_or_else(String::new, |e| e.value.to_string());
    let mut cells = vec![words::pools(&c.setup, Lang::En), c.setup.weights.clone(), c.setup.arithmetic.clone()];
    cells.extend(all(c.tokens_per_chip));
    cells.push(c.tokens_per_system.value.to_string());
    let times = [c.ttft.mean, c.ttft.p99, c.tpot.mean, c.tpot.p50, c.tpot.p99];
    cells.extend(times.map(|e| e.value.to_string()));
    cells.extend([c.communication.to_string(), optional(c.power), optional(c.energy_per_token)]);
    match &c.cost {
        Some(cost) => cells.extend(all(cost.per_million)),
        None => cells.extend([const { String::new() }; 3]),
    }
    cells.push(c.limit.clone());
    cells.push(c.cost.as_ref().map_or_else(String::new, |cost| words::paid(&cost.basis, Lang::En)));
    cells
}
