//! Laws that every exchange on every fabric obeys.

use std::sync::LazyLock;

use catalog::{Fabric, Fact, Kind as FactKind, Tier, TierShape};
use proptest::prelude::*;
use units::{BytesPerSecond, Range};

use crate::price::{
    Basis, Collective, CommCalibration, Exchange, Group, Kernel, Library, Network, Phase, Routed, Transfer,
};

fn tier(name: &str, shape: TierShape, chips: u32, bandwidth: f64, reduction: bool) -> Tier {
    let value = Range::exact(BytesPerSecond(bandwidth));
    let text = String::new;
    Tier {
        name: name.to_owned(),
        shape,
        chips,
        bandwidth: Fact { value, kind: FactKind::Assumed, source: text(), note: text(), path: text() },
        latency: None,
        in_network_reduction: reduction,
        medium: text(),
        wiring: catalog::Wiring::default(),
    }
}

static CALIBRATION: LazyLock<CommCalibration> = LazyLock::new(|| CommCalibration::embedded().expect("embedded"));

fn network(fabric: &Fabric, architecture: &str) -> Network {
    Network::new(fabric, &CALIBRATION, architecture, 1).expect("curves")
}

fn shape() -> impl Strategy<Value = (TierShape, u32)> {
    prop_oneof![
        Just((TierShape::Switch, 8)),
        Just((TierShape::Switch, 72)),
        Just((TierShape::Mesh, 8)),
        Just((TierShape::Torus { dims: vec![4, 4, 4] }, 64)),
        Just((TierShape::Torus { dims: vec![2, 4] }, 8)),
        Just((TierShape::Clos { oversubscription_percent: 200 }, 384)),
    ]
}

fn fabric(bandwidth: f64) -> impl Strategy<Value = Fabric> {
    (shape(), any::<bool>(), prop_oneof![Just("NVLink"), Just("UB"), Just("unheard of")]).prop_map(
        move |((shape, chips), reduction, name)| {
            let outer = TierShape::Clos { oversubscription_percent: 100 };
            let tiers = vec![
                tier(name, shape, chips, bandwidth, reduction),
                tier("InfiniBand", outer, 65536, bandwidth / 8.0, false),
            ];
            Fabric { tiers }
        },
    )
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let group = (1u32..600, prop_oneof![Just(1u32), Just(8)]).prop_map(|(ranks, stride)| Group { ranks, stride });
    let operation = prop_oneof![
        Just(Collective::AllReduce),
        Just(Collective::AllGather),
        Just(Collective::ReduceScatter),
        Just(Collective::AllToAll),
        Just(Collective::Broadcast),
    ];
    let library = prop_oneof![Just(Library::Standard), Just(Library::Engine)];
    let collective = (operation, library, group.clone(), 0.0f64..1e10)
        .prop_map(|(operation, library, group, bytes)| Exchange::Collective { operation, library, group, bytes });
    let pair = (1u32..600, 0.0f64..1e10).prop_map(|(stride, bytes)| Exchange::SendRecv { stride, bytes });
    let kernel = prop_oneof![Just(Kernel::HighThroughput), Just(Kernel::LowLatency), Just(Kernel::OneSided)];
    let routed =
        (kernel, any::<bool>(), group, 0.0f64..1e5, 1u64..9).prop_map(|(kernel, back, group, tokens, top_k)| {
            let phase = if back { Phase::Combine } else { Phase::Dispatch };
            let (hidden, value_bits, experts, node_limit) = (7168, 8.25, 256, None);
            Exchange::Routed(Routed { phase, kernel, group, tokens, hidden, value_bits, top_k, experts, node_limit })
        });
    prop_oneof![collective, pair, routed]
}

