//! Carrying out a plan: workers convert rectangles, one writer puts them in their places.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::journal::{Done, JOURNAL, Journal};
use super::layout::Role;
use super::plan::{Action, Plan, Task, hex, turned};
use super::{NonFinite, manifest};
use crate::checkpoint::{Band, Checkpoint, Dtype, Matrix, Rect, decode_band, file, transpose};
use crate::codec::{E8m0, pow2};
use crate::kernel::{self, Level, Recipe};
use crate::stats::ErrorStats;
use crate::{Container, Element, Error, TensorScale, Values, error::Result};

/// Values of a rectangle, at most.
const VALUES: usize = 1 << 21;
/// Bytes written before they are sent on their way to the disk.
const FLUSH: u64 = 64 << 20;
/// Bytes of a piece of a tensor that is copied.
const PIECE: u64 = 4 << 20;

/// Told how far a conversion has come. Called from several threads.
pub trait Progress: Sync {
    /// Work of this many input bytes begins.
    fn start(&self, _bytes: u64) {}
    /// This many input bytes more are done.
    fn advance(&self, _bytes: u64) {}
    /// Something the user should know now.
    fn note(&self, _text: &str) {}
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

fn hash_range((handle, path): &(File, PathBuf), mut at: u64, len: u64) -> Result<String> {
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

/// A piece of work.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// Bytes of the task's n-th stored tensor.
    Bytes { part: usize, from: u64, len: u64 },
    /// Values.
    Values(Rect),
}

#[derive(Debug, Clone, Copy)]
struct Job {
    task: usize,
    piece: Piece,
    last: bool,
}

/// Bytes for one output tensor: `rows` runs of equal length, `stride` apart.
#[derive(Debug)]
struct Write {
    tensor: usize,
    at: u64,
    rows: usize,
    stride: u64,
    data: Vec<u8>,
}

#[derive(Debug)]
struct Made {
    job: Job,
    writes: Vec<Write>,
    stats: Option<ErrorStats>,
    input: u64,
}

/// What a whole tensor must be read for before its values can be encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Prepared {
    scale: TensorScale,
    /// The number that is stored for it.
    stored: f32,
    /// For moving scales: the exponent of the tensor scale, if every block fits.
    window: Option<i32>,
}

