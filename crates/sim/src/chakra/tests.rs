//! Files that are sound, files that are not, and replays by hand.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use prost::Message;

use super::wire::{Attribute, GlobalMetadata, Value};
use super::*;
use crate::time::Time;

fn file(build: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    build(&mut writer);
    writer.finish().unwrap()
}

fn trace(build: impl FnOnce(&mut Writer<Vec<u8>>)) -> Trace {
    read(&file(build)[..], Limits::default()).unwrap()
}

fn told(bytes: &[u8]) -> String {
    read(bytes, Limits::default()).expect_err("wrong").to_string()
}

/// Compute 100 us, all-reduce of 1 MB, compute 50 us.
fn step(w: &mut Writer<Vec<u8>>) {
    let a = w.compute("forward", 100, &[]).unwrap();
    let b = w.collective("all-reduce", 1_000_000, None, &[a]).unwrap();
    w.compute("update", 50, &[b]).unwrap();
}

/// A network of one link: bytes at 10 GB/s.
fn link(exchange: &Exchange) -> Result<Demand, String> {
    Ok(Demand { seconds: exchange.bytes as f64 / 10e9, uses: [(0, 1.0)].into() })
}

fn play(traces: &[Trace], groups: BTreeMap<String, Vec<u32>>) -> Result<Outcome, ReplayError> {
    let ranks = Ranks { traces, of: (0..traces.len() as u32).collect(), groups };
    replay(&ranks, &mut link, &|_| 0.0, &mut |_| Ok(()))
}

#[test]
fn what_is_written_is_read() {
    let t = trace(|w| {
        step(w);
        w.point(true, 0, 3, 7, 4096, &[2]).unwrap();
        w.collective("all-to-all", 64, Some("ep"), &[0]).unwrap();
    });
    assert_eq!((t.version.as_str(), t.nodes.len(), t.groups.as_slice()), ("0.0.4", 5, &["ep".to_owned()][..]));
    assert_eq!(
        t.nodes[1].communication,
        Some(Communication::Collective { operation: 0, bytes: 1_000_000, group: None })
    );
    let sent = Communication::Point { from: Some(0), to: Some(3), tag: 7, bytes: 4096 };
    assert!(t.nodes.iter().any(|n| n.communication == Some(sent)));
    let summary = t.summary();
    assert_eq!(summary.kinds[&NodeKind::Compute], (2, 150));
    assert_eq!((summary.needs, summary.sent), (4, (1, 4096)));
    let critical = BTreeMap::from([(NodeKind::Compute, (2, 150)), (NodeKind::Collective, (1, 0))]);
    assert_eq!(summary.critical, critical);
}

#[test]
fn packed_files_and_every_width_of_numbers_are_read() {
    for value in
        [Value::Int32(2), Value::Int64(2), Value::Uint32(2), Value::Uint64(2), Value::Sint64(2), Value::Fixed32(2)]
    {
        let bytes = file(|w| {
            let attr = vec![Attribute::new("comm_type", value.clone()), Attribute::new("comm_size", value)];
            w.node(&wire::Node { id: 9, name: "x".into(), kind: 7, attr, ..Default::default() }).unwrap();
        });
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&bytes).unwrap();
        let (plain, packed) = (read(&bytes[..], Limits::default()), read(&gz.finish().unwrap()[..], Limits::default()));
        assert_eq!(plain.unwrap(), packed.unwrap());
    }
}

