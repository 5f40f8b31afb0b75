//! Measured rows of `collectives.csv` and `operators.csv` as exchanges.

use cost::comm::{Collective, Exchange, Group, Kernel, Phase, Routed, distinct_places};

use super::CommFitError;
use super::data::{Data, Trap};
use super::tables::{BF16_BITS, FP8_BITS, operation, standard};
use crate::tables::Table;

/// Ranks of a node where a row does not say.
const NODE: f64 = 8.0;

/// A row, and the exchange it asks for.
pub(crate) struct MeasuredRow {
    pub id: String,
    pub operation: String,
    pub chip: String,
    /// Measured, host time included; NaN where the row has neither time nor bandwidth.
    pub seconds: f64,
    /// What to price.
    pub ask: Option<Ask>,
    /// Why there is nothing to price, or why the price must not be compared.
    pub refused: Option<String>,
    /// Whether curves are fitted to it: rows of machines that have tables are kept for checking.
    pub fitted: bool,
}

/// What to price, and how.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub machine: usize,
    pub exchange: Exchange,
    /// Host time in the measurement.
    pub host: f64,
    /// On the outermost tier alone.
    pub outer_only: bool,
    /// An all-reduce as reduce-scatter and all-gather.
    pub rings: bool,
}

/// Columns of one row that both files have in one form or another.
struct Fields<'a> {
    id: &'a str,
    library: String,
    operation: &'a str,
    chip: &'a str,
    ranks: Option<u32>,
    /// Size or shape in words.
    size: &'a str,
    /// "fp8", "int8" and so on, wherever it is written.
    format: String,
    time_us: f64,
    algorithm_bandwidth: f64,
    bus_bandwidth: f64,
    table: bool,
    not_measured: Option<String>,
}

pub(crate) fn read_collectives(table: &Table, data: &Data) -> Result<Vec<MeasuredRow>, CommFitError> {
    let text = |name: &str| table.text(name);
    let maybe = |name: &str| table.text_if_any(name);
    let (id, chip, ranks, library) = (text("id")?, text("chip")?, text("ranks")?, maybe("library")?);
    let (op, algorithm, size) = (text("operation")?, maybe("algorithm")?, text("message_bytes")?);
    let (time, alg, bus) = (maybe("time_us")?, maybe("algbw_GBps")?, maybe("busbw_GBps")?);
    let (source, kind) = (maybe("source_key")?, maybe("kind")?);
    let row = |i: usize| {
        let measured = kind[i].is_empty() || kind[i] == "measured" || kind[i] == "measured (nccl-tests)";
        Fields {
            id: id[i],
            library: format!("{} {}", library[i], algorithm[i]),
            operation: op[i],
            chip: chip[i],
            ranks: product(ranks[i]),
            size: size[i],
            format: size[i].to_lowercase(),
            time_us: loose(time[i]),
            algorithm_bandwidth: loose(alg[i]) * 1e9,
            bus_bandwidth: loose(bus[i]) * 1e9,
            table: source[i].starts_with("aic"),
            not_measured: (!measured).then(|| format!("not a measurement: {}", kind[i])),
        }
    };
    Ok((0..table.len()).map(|i| understand(row(i), data)).collect())
}

pub(crate) fn read_operators(table: &Table, data: &Data) -> Result<Vec<MeasuredRow>, CommFitError> {
    let text = |name: &str| table.text(name);
    let maybe = |name: &str| table.text_if_any(name);
    let (id, chip, chips, imp) = (text("id")?, text("chip")?, maybe("chips")?, maybe("impl")?);
    let (op, shape, format) = (text("op")?, text("shape")?, maybe("format")?);
    let (metric, value, time) = (maybe("metric")?, maybe("value")?, maybe("time_us")?);
    let source = maybe("source_key")?;
    let row = |i: usize| {
        let bandwidth = if metric[i].ends_with("bandwidth") { loose(value[i]) * 1e9 } else { f64::NAN };
        let experts = shape[i].find("EP").and_then(|at| product(&shape[i][at + 2..]));
        Fields {
            id: id[i],
            library: imp[i].to_owned(),
            operation: op[i],
            chip: chip[i],
            ranks: experts.or_else(|| product(chips[i])),
            size: shape[i],
            format: format[i].to_lowercase(),
            time_us: loose(time[i]),
            algorithm_bandwidth: f64::NAN,
            bus_bandwidth: bandwidth,
            table: source[i].starts_with("aic"),
            not_measured: None,
        }
    };
    let known = |o: &str| operation(o).is_some() || o.contains("dispatch") || o.contains("combine");
    Ok((0..table.len()).filter(|&i| known(op[i])).map(|i| understand(row(i), data)).collect())
}

