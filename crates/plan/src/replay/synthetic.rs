//! Traffic that is drawn: arrivals, lengths, and sessions that grow turn by turn.

use sim::{Draw, Request, Time, chain};

use super::study::{Arrivals, Diurnal, Synthetic};
use crate::traffic::Lengths;

/// Drawn requests, and the names of their contents.
#[derive(Debug, Default)]
pub struct Drawn {
    /// The requests; their class and model are those of their source.
    pub requests: Vec<Request>,
    /// Names of content blocks.
    pub hashes: Vec<u64>,
}

/// Beyond this a time is not one of a replay.
const LONGEST: f64 = 1.8e7;

/// Draws the requests of a source. `block` is the size of a content block, 0 where nobody asks for contents.
pub fn draw(source: &Synthetic, block: u32, seed: u64) -> Drawn {
    let (mut gaps, mut inputs, mut outputs) = (Draw::new(seed, 1), Draw::new(seed, 2), Draw::new(seed, 3));
    let (mut kinds, mut turns, mut pauses) = (Draw::new(seed, 4), Draw::new(seed, 5), Draw::new(seed, 6));
    let times = arrivals(&source.arrivals, source.count, &mut gaps);
    let mut drawn = Drawn::default();
    for (number, time) in times.enumerate() {
        let time = source.diurnal.map_or(time, |diurnal| warp(time, &diurnal));
        let arrival = Time::from_seconds(time.min(LONGEST)).unwrap_or(Time::NEVER);
        let (shared, variants) = source.shared;
        let kind = kinds.below(u64::from(variants.max(1)));
        let mut input = shared.saturating_add(length(&source.input, number, &mut inputs));
        let mut after = None;
        let session = source.session.as_ref();
        let count = session.map_or(1, |session| length(&session.turns, number, &mut turns));
        let mut pause = 0.0;
        if let Arrivals::Closed(clients, think) = source.arrivals {
            // Who waits for no answer begins at once.
            after = number.checked_sub(clients).map(|before| before as u32);
            pause = think;
        }
        let first = drawn.hashes.len() as u32;
        let mut known = 0;
        let begin = drawn.requests.len();
        for turn in 0..count {
            let output = length(&source.output, drawn.requests.len(), &mut outputs);
            if let Some(session) = session.filter(|_| turn > 0) {
                pause = pauses.exponential() * session.pause;
            }
            let sent = if after.is_none() { arrival } else { Time::from_seconds(pause).unwrap_or(Time::ZERO) };
            let whole = input.saturating_add(output);
            known = known.max(whole.checked_div(block).unwrap_or(0));
            drawn.requests.push(Request {
                arrival: sent,
                after,
                input,
                output,
                class: 0,
                model: 0,
                content: (first, 0),
            });
            after = Some(drawn.requests.len() as u32 - 1);
            let Some(session) = session else { break };
            input = whole.saturating_add(length(&session.adds, drawn.requests.len(), &mut inputs));
            if input >= session.context {
                break;
            }
        }
        // All turns of a session read the same names: a turn knows as many as its prompt and answer fill.
        let mut before = 0;
        for place in 0..known {
            let common = (u64::from(place) + 1) * u64::from(block) <= u64::from(shared);
            let content = if common { kind } else { chain(seed, ((number as u64) << 24) ^ u64::from(place)) };
            before = chain(before, content);
            drawn.hashes.push(before);
        }
        for request in &mut drawn.requests[begin..] {
            request.content.1 = (request.input + request.output).checked_div(block).unwrap_or(0).min(known);
        }
    }
    drawn
}

/// Times of arrival, ascending.
fn arrivals<'d>(arrivals: &Arrivals, count: usize, draw: &'d mut Draw) -> Box<dyn Iterator<Item = f64> + 'd> {
    let mut now = 0.0;
    match arrivals.clone() {
        Arrivals::Gamma(rate, cv) => {
            let shape = 1.0 / (cv * cv);
            Box::new((0..count).map(move |_| {
                now += if cv == 1.0 { draw.exponential() / rate } else { draw.gamma(shape) / (shape * rate) };
                now
            }))
        }
        Arrivals::Closed(..) => Box::new((0..count).map(|_| 0.0)),
        Arrivals::Markov(states) => {
            let (mut state, mut until) = (0, 0.0);
            Box::new((0..count).map(move |_| {
                // Memoryless: what is left of a gap at a jump is drawn anew at the new rate.
                loop {
                    if until <= now {
                        until = now + draw.exponential() * states[state].1;
                    }
                    let next = now + draw.exponential() / states[state].0;
                    if next < until {
                        now = next;
                        return now;
                    }
                    now = until;
                    state = (state + 1 + draw.below(states.len().max(2) as u64 - 1) as usize) % states.len();
                }
            }))
        }
    }
}

