//! Carrying out a plan: workers convert rectangles, one writer puts them in their places.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::journal::{Done, JOURNAL, Journal};
use super::manifest;
use super::piece::PIECE;
use super::plan::{Plan, hex};
use super::work::Work;
use crate::Note;
use crate::checkpoint::{Checkpoint, file};
use crate::error::{Error, Result};
use crate::stats::ErrorStats;

/// Told how far a conversion has come. Called from several threads.
pub trait Progress: Sync {
    /// Work of this many input bytes begins.
    fn start(&self, _bytes: u64) {}
    /// This many input bytes more are done.
    fn advance(&self, _bytes: u64) {}
    /// Something the user should know now.
    fn note(&self, _note: &Note) {}
}

impl Progress for () {}

/// What a conversion did.
#[derive(Debug)]
pub struct Outcome {
    /// Matrices converted.
    pub converted: usize,
    /// Matrices and tensors kept as they were.
    pub kept: usize,
    /// Bytes of weights read.
    pub input_bytes: u64,
    /// Bytes of weight files written.
    pub output_bytes: u64,
    /// The error of all converted matrices together.
    pub total: ErrorStats,
    /// The error of each, in output order.
    pub tensors: Vec<(String, ErrorStats)>,
    /// Matrices found finished from an interrupted run.
    pub resumed: usize,
}

/// Converts `source` into the folder `target`.
///
/// # Errors
/// [`Error::Refused`] if values would change that must not; otherwise what went wrong with which file. After other
/// errors the unfinished folder stays, for `resume`.
pub fn run(source: &Checkpoint, plan: &Plan, target: &Path, progress: &dyn Progress) -> Result<Outcome> {
    let partial = prepare(source, plan, target)?;
    let result = into_folder(source, plan, &partial, progress);
    match &result {
        Ok(_) => publish(&partial, target, plan.options.overwrite)?,
        Err(Error::Refused(_)) => {
            let _ = std::fs::remove_dir_all(&partial);
        }
        Err(_) => {}
    }
    result
}

/// The folder that is filled, beside the target, and renamed when complete.
pub fn partial_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

/// Checks that nothing is in the way and that the source is not, and makes the unfinished folder.
fn prepare(source: &Checkpoint, plan: &Plan, target: &Path) -> Result<PathBuf> {
    let o = &plan.options;
    let occupied = match std::fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => return Err(Error::io(target, "list", e)),
    };
    if occupied && !o.overwrite {
        return Err(Error::Request(format!("{} exists and is not empty; --overwrite replaces it", target.display())));
    }
    // The output may not exist yet: then the folder it will be in does.
    let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, "create", e))?;
    let to = parent.canonicalize().map(|p| p.join(target.file_name().unwrap_or_default()));
    if let (Ok(from), Ok(to)) = (source.path.canonicalize(), to)
        && (from.starts_with(&to) || to.starts_with(&from))
    {
        return Err(Error::Request("source and output must not lie in each other".to_owned()));
    }
    let partial = partial_of(target);
    let begun = partial.exists();
    match (begun, o.resume) {
        (true, true) => {}
        (true, false) if o.overwrite => {
            std::fs::remove_dir_all(&partial).map_err(|e| Error::io(&partial, "remove", e))?;
        }
        (true, false) => {
            let text = format!(
                "{} is there from an unfinished run; --resume goes on with it, --overwrite starts again",
                partial.display()
            );
            return Err(Error::Request(text));
        }
        (false, _) => {}
    }
    if !partial.exists() {
        std::fs::create_dir_all(&partial).map_err(|e| Error::io(&partial, "create", e))?;
    }
    Ok(partial)
}

/// Moves the finished folder to its name. What was there is kept until the new one is in place.
fn publish(partial: &Path, target: &Path, overwrite: bool) -> Result<()> {
    let mut old = target.file_name().unwrap_or_default().to_owned();
    old.push(".replaced");
    let old = target.with_file_name(old);
    let replace = overwrite && target.exists();
    if replace {
        std::fs::rename(target, &old).map_err(|e| Error::io(target, "move aside", e))?;
    }
    std::fs::rename(partial, target).map_err(|e| Error::io(partial, "rename", e))?;
    if replace {
        std::fs::remove_dir_all(&old).map_err(|e| Error::io(&old, "remove", e))?;
    }
    Ok(())
}