fn understand(f: Fields<'_>, data: &Data) -> MeasuredRow {
    let trap = data.trap(f.id, &f.library);
    let mut row = MeasuredRow {
        id: f.id.to_owned(),
        operation: f.operation.to_owned(),
        chip: f.chip.to_owned(),
        seconds: f64::NAN,
        ask: None,
        refused: f.not_measured.clone(),
        fitted: false,
    };
    let found = exchange(&f, data, trap).and_then(|(machine, exchange, seconds)| {
        if seconds.is_finite() && seconds > 0.0 {
            Ok((machine, exchange, seconds))
        } else {
            Err("neither time nor bandwidth".into())
        }
    });
    match found {
        Err(reason) => row.refused = row.refused.or(Some(reason)),
        Ok((machine, exchange, seconds)) => {
            let (host, outer_only, rings) = trap.map_or((0.0, false, false), |t| (t.host, t.outer_only, t.rings));
            row.seconds = seconds;
            row.ask = Some(Ask { machine, exchange, host, outer_only, rings });
            let known = &data.machines[machine];
            let beyond_tables = known.tables.is_none() || f.ranks.is_some_and(|r| r > known.tray);
            let small = trap.and_then(|t| t.fit_below).is_none_or(|most| bytes(f.size).is_some_and(|b| b < most));
            let refused = trap.is_some_and(|t| t.refuse.is_some() && t.fit_below.is_none());
            row.fitted =
                beyond_tables && small && !refused && !outer_only && !rings && !f.table && row.refused.is_none();
        }
    }
    if let Some(reason) = trap.and_then(|t| t.refuse.clone()) {
        row.refused = Some(reason);
    }
    row
}

fn exchange(f: &Fields<'_>, data: &Data, trap: Option<&Trap>) -> Result<(usize, Exchange, f64), String> {
    let machine = trap.and_then(|t| t.machine).or_else(|| data.by_chip(f.chip));
    let machine = machine.ok_or_else(|| format!("no machine of the catalog for chip '{}'", f.chip))?;
    let ranks = f.ranks.filter(|r| *r > 1).ok_or("number of ranks is not stated")?;
    let timed = f.time_us * 1e-6;
    let phase = match f.operation.to_lowercase() {
        op if op.contains("dispatch") => Phase::Dispatch,
        op if op.contains("combine") => Phase::Combine,
        op => {
            let operation = operation(&op).ok_or_else(|| format!("'{op}' is no exchange"))?;
            let size = bytes(f.size).ok_or("message size is not stated")?;
            let rest = 1.0 - 1.0 / f64::from(ranks);
            let bus = if operation == Collective::AllReduce { 2.0 * rest } else { rest };
            let seconds = first(&[timed, size / f.algorithm_bandwidth, size * bus / f.bus_bandwidth]);
            return Ok((machine, standard(operation, size, ranks), seconds));
        }
    };
    let routed = routed(f, phase, ranks, data.machines[machine].direct).ok_or("tokens or width are not stated")?;
    // Published bandwidths of expert exchanges count what a rank handles, its own share included.
    let token = routed.hidden as f64 * routed.value_bits / 8.0;
    let all = f64::from(ranks);
    let copies = match routed.kernel {
        Kernel::LowLatency => routed.top_k as f64,
        Kernel::HighThroughput if all > NODE => {
            let nodes = distinct_places(all / NODE, routed.top_k, routed.experts);
            nodes.min(routed.node_limit.map_or(f64::INFINITY, f64::from))
        }
        _ => distinct_places(all, routed.top_k, routed.experts),
    };
    let seconds = first(&[timed, routed.tokens * token * copies / f.bus_bandwidth]);
    Ok((machine, Exchange::Routed(routed), seconds))
}

