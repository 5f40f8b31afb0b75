//! `steelyard model`: what is known of a model.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use catalog::model::{self, Parameters, cache, kv_bytes_per_token, parameters, weight_bytes};
use catalog::{Attention, Ffn, LayerGroup, Model};
use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use formats::Scheme;
use serde_json::{Value, json};

use crate::lang::{Lang, Msg, term};

/// Shows models: their shapes, parameters, cache and stored formats.
#[derive(Args)]
pub struct ModelArgs {
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum, global = true)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Lists the built-in models.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows one model: a name, a `config.json`, or its folder.
    Show {
        /// Name or path.
        model: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command; exits with 2 if the input is wrong.
pub fn run(args: &ModelArgs, folder: Option<&Path>) -> ExitCode {
    let lang = Lang::choose(args.lang);
    let text = match &args.command {
        ModelCommand::List { json } => list(*json, lang),
        ModelCommand::Show { model, json } => show(model, folder, *json, lang),
    };
    match text {
        Ok(text) => {
            // A reader that has seen enough closes the pipe: no fault of ours.
            let _ = writeln!(io::stdout().lock(), "{text}");
            ExitCode::SUCCESS
        }
        Err(faults) => {
            for fault in &faults {
                eprintln!("error: {fault}");
            }
            ExitCode::from(2)
        }
    }
}

type Shown = Result<String, Vec<catalog::Diagnostic>>;

fn list(json: bool, lang: Lang) -> Shown {
    let models = model::entries().iter().map(|entry| model::load(&entry.id, None)).collect::<Result<Vec<_>, _>>()?;
    if json {
        return Ok(pretty(&models.iter().map(summary).collect()));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = ["model", "parameters", "active", "layers", "KV bytes/token", "context", "weights"];
    table.set_header(header.map(|word| term(word, lang)));
    for model in &models {
        let p = parameters(model);
        table.add_row([
            model.id.clone(),
            billions(p.total),
            billions(p.active),
            model.num_layers().to_string(),
            format!("{:.0}", kv_bytes_per_token(model, Scheme::BF16)),
            model.max_context.to_string(),
            stored(model),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    Ok(lines.join("\n"))
}

fn show(name: &str, catalog: Option<&Path>, json: bool, lang: Lang) -> Shown {
    let model = model::load(name, catalog)?;
    if json {
        return Ok(pretty(&detail(&model)));
    }
    let p = parameters(&model);
    let weights = weight_bytes(&model, &model.weights);
    let said = |msg: Msg, arguments: &[(&str, &str)]| format!("  {}", msg.fill(lang, arguments));
    let gigabytes = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    let mut lines = vec![
        format!("{} ({}, {})", model.name, model.id, model.architecture),
        said(
            Msg::ModelShape,
            &[
                ("hidden", &model.hidden.to_string()),
                ("vocab", &model.vocab.to_string()),
                ("context", &model.max_context.to_string()),
            ],
        ),
        said(
            Msg::ModelCounts,
            &[("total", &billions(p.total)), ("active", &billions(p.active)), ("parts", &parts(&p))],
        ),
        said(Msg::ModelWeights, &[("size", &gigabytes(weights.total)), ("formats", &stored(&model))]),
        said(Msg::ModelCache, &[("cache", &kept_by_request(&model))]),
    ];
    lines.extend(model.layers.iter().map(|group| format!("  {}", layer(group))));
    if model.mtp_layers > 0 {
        let count = model.mtp_layers.to_string();
        lines.push(said(Msg::ModelMtp, &[("count", &count), ("size", &billions(p.mtp))]));
    }
    lines.extend(model.notes.iter().map(|note| format!("  note: {note}")));
    Ok(lines.join("\n"))
}

/// What a request keeps, with windows and states only where there are some.
fn kept_by_request(model: &Model) -> String {
    let kept = cache(model, Scheme::BF16);
    let inside = kv_bytes_per_token(model, Scheme::BF16);
    let mut text = format!("{inside:.0} bytes a token");
    if kept.per_token() < inside {
        text += &format!(" inside all windows, {:.0} beyond them", kept.per_token());
    }
    if kept.state() > 0.0 {
        text += &format!("; states of {:.1} MB a request", kept.state() / 1e6);
    }
    text
}

fn parts(p: &Parameters) -> String {
    let attention = p.attention + p.attention_out;
    let named =
        [("attention", attention), ("dense", p.dense), ("experts", p.experts), ("tables", p.embedding + p.head)];
    let shown: Vec<String> =
        named.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {}", billions(*n))).collect();
    format!(" ({})", shown.join(", "))
}

fn layer(group: &LayerGroup) -> String {
    let attention = match &group.attention {
        Attention::None => String::new(),
        Attention::Gqa(a) => {
            let window = a.window.map_or(String::new(), |w| format!(", window {w}"));
            let sparse = a.sparse.as_ref().map_or(String::new(), |s| format!(", sparse {} tokens", s.top_tokens));
            format!("attention {}/{} heads x {}{window}{sparse}", a.heads, a.kv_heads, a.head_dim)
        }
        Attention::Mla(a) => {
            let sparse = a.sparse.as_ref().map_or(String::new(), |s| format!(", sparse {} tokens", s.top_tokens));
            format!("latent attention {} heads, cached {} + {}{sparse}", a.heads, a.kv_rank, a.rope_dim)
        }
        Attention::Linear(a) => {
            format!("linear attention {} heads, state {} x {}", a.value_heads, a.key_dim, a.value_dim)
        }
        Attention::Compressed(a) => match a.ratio {
            0 => format!("window {} of {} heads x {}", a.window, a.heads, a.head_dim),
            ratio => format!("window {} and 1:{ratio} compressed, {} heads x {}", a.window, a.heads, a.head_dim),
        },
    };
    let ffn = match &group.ffn {
        Ffn::None => String::new(),
        Ffn::Dense(f) => format!("dense {}", f.inner),
        Ffn::Moe(f) => {
            let shared = if f.shared_inner > 0 { format!(" + shared {}", f.shared_inner) } else { String::new() };
            format!("{} of {} experts x {}{shared}", f.top_k, f.experts, f.inner)
        }
    };
    let both = [attention, ffn].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join("; ");
    format!("{} x {both}", group.count)
}

/// The scheme of the weights, or of each part where they differ.
fn stored(model: &Model) -> String {
    let w = &model.weights;
    let mut named = vec![("attention", w.attention)];
    if w.attention_out != w.attention {
        named.push(("attention output", w.attention_out));
    }
    named.push(("dense", w.dense));
    if model.is_moe() {
        named.push(("experts", w.experts));
    }
    match named.split_first() {
        Some((first, rest)) if rest.iter().all(|(_, s)| *s == first.1) => first.1.to_string(),
        _ => named.iter().map(|(part, s)| format!("{part} {s}")).collect::<Vec<_>>().join(", "),
    }
}

fn summary(model: &Model) -> Value {
    let p = parameters(model);
    json!({
        "id": model.id,
        "name": model.name,
        "architecture": model.architecture,
        "layers": model.num_layers(),
        "parameters": p,
        "kv_bytes_per_token": kv_bytes_per_token(model, Scheme::BF16),
        "max_context": model.max_context,
        "weights": stored(model),
    })
}

fn detail(model: &Model) -> Value {
    let w = &model.weights;
    let kept = cache(model, Scheme::BF16);
    let group = |g: &LayerGroup| json!({ "count": g.count, "attention": g.attention, "ffn": g.ffn });
    json!({
        "id": model.id,
        "name": model.name,
        "architecture": model.architecture,
        "hidden": model.hidden,
        "vocab": model.vocab,
        "tied_embeddings": model.tied_embeddings,
        "max_context": model.max_context,
        "residual_streams": model.residual_streams,
        "layers": model.layers.iter().map(group).collect::<Vec<_>>(),
        "mtp_layers": model.mtp_layers,
        "mtp": model.mtp.iter().map(group).collect::<Vec<_>>(),
        "parameters": parameters(model),
        "weights": {
            "attention": w.attention.to_string(),
            "attention_out": w.attention_out.to_string(),
            "dense": w.dense.to_string(),
            "experts": w.experts.to_string(),
            "embedding": w.embedding.to_string(),
        },
        "weight_bytes": weight_bytes(model, w),
        "kv": model.kv.map(|kv| kv.to_string()),
        "kv_bytes_per_token_bf16": kv_bytes_per_token(model, Scheme::BF16),
        "cache_bf16": kept.layers.iter().map(|(count, layer)| json!({ "count": count, "layer": layer })).collect::<Vec<_>>(),
        "notes": model.notes,
    })
}

fn billions(count: u64) -> String {
    // Two digits after the point below a trillion, as publishers print them.
    let count = count as f64;
    if count >= 1e12 { format!("{:.3}T", count / 1e12) } else { format!("{:.2}B", count / 1e9) }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
