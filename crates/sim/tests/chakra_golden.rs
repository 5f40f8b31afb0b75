//! Traces that Python's protobuf wrote by the published schema (`scripts/traces_golden.py`).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use sim::Time;
use sim::chakra::{Communication, Demand, ExchangeKind, Limits, NodeKind, Ranks, Trace, read, replay};

fn golden(name: &str) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    read(File::open(path).expect("checked in"), Limits::default()).expect("a trace")
}

#[test]
fn a_step_of_two_ranks_is_read_and_replayed() {
    let traces = [golden("step.0.et"), golden("step.1.et")];
    let [first, second] = &traces;
    assert_eq!(
        (first.version.as_str(), first.nodes.len(), first.groups.as_slice()),
        ("0.0.4", 5, &["tp".to_owned()][..])
    );
    let of = |trace: &Trace, id: u64| *trace.nodes.iter().find(|n| n.id == id).expect("it is there");
    assert_eq!((of(first, 10).micros, of(first, 14).host), (100, true));
    assert_eq!(
        of(first, 11).communication,
        Some(Communication::Collective { operation: 0, bytes: 1 << 20, group: Some(0) })
    );
    let message = Communication::Point { from: Some(0), to: Some(1), tag: 7, bytes: 4096 };
    for (trace, kind) in [(first, NodeKind::Send), (second, NodeKind::Receive)] {
        assert_eq!((of(trace, 12).kind, of(trace, 12).communication), (kind, Some(message)));
    }
    assert_eq!((of(first, 13).flop, of(first, 13).bytes), (2.0 * 4096f64.powi(3), 3.0 * 4096.0 * 4096.0 * 2.0));
    assert_eq!(first.summary().needs, 4, "node 13 names node 11 twice");

    // 100 us; the all-reduce takes 50 us, the message 20 us; the product 30 us.
    let groups = BTreeMap::from([("tp".to_owned(), vec![0, 1])]);
    let ranks = Ranks { traces: &traces, of: vec![0, 1], groups };
    let mut network = |e: &sim::chakra::Exchange| {
        let seconds = if e.kind == ExchangeKind::Point { 20e-6 } else { 50e-6 };
        Ok(Demand { seconds, uses: [].into() })
    };
    let out =
        replay(&ranks, &mut network, &|n| if n.flop > 0.0 { 30e-6 } else { 0.0 }, &mut |_| Ok(())).expect("it goes");
    assert_eq!(out.end, Time(180_000_000));
}

#[test]
fn attributes_of_every_type_are_skipped_or_read() {
    let trace = golden("kinds.0.et");
    assert_eq!((trace.nodes.len(), trace.nodes[0].kind), (1, NodeKind::Metadata));
}