fn routed(f: &Fields<'_>, phase: Phase, ranks: u32, direct: bool) -> Option<Routed> {
    let library = f.library.to_lowercase();
    let kernel = if library.contains("low-latency") || library.contains("cann") {
        Kernel::LowLatency
    } else if direct {
        Kernel::OneSided
    } else {
        Kernel::HighThroughput
    };
    let mut inline = numbers(f.size);
    let named = |name: &str| f.size.find(name).and_then(|at| numbers(&f.size[at + name.len()..]).next());
    let tokens = named("tokens=").or_else(|| inline.next())?;
    let hidden = named("hidden=").or_else(|| inline.next())?;
    let top_k = named("topk=").or_else(|| named("top-")).unwrap_or(8.0);
    let experts = named("experts=").unwrap_or(256.0);
    let value_bits = match phase {
        Phase::Combine => BF16_BITS,
        Phase::Dispatch if f.format.contains("int8") => 8.0,
        Phase::Dispatch => FP8_BITS,
    };
    Some(Routed {
        phase,
        kernel,
        group: Group::packed(ranks),
        tokens,
        hidden: hidden as u64,
        value_bits,
        top_k: top_k as u64,
        experts: experts as u64,
        node_limit: (f.size.contains("topk_groups") || library.contains("v1")).then_some(4),
    })
}

/// The first that is a number above zero.
fn first(values: &[f64]) -> f64 {
    values.iter().copied().find(|v| v.is_finite() && *v > 0.0).unwrap_or(f64::NAN)
}

/// A number, or NaN for "unknown" and other words.
fn loose(text: &str) -> f64 {
    text.trim().parse().unwrap_or(f64::NAN)
}

/// The whole numbers in a text, in order.
fn numbers(text: &str) -> impl Iterator<Item = f64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok())
}

/// Ranks: "64", "EP 8x2", "8 x 4 tokens...", "8 NVLink". Ranges and words are none.
fn product(text: &str) -> Option<u32> {
    let text = text.trim().trim_start_matches("EP").trim_start();
    let digits = |text: &str| -> Option<(u32, usize)> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        Some((text[..end].parse().ok()?, end))
    };
    let (first, end) = digits(text)?;
    let rest = text[end..].trim_start();
    if rest.starts_with('-') {
        return None;
    }
    match rest.strip_prefix('x').and_then(|r| digits(r.trim_start())) {
        Some((second, _)) => first.checked_mul(second),
        None => Some(first),
    }
}

/// Bytes: "8388608", "... = 262144 bytes", "67M bytes" (decimal, as pages print them).
fn bytes(text: &str) -> Option<f64> {
    let words = text.strip_suffix("bytes").unwrap_or(text).trim();
    let word = words.rsplit(' ').next()?;
    let (digits, factor) = match word.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if word.ends_with('K') => (digits, 1e3),
        Some(digits) if word.ends_with('M') => (digits, 1e6),
        Some(digits) => (digits, 1e9),
        None => (word, 1.0),
    };
    digits.parse::<f64>().ok().map(|n| n * factor).filter(|b| b.is_finite() && *b > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_sizes_in_words() {
        assert_eq!(product("EP 8x2"), Some(16));
        assert_eq!(product(" 8 x 4 tokens=8192/batch"), Some(32));
        assert_eq!(product("EP 8 NVLink"), Some(8));
        assert_eq!(product("256 tokens=128"), Some(256));
        assert_eq!(product("16-1440"), None);
        assert_eq!(product("unknown"), None);
        assert_eq!(bytes("8 GPUs one node, 131072 elements = 262144 bytes"), Some(262144.0));
        assert_eq!(bytes("67M bytes"), Some(67e6));
        assert_eq!(bytes("32768"), Some(32768.0));
        assert_eq!(bytes("unknown"), None);
    }
}