struct Work<'a> {
    source: &'a Checkpoint,
    plan: &'a Plan,
    prepared: Vec<Mutex<Option<Prepared>>>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Work<'a> {
    fn new(source: &'a Checkpoint, plan: &'a Plan) -> Work<'a> {
        let prepared = plan.tasks.iter().map(|_| Mutex::new(None)).collect();
        Work { source, plan, prepared }
    }

    fn matrix(&self, task: &Task) -> Matrix {
        let m = &self.source.matrices[task.matrix];
        if task.kept.is_none() { turned(m, self.plan.layout) } else { m.clone() }
    }

    fn input_of(&self, task: usize) -> u64 {
        let m = &self.source.matrices[self.plan.tasks[task].matrix];
        m.parts().map(|p| self.source.raw[p].len).sum()
    }

    fn jobs(&self, index: usize) -> Vec<Job> {
        let task = &self.plan.tasks[index];
        let m = self.matrix(task);
        let pieces: Vec<Piece> = match task.action {
            Action::Copy => m
                .parts()
                .enumerate()
                .flat_map(|(part, raw)| {
                    let len = self.source.raw[raw].len;
                    (0..len.div_ceil(PIECE).max(1)).map(move |i| {
                        let from = i * PIECE;
                        Piece::Bytes { part, from, len: PIECE.min(len - from) }
                    })
                })
                .collect(),
            _ => rects(&m, task.container).into_iter().map(Piece::Values).collect(),
        };
        let n = pieces.len();
        pieces.into_iter().enumerate().map(|(i, piece)| Job { task: index, piece, last: i + 1 == n }).collect()
    }

    /// Converts a sample of what was rounded before, writes nothing, and says what another rounding costs.
    fn rehearse(&self, progress: &dyn Progress) -> Result<()> {
        let again: Vec<usize> = (0..self.plan.tasks.len()).filter(|&i| self.plan.tasks[i].requantised).collect();
        if again.is_empty() {
            return Ok(());
        }
        let mut total = ErrorStats::default();
        let mut tensors = 0;
        for &i in again.iter().step_by(again.len().div_ceil(16)) {
            let whole = |j: &Job| matches!(j.piece, Piece::Values(r) if r.count() > 0);
            let Some(job) = self.jobs(i).into_iter().find(whole) else { continue };
            if let Some(stats) = self.convert(job, &mut Band::default(), &mut Band::default(), false)?.stats {
                total.add(&stats);
                tensors += 1;
            }
        }
        let what = format!("measured on {} values of {tensors} of {} matrices", total.count, again.len());
        if total.changed == 0 {
            progress.note(&format!(
                "the values were rounded before; every one stays the same so far ({what}), and each will be checked"
            ));
            return Ok(());
        }
        let text = format!(
            "these weights were rounded before: rounding them again adds a relative error of {:.4} to the one they have, and changes {:.1} % of values ({what})",
            total.relative(),
            100.0 * total.changed as f64 / total.count as f64
        );
        if self.plan.options.lossless || !self.plan.options.requant {
            let help = "start from the BF16 master if there is one, or accept it with --requant";
            return Err(Error::Refused(format!("{text}; {help}")));
        }
        progress.note(&text);
        Ok(())
    }

    fn stream(
        &self,
        files: &[(File, PathBuf)],
        journal: &mut Journal,
        mut done: BTreeMap<usize, Done>,
        progress: &dyn Progress,
    ) -> Result<BTreeMap<usize, Done>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Each thread holds about 20 MB.
        let threads = if self.plan.options.threads > 0 { self.plan.options.threads.min(8) } else { cores.clamp(2, 4) };
        let remaining: Vec<usize> = (0..self.plan.tasks.len()).filter(|t| !done.contains_key(t)).collect();
        let queue = Queue::new(remaining, threads + 3);
        let mut failure = None;
        let flushed = Mutex::new(Ok(()));
        std::thread::scope(|scope| {
            // Data goes to the disk while more is read. Left to the system, it would all be written at the end.
            let (flush, asked) = std::sync::mpsc::sync_channel::<usize>(1);
            scope.spawn(|| {
                for file in asked {
                    let (handle, path) = &files[file];
                    if let Err(e) = handle.sync_data() {
                        *lock(&flushed) = Err(Error::io(path, "write", e));
                    }
                }
            });
            for _ in 0..threads {
                scope.spawn(|| {
                    let (mut band, mut check) = (Band::default(), Band::default());
                    while let Some((sequence, job)) = queue.take(self) {
                        let made = self.convert(job, &mut band, &mut check, true);
                        queue.give(sequence, made);
                    }
                });
            }
            let mut writer =
                Writer { work: self, files, journal, open: BTreeMap::new(), stats: None, flush, unflushed: 0 };
            while let Some(made) = queue.next() {
                let written = made.and_then(|made| {
                    progress.advance(made.input);
                    writer.write(made)
                });
                match written {
                    Ok(Some(finished)) => {
                        done.insert(finished.task, finished);
                    }
                    Ok(None) => {}
                    Err(e) => {
                        failure = Some(e);
                        queue.stop();
                        break;
                    }
                }
            }
        });
        match failure {
            Some(e) => Err(e),
            None => flushed.into_inner().unwrap_or_else(PoisonError::into_inner).map(|()| done),
        }
    }

    /// Reads and converts one piece.
    fn convert(&self, job: Job, band: &mut Band, check: &mut Band, write: bool) -> Result<Made> {
        let task = &self.plan.tasks[job.task];
        let m = self.matrix(task);
        let mut made = Made { job, writes: Vec::new(), stats: None, input: 0 };
        match job.piece {
            Piece::Bytes { part, from, len } => {
                let parts: Vec<usize> = m.parts().collect();
                let raw = &self.source.raw[parts[part]];
                let mut data = vec![0u8; len as usize];
                self.source.files[raw.file].read(&mut data, raw.offset + from)?;
                made.input = len;
                made.writes.push(Write { tensor: task.tensors[part], at: from, rows: 1, stride: 0, data });
            }
            Piece::Values(rect) => {
                made.input = share(self.input_of(job.task), rect.count() as u64, m.count());
                self.values(task, job, &m, rect, band, check, &mut made, write)?;
            }
        }
        Ok(made)
    }

    #[allow(clippy::too_many_arguments)]
    fn values(
        &self,
        task: &Task,
        job: Job,
        m: &Matrix,
        rect: Rect,
        band: &mut Band,
        check: &mut Band,
        made: &mut Made,
        write: bool,
    ) -> Result<()> {
        let container = task.container;
        let prepared = self.prepare(job.task, task, m)?;
        let (codes, scales) = match task.action {
            Action::Relabel => {
                self.source.read_codes(m, container_of(m, container), rect, band)?;
                // compressed-tensors stores one over the scale; not every FP32 number is the inverse of another.
                if self.plan.options.lossless && self.source.tensor_scale(m)? != prepared.scale {
                    let text = format!("{:?}: its tensor scale has no exact inverse in FP32", m.name);
                    return Err(Error::Refused(text));
                }
                (std::mem::take(&mut band.codes), std::mem::take(&mut band.scales))
            }
            Action::MoveScales if prepared.window.is_some() => {
                self.source.read_values(m, rect, band)?;
                let scales = move_scales(&band.codes, &band.scales, prepared.window.unwrap_or(0));
                check.codes = band.codes.clone();
                check.scales = scales;
                decode_band(container, prepared.scale, rect, check);
                made.stats = Some(compare(band, check, 0));
                (std::mem::take(&mut check.codes), std::mem::take(&mut check.scales))
            }
            Action::Encode(_) | Action::MoveScales | Action::Copy => {
                self.source.read_values(m, rect, band)?;
                let recipe = Recipe { container, rule: self.rule(task), tensor: prepared.scale };
                let marked = self.encode(recipe, m, rect, band, check)?;
                if !marked {
                    decode_band(container, prepared.scale, rect, check);
                    let above = saturated(recipe, rect, band.values(), &check.scales);
                    made.stats = Some(compare(band, check, above));
                }
                (std::mem::take(&mut check.codes), std::mem::take(&mut check.scales))
            }
        };
        if let Some(stats) = &made.stats {
            let exact = self.plan.options.lossless || (task.requantised && !self.plan.options.requant);
            if exact && write && stats.changed > 0 && task.kept.is_none() {
                return Err(Error::Refused(format!(
                    "{:?} does not survive: {} of {} values around row {} change, relative error {:.4}",
                    m.name,
                    stats.changed,
                    stats.count,
                    rect.row,
                    stats.relative()
                )));
            }
        }
        if write {
            self.place(task, job, m, rect, codes, scales, prepared, made);
        }
        Ok(())
    }

    fn rule(&self, task: &Task) -> crate::ScaleRule {
        match task.action {
            Action::Encode(rule) => rule,
            _ => self.plan.rule(task.container),
        }
    }

    /// Encodes the values of `band` into codes and scales of `check`. True if blocks were marked as not finite.
    fn encode(&self, recipe: Recipe, m: &Matrix, rect: Rect, band: &Band, check: &mut Band) -> Result<bool> {
        let container = recipe.container;
        let (h, _) = container.block();
        let row_bytes = container.row_bytes(rect.cols);
        check.codes.clear();
        check.codes.resize(rect.rows * row_bytes, 0);
        let grid = container.scale_grid(rect.rows, rect.cols).unwrap_or((0, 0));
        let step = grid.1 * container.scale_bytes();
        check.scales.clear();
        check.scales.resize(grid.0 * step, 0);
        let height =
            if matches!(container, Container::Tile { .. }) { h.min(rect.rows.max(1)) } else { rect.rows.max(1) };
        let mut marked = false;
        for (i, row) in (0..rect.rows).step_by(height).enumerate() {
            let rows = height.min(rect.rows - row);
            let span = row * rect.cols..(row + rows) * rect.cols;
            let values = match band.values() {
                Values::Bf16(v) => Values::Bf16(&v[span]),
                Values::F32(v) => Values::F32(&v[span]),
            };
            let scale_rows = container.scale_grid(rows, rect.cols).map_or(0, |g| g.0);
            let codes = &mut check.codes[row * row_bytes..][..rows * row_bytes];
            let scales = &mut check.scales[i * step..][..scale_rows * step];
            if kernel::encode(Level::best(), recipe, values, rect.cols, codes, scales).is_err() {
                let can_mark = matches!(container, Container::Mx(_)) && self.plan.options.non_finite == NonFinite::Mark;
                if !can_mark {
                    let at = (0..values.len()).find(|&i| !values.at(i).is_finite()).unwrap_or(0);
                    let (r, c) = (rect.row + row + at / rect.cols, rect.col + at % rect.cols);
                    let path = &self.source.files[self.source.raw[m.codes].file].path;
                    let problem = format!(
                        "tensor {:?} holds {} at row {r}, column {c}; --non-finite mark gives such blocks a NaN scale in MX formats",
                        m.name,
                        values.at(at)
                    );
                    return Err(Error::malformed(path, problem));
                }
                marked = true;
            }
        }
        Ok(marked)
    }

    /// Reads the whole tensor once if its scale depends on it.
    fn prepare(&self, index: usize, task: &Task, m: &Matrix) -> Result<Prepared> {
        let one = Prepared { scale: TensorScale::ONE, stored: 1.0, window: None };
        if !matches!(task.container, Container::Nvfp4 | Container::Hif8) || task.action == Action::Copy {
            return Ok(one);
        }
        let mut slot = lock(&self.prepared[index]);
        if let Some(ready) = *slot {
            return Ok(ready);
        }
        let reciprocal = self.plan.layout == super::Layout::CompressedTensors;
        let mut window = None;
        let scale = match task.action {
            Action::Relabel => self.source.tensor_scale(m)?,
            Action::MoveScales => {
                window = self.window(m)?;
                match window {
                    Some(k) => TensorScale(pow2(k)),
                    None => self.scan(task.container, m)?,
                }
            }
            _ => self.scan(task.container, m)?,
        };
        let ready = if reciprocal && task.container == Container::Nvfp4 {
            let (stored, scale) = reciprocal_of(scale.0);
            Prepared { scale: TensorScale(scale), stored, window }
        } else {
            Prepared { scale, stored: scale.0, window }
        };
        *slot = Some(ready);
        Ok(ready)
    }

    fn scan(&self, container: Container, m: &Matrix) -> Result<TensorScale> {
        let mut band = Band::default();
        let (mut amax, mut squares) = (0f32, 0f64);
        for rect in rects(m, Container::Bf16) {
            self.source.read_values(m, rect, &mut band)?;
            let v = band.values();
            // A maximum that is not finite is found again, and reported with its place, when values are encoded.
            let max = kernel::amax(Level::best(), v);
            amax = if max.is_finite() { amax.max(max) } else { f32::MAX };
            if container == Container::Hif8 {
                squares += kernel::compare(Level::best(), v, v).x2;
            }
        }
        Ok(match container {
            Container::Nvfp4 => TensorScale::nvfp4(amax),
            _ => TensorScale::hif8((squares / m.count().max(1) as f64).sqrt(), amax),
        })
    }

    /// The exponent of a tensor scale with which every MXFP4 block scale is an E4M3 value, if there is one: E4M3 holds
    /// the powers of two from 2^-9 to 2^8. Blocks of zeros fit any scale.
    fn window(&self, m: &Matrix) -> Result<Option<i32>> {
        let mut band = Band::default();
        let (mut least, mut greatest) = (i32::MAX, i32::MIN);
        for rect in rects(m, Container::Mx(Element::E2m1)) {
            self.source.read_codes(m, Container::Mx(Element::E2m1), rect, &mut band)?;
            for (block, &scale) in band.codes.as_chunks::<16>().0.iter().zip(&band.scales) {
                if block.iter().any(|b| b & 0x77 != 0) {
                    if scale == E8m0::NAN {
                        return Ok(None);
                    }
                    least = least.min(i32::from(scale) - 127);
                    greatest = greatest.max(i32::from(scale) - 127);
                }
            }
        }
        if least > greatest {
            return Ok(Some(0)); // all zeros
        }
        let k = (greatest - 8).clamp(-126, 127);
        Ok((least - k >= -9 && greatest - k <= 8).then_some(k))
    }

    /// Turns codes and scales into bytes at their places in the output tensors.
    #[allow(clippy::too_many_arguments)]
    fn place(
        &self,
        task: &Task,
        job: Job,
        m: &Matrix,
        rect: Rect,
        codes: Vec<u8>,
        scales: Vec<u8>,
        prepared: Prepared,
        made: &mut Made,
    ) {
        let container = task.container;
        for &tensor in &task.tensors {
            let out = &self.plan.files[task.file].tensors[tensor];
            match out.role {
                Role::Codes if m.dense_is_transposed && container == Container::Bf16 => {
                    let wide: Vec<[u8; 2]> = codes.as_chunks::<2>().0.to_vec();
                    let data = transpose(&wide, rect.rows, rect.cols).into_flattened();
                    let at = 2 * ((rect.lead * m.cols + rect.col) * m.rows + rect.row) as u64;
                    made.writes.push(Write { tensor, at, rows: rect.cols, stride: 2 * m.rows as u64, data });
                }
                Role::Codes => {
                    let stride = container.row_bytes(m.cols);
                    let at = ((rect.lead * m.rows + rect.row) * stride + container.row_bytes(rect.col)) as u64;
                    made.writes.push(Write { tensor, at, rows: rect.rows, stride: stride as u64, data: codes.clone() });
                }
                Role::Scales => {
                    let (h, w) = container.block();
                    let Some((grid_rows, grid_cols)) = container.scale_grid(m.rows, m.cols) else { continue };
                    let rows = container.scale_grid(rect.rows, rect.cols).map_or(0, |g| g.0);
                    let size = out.dtype.alignment() as usize;
                    let data = if out.dtype == Dtype::F32 && container.scale_bytes() == 1 {
                        scales.iter().flat_map(|&c| E8m0::decode(c).to_le_bytes()).collect()
                    } else {
                        scales.clone()
                    };
                    let at = ((rect.lead * grid_rows + rect.row / h) * grid_cols + rect.col / w) * size;
                    made.writes.push(Write { tensor, at: at as u64, rows, stride: (grid_cols * size) as u64, data });
                }
                Role::TensorScale if job.last => {
                    let data = prepared.stored.to_le_bytes().to_vec();
                    made.writes.push(Write { tensor, at: 0, rows: 1, stride: 0, data });
                }
                Role::TensorScale => {}
            }
        }
    }
}

