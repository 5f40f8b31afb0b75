//! Observations from the published operator tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cost::comm::{Collective, Exchange, Group, Kernel, Library, Phase, Routed};

use super::data::{Data, MachineData};
use super::{CommFitError, Observation};
use crate::tables::{Table, TableError};

/// Bits of a dispatched FP8 value with one FP32 scale per 128, and of a combined BF16 value.
pub(super) const FP8_BITS: f64 = formats::Scheme::FP8_ROWS_OF_128.bits_per_value();
pub(super) const BF16_BITS: f64 = 16.0;
/// NVFP4 with one FP8 scale per 16.
const FP4_BITS: f64 = formats::Scheme::NVFP4.bits_per_value();

/// Reads the communication tables of all machines below `root`: `<system>/comm/<library>/<version>/<table>.parquet`.
pub(super) fn read(root: &Path, data: &Data) -> Result<Vec<Observation>, CommFitError> {
    let mut all = Vec::new();
    for (machine, known) in data.machines.iter().enumerate() {
        let Some(folder) = &known.tables else { continue };
        for file in files(&root.join(folder).join("comm"))? {
            let name = file.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
            let rows = match name {
                "nccl_perf" | "oneccl_perf" => collectives(&Table::read(&file)?)?,
                "custom_allreduce_perf" => engine_all_reduce(&Table::read(&file)?)?,
                "wideep_deepep_normal_perf" => high_throughput(&Table::read(&file)?, known)?,
                "wideep_deepep_ll_perf" => low_latency(&Table::read(&file)?, known)?,
                "trtllm_alltoall_perf" => one_sided(&Table::read(&file)?)?,
                _ => continue,
            };
            // Collectives of engines differ by engine: the folder above the version names it.
            let stack = (name == "custom_allreduce_perf")
                .then(|| file.ancestors().nth(2)?.file_name()?.to_str().map(str::to_owned))
                .flatten();
            let observe = |(exchange, seconds)| Observation { machine, exchange, seconds, stack: stack.clone() };
            all.extend(rows.into_iter().map(observe));
        }
    }
    Ok(all)
}

type Rows = Result<Vec<(Exchange, f64)>, TableError>;

/// Parquet files two folders down, in order. A missing folder has none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, TableError> {
    let mut level = vec![folder.to_owned()];
    for _ in 0..3 {
        let mut below = Vec::new();
        for path in level.iter().filter(|p| p.is_dir()) {
            let io = |source| TableError::Io { path: path.clone(), source };
            for entry in fs::read_dir(path).map_err(io)? {
                below.push(entry.map_err(io)?.path());
            }
        }
        below.sort();
        level = below;
    }
    level.retain(|p| p.extension().is_some_and(|e| e == "parquet" || e == "csv"));
    Ok(level)
}

/// `message_size` counts elements; latencies are milliseconds; keys repeat, the first row stands.
fn collectives(table: &Table) -> Rows {
    let (op, dtype) = (table.text("op_name")?, table.text("nccl_dtype")?);
    let (ranks, size, ms) = (table.number("num_gpus")?, table.number("message_size")?, table.number("latency")?);
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for i in 0..table.len() {
        let Some(operation) = operation(op[i]) else { continue };
        // Switches do not add bytes, so one-byte all-reduces take another path than those of serving.
        if dtype[i] != "half" || !seen.insert((op[i], ranks[i].to_bits(), size[i].to_bits())) {
            continue;
        }
        let exchange = Exchange::standard(operation, 2.0 * size[i], ranks[i] as u32);
        rows.push((exchange, ms[i] * 1e-3));
    }
    Ok(rows)
}

pub(super) fn operation(name: &str) -> Option<Collective> {
    Some(match name {
        "all_reduce" => Collective::AllReduce,
        "all_gather" => Collective::AllGather,
        "reduce_scatter" => Collective::ReduceScatter,
        "alltoall" => Collective::AllToAll,
        _ => return None,
    })
}

/// Elements of two bytes, milliseconds. Rows measured without graphs show the host, not the exchange; where there are no
/// others (no graphs on that system) they are what serving gets. Of several kernels engines take the fastest.
fn engine_all_reduce(table: &Table) -> Rows {
    let source = table.text("kernel_source")?;
    let (ranks, size, ms) = (table.number("num_gpus")?, table.number("message_size")?, table.number("latency")?);
    let only_eager = source.iter().all(|s| s.ends_with("_eager"));
    let mut fastest = BTreeMap::new();
    for i in (0..table.len()).filter(|&i| only_eager || !source[i].ends_with("_eager")) {
        let best = fastest.entry((ranks[i] as u32, size[i] as u64)).or_insert(f64::INFINITY);
        *best = best.min(ms[i]);
    }
    let row =
        |((ranks, size), ms): ((u32, u64), f64)| (Exchange::engine_all_reduce(2.0 * size as f64, ranks), ms * 1e-3);
    Ok(fastest.into_iter().map(row).collect())
}

