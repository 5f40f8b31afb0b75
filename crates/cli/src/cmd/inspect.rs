//! `steelyard inspect`: what a checkpoint holds.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use formats::checkpoint::Checkpoint;
use formats::{Error, compare, convert, inspect};

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
}

/// Runs the command.
///
/// # Errors
/// If the checkpoint cannot be read; with `--verify`, [`Error::Refused`] if it is damaged.
pub fn run(args: Args) -> Result<(), Error> {
    if args.verify {
        let found = convert::verify(&args.path)?;
        for bad in &found.bad {
            println!("damaged: {bad}");
        }
        println!("{} tensors, headers and files are as written, {} are not", found.good, found.bad.len());
        let damaged = found.bad.len();
        return if damaged == 0 { Ok(()) } else { Err(Error::Refused(format!("{damaged} parts are damaged"))) };
    }
    let source = Checkpoint::open(&args.path)?;
    if args.json {
        println!("{:#}", inspect::to_json(&source)?);
        return Ok(());
    }
    for note in &source.notes {
        eprintln!("note: {note}");
    }
    println!("layout: {}", inspect::layout(&source));
    println!("files: {}, {:.3} GB", source.files.len(), source.files.iter().map(|f| f.len).sum::<u64>() as f64 / 1e9);
    if let Some(rule) =
        source.files.iter().find_map(|f| f.metadata.get("steelyard.scale_rule")).and_then(|r| r.as_str())
    {
        println!("scale rule: {rule} (as written in the metadata)");
    } else if let Some((rule, blocks)) = inspect::likely_rule(&source)? {
        println!("scale rule: probably {rule} (from the largest codes of {blocks} blocks)");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "stored as",
        "tensors",
        "values",
        "MB",
        "of it scales",
        "bits a value",
    ]);
    for (name, g) in inspect::groups(&source) {
        table.add_row([
            name,
            g.tensors.to_string(),
            g.values.to_string(),
            format!("{:.3}", (g.code_bytes + g.scale_bytes) as f64 / 1e6),
            format!("{:.3}", g.scale_bytes as f64 / 1e6),
            format!("{:.4}", g.bits_per_value()),
        ]);
    }
    right(&mut table, 1);
    println!("{table}");
    if args.tensors {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["tensor", "stored as", "shape", "MB"]);
        for m in &source.matrices {
            let (codes, scales) = inspect::bytes(&source, m);
            let shape = m.shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
            let stored = compare::stored_as(&source, m);
            table.add_row([m.name.clone(), stored, shape, format!("{:.3}", (codes + scales) as f64 / 1e6)]);
        }
        println!("\n{table}");
    }
    Ok(())
}

/// Numbers to the right, from a column on.
pub fn right(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
