//! The report of a training study: one HTML file that needs nothing else, in both languages.

mod ranking;

use plan::train::findings::{TrainingChoice, TrainingFindings, TrainingSystem};

use super::page::section_of;
use super::plan::{close, open};
use crate::chart::WIDTHS;
use crate::chart::bars::{Axis, Row, Segment, bars};
use crate::chart::pipeline;
use crate::lang::both::{escape, put};
use crate::lang::number::{Unit, percent, quantity, thousands};
use crate::lang::training::{Training, share};
use crate::lang::{Both, Msg, term};

/// Shares of a step with the class that colours each.
const SHARES: [(&str, &str); 11] = [
    ("compute", "k0"),
    ("recompute", "k1"),
    ("tensor", "k2"),
    ("context", "k3"),
    ("expert", "k4"),
    ("data", "k5"),
    ("pipeline", "k3"),
    ("bubble", "free"),
    ("optimizer", "k3"),
    ("offload", "k3"),
    ("other", "k3"),
];
/// Parts that are told with the others where no system gives them a hundredth of its step.
const MINOR: [&str; 4] = ["context", "pipeline", "optimizer", "offload"];

/// The page. The same findings give the same bytes.
pub fn render(findings: &TrainingFindings) -> String {
    let mut out = String::with_capacity(1 << 18);
    let contents = [
        ("ranking", Both::msg(Msg::Ranking)),
        ("step", short(Training::Where)),
        ("communication", short(Training::Traffic)),
        ("widths", short(Training::Widths)),
        ("memory", short(Training::Memory)),
        ("timeline", short(Training::Timeline)),
    ];
    let there = |id: &str| id != "widths" || findings.trained().any(|(_, c)| several(c));
    let contents: Vec<(&str, Both)> = contents.into_iter().filter(|(id, _)| there(id)).collect();
    open(&findings.program, &Both::same(findings.title.clone()), &asked(findings), &contents, &mut out);
    ranking::answer(findings, &mut out);
    ranking::ranking(findings, &mut out);
    steps(findings, &mut out);
    traffic(findings, &mut out);
    widths(findings, &mut out);
    memory(findings, &mut out);
    timelines(findings, &mut out);
    close(&findings.program, findings, &mut out);
    out
}

fn word(word: Training) -> Both {
    Both::of(|lang| word.text(lang).to_owned())
}

/// What was asked, in a line.
fn asked(findings: &TrainingFindings) -> Both {
    Both::of(|lang| {
        format!(
            "{}{}{} {}{}{} {} {} {}{}{}",
            findings.model,
            lang.comma(),
            quantity(findings.tokens, Unit::Plain),
            Training::Tokens.text(lang),
            lang.comma(),
            thousands(findings.batch as f64),
            Training::Sequences.text(lang),
            thousands(findings.sequence as f64),
            Training::PerStep.text(lang),
            lang.comma(),
            findings.precision
        )
    })
}

/// A heading without what stands in brackets or after a colon, for the list of contents.
fn short(title: Training) -> Both {
    Both::of(|lang| title.text(lang).split([':', '：', '(', '（']).next().unwrap_or_default().trim_end().to_owned())
}

fn section(id: &str, title: &Both, out: &mut String) {
    section_of(id, title, None, out);
}

fn legend(entries: &[(String, Both)], out: &mut String) {
    super::figures::legend(entries, out);
}

fn steps(findings: &TrainingFindings, out: &mut String) {
    section("step", &word(Training::Where), out);
    let most = |what: &str| findings.trained().map(|(_, c)| seconds(c, &[what]) / c.step.value).fold(0.0, f64::max);
    let minor: Vec<&str> = MINOR.into_iter().filter(|what| most(what) < 0.01).collect();
    let parts = |what: &'static str| if what == "other" { [&[what][..], &minor].concat() } else { vec![what] };
    let used: Vec<(&str, &str)> =
        SHARES.into_iter().filter(|(what, _)| !minor.contains(what) && most(what) > 0.0).collect();
    let entries: Vec<(String, Both)> =
        used.iter().map(|(w, k)| ((*k).to_owned(), Both::of(|l| share(w, l).to_owned()))).collect();
    legend(&entries, out);
    let rows: Vec<Row> = findings
        .trained()
        .map(|(system, c)| Row {
            id: system.id.clone(),
            name: Both::same(system.name.clone()),
            segments: used.iter().filter_map(|(what, class)| segment(system, c, &parts(what), class)).collect(),
            whisker: None,
            end: Both::same(quantity(c.step.value, Unit::Time)),
        })
        .collect();
    for (width, class) in WIDTHS {
        out.push_str(&bars(&rows, &Axis::Share, width, class, "step-h"));
    }
    out.push_str("</section>\n");
}

