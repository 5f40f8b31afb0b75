//! Conversion throughput from memory on one core, per CPU second: `cargo run --release --example throughput [MiB] [all|best|LEVEL] [FORMAT]`.
//!
//! Prints one line a conversion: name, instruction set, GB/s of BF16 in (encoding) or out (decoding). The input is
//! larger than the caches and has the distribution of trained weights.

use std::hint::black_box;

use formats::kernel::{self, Decoded, Level, Recipe};
use formats::{Container, TensorScale, Values};

/// CPU time of this thread, so that other users of the machine do not count.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text.split_whitespace().next().and_then(|t| t.parse().ok()).unwrap_or(f64::NAN);
    nanoseconds * 1e-9
}

/// The best rate of five tries, each long enough for the 4 ms steps of the kernel's accounting.
fn best(bytes: usize, mut run: impl FnMut()) -> f64 {
    run();
    let mut best = 0f64;
    for _ in 0..5 {
        let start = cpu_seconds();
        let mut runs = 0;
        let spent = loop {
            run();
            runs += 1;
            let spent = cpu_seconds() - start;
            if spent >= 0.4 || spent.is_nan() {
                break spent;
            }
        };
        best = best.max((runs * bytes) as f64 / spent / 1e9);
    }
    best
}

fn main() {
    let mib: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(256);
    let cols = 4096;
    let rows = (mib << 20) / 2 / cols / 128 * 128;
    // Sums of uniform numbers: close to a Gaussian with standard deviation 0.02.
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let values: Vec<u16> = (0..rows * cols)
        .map(|_| formats::codec::half::f32_to_bf16((0..6).map(|_| uniform()).sum::<f32>() * 0.028))
        .collect();
    let bytes = values.len() * 2;
    let amax = kernel::amax(Level::best(), Values::Bf16(&values));
    let levels = match std::env::args().nth(2).as_deref() {
        Some("all") => Level::available(),
        Some(name) if name != "best" => Level::available().into_iter().filter(|l| l.name() == name).collect(),
        _ => vec![Level::best()],
    };
    let wanted = std::env::args().nth(3).unwrap_or_default();
    for name in ["deepseek-ue8m0", "deepseek-fp32", "mxfp8", "mxfp6-e2m3", "mxfp4", "nvfp4", "mxint8", "hif8"] {
        if !name.contains(wanted.as_str()) {
            continue;
        }
        let container = Container::from_name(name).expect("a named container");
        let tensor = match container {
            Container::Nvfp4 => TensorScale::nvfp4(amax),
            Container::Hif8 => TensorScale::hif8(0.02, amax),
            _ => TensorScale::ONE,
        };
        let recipe = Recipe { container, rule: container.default_rule(), tensor };
        let band = 128;
        let grid = container.scale_grid(band, cols).unwrap_or((0, 0));
        let scale_bytes = grid.0 * grid.1 * container.scale_bytes();
        let code_bytes = band * container.row_bytes(cols);
        let mut codes = vec![0u8; rows / band * code_bytes];
        let mut scales = vec![0u8; rows / band * scale_bytes];
        for &level in &levels {
            let rate = best(bytes, || {
                for (i, v) in values.chunks(band * cols).enumerate() {
                    let codes = &mut codes[i * code_bytes..][..code_bytes];
                    let scales = &mut scales[i * scale_bytes..][..scale_bytes];
                    let done = kernel::encode(level, recipe, Values::Bf16(v), cols, codes, scales);
                    assert!(done.is_ok());
                }
                black_box(&codes);
            });
            println!("encode {name} {} {rate:.2}", level.name());
            if container == Container::Nvfp4 {
                // Its tensor scale needs the maximum first: the tensor is read twice.
                let first = best(bytes, || {
                    black_box(kernel::amax(level, Values::Bf16(&values)));
                });
                println!("encode nvfp4+maximum {} {:.2}", level.name(), 1.0 / (1.0 / rate + 1.0 / first));
            }
            let mut out = vec![0u16; values.len()];
            let rate = best(bytes, || {
                for (i, v) in out.chunks_mut(band * cols).enumerate() {
                    let codes = &codes[i * code_bytes..][..code_bytes];
                    let scales = &scales[i * scale_bytes..][..scale_bytes];
                    kernel::decode(level, container, tensor, codes, scales, cols, Decoded::Bf16(v));
                }
                black_box(&out);
            });
            println!("decode {name} {} {rate:.2}", level.name());
        }
    }
    let rate = best(bytes, || {
        black_box(kernel::amax(Level::best(), Values::Bf16(&values)));
    });
    println!("amax bf16 {} {rate:.2}", Level::best().name());
}
