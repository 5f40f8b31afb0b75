//! `steelyard quantize`: convert a checkpoint to another number format.

use std::path::PathBuf;
use std::sync::Mutex;

use formats::checkpoint::{Checkpoint, Names};
use formats::convert::{self, Layout, NonFinite, Options, Outcome, Plan, Progress};
use formats::{Container, Error, Note, ScaleRule};
use indicatif::{ProgressBar, ProgressStyle};

use crate::lang::number::{Unit, quantity};
use crate::lang::{Lang, Msg, notes};

/// Convert a checkpoint to another number format, streaming, with its error measured.
///
/// Weights of linear layers are converted; norms, embeddings, gates and heads stay as they are. The output folder holds
/// everything a loader needs, and a manifest with the hash and the error of each tensor.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with safetensors files and config.json, or one .safetensors or .gguf file
    source: PathBuf,
    /// Folder to write; it must not exist, or be empty
    output: PathBuf,
    /// Format of the weights
    #[arg(long, value_parser = parse_container, value_name = "FORMAT", long_help = container_help())]
    to: Container,
    /// Names and configuration: deepseek, compressed-tensors, modelopt, gpt-oss or steelyard [default: the format's own]
    #[arg(long, value_parser = parse_layout)]
    layout: Option<Layout>,
    /// Exponent of power-of-two scales: ceil, floor, even, search, ceil-max or floor-plus-one [default: even for FP4, else ceil]
    #[arg(long, value_parser = parse_rule, value_name = "RULE")]
    scale_rule: Option<ScaleRule>,
    /// Type of the scales of deepseek-ue8m0: f32 (as V3.1) or e8m0 (as V4)
    #[arg(long, default_value = "f32", value_parser = ["f32", "e8m0"])]
    scale_dtype: String,
    /// Keep tensors with this in their name (or matching it, with * and ?); may be given again
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<String>,
    /// Keep the names of a GGUF source, and write no config.json
    #[arg(long)]
    keep_names: bool,
    /// Stop unless every value stays the same
    #[arg(long)]
    lossless_or_refuse: bool,
    /// Round again weights that were rounded to another narrow format before
    #[arg(long, conflicts_with = "lossless_or_refuse")]
    requant: bool,
    /// What to do with infinities and NaN: refuse, or mark their block with a NaN scale
    #[arg(long, default_value = "refuse", value_parser = ["refuse", "mark"])]
    non_finite: String,
    /// Replace what is in the output folder
    #[arg(long)]
    overwrite: bool,
    /// Go on where an interrupted run stopped
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Threads that convert [default: one per core, at most 4]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// What tensors of GGUF files are to be called.
pub fn names(keep: bool) -> Names {
    if keep { Names::Stored } else { Names::HuggingFace }
}

fn container_help() -> String {
    let names: Vec<&str> = Container::NAMED.iter().map(|(n, _)| *n).collect();
    format!("Format of the weights: {}", names.join(", "))
}

fn parse_container(text: &str) -> Result<Container, String> {
    Container::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Container::NAMED.iter().map(|(n, _)| *n).collect();
        format!("known formats are {}", names.join(", "))
    })
}

fn parse_layout(text: &str) -> Result<Layout, String> {
    Layout::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Layout::NAMED.iter().map(|(n, _)| *n).collect();
        format!("known layouts are {}", names.join(", "))
    })
}

fn parse_rule(text: &str) -> Result<ScaleRule, String> {
    ScaleRule::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = ScaleRule::NAMED.iter().map(|(n, _)| *n).collect();
        format!("known rules are {}", names.join(", "))
    })
}

/// A progress bar that appears when work starts.
pub struct Bar {
    bar: Mutex<ProgressBar>,
    quiet: bool,
    lang: Lang,
}

impl Bar {
    /// Shown unless `quiet`, or standard error is no terminal.
    pub fn new(quiet: bool, lang: Lang) -> Bar {
        Bar { bar: Mutex::new(ProgressBar::hidden()), quiet, lang }
    }

    fn with(&self, f: impl FnOnce(&mut ProgressBar)) {
        if let Ok(mut bar) = self.bar.lock() {
            f(&mut bar);
        }
    }

