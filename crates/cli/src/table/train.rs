//! The answer to a training study, as tables.

use plan::train::findings::{PlanWords, TrainingAnswer, TrainingChoice, TrainingFindings, TrainingSystem};

use super::View;
use super::grid::{Align, grid, heading, paragraph};
use crate::lang::number::{NONE, Unit, digits, estimate, percent, quantity, thousands};
use crate::lang::training::{Training, answer, fill, misses, share};
use crate::lang::{Lang, Msg, term};

/// A plan in a line.
pub fn plan_line(plan: &PlanWords, lang: Lang) -> String {
    let mut parts: Vec<String> = plan.degrees.iter().map(|(name, n)| format!("{name} {n}")).collect();
    if plan.schedule != "none" {
        parts.push(plan.schedule.clone());
    }
    let whole = plan.degrees.iter().filter(|(n, _)| n == "DP" || n == "CP").map(|(_, d)| *d).product::<u32>();
    let hsdp = plan.sharding == "zero-3" && plan.shard < whole;
    parts.push(if hsdp { format!("HSDP/{}", plan.shard) } else { plan.sharding.clone() });
    if plan.recompute != "none" {
        let some = if plan.recomputed_layers > 0 { format!(" ({})", plan.recomputed_layers) } else { String::new() };
        parts.push(format!("{} {}{some}", Training::RecomputeOf.text(lang), plan.recompute));
    }
    if !plan.context.is_empty() {
        parts.push(plan.context.clone());
    }
    parts.extend(plan.offload.iter().map(|o| format!("{} {o}", Training::Offload.text(lang))));
    parts.join(lang.comma())
}

/// All tables.
pub fn train(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut out = asked(findings, view);
    let header = [
        (Msg::System.text(lang), Align::Left),
        (Msg::Chips.text(lang), Align::Right),
        (Training::Step.text(lang), Align::Right),
        (Training::Rate.text(lang), Align::Right),
        (Training::Mfu.text(lang), Align::Right),
        (Training::Days.text(lang), Align::Right),
        (Training::Energy.text(lang), Align::Right),
        (Training::Cost.text(lang), Align::Right),
    ];
    let header: Vec<(String, Align)> = header.into_iter().map(|(t, a)| (t.to_owned(), a)).collect();
    let rows: Vec<Vec<String>> = findings.trained().map(|(s, c)| row(s, c)).collect();
    let sentences = answer(findings, lang);
    sentences.iter().for_each(|sentence| out.push_str(&paragraph(sentence, 0, view)));
    if !sentences.is_empty() {
        out.push('\n');
    }
    if !rows.is_empty() {
        out.push_str(&grid(&header, &rows, false, view));
        for (system, choice) in findings.trained() {
            out.push_str(&details(system, choice, view));
        }
        out.push_str(&breakdown(findings, view));
        out.push_str(&traffic(findings, view));
        out.push_str(&widths(findings, view));
        out.push_str(&memory(findings, view));
    }
    out.push_str(&failures(findings, view));
    out.push('\n');
    if !rows.is_empty() {
        out.push_str(&paragraph(Msg::Intervals.text(lang), 0, view));
        out.push_str(&paragraph(Training::MfuIs.text(lang), 0, view));
    }
    for faults in faults(findings, lang) {
        out.push_str(&paragraph(&faults, 0, view));
    }
    out
}

/// One system's best plan: its pipeline over time, where the step, the communication and the memory go, and what it rests
/// on.
pub fn explain(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut out = asked(findings, view);
    for (system, choice) in findings.trained() {
        out.push_str(&details(system, choice, view));
        let step = format!("{}{}{}", Training::Step.text(lang), lang.colon(), estimate(&choice.step, Unit::Time));
        out.push_str(&paragraph(&format!("    {step}"), 6, view));
        out.push_str(&heading(Training::Timeline.text(lang), view));
        out.push_str(&super::pipeline::pipeline(&choice.timeline, view));
    }
    out.push_str(&breakdown(findings, view));
    out.push_str(&traffic(findings, view));
    out.push_str(&widths(findings, view));
    out.push_str(&memory(findings, view));
    for (_, choice) in findings.trained() {
        if !choice.others.is_empty() {
            out.push_str(&heading(Training::Others.text(lang), view));
            for (plan, seconds) in &choice.others {
                out.push_str(&paragraph(&format!("  {plan} ({})", quantity(*seconds, Unit::Time)), 4, view));
            }
        }
        out.push_str(&super::explain::rests_on(&choice.rests_on, view));
    }
    out.push_str(&failures(findings, view));
    out
}

/// What faults take, of each system: one line where all are told the same.
pub fn faults(findings: &TrainingFindings, lang: Lang) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (system, c) in findings.trained() {
        let line = match (&c.effective, c.fault_note.as_str()) {
            (None, "") => Training::WithoutFaults.text(lang).to_owned(),
            (None, why) => format!("{}{}{} ({why})", system.name, lang.colon(), Training::NoFaultModel.text(lang)),
            (Some(e), _) => {
                let share = format!("{} ({}–{})", percent(e.value), percent(e.low), percent(e.high));
                format!("{}{}{}", system.name, lang.colon(), fill(Training::WithFaults, lang, &[("share", &share)]))
            }
        };
        if !out.contains(&line) {
            out.push(line);
        }
    }
    out
}