#[test]
fn wrong_files_are_told() {
    let good = file(step);
    assert!(told(b"").contains("is empty"));
    assert!(told(&good[..good.len() - 1]).contains("1 bytes early"));
    // A length of 2^63 is refused before anything is kept for it.
    let mut huge = good.clone();
    huge.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert!(told(&huge).contains("record 4 claims 9223372036854775807 bytes"), "{}", told(&huge));
    assert!(told(&[0xff; 64]).contains("claims"));
    assert!(told(b"this is a text, and no trace at all").contains("record 0"));
    let with = |node: wire::Node| file(|w| w.node(&node).unwrap());
    let node =
        |id, deps: &[u64]| wire::Node { id, name: "n".into(), kind: 4, data_deps: deps.to_vec(), ..Default::default() };
    assert!(told(&with(node(5, &[77]))).contains("node 5 ('n') needs node 77, which is not in the file"));
    let circle = file(|w| [node(1, &[3]), node(2, &[1]), node(3, &[2])].iter().for_each(|n| w.node(n).unwrap()));
    assert!(told(&circle).contains("in a circle: 1 needs 3 needs 2 needs 1"), "{}", told(&circle));
    assert!(told(&with(node(4, &[4]))).contains("4 needs 4"));
    let twice = file(|w| [node(1, &[]), node(1, &[])].iter().for_each(|n| w.node(n).unwrap()));
    assert!(told(&twice).contains("node id 1 stands twice"));
    let bare = |kind| with(wire::Node { id: 1, name: "c".into(), kind, ..Default::default() });
    assert!(told(&bare(7)).contains("has no comm_type"));
    assert!(told(&bare(5)).contains("has no comm_size"));
    let odd = vec![Attribute::new("comm_type", Value::Int64(99)), Attribute::new("comm_size", Value::Int64(1))];
    assert!(told(&with(wire::Node { kind: 7, attr: odd, ..Default::default() })).contains("has comm_type 99"));
}

#[test]
fn an_older_schema_is_named() {
    // Attributes before 0.0.4 held a float in field 2, where the name's explanation is now.
    let mut old = GlobalMetadata { version: "0.0.1".into(), attr: Vec::new() }.encode_length_delimited_to_vec();
    let attribute = [0x15, 0, 0, 0x80, 0x3f];
    let mut node = vec![0x08, 1, 0x52, attribute.len() as u8];
    node.extend(attribute);
    old.push(node.len() as u8);
    old.extend(node);
    let text = told(&old);
    assert!(text.contains("record 1 is no Node") && text.contains("of schema 0.0.1; 0.0.4 is read"), "{text}");
}

#[test]
fn limits_hold() {
    let bytes = file(|w| {
        (0..100).for_each(|_| {
            w.compute("x", 1, &[]).unwrap();
        })
    });
    let small = |limits| read(&bytes[..], limits).expect_err("too many").to_string();
    assert!(small(Limits { nodes: 10, ..Limits::default() }).contains("more than 10 nodes"));
    assert!(small(Limits { record: 3, ..Limits::default() }).contains("claims"));
}

#[test]
fn a_step_by_hand() {
    // 100 us + 1 MB at 10 GB/s = 100 us + 50 us.
    let one = play(&[trace(step), trace(step)], BTreeMap::new()).unwrap();
    assert_eq!((one.end, one.nodes), (Time(250_000_000), 6));
    let ranks = one.ranks[0].map(|s| (s * 1e6).round());
    assert_eq!(ranks, [150.0, 100.0, 0.0, 0.0]);
    let tally = one.exchanges[&ExchangeKind::Collective(0)];
    assert_eq!((tally.count, tally.bytes), (1, 1e6));
}

#[test]
fn a_collective_waits_for_the_last_rank() {
    let slow = trace(|w| {
        let a = w.compute("slow", 300, &[]).unwrap();
        w.collective("all-reduce", 1_000_000, None, &[a]).unwrap();
    });
    let fast = trace(|w| {
        w.collective("all-reduce", 1_000_000, None, &[]).unwrap();
    });
    let out = play(&[slow, fast], BTreeMap::new()).unwrap();
    assert_eq!(out.end, Time(400_000_000));
    assert_eq!(out.ranks[1].map(|s| (s * 1e6).round()), [0.0, 100.0, 0.0, 300.0], "it idles until the other comes");
}

