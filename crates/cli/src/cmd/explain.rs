//! `steelyard explain`: one system's best set-up, operator by operator; of a training study, its pipeline over time.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::engine::GENERIC;
use plan::findings::{Answer, Choice, Findings, SystemFinding};
use plan::study::Given;

use super::ground::Question;
use super::weigh::answer;
use crate::lang::number::{Unit, estimate, percent};
use crate::lang::{Lang, Msg, term, words};
use crate::report::{self, write};
use crate::table::{self, Explanation, View};

/// Show where the time and the memory of one system's best set-up go
#[derive(Debug, clap::Args)]
pub struct Explain {
    #[command(flatten)]
    question: Question,
    /// One of the study's systems, by any of its names
    #[arg(long, value_name = "NAME")]
    system: String,
    /// A set-up to explain instead of the best one: any part of "prefill 2x TP4 + decode TP8 DP4 EP32, batch=256,
    /// engine=NAME, weights=FORMAT, kv=FORMAT"; the search chooses the rest
    #[arg(long, value_name = "SET-UP")]
    setup: Option<String>,
    /// Of a training study: write the step as a timeline for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Of a training study: write the page with the pipeline as a timeline
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Language; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Runs the command: 0 if the system serves, 1 if it cannot, 2 if the input is wrong.
pub fn run(args: &Explain, folder: Option<&Path>) -> ExitCode {
    try_run(args, folder).unwrap_or_else(|exit| exit)
}

fn try_run(args: &Explain, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    // A file that cannot be read is told of below.
    if std::fs::read_to_string(&args.question.study).is_ok_and(|text| plan::train::study::is_training(&text)) {
        return training(args, folder);
    }
    if args.trace.is_some() || args.page.is_some() {
        return Err(wrong(&"--trace and --page go with training studies"));
    }
    let mut asked = args.question.read(folder)?;
    let id = asked.catalog.listed_system(&args.system).map(|l| l.spec.id.clone()).map_err(|error| wrong(&error))?;
    asked.study.systems.retain(|c| c.system.id == id);
    asked.study.incomplete.retain(|i| i.id == id);
    if asked.study.systems.is_empty() && asked.study.incomplete.is_empty() {
        return Err(wrong(&format!("{}: has no system '{id}'", args.question.study.display())));
    }
    if let Some(text) = &args.setup {
        let engines: Vec<&str> = asked.catalog.engines.iter().map(|e| e.id.as_str()).collect();
        let given = Given::parse(text, &engines).map_err(|fault| wrong(&format!("--setup: {fault}")))?;
        for candidate in &mut asked.study.systems {
            let able = asked.catalog.engines_for(&candidate.system.chip.architecture);
            if let Some(engine) = &given.engine {
                // A version of an engine runs where the engine does.
                let family = asked.catalog.engine(engine).map_or(engine, |e| &e.family);
                if engine != GENERIC && !able.iter().any(|e| e.id == *family) {
                    let able = able.into_iter().map(|e| e.id).collect::<Vec<_>>().join(", ");
                    let chip = &candidate.system.chip.name;
                    return Err(wrong(&format!("--setup: {engine} does not run on {chip}; these do: {able}")));
                }
                candidate.engine = Some(engine.clone());
            }
            candidate.given = given.clone();
        }
    }
    let findings = answer(&args.question, &asked)?;
    let lang = Lang::choose(args.lang);
    let view = View::of_stdout(lang);
    let mut text = String::new();
    let mut served = false;
    for system in &findings.systems {
        match &system.answer {
            Answer::Served(choice) => {
                served = true;
                text.push_str(&explained(&findings, system, choice, view));
            }
            Answer::Unserved { reason, nearest } => {
                let why = words::reason(reason, lang);
                text.push_str(&format!(
                    "{}{}{}{}{why}\n",
                    Msg::Unserved.text(lang),
                    lang.colon(),
                    system.name,
                    lang.colon()
                ));
                if let Some(choice) = nearest {
                    text.push_str(&format!("\n{}\n\n", Msg::Nearest.text(lang)));
                    text.push_str(&explained(&findings, system, choice, view));
                }
            }
            Answer::Incomplete { missing } => {
                let missing = missing.join(lang.comma());
                text.push_str(&format!("{}{}{}\n", Msg::Incomplete.text(lang), lang.colon(), missing));
            }
        }
    }
    table::print(&text).map_err(|error| wrong(&error))?;
    Ok(if served { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The best plan of one system of a training study: its pipeline over time, and where its step and its memory go.
fn training(args: &Explain, folder: Option<&Path>) -> Result<ExitCode, ExitCode> {
    if args.setup.is_some() {
        return Err(wrong(&"--setup goes with serving studies; a training study fixes its plan in [search]"));
    }
    let question = &args.question;
    let mut asked = super::train::Asked::read(&question.study, question.calibration.as_deref(), folder)?;
    let id = asked.catalog.listed_system(&args.system).map(|l| l.spec.id.clone()).map_err(|error| wrong(&error))?;
    asked.study.systems.retain(|c| c.candidate.system.id == id);
    asked.study.incomplete.retain(|i| i.id == id);
    if asked.study.systems.is_empty() && asked.study.incomplete.is_empty() {
        return Err(wrong(&format!("{}: has no system '{id}'", question.study.display())));
    }
    let findings = asked.answer(question.threads)?;
    let lang = Lang::choose(args.lang);
    table::print(&table::train::explain(&findings, View::of_stdout(lang))).map_err(|error| wrong(&error))?;
    if let Some(path) = &args.page {
        write(path, report::train::render(&findings).as_bytes()).map_err(|error| wrong(&error))?;
        eprintln!("{}", Msg::WroteFile.fill(lang, &[("path", &path.display().to_string())]));
    }
    if let Some(path) = &args.trace {
        super::train::trace(&findings, path, lang)?;
    }
    Ok(super::train::exit(&findings))
}

fn wrong(what: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(2)
}

fn explained(findings: &Findings, system: &SystemFinding, choice: &Choice, view: View) -> String {
    let lang = view.lang;
    let named = |msg: Msg, value: String| format!("{}{}{value}", msg.text(lang), lang.colon());
    let setup = [
        words::mode(&choice.setup, lang).to_owned(),
        words::pools(&choice.setup, lang),
        words::batch(&choice.setup, lang),
        words::precision(&choice.setup, lang),
        Msg::Engine.fill(lang, &[("name", &choice.setup.engine)]),
    ];
    let latency = |name: &str, l: &plan::findings::Latency| format!("{name} {}", estimate(&l.mean, Unit::Time));
    let title = vec![
        format!(
            "{}{}{}{}{}",
            findings.model.name,
            lang.comma(),
            system.name,
            lang.comma(),
            words::chips(system.chips, lang)
        ),
        named(Msg::Setup, setup.join(lang.comma())),
        named(
            Msg::OutputRate,
            format!(
                "{} {}{}{}{}{}",
                estimate(&choice.tokens_per_chip, Unit::Plain),
                Msg::PerChip.text(lang),
                lang.comma(),
                latency("TTFT", &choice.ttft),
                lang.comma(),
                latency("TPOT", &choice.tpot)
            ),
        ),
        named(Msg::LimitedBy, term(&choice.limit, lang).to_owned()),
        named(Msg::Communication, percent(choice.communication)),
    ];
    let what = Explanation {
        title: &title,
        operators: &choice.operators,
        memory: &choice.memory,
        capacity: choice.memory_capacity,
        facts: &choice.facts,
        fits: &choice.calibration,
        remarks: &choice.remarks,
    };
    table::explain(&what, view)
}
