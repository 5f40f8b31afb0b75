//! The methods of quantization that checkpoints name.

use formats::{Element, Scheme};

use super::super::json::{Node, Value};
use super::super::reader::{Fields, limit};
use super::Exclusions;

/// What a quantized checkpoint says.
#[derive(Debug)]
pub struct Quantized {
    /// Schemes, each for the modules that it is meant for; the first that fits counts.
    rules: Vec<(Option<Exclusions>, Scheme)>,
    /// Modules that keep the base type.
    excluded: Exclusions,
    /// Whether a tool made it of another checkpoint, whose own settings then no longer hold.
    pub converted: bool,
    /// Of the KV cache.
    pub kv: Option<Scheme>,
    /// What could not be followed.
    pub notes: Vec<String>,
}

impl Quantized {
    /// The scheme of a module of layer `index`, by any of its spellings; `None` if it keeps the base type.
    pub fn scheme(&self, index: usize, module: &[&str]) -> Option<Scheme> {
        if self.excluded.matches(index, module) {
            return None;
        }
        let fits = |only: &Option<Exclusions>| only.as_ref().is_none_or(|only| only.matches(index, module));
        self.rules.iter().find(|(only, _)| fits(only)).map(|&(_, scheme)| scheme)
    }
}

const FP8: Scheme = Scheme::plain(Element::E4m3);
const NVFP4: Scheme = Scheme::blocked(Element::E2m1, 16, 8);
const MXFP4: Scheme = Scheme::blocked(Element::E2m1, 32, 8);
const MXFP8: Scheme = Scheme::blocked(Element::E4m3, 32, 8);

/// Reads the method; `None` if there is no quantization, or a fault is added.
pub fn read(config: Option<&Fields<'_>>) -> Option<Quantized> {
    let config = config?;
    let method = config.text("quant_method");
    let algorithm = config.text("quant_algo");
    let ignored = ["modules_to_not_convert", "ignore", "exclude_modules", "ignored_layers", "modules_to_not_quantize"];
    let ignored: Vec<&str> = ignored.iter().filter_map(|name| config.texts(name)).flatten().collect();
    let mut out = Quantized {
        rules: Vec::new(),
        excluded: Exclusions::new(&ignored),
        converted: algorithm.is_some(),
        kv: kv(config),
        notes: Vec::new(),
    };
    match (method, algorithm) {
        (_, Some("MIXED_PRECISION")) => mixed(config, &mut out),
        (_, Some(name)) => out.rules.push((None, modelopt(config, name)?)),
        (Some("fp8" | "fbgemm_fp8"), _) => out.rules.push((None, fp8(config))),
        (Some("mxfp4"), _) => {
            // Only experts are stored so; the list of modules names the rest, or nothing at all.
            out.rules.push((Some(Exclusions::new(&["experts"])), MXFP4));
        }
        (Some("mxfp8"), _) => out.rules.push((None, MXFP8)),
        (Some("compressed-tensors"), _) => groups(config, &mut out),
        (Some("awq" | "gptq" | "awq_marlin" | "gptq_marlin"), _) => {
            let bits = config.count("bits", 32);
            let group = group_size(config);
            out.rules.push((None, integer(config, "bits", bits, group)?));
        }
        (None, None) => {
            config.missing("quant_method", "the method's name, such as \"fp8\"");
            return None;
        }
        (other, _) => {
            let name = other.unwrap_or_default();
            let known = "known are fp8, mxfp4, mxfp8, compressed-tensors, modelopt, awq, gptq".to_owned();
            config.fault(
                "model/not-supported",
                "quant_method",
                format!("quantization `{name}` is not known"),
                Some(known),
            );
            return None;
        }
    }
    out.notes.extend(out.excluded.notes());
    Some(out)
}

/// FP8, with block scales if the file gives a block; UE8M0 scales take one byte, others four.
fn fp8(config: &Fields<'_>) -> Scheme {
    match config.text("fmt") {
        None | Some("e4m3" | "float8_e4m3fn") => {}
        Some(other) => {
            let message = format!("`fmt` is `{other}`; known is e4m3");
            config.fault("model/not-supported", "fmt", message, None);
        }
    }
    let bits = match config.text("scale_fmt") {
        None | Some("float32" | "fp32") => 32,
        Some("ue8m0") => 8,
        Some(other) => {
            let message = format!("`scale_fmt` is `{other}`; known are ue8m0 and float32");
            config.fault("model/not-supported", "scale_fmt", message, None);
            32
        }
    };
    let Some(block) = config.counts("weight_block_size", 1 << 15) else { return FP8 };
    match block.as_slice() {
        // Both below 2^15, so the product fits.
        &[rows, columns] if rows > 0 && columns > 0 => {
            Scheme::blocked(Element::E4m3, u32::try_from(rows * columns).unwrap_or(u32::MAX), bits)
        }
        _ => {
            let message = "`weight_block_size` must be two numbers, rows and columns of a block";
            config.fault("model/out-of-range", "weight_block_size", message, Some("[128, 128]".into()));
            FP8
        }
    }
}