#[test]
fn exchanges_that_share_a_link_slow_each_other() {
    let of = |group: &'static str| {
        trace(move |w| {
            w.collective("all-gather", 1_000_000, Some(group), &[]).unwrap();
        })
    };
    let groups = BTreeMap::from([("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![2, 3])]);
    let traces = [of("a"), of("a"), of("b"), of("b")];
    let out = play(&traces, groups.clone()).unwrap();
    assert_eq!(out.end, Time(200_000_000), "two at half speed");
    let tally = out.exchanges[&ExchangeKind::Collective(2)];
    assert!((tally.seconds / tally.alone - 2.0).abs() < 1e-9);
    // On links of their own they do not.
    let ranks = Ranks { traces: &traces, of: vec![0, 1, 2, 3], groups };
    let mut own = |e: &Exchange| Ok(Demand { seconds: 1e-4, uses: [(e.ranks[0], 1.0)].into() });
    assert_eq!(replay(&ranks, &mut own, &|_| 0.0, &mut |_| Ok(())).unwrap().end, Time(100_000_000));
}

#[test]
fn messages_overlap_with_compute_and_arrive_once() {
    let sender = trace(|w| {
        w.point(true, 0, 1, 5, 1_000_000, &[]).unwrap();
        w.compute("meanwhile", 80, &[]).unwrap();
    });
    let receiver = trace(|w| {
        let got = w.point(false, 0, 1, 5, 1_000_000, &[]).unwrap();
        w.compute("after", 10, &[got]).unwrap();
    });
    let out = play(&[sender, receiver], BTreeMap::new()).unwrap();
    assert_eq!(out.end, Time(110_000_000));
    assert_eq!(out.ranks[0].map(|s| (s * 1e6).round()), [0.0, 20.0, 80.0, 10.0]);
}

#[test]
fn the_order_of_a_group_is_the_order_of_the_trace() {
    // The second collective is ready first; the first waits for a computation.
    let t = || {
        trace(|w| {
            let a = w.compute("a", 100, &[]).unwrap();
            w.collective("all-reduce", 1_000_000, None, &[a]).unwrap();
            w.collective("all-gather", 2_000_000, None, &[]).unwrap();
        })
    };
    let mut order = Vec::new();
    let traces = [t(), t()];
    let ranks = Ranks { traces: &traces, of: vec![0, 1], groups: BTreeMap::new() };
    let out = replay(&ranks, &mut link, &|_| 0.0, &mut |o| {
        if o.rank == 0 {
            order.push((o.name.to_owned(), o.start, o.end));
        }
        Ok(())
    });
    assert_eq!(out.unwrap().end, Time(400_000_000));
    let names: Vec<&str> = order.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["a", "all-reduce", "all-gather"]);
}

#[test]
fn one_trace_stands_for_many_ranks() {
    let traces = [trace(step)];
    let ranks = Ranks { traces: &traces, of: vec![0; 64], groups: BTreeMap::new() };
    let mut seen = 0;
    let mut network = |e: &Exchange| {
        seen = e.ranks.len();
        link(e)
    };
    assert_eq!(replay(&ranks, &mut network, &|_| 0.0, &mut |_| Ok(())).unwrap().end, Time(250_000_000));
    assert_eq!(seen, 64);
    let point = [trace(|w| {
        w.point(true, 0, 1, 0, 8, &[]).unwrap();
    })];
    let shared = Ranks { traces: &point, of: vec![0; 2], groups: BTreeMap::new() };
    assert!(matches!(replay(&shared, &mut link, &|_| 0.0, &mut |_| Ok(())), Err(ReplayError::Shared { .. })));
}

#[test]
fn ranks_that_disagree_are_told() {
    let other = trace(|w| {
        w.collective("all-gather", 5, None, &[]).unwrap();
    });
    let one = trace(|w| {
        w.collective("all-reduce", 5, None, &[]).unwrap();
    });
    let told = play(&[one.clone(), other], BTreeMap::new()).expect_err("disagree").to_string();
    assert!(told.contains("all-reduce of 5 bytes on rank 0 and all-gather of 5 bytes on rank 1"), "{told}");
    let nothing = trace(|w| {
        w.compute("x", 1, &[]).unwrap();
    });
    let told = play(&[one.clone(), nothing.clone()], BTreeMap::new()).expect_err("alone").to_string();
    assert!(
        told.contains("1 of 2 nodes are done") && told.contains("collective 1 of all ranks has 1 of 2 ranks"),
        "{told}"
    );
    let waits = trace(|w| {
        w.point(false, 1, 0, 3, 5, &[]).unwrap();
    });
    let told = play(&[waits, nothing], BTreeMap::new()).expect_err("never sent").to_string();
    assert!(told.contains("node 0 of rank 0 waits for a message of rank 1 with tag 3"), "{told}");
    let grouped = || {
        trace(|w| {
            w.collective("all-reduce", 5, Some("tp"), &[]).unwrap();
        })
    };
    let none = BTreeMap::new();
    assert!(matches!(play(&[grouped(), grouped()], none), Err(ReplayError::NoGroup { .. })));
    let beyond = BTreeMap::from([("tp".to_owned(), vec![0, 9])]);
    assert!(matches!(play(&[grouped()], beyond), Err(ReplayError::NoRank { .. })));
    let without = BTreeMap::from([("tp".to_owned(), vec![0])]);
    assert!(matches!(play(&[grouped(), grouped()], without), Err(ReplayError::NotOfGroup { .. })));
    assert!(matches!(play(&[], BTreeMap::new()), Err(ReplayError::Size { .. })));
    let attr = vec![Attribute::new("comm_size", Value::Int64(1))];
    let lone = trace(|w| w.node(&wire::Node { kind: 5, attr, ..Default::default() }).unwrap());
    let told = play(&[lone], BTreeMap::new()).expect_err("to nobody").to_string();
    assert!(told.contains("has no comm_dst, so nobody knows with whom it is"), "{told}");
    let eternal = trace(|w| {
        w.compute("x", u64::MAX, &[]).unwrap();
    });
    assert!(matches!(play(&[eternal], BTreeMap::new()), Err(ReplayError::Horizon)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes[..], Limits::default());
    }

    #[test]
    fn no_change_of_a_file_makes_it_panic(at in 0usize..200, cut in 0usize..20, insert in proptest::collection::vec(any::<u8>(), 0..8)) {
        let good = file(step);
        let at = at % good.len();
        let mut bytes = good[..at].to_vec();
        bytes.extend(insert);
        bytes.extend(&good[(at + cut).min(good.len())..]);
        if let Ok(trace) = read(&bytes[..], Limits::default()) {
            let _ = play(&[trace.clone(), trace], BTreeMap::new());
        }
    }

    #[test]
    fn nodes_survive_the_way_through_a_file(
        id in any::<u64>(), name in "\\PC{0,20}", micros in any::<u64>(), deps in proptest::collection::vec(any::<u64>(), 0..5),
        number in any::<i64>(), real in -1e300f64..1e300, text in "\\PC{0,20}", truth in any::<bool>(),
    ) {
        let attr = vec![
            Attribute::new("a", Value::Int64(number)),
            Attribute::new("b", Value::Double(real)),
            Attribute::new("c", Value::Text(text)),
            Attribute::new("d", Value::Bool(truth)),
        ];
        let node = wire::Node { id, name, kind: 4, duration_micros: micros, ctrl_deps: deps, attr, ..Default::default() };
        let bytes = file(|w| w.node(&node).unwrap());
        let mut rest = &bytes[..];
        let metadata = GlobalMetadata::decode_length_delimited(&mut rest).unwrap();
        prop_assert_eq!(metadata.version.as_str(), "0.0.4");
        prop_assert_eq!(wire::Node::decode_length_delimited(&mut rest).unwrap(), node);
        prop_assert!(rest.is_empty());
    }
}
