//! `steelyard compare-weights`: how far the values of one checkpoint are from another's.

use std::fmt::Write as _;
use std::path::PathBuf;

use comfy_table::{Table, presets};
use formats::checkpoint::Checkpoint;
use formats::compare::{self, Comparison, Pair, bin_names};
use formats::convert::Progress as _;
use formats::{Error, ErrorStats};

/// Compare the values of two checkpoints tensor by tensor, whatever each stores them as.
#[derive(clap::Args)]
pub struct Args {
    /// The reference: folder or file
    first: PathBuf,
    /// The one whose error is wanted: folder or file
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
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command.
///
/// # Errors
/// If a checkpoint cannot be read, or they have nothing in common.
pub fn run(args: Args) -> Result<(), Error> {
    let mut a = Checkpoint::open(&args.first)?;
    let mut b = Checkpoint::open(&args.second)?;
    if !args.only.is_empty() {
        for c in [&mut a, &mut b] {
            c.matrices.retain(|m| args.only.iter().any(|p| formats::convert::matches(p, &m.name)));
        }
    }
    let bar = super::quantize::Bar::new(args.quiet);
    bar.start(a.matrices.iter().flat_map(|m| m.parts()).map(|p| a.raw[p].len).sum());
    let result = compare::compare(&a, &b, &|bytes| bar.advance(bytes));
    bar.finish();
    let result = result?;
    if let Some(path) = &args.html {
        let title = format!("{} against {}", args.second.display(), args.first.display());
        std::fs::write(path, html(&title, &result)).map_err(|e| Error::io(path, "write", e))?;
    }
    if args.json {
        println!("{:#}", result.to_json());
        return Ok(());
    }
    show(&result, args.worst);
    Ok(())
}

fn show(result: &Comparison, worst: usize) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    table.add_row(cells("all together", "", &result.total()));
    let differ = result.worst();
    for p in differ.iter().take(worst) {
        table.add_row(cells(&p.name, &stored(p), &p.stats));
    }
    super::inspect::right(&mut table, 2);
    println!("{table}");
    let equal = result.pairs.len() - differ.len();
    println!("\n{} tensors compared: {equal} equal in every value, {} differ", result.pairs.len(), differ.len());
    if !differ.is_empty() {
        println!("\ndifference relative to the value");
        let all = result.histogram();
        let most = all.iter().skip(1).copied().max().unwrap_or(1).max(1);
        for (name, n) in bin_names().iter().zip(all).skip(1).filter(|(_, n)| *n > 0) {
            println!("{name:>8} {:<40} {n}", "#".repeat((n * 40).div_ceil(most) as usize));
        }
    }
    let list = |what: &str, names: &[String]| {
        if let Some(first) = names.first() {
            println!("{} tensors {what}: {first}{}", names.len(), if names.len() > 1 { ", ..." } else { "" });
        }
    };
    list("only in the first", &result.only_first);
    list("only in the second", &result.only_second);
    for (name, why) in result.skipped.iter().take(3) {
        println!("not compared: {name} ({why})");
    }
}

const HEADER: [&str; 9] =
    ["tensor", "stored as", "values", "rel. error", "SQNR dB", "max err", "of max", "saturated", "flushed"];

fn stored(p: &Pair) -> String {
    format!("{} / {}", p.stored[0], p.stored[1])
}

fn cells(name: &str, stored: &str, s: &ErrorStats) -> [String; 9] {
    let sqnr = if s.error_square_sum == 0.0 { "exact".to_owned() } else { format!("{:.1}", s.sqnr_db()) };
    [
        name.to_owned(),
        stored.to_owned(),
        s.count.to_string(),
        format!("{:.5}", s.relative()),
        sqnr,
        format!("{:.3e}", s.max_error),
        format!("{:.4}", s.max_ratio()),
        s.saturated.to_string(),
        s.flushed.to_string(),
    ]
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A page that needs nothing else: the table, worst first, and the histogram.
fn html(title: &str, result: &Comparison) -> String {
    let mut out = String::new();
    let title = escape(title);
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>\
         body{{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222}}\
         table{{border-collapse:collapse;font-size:13px}}td,th{{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right}}\
         td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){{text-align:left}}\
         </style><h1>Weights compared</h1><p>{title}</p>"
    );
    let all = result.histogram();
    let most = all.iter().skip(1).copied().max().unwrap_or(1).max(1);
    let _ = write!(
        out,
        "<h2>Difference relative to the value</h2><svg viewBox=\"0 0 720 220\" role=\"img\" aria-label=\"histogram\">"
    );
    for (i, (name, n)) in bin_names().iter().zip(all).enumerate().skip(1) {
        let (x, height) = ((i - 1) * 42, n as f64 * 170.0 / most as f64);
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"38\" height=\"{height:.1}\" fill=\"#3b6ea5\"><title>{}: {n}</title></rect>\
             <text x=\"{}\" y=\"200\" font-size=\"10\" text-anchor=\"middle\">{}</text>",
            180.0 - height,
            escape(name),
            x + 19,
            escape(name)
        );
    }
    let _ = write!(out, "</svg><h2>Tensors, worst first</h2><table><tr>");
    for name in HEADER {
        let _ = write!(out, "<th>{name}</th>");
    }
    let mut row = |cells: [String; 9]| {
        let _ = write!(out, "</tr><tr>");
        for cell in cells {
            let _ = write!(out, "<td>{}</td>", escape(&cell));
        }
    };
    row(cells("all together", "", &result.total()));
    result.worst().into_iter().for_each(|p| row(cells(&p.name, &stored(p), &p.stats)));
    let equal = result.pairs.len() - result.worst().len();
    let _ = writeln!(out, "</tr></table><p>{equal} tensors are equal in every value.</p></html>");
    out
}