/// Microseconds; tokens are per rank; time is transmission plus notification. Serving gives the kernels 20 or more
/// streaming multiprocessors. Rows of 8 nodes are left out: their notification, a barrier of some bytes, takes up to a
/// millisecond where 4 nodes take 60 us, so the cluster was congested.
fn high_throughput(table: &Table, known: &MachineData) -> Rows {
    let common = Common::read(table, "num_token", "num_topk")?;
    let mut rows = Vec::new();
    for (phase, bits, name) in [(Phase::Dispatch, FP8_BITS, "dispatch"), (Phase::Combine, BF16_BITS, "combine")] {
        let sms = table.number(&format!("{name}_sms"))?;
        let transmit = table.number(&format!("{name}_transmit_us"))?;
        let notify = table.number(&format!("{name}_notify_us"))?;
        for i in 0..table.len() {
            if sms[i] < 20.0 || common.nodes[i] > 4.0 {
                continue;
            }
            let ranks = common.nodes[i] as u32 * known.tray;
            let routed = common.routed(i, phase, Kernel::HighThroughput, ranks, bits, Some(4));
            rows.push((Exchange::Routed(routed), (transmit[i] + notify[i]) * 1e-6));
        }
    }
    Ok(rows)
}

/// Microseconds; tokens are per rank.
fn low_latency(table: &Table, known: &MachineData) -> Rows {
    let common = Common::read(table, "num_token", "num_topk")?;
    let mut rows = Vec::new();
    for (phase, bits, name) in [(Phase::Dispatch, FP8_BITS, "dispatch"), (Phase::Combine, BF16_BITS, "combine")] {
        let time = table.number(&format!("{name}_avg_t_us"))?;
        for i in 0..table.len() {
            let ranks = common.nodes[i] as u32 * known.tray;
            let routed = common.routed(i, phase, Kernel::LowLatency, ranks, bits, None);
            rows.push((Exchange::Routed(routed), time[i] * 1e-6));
        }
    }
    Ok(rows)
}

/// Milliseconds; tokens are per rank; the one-sided kernels only.
fn one_sided(table: &Table) -> Rows {
    let common = Common::read(table, "num_tokens", "topk")?;
    let (op, source, dtype) = (table.text("op_name")?, table.text("kernel_source")?, table.text("moe_dtype")?);
    let (ranks, ms) = (table.number("moe_ep_size")?, table.number("latency")?);
    let mut rows = Vec::new();
    for i in (0..table.len()).filter(|&i| source[i].ends_with("OneSided")) {
        let (phase, bits) = match (op[i], dtype[i]) {
            ("alltoall_dispatch", "nvfp4") => (Phase::Dispatch, FP4_BITS),
            ("alltoall_dispatch", "fp8") => (Phase::Dispatch, FP8_BITS),
            ("alltoall_dispatch", "bfloat16") => (Phase::Dispatch, BF16_BITS),
            ("alltoall_combine", _) => (Phase::Combine, BF16_BITS),
            _ => continue,
        };
        let routed = common.routed(i, phase, Kernel::OneSided, ranks[i] as u32, bits, None);
        rows.push((Exchange::Routed(routed), ms[i] * 1e-3));
    }
    Ok(rows)
}

/// Columns that all expert tables have.
struct Common {
    nodes: Vec<f64>,
    hidden: Vec<f64>,
    tokens: Vec<f64>,
    top_k: Vec<f64>,
    experts: Vec<f64>,
}

impl Common {
    fn read(table: &Table, tokens: &str, top_k: &str) -> Result<Common, TableError> {
        let column = |name: &str| table.number(name).map(|c| c.into_owned());
        Ok(Common {
            nodes: if table.has("node_num") { column("node_num")? } else { vec![1.0; table.len()] },
            hidden: column("hidden_size")?,
            tokens: column(tokens)?,
            top_k: column(top_k)?,
            experts: column("num_experts")?,
        })
    }

    fn routed(&self, i: usize, phase: Phase, kernel: Kernel, ranks: u32, bits: f64, limit: Option<u32>) -> Routed {
        Routed {
            phase,
            kernel,
            group: Group::packed(ranks),
            tokens: self.tokens[i],
            hidden: self.hidden[i] as u64,
            value_bits: bits,
            top_k: self.top_k[i] as u64,
            experts: self.experts[i] as u64,
            node_limit: limit,
        }
    }
}

/// A collective of the vendor's library.
pub(super) fn standard(operation: Collective, bytes: f64, ranks: u32) -> Exchange {
    let group = Group::packed(ranks);
    Exchange::Collective { operation, library: Library::Standard, group, bytes }
}