/// Seconds of a step that go to any of `parts`.
fn seconds(c: &TrainingChoice, parts: &[&str]) -> f64 {
    c.shares.iter().filter(|s| parts.contains(&s.what.as_str())).map(|s| s.seconds.max(0.0)).sum()
}

/// Parts of a step as one piece of its bar, named by the first.
fn segment(system: &TrainingSystem, c: &TrainingChoice, parts: &[&str], class: &str) -> Option<Segment> {
    let (what, found) = (parts.first()?, seconds(c, parts));
    let value = found / c.step.value;
    (found > 0.0).then(|| Segment {
        class: class.to_owned(),
        value,
        label: Both::of(|l| format!("{} {}", share(what, l), percent(value))),
        tip: Both::of(|l| {
            format!("{}\n{}\n{} · {}", system.name, share(what, l), quantity(found, Unit::Time), percent(value))
        }),
    })
}

/// What is on the links, seen or not: two bars a system.
fn traffic(findings: &TrainingFindings, out: &mut String) {
    section("communication", &word(Training::Traffic), out);
    put(out, format_args!("<p class=\"note\">{}</p>\n", word(Training::TrafficNote).html()));
    let class = |what: &str| SHARES.iter().find(|(w, _)| *w == what).map_or("k0", |(_, k)| k);
    let kinds = ["tensor", "context", "expert", "data", "pipeline"];
    let present = |what: &str| findings.trained().any(|(_, c)| c.traffic.iter().any(|t| t.what == what));
    let entries: Vec<(String, Both)> = kinds
        .iter()
        .filter(|w| present(w))
        .map(|w| (class(w).to_owned(), Both::of(|l| share(w, l).to_owned())))
        .collect();
    legend(&entries, out);
    let mut rows = Vec::new();
    for (system, c) in findings.trained() {
        for (which, seen) in [(Training::Total, false), (Training::Exposed, true)] {
            let of = |t: &plan::train::findings::Traffic| if seen { t.exposed } else { t.seconds } / c.step.value;
            let segments = c.traffic.iter().map(|t| Segment {
                class: class(&t.what).to_owned(),
                value: of(t) * 100.0,
                label: Both::of(|l| share(&t.what, l).to_owned()),
                tip: Both::of(|l| {
                    format!("{}\n{}\n{} {}", system.name, share(&t.what, l), percent(of(t)), Training::OfStep.text(l))
                }),
            });
            let segments: Vec<Segment> = segments.collect();
            let sum: f64 = segments.iter().map(|s| s.value).sum();
            rows.push(Row {
                id: system.id.clone(),
                name: Both::of(|l| format!("{}{}{}", which.text(l), l.comma(), system.name)),
                segments,
                whisker: None,
                end: Both::same(percent(sum / 100.0)),
            });
        }
    }
    for (width, class) in WIDTHS {
        let axis = Axis::Value(Both::of(|l| format!("% {}", Training::OfStep.text(l))), None);
        out.push_str(&bars(&rows, &axis, width, class, "communication-h"));
    }
    out.push_str("</section>\n");
}

/// Whether other widths were tried.
fn several(c: &TrainingChoice) -> bool {
    c.widths.len() > 1
}

