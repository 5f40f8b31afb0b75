use super::*;

const BANDWIDTH: f64 = 100e9;

fn tier(ranks: u32, shape: TierShape, reduction: bool) -> RankTier {
    RankTier { ranks: f64::from(ranks), bandwidth: BANDWIDTH, ranks_per_chip: 1.0, shape, reduction }
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} against {b}");
}

#[test]
fn rings_on_one_switch() {
    let tiers = [tier(8, TierShape::Switch, false)];
    let ideal = |op| loads(&tiers, &Exchange::standard(op, 8e9, 8)).tiers[0].ideal;
    near(ideal(Collective::AllReduce), 2.0 * 7e9 / BANDWIDTH);
    near(ideal(Collective::AllGather), 7e9 / BANDWIDTH);
    near(ideal(Collective::AllToAll), 7e9 / BANDWIDTH);
    near(ideal(Collective::Broadcast), 8e9 / BANDWIDTH);
}

#[test]
fn switches_that_add_need_the_buffer_once() {
    let tiers = [tier(8, TierShape::Switch, true)];
    near(loads(&tiers, &Exchange::standard(Collective::AllReduce, 8e9, 8)).bound(), 8e9 / BANDWIDTH);
}

#[test]
fn all_to_all_through_one_nic() {
    // 64 nodes of one rank, 1 GiB, 50 GB/s: 63 / 64 GiB / 50 GB/s.
    let mut nic = tier(64, TierShape::Clos { oversubscription_percent: 100 }, false);
    nic.bandwidth = 50e9;
    let bytes = f64::from(1u32 << 30);
    let bound = loads(&[nic], &Exchange::standard(Collective::AllToAll, bytes, 64)).bound();
    near(bound, 63.0 / 64.0 * bytes / 50e9);
}

#[test]
fn two_tiers_share_the_nics_of_a_node() {
    let tiers = [tier(8, TierShape::Switch, false), tier(1024, TierShape::Switch, false)];
    let loads = loads(&tiers, &Exchange::standard(Collective::AllGather, 32e9, 32));
    // Inside each rank must get 7/8 of the whole from its neighbours, 1/8 - 1/32 of it through its own NIC.
    near(loads.tiers[0].bound, 32e9 * 7.0 / 8.0 / BANDWIDTH);
    near(loads.tiers[1].bound, 32e9 * (1.0 / 8.0 - 1.0 / 32.0) / BANDWIDTH);
    near(loads.tiers[1].ideal, 32e9 * 31.0 / 32.0 / 8.0 / BANDWIDTH);
    assert_eq!((loads.tiers[0].ranks, loads.tiers[1].ranks), (8.0, 4.0));
}

#[test]
fn strided_groups_leave_the_inner_tier() {
    let tiers = [tier(8, TierShape::Switch, false), tier(1024, TierShape::Switch, false)];
    let group = Group { ranks: 4, stride: 8 };
    let exchange = Exchange::Collective {
        operation: Collective::AllGather,
        library: crate::price::Library::Standard,
        group,
        bytes: 4e9,
    };
    let loads = loads(&tiers, &exchange);
    assert_eq!(loads.tiers[0], Load::default());
    near(loads.tiers[1].ideal, 3e9 / BANDWIDTH);
}

#[test]
fn a_mesh_gives_each_peer_one_link() {
    let tiers = [tier(8, TierShape::Mesh, false)];
    let two = loads(&tiers, &Exchange::standard(Collective::AllReduce, 7e9, 2)).tiers[0].ideal;
    near(two, 7e9 / (BANDWIDTH / 7.0));
    let eight = loads(&tiers, &Exchange::standard(Collective::AllReduce, 8e9, 8)).tiers[0].ideal;
    near(eight, 14e9 / BANDWIDTH);
}

#[test]
fn a_torus_is_cut_through_the_middle() {
    let tiers = [tier(64, TierShape::Torus { dims: vec![4, 4, 4] }, false)];
    // Full axes: all six links turn rings.
    near(loads(&tiers, &Exchange::standard(Collective::AllGather, 64e9, 64)).tiers[0].ideal, 63e9 / BANDWIDTH);
    // A plane cuts 32 links of a sixth of the bandwidth each way; half of 32 chips' data must pass.
    let sent = 63e9;
    near(
        loads(&tiers, &Exchange::standard(Collective::AllToAll, 64e9, 64)).tiers[0].ideal,
        (32.0 * sent / 2.0 / (32.0 * BANDWIDTH / 6.0)).max(sent / BANDWIDTH),
    );
}

#[test]
fn what_all_need_reaches_a_package_on_a_torus_once() {
    let dims = vec![4, 4, 4];
    let two = RankTier {
        ranks: 128.0,
        bandwidth: BANDWIDTH / 2.0,
        ranks_per_chip: 2.0,
        shape: TierShape::Torus { dims },
        reduction: false,
    };
    let tiers = [two];
    // Both devices of a chip need all of it, and its links carry it once.
    near(loads(&tiers, &Exchange::standard(Collective::AllGather, 128e9, 128)).tiers[0].ideal, 127e9 / BANDWIDTH);
    // Groups of every other device, one for each place in the package: both use the links.
    let apart = Exchange::Collective {
        operation: Collective::AllGather,
        library: Library::Standard,
        group: Group { ranks: 64, stride: 2 },
        bytes: 64e9,
    };
    assert!(loads(&tiers, &apart).tiers[0].ideal >= 63e9 / (BANDWIDTH / 2.0));
}

#[test]
fn high_throughput_sends_a_token_once_per_node() {
    let tiers = [tier(8, TierShape::Switch, false), tier(1024, TierShape::Switch, false)];
    let routed = |kernel| {
        Exchange::Routed(Routed {
            phase: crate::price::Phase::Dispatch,
            kernel,
            group: Group::packed(16),
            tokens: 1000.0,
            hidden: 1000,
            value_bits: 8.0,
            top_k: 8,
            experts: 256,
            node_limit: None,
        })
    };
    let once = loads(&tiers, &routed(Kernel::HighThroughput)).tiers[1].ideal;
    let copies = loads(&tiers, &routed(Kernel::LowLatency)).tiers[1].ideal;
    near(copies, 1e6 * 8.0 * 0.5 / BANDWIDTH);
    near(once, 1e6 * distinct_places(2.0, 8, 256) * 0.5 / BANDWIDTH);
}
