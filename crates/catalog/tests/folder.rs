//! A folder of the user's over the embedded files, and what is said about a bad one.

use std::fs;
use std::path::{Path, PathBuf};

use catalog::{Catalog, Diagnostic};
use proptest::prelude::*;

/// A folder under the target directory, emptied.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("chips")).expect("target is writable");
    fs::create_dir_all(path.join("systems")).expect("target is writable");
    path
}

fn with(name: &str, files: &[(&str, &str)]) -> Result<Catalog, Vec<Diagnostic>> {
    let path = folder(name);
    for (file, text) in files {
        fs::write(path.join(file), text).expect("target is writable");
    }
    Catalog::with_folder(&path)
}

#[test]
fn a_fact_of_the_user_completes_a_chip_and_its_systems() {
    let own = "[peak]\nbf16 = { value = \"500 TFLOP/s\", kind = \"assumed\", source = \"me\" }\n";
    let sources = "[me]\ntitle = \"A call\"\npublisher = \"me\"\ndate = \"2026\"\nretrieval = \"read\"\n";
    assert!(Catalog::embedded().chip("C600").is_err());
    let catalog = with("complete", &[("chips/metax_c600.toml", own), ("sources.toml", sources)]).expect("no findings");
    let chip = catalog.chip("C600").expect("complete now");
    assert_eq!(chip.memory.mid(), units::Bytes(144e9), "what the user leaves out stays");
    assert!(catalog.system("Xijing S600").is_err(), "its link is still unknown");
}

#[test]
fn prices_of_the_user_replace_those_of_the_same_thing() {
    let own = "[[rent]]\nof = \"nvidia_h100_sxm\"\nterm = \"1y\"\nchannel = \"market\"\nregion = \"CN\"\ndate = \"2026-11\"\n\
               price = { value = \"14 CNY/h\", kind = \"vendor\", source = \"assumed\" }\n";
    let catalog = with("prices", &[("prices.toml", own)]).expect("no findings");
    let rent = catalog.price_of_chip("H100").expect("known").rent.expect("known");
    assert!((rent.mid().0 - 14.0 * 0.1425).abs() < 1e-9 && rent.value.is_exact());
    assert!(catalog.price_of_chip("H200").expect("known").rent.is_some(), "others stay");
}

#[test]
fn every_finding_of_a_file_is_reported_with_its_place() {
    let chip = r#"name = "X"
vendor = "me"
class = "cpu"
bandwith = 1
[peak]
bf16 = 989
fp8 = { value = "1979 GB/s", kind = "vendor", source = "aic" }
fp4 = { value = "-3 TFLOP/s", kind = "rumour", source = "nobody" }
[memory]
capacity = { value = 80, kind = "vendor", source = "aic" }
bandwidth = { value = "3.35 TB/s", low = "4 TB/s", kind = "vendor", source = "aic" }
[power]
tdp = { value = "700 MW", kind = "vendor" }
"#;
    let system = r#"name = "Y"
chip = "x"
chips = { value = 8, kind = "assumed", source = "assumed" }
[[tier]]
name = "a"
shape = "star"
chips = 8
[[tier]]
name = "b"
shape = { torus = [4, 4] }
chips = 12
[[tier]]
name = "c"
shape = "mesh"
chips = 4
"#;
    let found =
        with("bad", &[("chips/x.toml", chip), ("systems/y.toml", system), ("systems/z.toml", "chip = \"q\"\n= 3")])
            .expect_err("much is wrong");
    let root = folder("bad");
    let listing: String = found.iter().map(|d| format!("{d}\n")).collect();
    let listing = listing.replace(&format!("{}/", root.display()), "");
    insta::assert_snapshot!(listing);
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let found = Catalog::with_folder(Path::new("/nowhere/at/all")).expect_err("no folder");
    assert_eq!(found[0].message, "is not a folder");
    let found = Catalog::with_folder(&folder("nothing")).expect_err("empty");
    assert_eq!(found[0].message, "has nothing of a catalog");
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let path = folder("unreadable");
    fs::create_dir_all(path.join("chips/folder.toml")).expect("target is writable");
    fs::write(path.join("chips/binary.toml"), [0xff, 0xfe, 0]).expect("target is writable");
    let long = fs::File::create(path.join("sources.toml")).expect("target is writable");
    long.set_len(17 << 20).expect("sparse");
    let found = Catalog::with_folder(&path).expect_err("bad");
    let messages: Vec<&str> = found.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages, ["is not UTF-8 text", "is not a plain file", "is too long: 16 MiB a file, 64 in all"]);
}

#[test]
fn deep_nesting_is_a_finding() {
    let deep = format!("name = {}", "[".repeat(100_000));
    let found = with("deep", &[("chips/deep.toml", &deep)]).expect_err("no TOML");
    assert!(found.iter().any(|d| d.line == 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_it_panic(chip in "\\PC{0,200}", key in "[a-z_.\\[\\]]{1,12}", value in "\\PC{0,20}") {
        let pair = format!("{key} = {value}\n[memory]\ncapacity = {{ value = {value:?} }}\n[[tier]]\nshape = {{ {key} = {value} }}");
        let _ = with("random", &[("chips/r.toml", &chip), ("systems/r.toml", &pair), ("prices.toml", &pair), ("policies.toml", &chip)]);
    }

    #[test]
    fn no_damage_of_a_real_file_makes_it_panic(at in 0usize..1200, with_what in "[\\PC\n]{0,3}") {
        let mut text = include_str!("../../../catalog/chips/nvidia_h100_sxm.toml").to_owned();
        let at = (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.insert_str(at, &with_what);
        let _ = with("damaged", &[("chips/nvidia_h100_sxm.toml", &text)]);
    }
}
