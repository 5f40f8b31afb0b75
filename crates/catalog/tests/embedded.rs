//! The facts that are embedded: whole, sourced, and enough for the systems people ask about.

use catalog::{Arithmetic, Catalog, Kind, LookupError, TierShape};
use units::{Bytes, BytesPerSecond, FlopPerSecond};

#[test]
fn no_embedded_file_has_a_finding() {
    let found = Catalog::check_embedded();
    assert!(found.is_empty(), "{}", found.iter().map(|d| format!("{d}\n")).collect::<String>());
}

#[test]
fn every_chip_and_system_of_the_survey_is_listed() {
    let catalog = Catalog::embedded();
    for id in CHIPS {
        assert_eq!(catalog.listed_chip(id).map(|c| c.spec.id.as_str()), Ok(*id));
    }
    for id in SYSTEMS {
        assert_eq!(catalog.listed_system(id).map(|s| s.spec.id.as_str()), Ok(*id));
    }
}

#[test]
fn facts_have_the_published_values() {
    let catalog = Catalog::embedded();
    let h20 = catalog.chip("H20").expect("complete");
    let h100 = catalog.chip("h100").expect("complete");
    let ratio = |a: f64, b: f64| (a / b * 100.0).round() / 100.0;
    assert_eq!(ratio(h20.peak[&Arithmetic::Bf16].mid().0, h100.peak[&Arithmetic::Bf16].mid().0), 0.15);
    assert_eq!(ratio(h20.bandwidth.mid().0, h100.bandwidth.mid().0), 1.19);
    assert_eq!(h100.memory.mid(), Bytes(80.0 * 1024f64.powi(3)));
    assert_eq!(h100.memory.path, "chips/nvidia_h100_sxm.memory.capacity");

    let p800 = catalog.chip("kunlun p800").expect("complete").bandwidth.clone();
    assert_eq!((p800.value.low, p800.value.high), (BytesPerSecond(1e12), BytesPerSecond(2.969e12)));
    assert_eq!(p800.kind, Kind::Analyst);

    let ascend = catalog.chip("910C").expect("complete");
    assert_eq!((ascend.devices, ascend.peak.get(&Arithmetic::Fp8)), (2, None), "two dies, no FP8");
    assert_eq!(ascend.peak[&Arithmetic::Bf16].value.low, FlopPerSecond(707.8e12));
}

#[test]
fn systems_of_the_examples_are_complete() {
    let catalog = Catalog::embedded();
    for name in [
        "HGX H20",
        "HGX H100",
        "HGX H200",
        "HGX B200",
        "GB200 NVL72",
        "MI355X",
        "huawei-cloudmatrix-384",
        "Atlas 350",
        "Ironwood 64",
        "Ironwood 256",
        "P800 node",
        "S5000 node",
        "Trainium2 UltraServer",
        "HGX A100",
        "HGX H800",
        "HGX B300",
        "Atlas 800 A2",
        "Atlas 950 SuperPoD",
        "Trn3 UltraServer",
        "nvidia-gb200-nvl72",
    ] {
        assert!(catalog.system(name).is_ok(), "{name}: {:?}", catalog.system(name).err());
    }
}

#[test]
fn a_system_has_as_many_chips_as_asked() {
    let catalog = Catalog::embedded();
    let node = catalog.system("HGX H200").expect("complete");
    let four = node.with_chips(32).expect("InfiniBand joins them");
    assert_eq!(four.chips, 32);
    assert_eq!(four.fabric.tiers.iter().map(|t| t.chips).collect::<Vec<_>>(), [8, 4096]);
    assert_eq!(four.power.expect("known").mid(), units::Watts(40.8e3));
    assert_eq!(node.with_chips(4).expect("a part").fabric, node.fabric);
    assert!(node.with_chips(0).is_none() && node.with_chips(u32::MAX).is_none());
    let slice = catalog.system("Ironwood 9216").expect("complete").with_chips(256).expect("a slice");
    assert_eq!(slice.fabric.tiers[0].shape, TierShape::Torus { dims: vec![4, 8, 8] });
}

#[test]
fn what_lacks_a_fact_says_which() {
    let catalog = Catalog::embedded();
    let LookupError::Incomplete { missing, .. } = catalog.chip("Kunlun M100").expect_err("unpublished") else {
        panic!("listed");
    };
    assert!(missing.contains(&"chips/baidu_kunlun_m100.memory.bandwidth".to_owned()), "{missing:?}");
    let error = catalog.system("HGX H1000").expect_err("none such");
    assert!(matches!(error, LookupError::Unknown { near: Some(_), .. }), "{error}");
}

