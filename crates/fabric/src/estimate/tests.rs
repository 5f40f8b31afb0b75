use catalog::Catalog;

use super::*;
use crate::fault::Fault;
use crate::price::{Collective, Exchange};

struct Ground {
    catalog: Catalog,
    curves: CommCalibration,
    families: Families,
}

fn ground() -> Ground {
    let curves = CommCalibration::embedded().expect("sound");
    Ground { catalog: Catalog::embedded(), curves, families: Families::embedded().expect("sound") }
}

impl Ground {
    fn bench(&self, system: &str, ranks: u32, place: &Place) -> Bench<'_> {
        let system = self.catalog.system(system).expect("known");
        Bench::new(system, Some(ranks), place, &self.curves, &self.families, Routing::DimensionOrder).expect("fits")
    }
}

fn damaged(bench: &Bench<'_>, faults: &str) -> Damage {
    let faults = Fault::parse(faults).expect("readable");
    Damage::of(&bench.graph, &faults, bench.routing).expect("there")
}

#[test]
fn whole_and_packed_it_is_the_librarys_time() {
    let ground = ground();
    let bench = ground.bench("nvidia_dgx_h100", 8, &Place::Packed);
    let answer = bench.answer(Operation::AllReduce, 1e9, None, &Damage::none(&bench.graph)).expect("possible");
    let system = ground.catalog.system("nvidia_dgx_h100").expect("known");
    let network = Network::new(&system.fabric, &ground.curves, &system.chip.architecture, 1).expect("curves");
    let library = network.time(&Exchange::standard(Collective::AllReduce, 1e9, 8));
    assert!((answer.seconds / library.seconds - 1.0).abs() < 1e-9);
    assert_eq!((answer.basis, answer.algorithm), (library.basis, Algorithm::InNetwork));
    assert!(answer.low <= answer.seconds && answer.seconds <= answer.high && answer.low >= answer.bounds.seconds());
}

#[test]
fn slower_when_damaged_and_never_faster_than_bounds() {
    let ground = ground();
    let cases = [
        ("nvidia_gb200_nvl72", 72, "switch=NVLink.0.3"),
        ("huawei_cloudmatrix384", 64, "switch=UB.0"),
        ("google_ironwood_64", 64, "link=0-1"),
        ("google_ironwood_9216", 512, "ocs=5"),
    ];
    for (system, ranks, faults) in cases {
        let bench = ground.bench(system, ranks, &Place::Packed);
        let (whole, broken) = (Damage::none(&bench.graph), damaged(&bench, faults));
        for operation in [Operation::AllReduce, Operation::AllToAll] {
            let time = |damage| bench.answer(operation, 1e9, None, damage).expect("possible");
            let (before, after) = (time(&whole), time(&broken));
            assert!(after.seconds >= before.seconds * (1.0 - 1e-9), "{system} {}", operation.name());
            assert!(
                after.seconds >= after.bounds.seconds() && after.bounds.seconds() >= before.bounds.seconds() * 0.999
            );
        }
    }
}

#[test]
fn dead_chips_are_replaced_rewired_or_left_out() {
    let ground = ground();
    let kinds = |remedies: &[Remedy]| remedies.iter().map(|r| (r.kind, r.result.is_ok())).collect::<Vec<_>>();
    let slice = ground.bench("google_ironwood_9216", 512, &Place::Packed);
    let broken = damaged(&slice, "chip=17");
    let remedies = slice.remedies(Operation::AllReduce, 1e9, None, &broken).expect("a time when whole");
    let expected = [(RemedyKind::Reroute, false), (RemedyKind::Rewire, true), (RemedyKind::Shrink, true)];
    assert_eq!(kinds(&remedies), expected);
    let healthy = slice.answer(Operation::AllReduce, 1e9, None, &Damage::none(&slice.graph)).expect("possible");
    assert_eq!(remedies[1].result.as_ref().expect("rewired").seconds, healthy.seconds);
    // 32 of 72 ranks in use: a spare is there. All 72: none.
    let kind = |ranks| {
        let bench = ground.bench("nvidia_gb200_nvl72", ranks, &Place::Packed);
        kinds(&bench.remedies(Operation::AllReduce, 1e9, None, &damaged(&bench, "chip=3")).expect("a time when whole"))
    };
    assert_eq!(kind(32)[1], (RemedyKind::Replace, true));
    assert_eq!(kind(72)[1], (RemedyKind::Replace, false));
    assert_eq!(kind(72)[2], (RemedyKind::Shrink, true));
}

#[test]
fn who_is_cut_off_is_said() {
    let ground = ground();
    let bench = ground.bench("nvidia_dgx_h100", 16, &Place::Packed);
    let cut = damaged(&bench, "link=8-NIC.8,link=9-NIC.9");
    // Neighbours lend their cards.
    assert!(bench.answer(Operation::AllReduce, 1e9, None, &cut).is_ok());
    let cards: Vec<String> = (8..16).map(|c| format!("link={c}-NIC.{c}")).collect();
    let cut = damaged(&bench, &cards.join(","));
    let error = bench.answer(Operation::AllToAll, 1e9, None, &cut).expect_err("cut").to_string();
    assert_eq!(error, "no route: 8 ranks are cut off: 8, 9, 10, 11, 12, 13, 14, 15");
}

#[test]
fn spread_ranks_pay_the_outer_tier() {
    let ground = ground();
    let time = |place: &Place| {
        let bench = ground.bench("moore_kuae_10k", 8, place);
        bench.answer(Operation::AllReduce, 1e9, None, &Damage::none(&bench.graph)).expect("possible").seconds
    };
    assert!(time(&Place::Spread) > 2.0 * time(&Place::Packed));
}