/// Communication by width: if nothing were hidden, and as it is.
fn widths(findings: &TrainingFindings, out: &mut String) {
    if !findings.trained().any(|(_, c)| several(c)) {
        return;
    }
    section_of("widths", &word(Training::Widths), Some(&word(Training::WidthsNote)), out);
    let entries = [("k5".to_owned(), word(Training::IfBare)), ("k2".to_owned(), word(Training::AsHidden))];
    legend(&entries, out);
    let mut rows: Vec<Row> = Vec::new();
    for (system, c) in findings.trained().filter(|(_, c)| several(c)) {
        for w in &c.widths {
            let name = Both::of(|l| format!("{} {}{}{}", w.what, w.degree, l.comma(), system.name));
            let tip = Both::of(|l| {
                let (bare, hidden) = (quantity(w.bare_step, Unit::Time), quantity(w.step, Unit::Time));
                format!(
                    "{}\n{}\n{} {} ({bare})\n{} {} ({hidden})",
                    name.en,
                    w.plan,
                    Training::IfBare.text(l),
                    percent(w.bare),
                    Training::AsHidden.text(l),
                    percent(w.exposed)
                )
            });
            // What is hidden stands behind what is seen: together they are the share if nothing were hidden.
            let seen = w.exposed.min(w.bare);
            let segment = |class: &str, value: f64, label: String| Segment {
                class: class.to_owned(),
                value: value * 100.0,
                label: Both::same(label),
                tip: tip.clone(),
            };
            rows.push(Row {
                id: system.id.clone(),
                name,
                segments: vec![segment("k2", seen, percent(w.exposed)), segment("k5", w.bare - seen, percent(w.bare))],
                whisker: None,
                end: Both::same(format!("{} → {}", percent(w.bare), percent(w.exposed))),
            });
        }
    }
    for (width, class) in WIDTHS {
        let axis = Axis::Value(Both::of(|l| format!("% {}", Training::OfStep.text(l))), None);
        out.push_str(&bars(&rows, &axis, width, class, "widths-h"));
    }
    out.push_str("</section>\n");
}

fn memory(findings: &TrainingFindings, out: &mut String) {
    section("memory", &word(Training::Memory), out);
    let Some((_, first)) = findings.trained().next() else {
        out.push_str("</section>\n");
        return;
    };
    let class = |i: usize| format!("k{}", i % 6);
    let entries: Vec<(String, Both)> =
        first.memory.iter().enumerate().map(|(i, (k, _))| (class(i), Both::term(k))).collect();
    legend(&entries, out);
    let rows: Vec<Row> = findings
        .trained()
        .map(|(system, c)| {
            let segments = c.memory.iter().enumerate().map(|(i, (kind, bytes))| Segment {
                class: class(i),
                value: bytes / 1e9,
                label: Both::same(quantity(*bytes, Unit::Bytes)),
                tip: Both::of(|l| format!("{}\n{}\n{}", system.name, term(kind, l), quantity(*bytes, Unit::Bytes))),
            });
            let used: f64 = c.memory.iter().map(|(_, b)| b).sum();
            let (used, capacity) = (quantity(used, Unit::Bytes), quantity(c.memory_capacity, Unit::Bytes));
            Row {
                id: system.id.clone(),
                name: Both::same(system.name.clone()),
                segments: segments.collect(),
                whisker: None,
                end: Both::same(format!("{used} / {capacity}")),
            }
        })
        .collect();
    for (width, class) in WIDTHS {
        out.push_str(&bars(&rows, &Axis::Value(Both::same("GB"), None), width, class, "memory-h"));
    }
    out.push_str("</section>\n");
}

fn timelines(findings: &TrainingFindings, out: &mut String) {
    section("timeline", &word(Training::Timeline), out);
    put(out, format_args!("<p class=\"note\">{}</p>\n", word(Training::TimelineNote).html()));
    let kinds = [("forward", "k0"), ("backward", "k4"), ("input", "k4"), ("weight", "k2"), ("optimizer", "k1")];
    let entries: Vec<(String, Both)> =
        kinds.iter().map(|(w, k)| ((*k).to_owned(), Both::of(|l| share(w, l).to_owned()))).collect();
    legend(&entries, out);
    for (system, c) in findings.trained() {
        put(out, format_args!("<h3>{}</h3>\n", escape(&system.name)));
        for (width, class) in WIDTHS {
            out.push_str(&pipeline::drawing(&c.timeline, width, class, "timeline-h"));
        }
    }
    out.push_str("</section>\n");
}