#[test]
fn prices_are_ranges_in_dollars() {
    let catalog = Catalog::embedded();
    let h100 = catalog.price_of_chip("H100").expect("known").rent.expect("rented");
    assert!(h100.value.low < h100.value.mid && h100.value.mid < h100.value.high, "{:?}", h100.value);
    assert!((2.0..4.0).contains(&h100.mid().0), "between neoclouds: {}", h100.mid());
    let atlas = catalog.price_of_chip("Atlas 350").expect("known").purchase.expect("quoted");
    assert_eq!(atlas.mid(), units::Usd(70_000.0 * 0.1425), "70,000 CNY at the catalog's rate");
    let matrix = catalog.price_of_system("CM384").expect("known");
    assert!(matrix.whole_system);
    assert_eq!(matrix.purchase.expect("press").mid(), units::Usd(8.2e6 / 384.0));
    let west = catalog.prices.electricity("CN").expect("one row");
    assert_eq!(west.mid(), units::UsdPerKilowattHour(0.4 * 0.1425));
}

#[test]
fn duties_name_their_chips() {
    let catalog = Catalog::embedded();
    let duty =
        |chip: &str| catalog.policies_of(chip).into_iter().filter(|p| p.is_duty()).map(|p| p.rate.clone()).next();
    assert_eq!(duty("H200").flatten().expect("Section 232").mid(), 0.25);
    let h20 = duty("H20").flatten().expect("asked for in 2025-08").value;
    assert_eq!((h20.low, h20.high), (0.0, 0.15));
    assert_eq!(duty("P800"), None);
}

#[test]
fn every_system_that_can_run_has_faults() {
    let catalog = Catalog::embedded();
    for listed in catalog.systems() {
        if let Ok(system) = &listed.checked {
            assert!(catalog.faults_of(system).is_ok(), "{}: {:?}", system.id, catalog.faults_of(system).err());
        }
    }
    let id = |name: &str| catalog.faults_of(catalog.system(name).expect("complete")).expect("known").id.clone();
    assert_eq!((id("HGX H200"), id("GB200 NVL72")), ("gpu_server".to_owned(), "gpu_rack".to_owned()));
    assert_eq!((id("CM384"), id("Ironwood 256")), ("npu_supernode".to_owned(), "tpu_slice".to_owned()));
}

#[test]
fn counts_of_faults_add_up_to_what_was_published() {
    let catalog = Catalog::embedded();
    let servers = catalog.faults("gpu_server").expect("complete");
    let per_day = |kind: &str| {
        let seen = &servers.kinds.iter().find(|k| k.name == kind).expect("there").seen;
        seen.iter().find(|s| s.rate.source == "llama3_herd").expect("there").rate.mid().0 * 86_400.0
    };
    // 16,384 GPUs in servers of eight, 54 days: 419 interruptions.
    let expected = 54.0 * (2048.0 * per_day("server") + per_day("software"));
    assert!((expected - 419.0).abs() < 0.5, "{expected}");
}

