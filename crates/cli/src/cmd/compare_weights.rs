//! `steelyard compare-weights`: how far the values of one checkpoint are from another's.

use std::path::PathBuf;

use formats::Error;
use formats::checkpoint::Checkpoint;
use formats::compare::{self, Comparison};
use formats::convert::Progress as _;

use crate::lang::{Lang, Msg};
use crate::report;
use crate::table::{View, weights};

/// Compare the values of two checkpoints tensor by tensor, whatever each stores them as.
#[derive(clap::Args)]
pub struct Args {
    /// The reference: folder or file
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The one whose error is wanted: folder or file
    #[arg(value_name = "B")]
    second: PathBuf,
    /// Number of worst tensors to show
    #[arg(long, default_value_t = 10)]
    worst: usize,
    /// Only tensors with this in their name, or matching it with * and ?; may be given again
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Print JSON, with every tensor
    #[arg(long)]
    json: bool,
    /// Write a report as one HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show GGUF files under their own names
    #[arg(long)]
    keep_names: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Runs the command.
///
/// # Errors
/// If a checkpoint cannot be read, or they have nothing in common.
pub fn run(args: Args) -> Result<(), Error> {
    let lang = Lang::choose(args.lang);
    let names = super::quantize::names(args.keep_names);
    let mut a = Checkpoint::open_as(&args.first, names)?;
    let mut b = Checkpoint::open_as(&args.second, names)?;
    if !args.only.is_empty() {
        for c in [&mut a, &mut b] {
            c.matrices.retain(|m| args.only.iter().any(|p| formats::convert::matches(p, &m.name)));
        }
    }
    let bar = super::quantize::Bar::new(args.quiet, lang);
    bar.start(a.matrices.iter().flat_map(|m| m.parts()).map(|p| a.raw[p].len).sum());
    let result = compare::compare(&a, &b, &|bytes| bar.advance(bytes));
    bar.finish();
    let result = result?;
    if let Some(path) = &args.html {
        let (first, second) = (args.first.display().to_string(), args.second.display().to_string());
        let page = report::render_weights(&first, &second, &result);
        report::write(path, page.as_bytes()).map_err(|e| Error::Request(e.to_string()))?;
    }
    if args.json {
        return super::print(&format!("{:#}\n", result.to_json()));
    }
    super::print(&text(&result, args.worst, View::of_stdout(lang)))
}

fn text(result: &Comparison, worst: usize, view: View) -> String {
    let lang = view.lang;
    let mut out = weights::errors(result, worst, view);
    let (all, differ) = (result.pairs.len(), result.worst().len());
    let counts =
        [("count", &*all.to_string()), ("equal", &(all - differ).to_string()), ("differ", &differ.to_string())];
    out.push_str(&format!("\n{}\n", Msg::ComparedCount.fill(lang, &counts)));
    if differ > 0 {
        out.push_str(&format!("\n{}\n{}", Msg::HistogramTitle.text(lang), weights::histogram(result)));
    }
    for (which, names) in [("A", &result.only_first), ("B", &result.only_second)] {
        if let Some(first) = names.first() {
            let more = if names.len() > 1 { ", ..." } else { "" };
            let (count, first) = (names.len().to_string(), format!("{first}{more}"));
            out.push_str(&Msg::OnlyIn.fill(lang, &[("count", &count), ("which", which), ("first", &first)]));
            out.push('\n');
        }
    }
    for (tensor, why) in result.skipped.iter().take(3) {
        out.push_str(&Msg::NotCompared.fill(lang, &[("tensor", tensor), ("why", why)]));
        out.push('\n');
    }
    out
}
