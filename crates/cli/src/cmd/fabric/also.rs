//! Other collectives at the same time, on the same machine.

use catalog::System;
use fabric::collective::Operation;
use fabric::estimate::{Answer, Bench, Place, Share};
use fabric::fault::{Damage, Fault};
use fabric::place::Placement;
use units::Bytes;

use super::Stop;
use super::ask::{Ground, Question, operation};

/// Where another collective runs.
enum Where {
    /// On the chips after those of all before it.
    Next,
    /// On the chips from this one on.
    From(u32),
}

/// `OP:BYTES:RANKS` or `OP:BYTES:RANKS:FIRST`.
struct Also {
    operation: Operation,
    bytes: f64,
    ranks: u32,
    place: Where,
}

/// One of several collectives.
pub struct Together {
    /// What.
    pub operation: &'static str,
    /// Buffer of a rank.
    pub bytes: f64,
    /// How many ranks.
    pub ranks: u32,
    /// First and last chip.
    pub chips: (u32, u32),
    /// Alone, whole.
    pub alone: Answer,
    /// How many times as long with the others (and the faults, if any).
    pub slowdown: f64,
}

fn read(text: &str, question: &Question) -> Result<Also, Stop> {
    let wrong = |why: &str| {
        let example = "write OP:BYTES:RANKS or OP:BYTES:RANKS:FIRST, such as all-to-all:64MiB:32:0";
        Stop::Wrong(format!("--also {text}: {why}; {example}"))
    };
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let [op, bytes, ranks, rest @ ..] = parts.as_slice() else { return Err(wrong("three or four parts are needed")) };
    let operation = operation(op, question).ok_or_else(|| wrong("no such operation"))?;
    let bytes = bytes.parse::<Bytes>().map_err(|e| wrong(&e.to_string()))?.0;
    if !(1.0..=super::ask::MOST_BYTES).contains(&bytes) {
        return Err(wrong("bytes must be between 1 B and 1 PB"));
    }
    let ranks: u32 = ranks.parse().map_err(|_| wrong("ranks are a whole number"))?;
    if ranks < 2 {
        return Err(wrong("a collective takes at least 2 ranks"));
    }
    let place = match rest {
        [] => Where::Next,
        [first] => Where::From(first.parse().map_err(|_| wrong("the first chip is a whole number"))?),
        _ => return Err(wrong("three or four parts are needed")),
    };
    Ok(Also { operation, bytes, ranks, place })
}

/// The collective of the command line with all others, each alone and together.
pub fn together(
    also: &[String],
    question: &Question,
    main: (&Bench<'_>, Operation, f64, &Answer),
    system: &System,
    ground: &Ground,
    faults: &[Fault],
) -> Result<Vec<Together>, Stop> {
    let (bench, operation, bytes, answer) = main;
    let mut shares = vec![Share { operation, bytes, algorithm: answer.algorithm, placement: bench.placement.clone() }];
    let mut all = vec![(operation, bytes, answer.clone())];
    for text in also {
        let Also { operation, bytes, ranks, place } = read(text, question)?;
        let first = match place {
            Where::From(first) => first,
            Where::Next => shares.iter().flat_map(|s| &s.placement.chips).max().map_or(0, |c| c + 1),
        };
        let about = |e: fabric::estimate::EstimateError| match Stop::from(e) {
            Stop::Wrong(m) => Stop::Wrong(format!("--also {text}: {m}")),
            Stop::Impossible(m) => Stop::Impossible(format!("--also {text}: {m}")),
        };
        let alone =
            Bench::new(system, Some(ranks), &Place::Packed, &ground.curves, &ground.families, question.routing());
        let alone = alone.map_err(about)?;
        let answer = alone.answer(operation, bytes, None, &Damage::none(&alone.graph)).map_err(about)?;
        let last = first.checked_add(ranks).ok_or_else(|| Stop::Wrong(format!("--also {text}: no such chip")))?;
        let placement = Placement { chips: (first..last).collect() };
        shares.push(Share { operation, bytes, algorithm: answer.algorithm, placement });
        all.push((operation, bytes, answer));
    }
    let slowdowns = bench.together(&shares, faults)?;
    let of = |(((operation, bytes, alone), share), slowdown): (((Operation, f64, Answer), Share), f64)| {
        let chips = &share.placement.chips;
        let ends = (chips.iter().min().copied().unwrap_or(0), chips.iter().max().copied().unwrap_or(0));
        Together { operation: operation.name(), bytes, ranks: chips.len() as u32, chips: ends, alone, slowdown }
    };
    Ok(all.into_iter().zip(shares).zip(slowdowns).map(of).collect())
}