/// The moment at which a swinging rate has brought as many requests as a steady one at `time`.
fn warp(time: f64, diurnal: &Diurnal) -> f64 {
    let turn = std::f64::consts::TAU / diurnal.period;
    let swing = diurnal.peak - 1.0;
    // Requests by then, in seconds of the mean rate: the integral of 1 + swing cos(turn (t - at)).
    let brought = |t: f64| t + swing / turn * ((turn * (t - diurnal.at)).sin() + (turn * diurnal.at).sin());
    let (mut low, mut high) = (time - 2.0 * swing / turn, time + 2.0 * swing / turn);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if brought(middle) < time { low = middle } else { high = middle }
    }
    high.max(0.0)
}

/// A length, at least one token.
fn length(lengths: &Lengths, number: usize, draw: &mut Draw) -> u32 {
    let tokens = match lengths {
        Lengths::List(list) => list[number % list.len().max(1)],
        drawn => drawn.quantile(draw.unit() - 0.5 / (1u64 << 53) as f64),
    };
    u32::try_from(tokens).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::study::Session;

    fn source() -> Synthetic {
        Synthetic {
            arrivals: Arrivals::Gamma(10.0, 1.0),
            diurnal: None,
            count: 20_000,
            input: Lengths::Fixed(100),
            output: Lengths::Fixed(50),
            shared: (64, 1),
            session: None,
        }
    }

    #[test]
    fn bursts_keep_the_mean_rate() {
        for (arrivals, rate) in [
            (Arrivals::Gamma(10.0, 1.0), 10.0),
            (Arrivals::Gamma(10.0, 3.0), 10.0),
            // 60 s at 2 a second, 20 s at 34: (120 + 680) / 80 = 10.
            (Arrivals::Markov(vec![(2.0, 60.0), (34.0, 20.0)]), 10.0),
        ] {
            let drawn = draw(&Synthetic { arrivals: arrivals.clone(), count: 100_000, ..source() }, 0, 1);
            let span = drawn.requests.last().map_or(0.0, |r| r.arrival.seconds());
            assert!((100_000.0 / span / rate - 1.0).abs() < 0.1, "{arrivals:?}: {}", 100_000.0 / span);
            assert!(drawn.requests.windows(2).all(|pair| pair[0].arrival <= pair[1].arrival));
        }
    }

    #[test]
    fn clients_wait_for_their_answers() {
        let drawn = draw(&Synthetic { arrivals: Arrivals::Closed(3, 2.0), count: 8, ..source() }, 0, 1);
        let after: Vec<Option<u32>> = drawn.requests.iter().map(|r| r.after).collect();
        assert_eq!(after, [None, None, None, Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!((drawn.requests[2].arrival, drawn.requests[3].arrival.seconds()), (Time::ZERO, 2.0));
    }

    #[test]
    fn the_day_has_its_peak() {
        let diurnal = Diurnal { period: 1000.0, peak: 1.8, at: 250.0 };
        let drawn = draw(&Synthetic { diurnal: Some(diurnal), ..source() }, 0, 1);
        let within = |from: f64, to: f64| {
            drawn.requests.iter().filter(|r| (from..to).contains(&(r.arrival.seconds() % 1000.0))).count() as f64
        };
        // Over the mean rate at the peak and at the trough: 1.8 and 0.2, averaged over a tenth of the day 1.787 and 0.213.
        let ratio = within(200.0, 300.0) / within(700.0, 800.0);
        assert!((ratio / (1.787 / 0.213) - 1.0).abs() < 0.15, "{ratio}");
    }

    #[test]
    fn a_session_grows_and_shares_its_prefix() {
        let session = Session { turns: Lengths::Fixed(3), adds: Lengths::Fixed(30), pause: 5.0, context: 10_000 };
        let drawn = draw(&Synthetic { session: Some(session), count: 2, ..source() }, 16, 1);
        let [a, b, c, d, ..] = drawn.requests[..] else { panic!("six requests") };
        assert_eq!((a.input, b.input, c.input), (164, 244, 324));
        assert_eq!((a.after, b.after, c.after, d.after), (None, Some(0), Some(1), None));
        // 214, 294 and 374 tokens fill 13, 18 and 23 blocks of 16, all of one list.
        assert_eq!((a.content, b.content, c.content), ((0, 13), (0, 18), (0, 23)));
        let other = d.content.0 as usize;
        // The first 64 tokens are common to all; then texts differ.
        assert_eq!(drawn.hashes[..4], drawn.hashes[other..other + 4]);
        assert_ne!(drawn.hashes[4], drawn.hashes[other + 4]);
    }
}
