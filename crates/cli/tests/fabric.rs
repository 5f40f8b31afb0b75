//! `steelyard fabric` as a user runs it.

use std::process::{Command, Output};

fn fabric(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_steelyard"))
        .arg("fabric")
        .args(args)
        .env("COLUMNS", "160")
        .env("LC_ALL", "C")
        .output()
        .expect("the program runs")
}

fn text(args: &[&str]) -> String {
    let out = fabric(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn systems_and_algorithms_are_compared() {
    let args = ["compare", "gb200", "cm384", "--op", "all-reduce", "--bytes", "1MiB..4GiB", "--csv"];
    let csv = text(&args);
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|l| l.split(',').collect()).collect();
    assert!(rows.len() >= 2 * 7, "{csv}");
    for row in rows {
        let number = |i: usize| row[i].parse::<f64>().expect("a number");
        let (seconds, low, high, bound) = (number(6), number(7), number(8), number(9));
        assert!(bound <= low && low <= seconds && seconds <= high, "{row:?}");
    }
    let algorithms = ["compare", "h100_sxm", "--op", "all-reduce", "--bytes", "1GiB", "--algorithm", "ring,tree"];
    assert!(text(&algorithms).contains("tree"));
}

#[test]
fn wrong_input_is_named() {
    let ask = |more: &[&'static str]| -> Vec<&'static str> {
        [&["collective", "gb200", "--op", "all-reduce", "--bytes", "1GiB"][..], more].concat()
    };
    let cases: [(Vec<&str>, i32, &str); 14] = [
        (vec!["show", "gb2000"], 2, "gb2000"),
        (ask(&["--ranks", "1000000000"]), 2, "joins at most 4608 chips"),
        (ask(&["--ranks", "10000000000000"]), 2, "no fabric joins as many"),
        (ask(&["--ranks", "1"]), 2, "at least 2"),
        (ask(&["--algorithm", "rings"]), 2, "no algorithm 'rings'"),
        (ask(&["--algorithm", "halving-doubling"]), 2, "no power of two"),
        (ask(&["--fault", "chip=99"]), 2, "there is no '99'"),
        (ask(&["--fault", "link=1-2"]), 2, "no link joins '1-2'"),
        (ask(&["--fault", "gremlin=1"]), 2, "is no fault"),
        (ask(&["--placement", "nowhere.txt"]), 2, "neither packed nor spread nor a file"),
        (vec!["collective", "gb200", "--op", "all-reduce", "--bytes", "0B"], 2, "between 1 B and 1 PB"),
        (vec!["collective", "gb200", "--op", "all-reduce", "--bytes", "1e300GB"], 2, "--bytes"),
        (vec!["collective", "gb200", "--op", "all-reduce", "--bytes", "8GiB..1KiB"], 2, "backwards"),
        (
            vec!["collective", "gb200", "--op", "dispatch", "--bytes", "1MiB", "--top-k", "9", "--experts", "4"],
            2,
            "more than all",
        ),
    ];
    for (args, code, says) in cases {
        let out = fabric(&args);
        let error = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(says), "{args:?}: {error}");
    }
}

#[test]
fn a_job_that_is_cut_off_has_an_answer() {
    let cards: Vec<String> = (8..16).map(|c| format!("link={c}-NIC.{c}")).collect();
    let faults = cards.join(",");
    let args = ["collective", "h100_sxm", "--ranks", "16", "--op", "all-to-all", "--bytes", "1GiB", "--fault", &faults];
    let out = text(&args);
    assert!(out.contains("no route: 8 ranks are cut off: 8, 9, 10"), "{out}");
    // Two ranks, one of them dead: nothing goes on.
    let out =
        fabric(&["collective", "gb200", "--ranks", "2", "--op", "send", "--bytes", "1GiB", "--fault", "chip=1,chip=0"]);
    assert!(out.status.success() || out.status.code() == Some(1));
}