/// Names of chips in the measured tables; what they leave open has no chip.
#[test]
fn measured_chips_have_facts_and_a_usual_system() {
    let catalog = Catalog::embedded();
    for name in MEASURED {
        let chip = catalog.chip(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        if chip.id != "google_tpu_v3" {
            assert!(catalog.usual_system(name).is_ok(), "{name}");
        }
    }
    for name in ["b200_sxm", "h100_sxm", "h200_sxm", "gb200", "gb300"] {
        assert!(catalog.system(name).is_ok(), "{name}");
    }
}

const CHIPS: &[&str] = &[
    "nvidia_a100_sxm_80gb",
    "nvidia_a800_sxm_80gb",
    "nvidia_h100_sxm",
    "nvidia_h100_pcie",
    "nvidia_h800_sxm",
    "nvidia_h20",
    "nvidia_h200_sxm",
    "nvidia_b200_sxm",
    "nvidia_b300_sxm",
    "nvidia_gb200_gpu",
    "nvidia_gb300_gpu",
    "nvidia_rtx_pro_6000d",
    "nvidia_b30a",
    "nvidia_rubin_vr200",
    "amd_mi300x",
    "amd_mi325x",
    "amd_mi355x",
    "amd_mi308x",
    "amd_mi455x",
    "huawei_ascend_910b_376t",
    "huawei_ascend_910b_313t",
    "huawei_ascend_910b_280t",
    "huawei_ascend_910c",
    "huawei_ascend_910c_560t",
    "huawei_ascend_950pr",
    "huawei_ascend_950dt",
    "huawei_ascend_960",
    "huawei_ascend_970",
    "cambricon_mlu370_x8",
    "cambricon_mlu590",
    "cambricon_mlu690",
    "baidu_kunlun2",
    "baidu_kunlun_p800",
    "baidu_kunlun_m100",
    "baidu_kunlun_m300",
    "moore_mtt_s4000",
    "moore_mtt_s5000",
    "moore_huashan",
    "metax_c500",
    "metax_c550",
    "metax_c588",
    "metax_c600",
    "metax_c700",
    "hygon_k100_ai",
    "hygon_bw1000",
    "thead_zhenwu_810e",
    "thead_zhenwu_m890",
    "thead_zhenwu_v900",
    "enflame_s60",
    "enflame_l600",
    "biren_br100",
    "biren_br106",
    "biren_br166",
    "google_tpu_v4",
    "google_tpu_v5e",
    "google_tpu_v5p",
    "google_tpu_v6e",
    "google_tpu7x_ironwood",
    "google_tpu_8t",
    "google_tpu_8i",
    "aws_trainium1",
    "aws_trainium2",
    "aws_trainium3",
    "aws_inferentia2",
    "microsoft_maia100",
    "microsoft_maia200",
    "intel_gaudi3",
];

const SYSTEMS: &[&str] = &[
    "nvidia_dgx_h100",
    "nvidia_hgx_h200",
    "nvidia_hgx_h20",
    "nvidia_dgx_b200",
    "nvidia_gb200_nvl72",
    "nvidia_gb300_nvl72",
    "nvidia_vr_nvl72",
    "huawei_cloudmatrix384",
    "huawei_atlas950_superpod_8192",
    "huawei_atlas950_superpod_1024",
    "huawei_atlas960_superpod",
    "huawei_atlas950_supercluster",
    "google_tpu_v4_pod",
    "google_tpu_v5p_pod",
    "google_ironwood_256",
    "google_ironwood_9216",
    "google_tpu8t_superpod",
    "google_tpu8i_pod",
    "aws_trn2_ultraserver",
    "aws_trn3_ultraserver_gen1",
    "aws_trn3_ultraserver_gen2",
    "baidu_kunlun_supernode_64",
    "baidu_tianchi_256",
    "baidu_tianchi_512",
    "moore_kuae_10k",
    "moore_kuae_100k",
    "moore_mtt_c256",
    "metax_s600",
    "enflame_esl64",
    "sugon_scalex640",
    "alibaba_panjiu_al128",
    "amd_helios",
    "biren_npo_supernode",
    "google_tpu_v5e_pod",
    "google_tpu_v6e_pod",
];

const MEASURED: &[&str] = &[
    "A100",
    "A100 PCIe",
    "A100 SXM",
    "A100-SXM 80G",
    "A800 40GB",
    "Arc Pro B50",
    "Arc Pro B60",
    "Arc Pro B60 Dual",
    "Ascend 910B",
    "Ascend 910B2",
    "Ascend 910C",
    "Ascend 910C (A3)",
    "Ascend 910C (A3, rank = die)",
    "Ascend 910C (rank = die)",
    "Ascend 950DT",
    "B200",
    "B200-class SM100",
    "B300",
    "GB200",
    "GB300",
    "GH200 144GB",
    "H100",
    "H100 class (unstated)",
    "H100-SXM",
    "H20",
    "H200",
    "H200 NVL",
    "H200-SXM",
    "H800",
    "H800-class SM90",
    "Hygon DCU 64GB",
    "Inferentia2",
    "Jetson AGX Thor",
    "L40S",
    "MI300X",
    "MI325X",
    "MI355X",
    "MTT S5000",
    "MetaX C500",
    "RTX PRO 4500 Blackwell",
    "RTX PRO 6000",
    "RTX PRO 6000 Blackwell Server",
    "SM100 (Blackwell)",
    "SM90 (Hopper)",
    "TPU v3",
    "TPU v4",
    "TPU v4p",
    "TPU v5e",
    "TPU v5p",
    "TPU v6e",
    "TPU7x",
    "TPU7x (Ironwood)",
    "Trainium/Inferentia2",
    "Trainium1",
    "Trainium2",
];
