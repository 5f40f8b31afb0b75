//! Snapshots of the tables, and what must hold at every width.

use plan::Findings;
use plan::findings::{Answer, Reason};

use super::grid::width;
use super::{Explanation, Section, ValidationRow, View, explain, validate, weigh};
use crate::lang::{Lang, words};

fn fixture() -> Findings {
    serde_json::from_str(include_str!("../../tests/fixtures/findings.json")).unwrap()
}

fn view(lang: Lang, width: usize) -> View {
    View { lang, width, color: false }
}

#[test]
fn ranking_at_several_widths() {
    let findings = fixture();
    for (lang, name) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        for width in [60, 80, 100, 160] {
            insta::assert_snapshot!(format!("weigh-{name}-{width}"), weigh(&findings, view(lang, width)));
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let findings = fixture();
    for lang in [Lang::En, Lang::Zh] {
        for columns in [40, 60, 72, 80, 90, 100, 120, 149, 150, 160, 200] {
            for line in weigh(&findings, view(lang, columns)).lines() {
                // A word that is wider than the terminal (a fact's path) stays whole on a line of its own.
                let one_word = line.split_whitespace().count() == 1;
                assert!(width(line) <= columns || one_word, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn no_word_is_torn() {
    let findings = fixture();
    for columns in [72, 80, 100, 150] {
        let text = weigh(&findings, view(Lang::En, columns));
        for word in ["Trainium2", "UltraServer", "CloudMatrix", "platform", "Ironwood"] {
            assert!(text.contains(word), "{word} at {columns}");
        }
    }
}

#[test]
fn color_only_where_asked() {
    let findings = fixture();
    assert!(!weigh(&findings, view(Lang::En, 100)).contains('\x1b'));
    let colored = weigh(&findings, View { color: true, ..view(Lang::En, 100) });
    assert!(colored.contains("\x1b[2m(0.333–0.874)"));
}

#[test]
fn nobody_serves() {
    let mut findings = fixture();
    findings.systems.retain(|s| words::served(s).is_none());
    findings.systems[0].answer =
        Answer::Unserved { reason: Reason::Overloaded { asked: 20.0, reached: 13.0 }, nearest: None };
    insta::assert_snapshot!("weigh-nobody", weigh(&findings, view(Lang::En, 80)));
    findings.systems.clear();
    assert!(weigh(&findings, view(Lang::Zh, 80)).contains("研究中没有任何系统"));
}

#[test]
fn first_place_can_be_certain() {
    let mut findings = fixture();
    findings.systems.truncate(2);
    if let Answer::Served(choice) = &mut findings.systems[1].answer
        && let Some(cost) = &mut choice.cost
    {
        cost.per_million.low = 0.9;
    }
    assert!(weigh(&findings, view(Lang::En, 160)).contains("The first is certain"));
}

#[test]
fn deployment() {
    let findings = fixture();
    let system = &findings.systems[4];
    let choice = words::served(system).unwrap();
    let title = [format!("{}: {}", system.name, words::pools(&choice.setup, Lang::En))];
    let what = Explanation {
        title: &title,
        operators: &choice.operators,
        memory: &choice.memory,
        capacity: choice.memory_capacity,
        facts: &choice.facts,
        fits: &choice.calibration,
        remarks: &choice.remarks,
    };
    insta::assert_snapshot!("explain-en-100", explain(&what, view(Lang::En, 100)));
    insta::assert_snapshot!("explain-zh-80", explain(&what, view(Lang::Zh, 80)));
}

#[test]
fn validation() {
    let row = |group: &str, count, median: f64| ValidationRow {
        group: group.to_owned(),
        count,
        refused: 2,
        median,
        p90: median * 2.5,
        bias: -median / 4.0,
        coverage: (count > 10).then_some(0.91),
    };
    let sections = [
        Section { title: "TPOT by chip".into(), rows: vec![row("H100 SXM", 312, 0.083), row("昇腾 910C", 4, 0.21)] },
        Section { title: "TTFT by chip".into(), rows: vec![row("H100 SXM", 0, f64::NAN)] },
    ];
    insta::assert_snapshot!("validate-en-100", validate(&sections, view(Lang::En, 100)));
    insta::assert_snapshot!("validate-zh-80", validate(&sections, view(Lang::Zh, 80)));
}