/// The container that codes are read as when they are only relabelled: FP32 scales may be powers of two or not.
fn container_of(m: &Matrix, target: Container) -> Container {
    match (m.container(), target) {
        (Some(from @ Container::Tile { .. }), Container::Tile { rows, cols, pow2 }) => match from {
            Container::Tile { pow2: true, .. } if !pow2 => Container::Tile { rows, cols, pow2: false },
            _ => Container::Tile { rows, cols, pow2 },
        },
        _ => target,
    }
}

fn share(total: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 { total } else { (u128::from(total) * u128::from(part) / u128::from(whole)) as u64 }
}

/// A number whose reciprocal, as FP32, is the scale; with the scale that it then gives.
fn reciprocal_of(scale: f32) -> (f32, f32) {
    let first = 1.0 / scale;
    let near = [first, f32::from_bits(first.to_bits() + 1), f32::from_bits(first.to_bits().saturating_sub(1))];
    let stored = near.into_iter().find(|&x| 1.0 / x == scale).unwrap_or(first);
    (stored, 1.0 / stored)
}

/// Each E8M0 scale of 32 becomes two E4M3 scales of 16, 2^(e - k).
fn move_scales(codes: &[u8], scales: &[u8], k: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(scales.len() * 2);
    for (block, &scale) in codes.as_chunks::<16>().0.iter().zip(scales) {
        let n = i32::from(scale) - 127 - k;
        let zero = block.iter().all(|b| b & 0x77 == 0);
        let code = match n {
            _ if zero => 0x38,
            -6..=8 => ((n + 7) << 3) as u8,
            _ => 1 << (n + 9).clamp(0, 2),
        };
        out.extend([code, code]);
    }
    out
}