fn into_folder(source: &Checkpoint, plan: &Plan, partial: &Path, progress: &dyn Progress) -> Result<Outcome> {
    let work = Work::new(source, plan);
    work.rehearse(progress)?;
    let journal_path = partial.join(JOURNAL);
    let (mut journal, done) = if plan.options.resume && journal_path.exists() {
        Journal::open(partial, &plan.fingerprint)?
    } else {
        (Journal::create(partial, &plan.fingerprint)?, Vec::new())
    };
    let files = open_files(plan, partial)?;
    let done = trusted(plan, &files, done)?;
    let resumed = done.len();
    let input_bytes = plan.input_bytes(source);
    progress.start(input_bytes);
    let finished: u64 = done.keys().map(|&t| work.input_of(t)).sum();
    progress.advance(finished);
    let done = work.stream(&files, &mut journal, done, progress)?;

    let mut hashes: BTreeMap<String, String> = BTreeMap::new();
    let mut outcome = Outcome {
        converted: 0,
        kept: 0,
        input_bytes,
        output_bytes: plan.files.iter().map(|f| f.len).sum(),
        total: ErrorStats::default(),
        tensors: Vec::new(),
        resumed,
    };
    for (i, task) in plan.tasks.iter().enumerate() {
        if task.kept.is_some() {
            outcome.kept += 1
        } else {
            outcome.converted += 1
        }
        let Some(done) = done.get(&i) else { continue };
        for (hash, &t) in done.hashes.iter().zip(&task.tensors) {
            hashes.insert(plan.files[task.file].tensors[t].name.clone(), hash.clone());
        }
        if let Some(stats) = done.stats.filter(|_| task.kept.is_none()) {
            outcome.total.add(&stats);
            outcome.tensors.push((source.matrices[task.matrix].name.clone(), stats));
        }
    }
    for (file, path) in &files {
        file.sync_all().map_err(|e| Error::io(path, "write", e))?;
    }
    manifest::write(source, plan, partial, &hashes, &outcome)?;
    let _ = std::fs::remove_file(journal_path);
    Ok(outcome)
}

/// Opens the output files at their full size, headers written.
fn open_files(plan: &Plan, partial: &Path) -> Result<Vec<(File, PathBuf)>> {
    plan.files
        .iter()
        .map(|f| {
            let path = partial.join(&f.name);
            let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let handle = open.map_err(|e| Error::io(&path, "create", e))?;
            handle.set_len(f.len).map_err(|e| Error::io(&path, "write", e))?;
            file::write_at(&handle, &path, &f.header, 0)?;
            Ok((handle, path))
        })
        .collect()
}

/// The finished matrices whose data is what the journal says.
fn trusted(plan: &Plan, files: &[(File, PathBuf)], done: Vec<Done>) -> Result<BTreeMap<usize, Done>> {
    let mut out = BTreeMap::new();
    for d in done {
        let Some(task) = plan.tasks.get(d.task) else { continue };
        let mut same = d.hashes.len() == task.tensors.len();
        for (&t, hash) in task.tensors.iter().zip(&d.hashes) {
            let f = &plan.files[task.file];
            same = same && hash_range(&files[task.file], f.offsets[t], f.tensors[t].len())? == *hash;
        }
        if same {
            out.insert(d.task, d);
        }
    }
    Ok(out)
}

/// SHA-256 of a range of a file.
pub(super) fn hash_range((handle, path): &(File, PathBuf), mut at: u64, len: u64) -> Result<String> {
    let end = at + len;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; PIECE.min(len) as usize];
    while at < end {
        let n = (end - at).min(PIECE) as usize;
        file::read_at(handle, path, &mut buffer[..n], at)?;
        hasher.update(&buffer[..n]);
        at += n as u64;
    }
    Ok(hex(&hasher.finalize()))
}