fn asked(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut out = paragraph(&findings.title, 0, view);
    let parameters = Msg::ModelLine.fill(
        lang,
        &[
            ("parameters", &quantity(findings.parameters, Unit::Plain)),
            ("active", &quantity(findings.active_parameters, Unit::Plain)),
            ("weights", &findings.precision),
            ("kv", NONE),
        ],
    );
    // A training run has no cache: the first half of the line says all.
    let parameters = parameters.split([';', '；']).next().unwrap_or_default().to_owned();
    out.push_str(&paragraph(
        &format!("{}{}{} ({parameters})", Training::ModelLine.text(lang), lang.colon(), findings.model),
        2,
        view,
    ));
    let run = format!(
        "{}{}{} {}; {} {} {} {}; {}",
        Training::RunLine.text(lang),
        lang.colon(),
        quantity(findings.tokens, Unit::Plain),
        Training::Tokens.text(lang),
        thousands(findings.batch as f64),
        Training::Sequences.text(lang),
        thousands(findings.sequence as f64),
        Training::PerStep.text(lang),
        findings.precision,
    );
    out.push_str(&paragraph(&run, 2, view));
    out.push('\n');
    out
}

fn row(system: &TrainingSystem, c: &TrainingChoice) -> Vec<String> {
    vec![
        system.name.clone(),
        thousands(f64::from(system.chips)),
        estimate(&c.step, Unit::Time),
        estimate(&c.tokens_per_chip, Unit::Plain),
        format!("{} / {}", percent(c.mfu_half), percent(c.mfu)),
        estimate(&c.days, Unit::Plain),
        c.energy.as_ref().map_or(NONE.to_owned(), |e| format!("{} GWh", digits(e.value / 3.6e12))),
        c.cost.map_or(NONE.to_owned(), |e| estimate(&e.per(1e6), Unit::Plain)),
    ]
}

fn details(system: &TrainingSystem, c: &TrainingChoice, view: View) -> String {
    let lang = view.lang;
    let mut line = format!(
        "  {}{}{}; {} {}; {} {}",
        system.name,
        lang.colon(),
        plan_line(&c.plan, lang),
        c.plan.micro_batches,
        Training::MicroBatches.text(lang),
        Training::Framework.text(lang),
        c.plan.framework,
    );
    if !c.misses.is_empty() {
        line.push_str(&format!("; {}{}{}", Training::Misses.text(lang), lang.colon(), misses(c, lang)));
    }
    let mut out = paragraph(&line, 4, view);
    for line in searched(system, c, lang) {
        out.push_str(&paragraph(&format!("    {line}"), 6, view));
    }
    out
}

/// How many plans were priced and played, and what the efficiency rests on.
pub fn searched(system: &TrainingSystem, c: &TrainingChoice, lang: Lang) -> [String; 2] {
    let agreed = if system.agreed { Training::Agreed } else { Training::Reordered };
    let counts = [system.priced, system.too_large, system.played].map(|n| thousands(n as f64));
    let counted =
        [("priced", &*counts[0]), ("large", &counts[1]), ("played", &counts[2]), ("agreed", agreed.text(lang))];
    let runs = format!("runs of {}", c.basis);
    [fill(Training::SearchedBy, lang, &counted), fill(Training::Basis, lang, &[("basis", term(&runs, lang))])]
}

fn named(findings: &TrainingFindings, first: &str) -> Vec<(String, Align)> {
    let systems = findings.trained().map(|(s, _)| (s.name.clone(), Align::Right));
    std::iter::once((first.to_owned(), Align::Left)).chain(systems).collect()
}

fn breakdown(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut kinds: Vec<&str> = Vec::new();
    for (_, c) in findings.trained() {
        for s in &c.shares {
            if s.seconds > 0.0 && !kinds.contains(&s.what.as_str()) {
                kinds.push(&s.what);
            }
        }
    }
    let cell = |c: &TrainingChoice, kind: &str| {
        let seconds = c.shares.iter().find(|s| s.what == kind).map_or(0.0, |s| s.seconds);
        percent(seconds / c.step.value)
    };
    let row = |kind: &&str| {
        let mut row = vec![share(kind, lang).to_owned()];
        row.extend(findings.trained().map(|(_, c)| cell(c, kind)));
        row
    };
    let rows: Vec<Vec<String>> = kinds.iter().map(row).collect();
    heading(Training::Where.text(lang), view) + &grid(&named(findings, ""), &rows, false, view)
}