/// An algorithm of ModelOpt.
fn modelopt(config: &Fields<'_>, name: &str) -> Option<Scheme> {
    let group = group_size(config).and_then(|g| u32::try_from(g).ok());
    let scheme = match name {
        "FP8" | "FP8_PER_CHANNEL_PER_TOKEN" => FP8,
        "FP8_PB_WO" | "FP8_BLOCK_SCALES" => Scheme::blocked(Element::E4m3, 128 * 128, 32),
        "NVFP4" | "W4A16_NVFP4" | "NVFP4_AWQ" | "W4A8_NVFP4_FP8" => {
            Scheme::blocked(Element::E2m1, group.unwrap_or(16), 8)
        }
        "MXFP8" | "W8A8_MXFP8" => MXFP8,
        "MXFP4" | "W4A8_MXFP4_FP8" | "W4A16_MXFP4" => MXFP4,
        "INT8_SQ" | "W8A8_SQ_PER_CHANNEL" | "W8A16" | "INT8_WO" => Scheme::plain(Element::Int8),
        "W4A16_AWQ" | "W4A8_AWQ" | "INT4_AWQ" | "W4A16" => Scheme::blocked(Element::Int4, group.unwrap_or(128), 16),
        other => {
            let known = "known are FP8, FP8_PB_WO, NVFP4, MXFP4, MXFP8, INT8_SQ, W4A16_AWQ, W4A8_AWQ, MIXED_PRECISION";
            let message = format!("`quant_algo` is `{other}`, which is not known");
            config.fault("model/not-supported", "quant_algo", message, Some(known.into()));
            return None;
        }
    };
    Some(scheme)
}

/// ModelOpt's list of modules, each with its own algorithm.
fn mixed(config: &Fields<'_>, out: &mut Quantized) {
    let Some(layers) = config.object("quantized_layers") else {
        config.missing("quantized_layers", "the algorithm of each module");
        return;
    };
    let mut named: Vec<(Scheme, Vec<&str>)> = Vec::new();
    for (module, fields) in layers.objects() {
        let Some(algorithm) = fields.text("quant_algo") else {
            fields.missing("quant_algo", "the algorithm's name");
            continue;
        };
        let Some(scheme) = modelopt(&fields, algorithm) else { continue };
        match named.iter_mut().find(|(s, _)| *s == scheme) {
            Some((_, modules)) => modules.push(module),
            None => named.push((scheme, vec![module])),
        }
    }
    out.rules = named.into_iter().map(|(scheme, modules)| (Some(Exclusions::new(&modules)), scheme)).collect();
}

/// The groups of compressed-tensors, each with its targets.
fn groups(config: &Fields<'_>, out: &mut Quantized) {
    let Some(groups) = config.object("config_groups") else {
        config.missing("config_groups", "at least one group with `weights`");
        return;
    };
    let format = config.text("format");
    for (_, group) in groups.objects() {
        let Some(weights) = group.object("weights") else { continue };
        let Some(scheme) = tensors(&weights, group.text("format").or(format)) else { continue };
        let targets = group.texts("targets").unwrap_or_default();
        let all = targets.is_empty() || targets.contains(&"Linear");
        out.rules.push((if all { None } else { Some(Exclusions::new(&targets)) }, scheme));
    }
}

/// One `weights` of compressed-tensors.
fn tensors(weights: &Fields<'_>, format: Option<&str>) -> Option<Scheme> {
    let bits = weights.count("num_bits", 32);
    let group = group_size(weights);
    let block = weights.counts("block_structure", 1 << 15);
    match (weights.text("type"), bits) {
        (Some("float"), 4) if format.is_some_and(|f| f.starts_with("mxfp4")) || group == Some(32) => Some(MXFP4),
        (Some("float"), 4) => Some(NVFP4),
        (Some("float"), 8) => Some(match (block.as_deref(), group) {
            (Some(&[rows, columns]), _) if rows * columns > 0 => {
                Scheme::blocked(Element::E4m3, u32::try_from(rows * columns).unwrap_or(u32::MAX), 32)
            }
            (_, Some(32)) => MXFP8,
            _ => FP8,
        }),
        (Some("int") | None, bits) => integer(weights, "num_bits", bits, group),
        (Some(kind), bits) => {
            let message = format!("{bits}-bit weights of type `{kind}` are not known");
            weights.fault("model/not-supported", "num_bits", message, None);
            None
        }
    }
}

/// Values that share a scale; -1 and nothing mean one scale for a row.
fn group_size(config: &Fields<'_>) -> Option<u64> {
    match config.get("group_size") {
        Some(Node { value: Value::Number(-1.0), .. }) => None,
        _ => config.between("group_size", 1, limit::TOKENS),
    }
}

/// Integers with one 16-bit scale for each group.
fn integer(config: &Fields<'_>, field: &str, bits: u64, group: Option<u64>) -> Option<Scheme> {
    let element = match bits {
        4 => Element::Int4,
        8 => Element::Int8,
        other => {
            config.fault(
                "model/not-supported",
                field,
                format!("{other}-bit integers are not known: 4 and 8 are"),
                None,
            );
            return None;
        }
    };
    let block = group.and_then(|g| u32::try_from(g).ok());
    Some(block.map_or(Scheme::plain(element), |block| Scheme::blocked(element, block, 16)))
}

/// Storage of the KV cache.
fn kv(config: &Fields<'_>) -> Option<Scheme> {
    let name = config.text("kv_cache_quant_algo");
    // compressed-tensors describes it like weights; some tools write a name.
    let node: Option<&Node> = config.get("kv_cache_scheme");
    let name = name.or(match node {
        Some(Node { value: Value::Text(text), .. }) => Some(text),
        Some(_) => match config.object("kv_cache_scheme")?.count("num_bits", 32) {
            8 => Some("FP8"),
            4 => Some("NVFP4"),
            _ => None,
        },
        None => None,
    });
    match name? {
        "FP8" | "fp8" => Some(FP8),
        "NVFP4" => Some(NVFP4),
        "INT8" => Some(Scheme::plain(Element::Int8)),
        _ => None,
    }
}
