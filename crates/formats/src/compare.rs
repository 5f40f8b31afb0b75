//! Comparing the values of two checkpoints, tensor by tensor, whatever each stores them as.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::checkpoint::{Band, Checkpoint, Matrix, Rect, Stored};
use crate::kernel::{self, Level};
use crate::stats::{ErrorStats, saturated};
use crate::{Container, Error, Values, error::Result};

/// Bins of a histogram of relative differences: none, below 2^-15, then one for each power of two up to 1 and above.
pub const BINS: usize = 18;

/// One tensor in both checkpoints.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// How it is stored in the first and in the second.
    pub stored: [String; 2],
    /// Differences of the second from the first.
    pub stats: ErrorStats,
    /// How many values differ by how much, relative to the value.
    pub histogram: [u64; BINS],
}

/// Two checkpoints compared.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Tensors in both, in the order of the first.
    pub pairs: Vec<Pair>,
    /// Names only in the first.
    pub only_first: Vec<String>,
    /// Names only in the second.
    pub only_second: Vec<String>,
    /// Tensors in both that cannot be compared, with the reason.
    pub skipped: Vec<(String, String)>,
}

impl Comparison {
    /// All tensors together.
    pub fn total(&self) -> ErrorStats {
        let mut total = ErrorStats::default();
        self.pairs.iter().for_each(|p| total.add(&p.stats));
        total
    }

    /// All histograms together.
    pub fn histogram(&self) -> [u64; BINS] {
        let mut all = [0; BINS];
        for pair in &self.pairs {
            all.iter_mut().zip(pair.histogram).for_each(|(a, n)| *a += n);
        }
        all
    }

    /// Tensors that differ, worst relative error first.
    pub fn worst(&self) -> Vec<&Pair> {
        let mut pairs: Vec<&Pair> = self.pairs.iter().filter(|p| p.stats.changed > 0).collect();
        pairs.sort_by(|a, b| b.stats.relative().total_cmp(&a.stats.relative()).then_with(|| a.name.cmp(&b.name)));
        pairs
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let tensors: Vec<Value> = self
            .pairs
            .iter()
            .map(|p| {
                json!({
                    "name": p.name, "shape": p.shape, "first": p.stored[0], "second": p.stored[1],
                    "error": p.stats.to_json(), "histogram": p.histogram,
                })
            })
            .collect();
        json!({
            "total": self.total().to_json(),
            "histogram": { "bins": bin_names(), "values": self.histogram() },
            "tensors": tensors,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "skipped": self.skipped.iter().map(|(n, why)| json!({"name": n, "why": why})).collect::<Vec<_>>(),
        })
    }
}

/// What the bins of a histogram mean.
pub fn bin_names() -> [String; BINS] {
    std::array::from_fn(|i| match i {
        0 => "equal".to_owned(),
        1 => "< 2^-15".to_owned(),
        17 => ">= 1".to_owned(),
        i => format!("2^{}", i as i32 - 17),
    })
}

/// How a matrix is stored, in words.
pub fn stored_as(source: &Checkpoint, m: &Matrix) -> String {
    m.container().map_or_else(|| source.raw[m.codes].dtype.name().to_owned(), Container::name)
}