fn compare(band: &Band, check: &Band, saturated: u64) -> ErrorStats {
    let (a, b) = (band.values(), check.values());
    ErrorStats::of(a.len() as u64, kernel::compare(Level::best(), a, b), saturated)
}

/// Values above the largest that their block can hold. The ceil rules never let one be.
fn saturated(recipe: Recipe, rect: Rect, values: Values<'_>, scales: &[u8]) -> u64 {
    use crate::ScaleRule::{Ceil, CeilMax};
    let container = recipe.container;
    if !container.has_rule() && container != Container::Nvfp4 || matches!(recipe.rule, Ceil | CeilMax) {
        return 0;
    }
    let largest = match container.element() {
        Element::Int8 => crate::codec::MxInt8::MAX,
        element => crate::codec::Minifloat::of(element).map_or(f32::MAX, |f| f.max()),
    };
    let limit = |&code: &u8| {
        let scale = if container == Container::Nvfp4 {
            crate::codec::Minifloat::E4M3.decode(code) * recipe.tensor.0
        } else {
            E8m0::decode(code)
        };
        largest * scale
    };
    let limits: Vec<f32> = scales.iter().map(limit).collect();
    let (h, w) = container.block();
    let Container::Tile { .. } = container else {
        return kernel::count_above(Level::best(), values, values.len(), w, &limits);
    };
    let (_, grid_cols) = container.scale_grid(1, rect.cols).unwrap_or((1, 1));
    let bands = (0..rect.rows).step_by(h).zip(limits.chunks(grid_cols));
    bands
        .map(|(row, limits)| {
            let span = row * rect.cols..(row + h).min(rect.rows) * rect.cols;
            let part = match values {
                Values::Bf16(v) => Values::Bf16(&v[span]),
                Values::F32(v) => Values::F32(&v[span]),
            };
            kernel::count_above(Level::best(), part, rect.cols, w, limits)
        })
        .sum()
}

