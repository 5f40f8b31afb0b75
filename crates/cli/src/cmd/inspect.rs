//! `steelyard inspect`: what a checkpoint holds.

use std::path::PathBuf;

use formats::checkpoint::Checkpoint;
use formats::inspect::{self, LikelyRule};
use formats::{Error, convert};

use crate::lang::number::{Unit, quantity};
use crate::lang::{Lang, Msg, notes};
use crate::table::{View, weights};

/// Show what a checkpoint holds: formats, scales, layout, sizes, bits per value.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with safetensors files, or one .safetensors or .gguf file
    path: PathBuf,
    /// Print JSON, with every tensor
    #[arg(long)]
    json: bool,
    /// List every tensor
    #[arg(long)]
    tensors: bool,
    /// Check every byte against the manifest that steelyard wrote
    #[arg(long)]
    verify: bool,
    /// Show a GGUF file under its own names
    #[arg(long)]
    keep_names: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Runs the command.
///
/// # Errors
/// If the checkpoint cannot be read; with `--verify`, [`Error::Refused`] if it is damaged.
pub fn run(args: Args) -> Result<(), Error> {
    let lang = Lang::choose(args.lang);
    if args.verify {
        return verify(&args, lang);
    }
    let source = Checkpoint::open_as(&args.path, super::quantize::names(args.keep_names))?;
    if args.json {
        return super::print(&format!("{:#}\n", inspect::to_json(&source)?));
    }
    for note in &source.notes {
        eprintln!("{}", notes::note(note, lang));
    }
    let size = quantity(source.files.iter().map(|f| f.len).sum::<u64>() as f64, Unit::Bytes);
    let mut lines = vec![
        (Msg::Layout, inspect::layout(&source)),
        (Msg::Files, format!("{}{}", source.files.len(), lang.brackets(&size))),
    ];
    lines.extend(scale_rule(&source, lang)?.map(|rule| (Msg::ScaleRule, rule)));
    let mut out = String::new();
    for (what, is) in lines {
        out.push_str(&format!("{}{}{is}\n", what.text(lang), lang.colon()));
    }
    let view = View::of_stdout(lang);
    out.push_str(&weights::groups(&source, view));
    if args.tensors {
        out.push('\n');
        out.push_str(&weights::tensors(&source, view));
    }
    super::print(&out)
}

fn verify(args: &Args, lang: Lang) -> Result<(), Error> {
    let found = convert::verify(&args.path)?;
    let mut out = String::new();
    for bad in &found.bad {
        out.push_str(&Msg::Damaged.fill(lang, &[("what", bad)]));
        out.push('\n');
    }
    let (good, bad) = (found.good.to_string(), found.bad.len());
    out.push_str(&Msg::Verified.fill(lang, &[("good", &good), ("bad", &bad.to_string())]));
    out.push('\n');
    super::print(&out)?;
    if bad == 0 { Ok(()) } else { Err(Error::Refused(format!("damaged parts: {bad}"))) }
}

/// The rule that the metadata names, or the likely one.
fn scale_rule(source: &Checkpoint, lang: Lang) -> Result<Option<String>, Error> {
    let written = source.files.iter().find_map(|f| f.metadata.get("steelyard.scale_rule")).and_then(|r| r.as_str());
    if let Some(rule) = written {
        return Ok(Some(format!("{rule}{}", lang.brackets(Msg::FromMetadata.text(lang)))));
    }
    Ok(inspect::likely_rule(source)?.map(|(rule, blocks)| {
        let rule = match rule {
            LikelyRule::Ceil => "ceil",
            LikelyRule::FloorOrEven => Msg::FloorOrEven.text(lang),
            LikelyRule::Roomy => Msg::RoomyRule.text(lang),
        };
        Msg::Probably.fill(lang, &[("rule", rule), ("blocks", &blocks.to_string())])
    }))
}