fn traffic(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut kinds: Vec<&str> = Vec::new();
    for (_, c) in findings.trained() {
        for t in &c.traffic {
            if !kinds.contains(&t.what.as_str()) {
                kinds.push(&t.what);
            }
        }
    }
    if kinds.is_empty() {
        return String::new();
    }
    let cell = |c: &TrainingChoice, keep: &dyn Fn(&str) -> bool| {
        let of = || c.traffic.iter().filter(|t| keep(&t.what));
        let (all, seen) = (of().map(|t| t.seconds).sum::<f64>(), of().map(|t| t.exposed).sum::<f64>());
        if all <= 0.0 {
            return NONE.to_owned();
        }
        format!("{}, {} {}", percent(all / c.step.value), percent(seen / c.step.value), Training::Exposed.text(lang))
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for kind in &kinds {
        let mut row = vec![share(kind, lang).to_owned()];
        row.extend(findings.trained().map(|(_, c)| cell(c, &|what| what == *kind)));
        rows.push(row);
    }
    let mut sum = vec![Training::Total.text(lang).to_owned()];
    sum.extend(findings.trained().map(|(_, c)| cell(c, &|_| true)));
    rows.push(sum);
    heading(Training::Traffic.text(lang), view) + &grid(&named(findings, ""), &rows, false, view)
}

/// Communication by width, of each system: as hidden, and if nothing were. Widths that no system has a plan for are left
/// out.
fn widths(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut degrees: Vec<u32> = findings.trained().flat_map(|(_, c)| c.widths.iter().map(|w| w.degree)).collect();
    degrees.sort_unstable();
    degrees.dedup();
    if degrees.len() < 2 {
        return String::new();
    }
    let cell = |c: &TrainingChoice, degree: u32| {
        c.widths.iter().find(|w| w.degree == degree).map_or(NONE.to_owned(), |w| {
            format!("{} → {}, {}", percent(w.bare), percent(w.exposed), quantity(w.step, Unit::Time))
        })
    };
    let row = |degree: &u32| {
        let mut row = vec![degree.to_string()];
        row.extend(findings.trained().map(|(_, c)| cell(c, *degree)));
        row
    };
    let rows: Vec<Vec<String>> = degrees.iter().map(row).collect();
    let name = findings.trained().find_map(|(_, c)| c.widths.first()).map_or("", |w| w.what.as_str());
    heading(Training::Widths.text(lang), view)
        + &grid(&named(findings, name), &rows, false, view)
        + &paragraph(Training::WidthsNote.text(lang), 0, view)
}

fn memory(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let Some((_, first)) = findings.trained().next() else { return String::new() };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (i, (kind, _)) in first.memory.iter().enumerate() {
        let mut row = vec![term(kind, lang).to_owned()];
        let bytes = |c: &TrainingChoice| c.memory.get(i).map_or(0.0, |(_, b)| *b);
        row.extend(findings.trained().map(|(_, c)| quantity(bytes(c), Unit::Bytes)));
        rows.push(row);
    }
    let mut sum = vec![Training::Total.text(lang).to_owned()];
    sum.extend(findings.trained().map(|(_, c)| {
        let used: f64 = c.memory.iter().map(|(_, b)| b).sum();
        format!("{} / {}", quantity(used, Unit::Bytes), quantity(c.memory_capacity, Unit::Bytes))
    }));
    rows.push(sum);
    if findings.trained().any(|(_, c)| c.host_memory > 0.0) {
        let mut host = vec![Training::Host.text(lang).to_owned()];
        host.extend(findings.trained().map(|(_, c)| quantity(c.host_memory, Unit::Bytes)));
        rows.push(host);
    }
    heading(Training::Memory.text(lang), view) + &grid(&named(findings, ""), &rows, false, view)
}

/// Why a system has no plan, in words.
pub fn failure(answer: &TrainingAnswer, lang: Lang) -> Option<String> {
    match answer {
        TrainingAnswer::Trains(_) => None,
        TrainingAnswer::NoPlan { needs, has, plan, nearest_chips } => {
            if *needs <= 0.0 {
                return Some(Training::Nothing.text(lang).to_owned());
            }
            let chips = nearest_chips
                .map_or_else(|| Training::NoNumber.text(lang).to_owned(), |n| crate::lang::words::chips(n, lang));
            let (needs, has) = (quantity(*needs, Unit::Bytes), quantity(*has, Unit::Bytes));
            Some(fill(Training::Needs, lang, &[("plan", plan), ("needs", &needs), ("has", &has), ("chips", &chips)]))
        }
        TrainingAnswer::Incomplete { missing } => {
            Some(format!("{}{}{}", Msg::Incomplete.text(lang), lang.colon(), missing.join(lang.comma())))
        }
    }
}

fn failures(findings: &TrainingFindings, view: View) -> String {
    let lang = view.lang;
    let mut out = String::new();
    for system in &findings.systems {
        let Some(why) = failure(&system.answer, lang) else { continue };
        if out.is_empty() {
            out.push_str(&heading(Training::NoPlan.text(lang), view));
        }
        out.push_str(&paragraph(&format!("  {}{}{why}", system.name, lang.colon()), 4, view));
        for (reason, count) in &system.refused {
            out.push_str(&paragraph(&format!("    {reason}{}{count}", lang.colon()), 6, view));
        }
    }
    out
}