/// Cuts a matrix into rectangles of at most [`VALUES`] values whose borders cut no block of source or target.
pub(crate) fn rects(m: &Matrix, target: Container) -> Vec<Rect> {
    let finite = |n: usize| if n == usize::MAX { 1 } else { n };
    let (th, tw) = target.block();
    let (sh, sw) = m.container().map_or((1, 32), Container::block);
    let high = lcm(finite(th), finite(sh));
    let wide = lcm(lcm(finite(tw), finite(sw)), 64);
    let columns = if high.saturating_mul(m.cols) <= VALUES { m.cols } else { (VALUES / high / wide).max(1) * wide };
    let columns = columns.min(m.cols).max(1);
    let rows = (VALUES / columns / high).max(1) * high;
    let mut out = Vec::new();
    for lead in 0..m.lead {
        for row in (0..m.rows).step_by(rows) {
            for col in (0..m.cols).step_by(columns) {
                out.push(Rect { lead, row, rows: rows.min(m.rows - row), col, cols: columns.min(m.cols - col) });
            }
        }
    }
    if out.is_empty() {
        out.push(Rect { lead: 0, row: 0, rows: 0, col: 0, cols: 0 });
    }
    out
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// Hands out jobs in order and takes results back in the same order, with a bound on how far apart they may be.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    window: usize,
}

