//! Rows of `serving-silicon.csv`: end-to-end points of NVIDIA systems.

use catalog::Engine;
use formats::{Element, Scheme};

use super::case::{Case, CaseFormats, CaseLoad, Measured, Metric, Mode, Pool, Split};
use super::file::File;
use super::reading::{Launch, Reading};
use crate::tables::{Table, TableError};
use crate::traffic::Lengths;

/// InferenceX draws lengths uniformly in `[0.8 L, L]`; NVIDIA's own sweeps fix them (`measured.md`, trap 5).
const RANDOM_FROM: f64 = 0.8;
/// Share of a fixed length by which ours vary, up and down. Clients of equal lengths that start together would stay in
/// lockstep in a simulation for ever and wait for each other's prompts; real ones drift apart within a few rounds. The
/// TPOT of long prompts shows it: steps are mixed.
const DRIFT: f64 = 0.1;

/// Reads every row as a case.
///
/// # Errors
/// [`TableError`] if a column is missing or holds no numbers where it should.
pub fn cases(table: &Table) -> Result<Vec<Case>, TableError> {
    let text = |name| table.text(name);
    let maybe = |name| table.text_if_any(name);
    let number = |name| table.number(name);
    let (id, dump, backend, version) =
        (text("id")?, maybe("silicon_data_source")?, text("backend")?, maybe("backend_version")?);
    let (model, system, mode) = (text("model_path")?, text("system")?, maybe("mode")?);
    let (gemm, moe) = (maybe("gemm_quant_mode")?, maybe("moe_quant_mode")?);
    let (speculation, image) = (maybe("speculation")?, maybe("image")?);
    let (isl, osl, ambiguous) = (number("isl")?, number("osl")?, table.number_if_any("ambiguous")?);
    let (concurrency, ttft, tpot) = (number("concurrency")?, number("silicon_ttft_ms")?, number("silicon_tpot_ms")?);
    let pools =
        [PoolColumns::read(table, "")?, PoolColumns::read(table, "prefill_")?, PoolColumns::read(table, "decode_")?];
    let row = |i: usize| {
        // What rules on how an engine was started may ask for.
        let shown = [isl[i], osl[i], pools[0].degrees[0][i]].map(|n| n.to_string());
        let texts = [
            ("silicon_data_source", dump[i]),
            ("backend", backend[i]),
            ("model_path", model[i]),
            ("system", system[i]),
            ("gemm_quant_mode", gemm[i]),
            ("isl", &shown[0]),
            ("osl", &shown[1]),
            ("tp_size", &shown[2]),
        ];
        let column = |name: &str| texts.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| text);
        let launch = Reading::embedded().launched(column);
        let lengths = |nominal: f64| {
            let nominal = nominal.max(1.0);
            if dump[i] == "gap-analysis" {
                Lengths::Uniform((nominal * (1.0 - DRIFT)) as u64, (nominal * (1.0 + DRIFT)) as u64)
            } else {
                Lengths::Uniform((nominal * RANDOM_FROM) as u64, nominal as u64)
            }
        };
        let mode = match mode[i] {
            "disagg" => Mode::Disaggregated { prefill: pools[1].pool(i), decode: pools[2].pool(i) },
            _ => Mode::Aggregated(pools[0].pool(i)),
        };
        let time = |name: &str, metric, milliseconds: f64| Measured {
            id: id[i].to_owned(),
            name: name.to_owned(),
            metric,
            value: milliseconds,
            unit: "ms".to_owned(),
            factor: 1e3,
        };
        let plain = matches!(speculation[i], "none" | "") && ambiguous[i] != 1.0;
        let version = if version[i].is_empty() { image[i] } else { version[i] };
        let known = Engine::name_of_version(backend[i], version);
        Case {
            measured: vec![time("ttft", Metric::TtftMean, ttft[i]), time("tpot", Metric::TpotMean, tpot[i])],
            file: File::ServingSilicon,
            source: dump[i].to_owned(),
            plain,
            model: model[i].to_owned(),
            chip: system[i].to_owned(),
            chips: None,
            engine: known.unwrap_or(catalog::engine::GENERIC),
            engine_text: format!("{} {version}", backend[i]),
            formats: CaseFormats {
                dense: scheme(gemm[i]),
                experts: scheme(moe[i]),
                kv: launch.and_then(Launch::cache),
            },
            mode,
            input: lengths(isl[i]),
            output: lengths(osl[i]),
            load: CaseLoad::Concurrency(concurrency[i].max(1.0) as u64),
            requests: None,
            speculation: None,
            prefix_hit: 0.0,
            eager: false,
            in_process: false,
            long: false,
            step_tokens: launch.and_then(|l| l.step_tokens),
            gather: launch.and_then(|l| l.gather),
            refused: [("isl", isl[i]), ("osl", osl[i]), ("concurrency", concurrency[i])]
                .into_iter()
                .find(|(_, n)| !(n.is_finite() && *n >= 1.0))
                .map(
                    |(name, n)| {
                        if n.is_nan() { format!("{name} is not stated") } else { format!("{name} {n}: not a count") }
                    },
                ),
            remark: if known.is_some() { String::new() } else { format!("no profile of engine '{}'", backend[i]) },
        }
    };
    Ok((0..table.len()).map(row).collect())
}

fn scheme(mode: &str) -> Option<Scheme> {
    let name = match mode {
        "fp8" => return Some(Scheme::plain(Element::E4m3)),
        "fp8_block" => "fp8-block",
        "nvfp4" => "nvfp4",
        "int4_wo" => "int4-g32",
        "bfloat16" => "bf16",
        _ => return None,
    };
    Scheme::from_name(name)
}

/// The columns that describe one pool.
struct PoolColumns<'a> {
    workers: Option<std::borrow::Cow<'a, [f64]>>,
    batch: std::borrow::Cow<'a, [f64]>,
    degrees: [std::borrow::Cow<'a, [f64]>; 5],
}

impl<'a> PoolColumns<'a> {
    fn read(table: &'a Table, prefix: &str) -> Result<PoolColumns<'a>, TableError> {
        let number = |name: &str| table.number_if_any(&format!("{prefix}{name}"));
        Ok(PoolColumns {
            workers: if prefix.is_empty() { None } else { Some(number("num_workers")?) },
            batch: number("batch_size")?,
            degrees: [
                number("tp_size")?,
                number("pp_size")?,
                number("attention_dp_size")?,
                number("moe_ep_size")?,
                number("moe_tp_size")?,
            ],
        })
    }

    fn pool(&self, row: usize) -> Pool {
        let count = |value: f64| (value.is_finite() && value >= 1.0).then_some(value as u32);
        let degree = |i: usize| count(self.degrees[i][row]);
        Pool {
            workers: self.workers.as_ref().and_then(|w| count(w[row])).unwrap_or(1),
            split: Split { tp: degree(0), pp: degree(1), dp: degree(2), ep: degree(3), moe_tp: degree(4) },
            batch: count(self.batch[row]).map(u64::from),
        }
    }
}
