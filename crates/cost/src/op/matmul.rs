//! Matrix products with weights.

use catalog::Arithmetic;
use formats::Scheme;
use units::{Bytes, Flop};

use super::Work;
use super::work::{OUT, activation};

pub(super) fn work(count: u64, m: u64, n: u64, k: u64, weights: Scheme, arithmetic: Arithmetic) -> Work {
    let (count, m, n, k) = (count as f64, m as f64, n as f64, k as f64);
    Work {
        flop: Flop(2.0 * count * m * n * k),
        arithmetic,
        weights: Bytes(count * n * k * weights.bytes_per_value()),
        activations: Bytes(count * m * (k * activation(arithmetic).bytes_per_value() + n * OUT)),
        cache: Bytes::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_hand() {
        let w = work(1, 4, 100, 200, Scheme::BF16, Arithmetic::Bf16);
        assert_eq!(w.flop, Flop(160_000.0));
        assert_eq!(w.weights, Bytes(40_000.0));
        assert_eq!(w.activations, Bytes(1600.0 + 800.0));
    }

    #[test]
    fn scales_are_bytes_too() {
        let nvfp4 = Scheme::from_name("nvfp4").expect("known");
        assert_eq!(work(1, 1, 16, 16, nvfp4, Arithmetic::Fp4).weights, Bytes(256.0 * 4.5 / 8.0));
    }
}