struct State {
    tasks: std::vec::IntoIter<usize>,
    jobs: std::vec::IntoIter<Job>,
    taken: usize,
    given: usize,
    results: BTreeMap<usize, Result<Made>>,
    stopped: bool,
    exhausted: bool,
}

impl Queue {
    fn new(tasks: Vec<usize>, window: usize) -> Queue {
        let state = State {
            tasks: tasks.into_iter(),
            jobs: Vec::new().into_iter(),
            taken: 0,
            given: 0,
            results: BTreeMap::new(),
            stopped: false,
            exhausted: false,
        };
        Queue { state: Mutex::new(state), changed: Condvar::new(), window }
    }

    /// The next job, when there is room for its result; `None` when there are no more.
    fn take(&self, work: &Work<'_>) -> Option<(usize, Job)> {
        let mut s = lock(&self.state);
        loop {
            if s.stopped || s.exhausted {
                return None;
            }
            if s.taken < s.given + self.window {
                break;
            }
            s = self.changed.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
        let job = loop {
            if let Some(job) = s.jobs.next() {
                break job;
            }
            let Some(task) = s.tasks.next() else {
                s.exhausted = true;
                self.changed.notify_all();
                return None;
            };
            s.jobs = work.jobs(task).into_iter();
        };
        s.taken += 1;
        Some((s.taken - 1, job))
    }

    fn give(&self, sequence: usize, made: Result<Made>) {
        lock(&self.state).results.insert(sequence, made);
        self.changed.notify_all();
    }

    /// The next result in order; `None` after the last.
    fn next(&self) -> Option<Result<Made>> {
        let mut s = lock(&self.state);
        loop {
            let at = s.given;
            if let Some(made) = s.results.remove(&at) {
                s.given += 1;
                self.changed.notify_all();
                return Some(made);
            }
            if s.stopped || s.exhausted && s.given == s.taken {
                return None;
            }
            s = self.changed.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }
}

/// Writes results in order, and hashes each output tensor on the way.
struct Writer<'a> {
    work: &'a Work<'a>,
    files: &'a [(File, PathBuf)],
    journal: &'a mut Journal,
    /// Hash and length so far of the open task's tensors; `None` if they were not written front to back.
    open: BTreeMap<usize, Option<(Sha256, u64)>>,
    stats: Option<ErrorStats>,
    /// Takes a file whose data should go to the disk now; full while it is busy.
    flush: std::sync::mpsc::SyncSender<usize>,
    /// Bytes written since it was last asked.
    unflushed: u64,
}

impl Writer<'_> {
    /// Writes one result. When it is the last of its matrix, notes that in the journal and returns it.
    fn write(&mut self, made: Made) -> Result<Option<Done>> {
        let plan = self.work.plan;
        let task = &plan.tasks[made.job.task];
        let out = &plan.files[task.file];
        let (handle, path) = &self.files[task.file];
        for w in made.writes {
            let base = out.offsets[w.tensor] + w.at;
            let len = w.data.len().checked_div(w.rows).unwrap_or(0);
            let straight = w.rows <= 1 || len as u64 == w.stride;
            if straight {
                file::write_at(handle, path, &w.data, base)?;
            } else {
                for (i, row) in w.data.chunks_exact(len.max(1)).enumerate() {
                    file::write_at(handle, path, row, base + i as u64 * w.stride)?;
                }
            }
            self.unflushed += w.data.len() as u64;
            let slot = self.open.entry(w.tensor).or_insert_with(|| Some((Sha256::new(), 0)));
            match slot {
                Some((hasher, at)) if straight && *at == w.at => {
                    hasher.update(&w.data);
                    *at += w.data.len() as u64;
                }
                _ => *slot = None,
            }
        }
        if self.unflushed >= FLUSH && self.flush.try_send(task.file).is_ok() {
            self.unflushed = 0;
        }
        if let Some(stats) = made.stats {
            self.stats.get_or_insert_default().add(&stats);
        }
        if !made.job.last {
            return Ok(None);
        }
        let mut open = std::mem::take(&mut self.open);
        let mut hashes = Vec::with_capacity(task.tensors.len());
        for &t in &task.tensors {
            let len = out.tensors[t].len();
            hashes.push(match open.remove(&t).flatten() {
                Some((hasher, at)) if at == len => hex(&hasher.finalize()),
                _ => hash_range(&self.files[task.file], out.offsets[t], len)?,
            });
        }
        let done = Done { task: made.job.task, hashes, stats: self.stats.take() };
        self.journal.done(&done)?;
        Ok(Some(done))
    }
}