/// Compares the values of two checkpoints. `advance` is told of bytes of the first that are done.
///
/// # Errors
/// If a file cannot be read, or the two have no tensor of values in common.
pub fn compare(a: &Checkpoint, b: &Checkpoint, advance: &(dyn Fn(u64) + Sync)) -> Result<Comparison> {
    let by_name: HashMap<&str, &Matrix> = b.matrices.iter().map(|m| (m.name.as_str(), m)).collect();
    let mut result = Comparison::default();
    let mut common = Vec::new();
    for m in &a.matrices {
        match by_name.get(m.name.as_str()) {
            None => result.only_first.push(m.name.clone()),
            Some(&n) => match why_not(m, n) {
                Some(why) => result.skipped.push((m.name.clone(), why)),
                None => common.push((m, n)),
            },
        }
    }
    let first: std::collections::HashSet<&str> = a.matrices.iter().map(|m| m.name.as_str()).collect();
    let only = b.matrices.iter().filter(|m| !first.contains(m.name.as_str()));
    result.only_second = only.map(|m| m.name.clone()).collect();
    if common.is_empty() {
        let (a, b) = (a.path.display(), b.path.display());
        return Err(Error::Request(format!("{a} and {b} have no tensor of values in common")));
    }
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Option<Result<Pair>>>> = common.iter().map(|_| Mutex::new(None)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut x, mut y) = (Band::default(), Band::default());
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some((m, n)) = common.get(i) else { break };
                    let pair = compare_one(a, b, m, n, &mut x, &mut y);
                    advance(m.parts().map(|p| a.raw[p].len).sum());
                    if let Ok(mut slot) = slots[i].lock() {
                        *slot = Some(pair);
                    }
                }
            });
        }
    });
    for slot in slots {
        if let Ok(Some(pair)) = slot.into_inner() {
            result.pairs.push(pair?);
        }
    }
    Ok(result)
}

fn why_not(m: &Matrix, n: &Matrix) -> Option<String> {
    if m.stored == Stored::Other || n.stored == Stored::Other {
        return Some("not floats".to_owned());
    }
    let mut shape = m.shape.clone();
    if m.dense_is_transposed != n.dense_is_transposed {
        let k = shape.len();
        shape.swap(k - 2, k - 1);
    }
    (shape != n.shape).then(|| format!("shapes {:?} and {:?}", m.shape, n.shape))
}

fn compare_one(a: &Checkpoint, b: &Checkpoint, m: &Matrix, n: &Matrix, x: &mut Band, y: &mut Band) -> Result<Pair> {
    // Fused experts of gpt-oss lie the other way round than the values they stand for.
    let (m, n) = match (m.dense_is_transposed, n.dense_is_transposed) {
        (true, false) => (m.clone(), flip(n)),
        (false, true) => (flip(m), n.clone()),
        _ => (m.clone(), n.clone()),
    };
    let mut stats = ErrorStats::default();
    let mut histogram = [0u64; BINS];
    let scale = b.tensor_scale(&n)?;
    for rect in rects(&m, &n) {
        a.read_values(&m, rect, x)?;
        b.read_values(&n, rect, y)?;
        let (v, w) = (x.values(), y.values());
        let above = n.container().map_or(0, |c| saturated(c, scale, rect, v, &y.scales));
        let part = ErrorStats::of(v.len() as u64, kernel::compare(Level::best(), v, w), above);
        if part.changed == 0 {
            histogram[0] += part.count;
        } else {
            count(v, w, &mut histogram);
        }
        stats.add(&part);
    }
    let stored = [stored_as(a, &m), stored_as(b, &n)];
    Ok(Pair { name: m.name.clone(), shape: m.shape.clone(), stored, stats, histogram })
}

fn flip(m: &Matrix) -> Matrix {
    let mut shape = m.shape.clone();
    let k = shape.len();
    shape.swap(k - 2, k - 1);
    Matrix { rows: m.cols, cols: m.rows, transposed: true, shape, ..m.clone() }
}

/// Rectangles of at most about a million values that cut no block of either.
fn rects(m: &Matrix, n: &Matrix) -> Vec<Rect> {
    let both = Matrix { stored: m.stored, ..n.clone() };
    crate::convert::rects(&both, n.container().unwrap_or(Container::Bf16))
}

fn count(v: Values<'_>, w: Values<'_>, histogram: &mut [u64; BINS]) {
    for i in 0..v.len() {
        let (x, y) = (v.at(i), w.at(i));
        let bin = if x == y {
            0
        } else if x == 0.0 {
            BINS - 1
        } else {
            let ratio = (f64::from(x) - f64::from(y)).abs() / f64::from(x).abs();
            // floor(log2) by the exponent field.
            let e = ((ratio.to_bits() >> 52) & 0x7ff) as i64 - 1023;
            (e + 17).clamp(1, BINS as i64 - 1) as usize
        };
        histogram[bin] += 1;
    }
}
