//! A chip for tests, made of round numbers.

use std::collections::BTreeMap;

use catalog::{Arithmetic, Chip, ChipClass, Fact, Kind};
use units::{Bytes, BytesPerSecond, FlopPerSecond, Range};

fn fact<T: Copy + PartialEq>(value: T) -> Fact<T> {
    Fact {
        value: Range::exact(value),
        kind: Kind::Assumed,
        source: "test".to_owned(),
        note: String::new(),
        path: String::new(),
    }
}

/// A chip with these peaks and this bandwidth.
pub(crate) fn chip(peaks: &[(Arithmetic, f64)], bandwidth: f64, class: ChipClass) -> Chip {
    Chip {
        id: "test_chip".to_owned(),
        name: "Test chip".to_owned(),
        vendor: "Test".to_owned(),
        architecture: "test".to_owned(),
        class,
        devices: 1,
        peak: peaks.iter().map(|&(a, p)| (a, fact(FlopPerSecond(p)))).collect::<BTreeMap<_, _>>(),
        memory: fact(Bytes(80e9)),
        bandwidth: fact(BytesPerSecond(bandwidth)),
        on_chip: None,
        die_to_die: None,
        scale_up: None,
        scale_out: None,
        host_link: None,
        tdp: None,
    }
}