    /// Takes it away.
    pub fn finish(&self) {
        self.with(|bar| bar.finish_and_clear());
    }
}

impl Progress for Bar {
    fn start(&self, bytes: u64) {
        if self.quiet {
            return;
        }
        let style = "{bar:32} {percent:>3}% {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}";
        let style = format!("{style} {} {{eta}}", Msg::ProgressLeft.text(self.lang));
        if let Ok(style) = ProgressStyle::with_template(&style) {
            self.with(|bar| {
                *bar = ProgressBar::new(bytes).with_style(style);
                bar.enable_steady_tick(std::time::Duration::from_millis(200));
            });
        }
    }

    fn advance(&self, bytes: u64) {
        self.with(|bar| bar.inc(bytes));
    }

    fn note(&self, note: &Note) {
        eprintln!("{}", notes::note(note, self.lang));
    }
}

/// Runs the command.
///
/// # Errors
/// As [`convert::run`].
pub fn run(args: Args) -> Result<(), Error> {
    let lang = Lang::choose(args.lang);
    let source = Checkpoint::open_as(&args.source, names(args.keep_names))?;
    let options = Options {
        layout: args.layout,
        rule: args.scale_rule,
        e8m0_scales: args.scale_dtype == "e8m0",
        skip: args.skip,
        keep_names: args.keep_names,
        lossless: args.lossless_or_refuse,
        requant: args.requant,
        non_finite: if args.non_finite == "mark" { NonFinite::Mark } else { NonFinite::Refuse },
        overwrite: args.overwrite,
        resume: args.resume,
        threads: args.threads,
        ..Options::to(args.to)
    };
    let plan = Plan::new(&source, options)?;
    for note in &plan.notes {
        eprintln!("{}", notes::note(note, lang));
    }
    let bar = Bar::new(args.quiet, lang);
    let start = std::time::Instant::now();
    let outcome = convert::run(&source, &plan, &args.output, &bar);
    bar.finish();
    let outcome = outcome.inspect_err(|e| {
        let partial = convert::partial_of(&args.output);
        if !matches!(e, Error::Refused(_) | Error::Request(_)) && partial.exists() {
            let kept = Msg::KeptForResume.fill(lang, &[("folder", &partial.display().to_string())]);
            eprintln!("{}{kept}", Msg::Note.text(lang));
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let size = |bytes: u64| quantity(bytes as f64, Unit::Bytes);
    let done = Msg::Converted.fill(
        lang,
        &[
            ("folder", &args.output.display().to_string()),
            ("converted", &outcome.converted.to_string()),
            ("format", &args.to.name()),
            ("kept", &outcome.kept.to_string()),
            ("read", &size(outcome.input_bytes)),
            ("written", &size(outcome.output_bytes)),
            ("seconds", &format!("{seconds:.1}")),
            ("rate", &quantity(outcome.input_bytes as f64 / seconds, Unit::Bandwidth)),
        ],
    );
    super::print(&format!("{done}\n{}", result(&outcome, lang)))
}

/// What became of the values.
fn result(outcome: &Outcome, lang: Lang) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let total = &outcome.total;
    if outcome.resumed > 0 {
        line(Msg::Resumed.fill(lang, &[("count", &outcome.resumed.to_string())]));
    }
    if total.count == 0 && outcome.converted > 0 {
        line(Msg::CodesCopied.text(lang).to_owned());
    }
    if total.count > 0 && total.changed == 0 {
        line(Msg::Lossless.fill(lang, &[("count", &total.count.to_string())]));
    }
    if total.changed > 0 {
        line(Msg::ErrorLine.fill(
            lang,
            &[
                ("relative", &format!("{:.5}", total.relative())),
                ("sqnr", &format!("{:.1}", total.sqnr_db())),
                ("largest", &format!("{:.4}", total.max_ratio())),
                ("saturated", &total.saturated.to_string()),
                ("flushed", &total.flushed.to_string()),
            ],
        ));
        let mut worst: Vec<_> = outcome.tensors.iter().collect();
        worst.sort_by(|a, b| b.1.relative().total_cmp(&a.1.relative()));
        for (name, stats) in worst.into_iter().take(3) {
            line(format!("  {:.5}  {name}", stats.relative()));
        }
    }
    out
}