fn more(exchange: Exchange, factor: f64) -> Exchange {
    match exchange {
        Exchange::Collective { operation, library, group, bytes } => {
            Exchange::Collective { operation, library, group, bytes: bytes * factor }
        }
        Exchange::SendRecv { stride, bytes } => Exchange::SendRecv { stride, bytes: bytes * factor },
        Exchange::Routed(r) => Exchange::Routed(Routed { tokens: r.tokens * factor, ..r }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn never_faster_than_physics(fabric in fabric(400e9), exchange in exchange()) {
        let time = network(&fabric, "hopper").time(&exchange);
        prop_assert!(time.seconds.is_finite() && time.seconds >= time.physical_bound);
        prop_assert!(time.physical_bound >= 0.0 && time.spread >= 0.0);
        let parts = time.latency_part + time.bandwidth_part;
        prop_assert!(time.seconds >= parts * (1.0 - 1e-12));
    }

    #[test]
    fn more_bytes_are_never_faster(fabric in fabric(400e9), exchange in exchange(), factor in 1.0f64..10.0) {
        let network = network(&fabric, "blackwell");
        let (less, more) = (network.time(&exchange), network.time(&more(exchange, factor)));
        prop_assert!(more.seconds >= less.seconds * (1.0 - 1e-12));
    }

    #[test]
    fn more_bandwidth_is_never_slower(
        (slow, fast) in (1.0f64..4.0).prop_flat_map(|f| fabric(200e9).prop_map(move |slow| {
            let mut fast = slow.clone();
            for tier in &mut fast.tiers {
                tier.bandwidth.value = tier.bandwidth.value.map(|b| BytesPerSecond(b.0 * f));
            }
            (slow, fast)
        })),
        exchange in exchange(),
    ) {
        let (slow, fast) = (network(&slow, "cdna3").time(&exchange), network(&fast, "cdna3").time(&exchange));
        prop_assert!(fast.seconds <= slow.seconds * (1.0 + 1e-12));
    }

    #[test]
    fn a_sum_for_all_costs_no_less_than_its_parts(fabric in fabric(400e9), ranks in 2u32..600, bytes in 1.0f64..1e10) {
        let network = network(&fabric, "ampere");
        let time = |operation| network.time(&Exchange::standard(operation, bytes, ranks)).seconds;
        prop_assert!(time(Collective::AllReduce) >= time(Collective::ReduceScatter));
    }

    #[test]
    fn a_cache_is_sent_once(senders in 1u32..16, receivers in 1u32..16, bytes in 1.0f64..1e10, layers in 1u32..80) {
        let outer = TierShape::Clos { oversubscription_percent: 100 };
        let fabric = Fabric { tiers: vec![tier("InfiniBand", outer, 4096, 50e9, false)] };
        let transfer = Transfer { bytes, senders, receivers, layers, distance: 16 };
        let time = network(&fabric, "hopper").transfer(&transfer);
        let least = bytes / 50e9 / f64::from(senders.min(receivers));
        prop_assert!(time.seconds >= least * (1.0 - 1e-12));
        prop_assert!((time.physical_bound / least - 1.0).abs() < 1e-9);
        prop_assert!(time.last_layer <= time.seconds && time.exposed(0.0) >= time.seconds * (1.0 - 1e-12));
        prop_assert!(time.exposed(1e9) == time.last_layer);
    }
}

#[test]
fn alone_or_with_nothing_to_say_takes_no_time() {
    let fabric = Fabric { tiers: vec![tier("NVLink", TierShape::Switch, 8, 450e9, true)] };
    let network = network(&fabric, "hopper");
    assert_eq!(network.time(&Exchange::standard(Collective::AllReduce, 1e6, 1)).seconds, 0.0);
    assert_eq!(network.time(&Exchange::standard(Collective::AllReduce, 0.0, 8)).seconds, 0.0);
}

#[test]
fn unknown_fabrics_borrow_and_say_so() {
    let switch = |name: &str| Fabric { tiers: vec![tier(name, TierShape::Switch, 8, 450e9, true)] };
    let exchange = Exchange::standard(Collective::AllGather, 1e8, 8);
    let own = network(&switch("NVLink"), "hopper").time(&exchange);
    let cousin = network(&switch("NVLink"), "unheard of").time(&exchange);
    let shape = network(&switch("unheard of"), "unheard of").time(&exchange);
    assert_eq!((own.basis, cousin.basis, shape.basis), (Basis::Measured, Basis::SameFabric, Basis::SameShape));
    assert!(own.spread < cousin.spread && cousin.spread <= shape.spread);
}

#[test]
fn engines_differ_where_they_were_measured_apart() {
    let fabric = Fabric { tiers: vec![tier("NVLink", TierShape::Switch, 8, 450e9, true)] };
    let time = |stack| {
        let network = Network::for_stack(&fabric, &CALIBRATION, "hopper", 1, stack).expect("curves");
        network.time(&Exchange::engine_all_reduce(16384.0, 8)).seconds
    };
    assert!(time(Some("trtllm")) < time(Some("vllm")));
    assert_eq!(time(Some("unheard of")), time(None));
}
