//! `steelyard quantize`: convert a checkpoint to another number format.

use std::path::PathBuf;
use std::sync::Mutex;

use formats::checkpoint::Checkpoint;
use formats::convert::{self, Layout, NonFinite, Options, Plan, Progress};
use formats::{Container, Error, ScaleRule};
use indicatif::{ProgressBar, ProgressStyle};

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
pub struct Bar(Mutex<ProgressBar>, bool);

impl Bar {
    /// Shown unless `quiet`, or standard error is no terminal.
    pub fn new(quiet: bool) -> Bar {
        Bar(Mutex::new(ProgressBar::hidden()), quiet)
    }

    fn with(&self, f: impl FnOnce(&mut ProgressBar)) {
        if let Ok(mut bar) = self.0.lock() {
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
        if self.1 {
            return;
        }
        let style = "{bar:32} {percent:>3}% {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.with(|bar| {
                *bar = ProgressBar::new(bytes).with_style(style);
                bar.enable_steady_tick(std::time::Duration::from_millis(200));
            });
        }
    }

    fn advance(&self, bytes: u64) {
        self.with(|bar| bar.inc(bytes));
    }

    fn note(&self, text: &str) {
        eprintln!("note: {text}");
    }
}

/// Runs the command.
///
/// # Errors
/// As [`convert::run`].
pub fn run(args: Args) -> Result<(), Error> {
    let source = Checkpoint::open(&args.source)?;
    let options = Options {
        layout: args.layout,
        rule: args.scale_rule,
        e8m0_scales: args.scale_dtype == "e8m0",
        skip: args.skip,
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
        eprintln!("note: {note}");
    }
    let bar = Bar::new(args.quiet);
    let start = std::time::Instant::now();
    let outcome = convert::run(&source, &plan, &args.output, &bar);
    bar.finish();
    let outcome = outcome.inspect_err(|e| {
        let partial = convert::partial_of(&args.output);
        if !matches!(e, Error::Refused(_)) && partial.exists() {
            eprintln!("note: what is done is kept in {}; --resume goes on with it", partial.display());
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let gb = |bytes: u64| bytes as f64 / 1e9;
    println!(
        "{}: {} tensors converted to {}, {} kept; {:.3} GB to {:.3} GB in {seconds:.1} s ({:.2} GB/s)",
        args.output.display(),
        outcome.converted,
        args.to.name(),
        outcome.kept,
        gb(outcome.input_bytes),
        gb(outcome.output_bytes),
        gb(outcome.input_bytes) / seconds,
    );
    if outcome.resumed > 0 {
        println!("{} tensors were there from the interrupted run", outcome.resumed);
    }
    if outcome.total.count == 0 && outcome.converted > 0 {
        println!("codes are copied as they were; names, scale types and configuration are the layout's");
    }
    if outcome.total.count > 0 {
        if outcome.total.changed == 0 {
            println!("lossless: all {} values read back as they were", outcome.total.count);
        } else {
            let t = &outcome.total;
            println!(
                "error: relative Frobenius {:.5}, SQNR {:.1} dB, largest {:.4} of the largest value; {} saturated, {} flushed to zero",
                t.relative(),
                t.sqnr_db(),
                t.max_ratio(),
                t.saturated,
                t.flushed
            );
            let mut worst: Vec<_> = outcome.tensors.iter().collect();
            worst.sort_by(|a, b| b.1.relative().total_cmp(&a.1.relative()));
            for (name, stats) in worst.into_iter().take(3) {
                println!("  {:.5}  {name}", stats.relative());
            }
        }
    }
    Ok(())
}
