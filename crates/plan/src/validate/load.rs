//! Runs a set-up under the load of a measured point.

use cost::Batch;
use sim::{Arrivals, Rates, Workload};

use super::case::{Case, CaseLoad, Mode};
use super::seen::Seen;
use crate::predict::{Pool, Pools, Setup, step_seconds};
use crate::refusal::Refusal;
use crate::workload;

/// Every random draw of validation starts here.
const SEED: u64 = 1;
/// Requests of a closed loop, per client, where the source does not say: what public benchmark scripts send.
const ROUNDS: u64 = 10;
/// Requests of an open loop where the source does not say.
const ARRIVALS: u64 = 1000;
/// Tokens of an offline run where the source does not say, and the fewest and most requests: public offline benchmarks
/// send 1,000 long to 30,000 short requests.
const OFFLINE: (f64, u64, u64) = (6e6, 1_000, 30_000);
/// More rounds of all that memory holds than this, and ramp and drain no longer count.
const MANY_ROUNDS: u64 = 8;
/// Halvings of the search for the largest rate within a bound.
const HALVINGS: u32 = 6;

/// What `setup` does under the load of `case`.
pub fn run(case: &Case, setup: &Setup<'_>) -> Result<Seen, Refusal> {
    match (case.mode, case.load) {
        (Mode::PrefillOnly(pool), CaseLoad::Saturated) => prefill_only(case, setup, pool.batch),
        (Mode::DecodeOnly(pool), load) => decode_only(case, setup, pool.batch, load),
        (_, CaseLoad::Concurrency(c)) => {
            let requests = case.requests.unwrap_or(c.saturating_mul(ROUNDS)).max(c);
            Ok(Seen::whole(&at(case, setup, closed(c, requests, case))?))
        }
        (_, CaseLoad::Burst(n)) => Ok(Seen::whole(&at(case, setup, closed(n, n, case))?)),
        (_, CaseLoad::Static(n)) => {
            let setup = limited(setup, |pool| {
                let ranks = u64::from(pool.replicas * pool.parallel.dp * pool.parallel.pp);
                u32::try_from(n.div_ceil(ranks)).unwrap_or(u32::MAX)
            });
            Ok(Seen::whole(&at(case, &setup, closed(n, n, case))?))
        }
        (_, CaseLoad::Rate(rate)) => {
            let requests = case.requests.unwrap_or(ARRIVALS);
            Ok(Seen::whole(&at(case, setup, poisson(rate, requests, case))?))
        }
        (_, CaseLoad::Saturated) => saturated(case, setup),
        (_, CaseLoad::Bounded { ttft, tpot }) => bounded(case, setup, ttft, tpot),
    }
}

fn at(case: &Case, setup: &Setup<'_>, workload: Workload) -> Result<sim::Outcome, Refusal> {
    let longest = (case.input.longest() + case.output.longest()) as f64;
    Ok(setup.run(&workload, longest, SEED)?.outcome)
}

fn closed(concurrency: u64, requests: u64, case: &Case) -> Workload {
    workload::closed(concurrency, requests, &case.input, &case.output, case.prefix_hit)
}

fn poisson(rate: f64, requests: u64, case: &Case) -> Workload {
    Workload { arrivals: Arrivals::Poisson { rate }, ..closed(1, requests, case) }
}

/// The set-up with a limit on the requests of each rank.
fn limited<'a>(setup: &Setup<'a>, limit: impl Fn(&Pool) -> u32) -> Setup<'a> {
    let with = |pool: &Pool| Pool { max_seqs: Some(limit(pool).max(1)), ..*pool };
    let pools = match &setup.pools {
        Pools::Together(pool) => Pools::Together(with(pool)),
        Pools::Split { prefill, decode } => Pools::Split { prefill: *prefill, decode: with(decode) },
    };
    Setup { pools, ..*setup }
}

/// Requests that run at a time where memory and the limit are the only bounds.
fn slots(case: &Case, setup: &Setup<'_>) -> u64 {
    let pool = setup.pools.decode();
    let context = case.input.mean() + case.output.mean();
    let fit = (setup.memory(pool).tokens(context) as f64 / context).max(1.0) as u64;
    let limit = pool.max_seqs.unwrap_or(setup.engine.limits_on(&setup.machine.system.chip).max_seqs.mid());
    let limit = u64::from(limit.max(1));
    fit.min(limit) * u64::from(pool.replicas) * u64::from(pool.parallel.dp) * u64::from(pool.parallel.pp)
}

/// Everything queued at the start, as offline benchmarks do.
fn saturated(case: &Case, setup: &Setup<'_>) -> Result<Seen, Refusal> {
    let (tokens, least, most) = OFFLINE;
    let offline = ((tokens / (case.input.mean() + case.output.mean())) as u64).clamp(least, most);
    let requests = case.requests.unwrap_or(offline);
    let slots = slots(case, setup);
    if case.long || requests > slots.saturating_mul(MANY_ROUNDS) {
        return Ok(Seen::steady(&at(case, setup, closed(slots, slots * 4, case))?));
    }
    Ok(Seen::whole(&at(case, setup, closed(requests, requests, case))?))
}

/// The largest rate of independent arrivals whose latencies stay within bounds at the 99th percentile.
fn bounded(case: &Case, setup: &Setup<'_>, ttft: f64, tpot: f64) -> Result<Seen, Refusal> {
    let slots = slots(case, setup);
    let most = Seen::steady(&at(case, setup, closed(slots, slots * 3, case))?).rates.requests;
    let requests = (slots * 3).clamp(300, 20_000);
    let (mut low, mut high) = (0.0, 1.0);
    let mut best: Option<Seen> = None;
    for _ in 0..HALVINGS {
        let share: f64 = 0.5 * (low + high);
        let seen = Seen::steady(&at(case, setup, poisson(most * share, requests, case))?);
        if seen.within(ttft, tpot) {
            low = share;
            best = Some(seen);
        } else {
            high = share;
        }
    }
    best.ok_or_else(|| Refusal::Row(format!("no load stays within TTFT {ttft} s and TPOT {tpot} s")))
}

/// Prefill alone, step after step.
fn prefill_only(case: &Case, setup: &Setup<'_>, tokens: Option<u64>) -> Result<Seen, Refusal> {
    let pool = setup.pools.decode();
    let steps = setup.steps(pool)?;
    let ranks = f64::from(pool.parallel.dp);
    let chips_per_rank = setup.machine.chips(pool.parallel.tp * pool.parallel.pp);
    let prompt = case.input.mean();
    let limit = u64::from(setup.engine.limits_on(&setup.machine.system.chip).max_batched_tokens.mid());
    let tokens = tokens.map_or(limit, |per_chip| (per_chip as f64 * chips_per_rank) as u64).max(1);
    let batch = Batch {
        prefill: ((tokens as f64 / prompt).round() as u64).max(1),
        prefill_tokens: tokens,
        // Of every prompt, in whatever pieces, each token sees those before it.
        prefill_pairs: tokens as f64 * (prompt + 1.0) / 2.0,
        ..Batch::default()
    };
    let device = step_seconds(&steps, &batch);
    let host = &setup.engine.host;
    let own = host.step.mid().0 + host.prefill.mid().0 * batch.prefill as f64;
    let rate =
        tokens as f64 * ranks * f64::from(pool.replicas) * f64::from(pool.parallel.pp) / together(setup, device, own);
    Ok(Seen::of_steps(None, Rates { output: rate / prompt, total: rate + rate / prompt, requests: rate / prompt }))
}

/// Decode alone: a batch that finished requests leave and new ones fill, half-way through their answers on average.
fn decode_only(case: &Case, setup: &Setup<'_>, per_chip: Option<u64>, load: CaseLoad) -> Result<Seen, Refusal> {
    let pool = setup.pools.decode();
    let steps = setup.steps(pool)?;
    let ranks = f64::from(pool.parallel.dp * pool.replicas);
    let context = case.input.mean() + case.output.mean() / 2.0;
    let of_chips = |b: u64| b as f64 * setup.machine.chips(pool.parallel.tp * pool.parallel.pp);
    let requests = match load {
        CaseLoad::Concurrency(n) | CaseLoad::Burst(n) | CaseLoad::Static(n) => n as f64 / ranks,
        _ => per_chip.map_or_else(|| slots(case, setup) as f64 / ranks, of_chips),
    };
    let decode = (requests.round() as u64).max(1);
    let batch = Batch { decode, decode_kv: decode as f64 * context, ..Batch::default() };
    let host = &setup.engine.host;
    let own = host.step.mid().0 + host.request.mid().0 * decode as f64;
    let step = together(setup, step_seconds(&steps, &batch), own);
    let emitted = steps.deployment().tokens_per_step();
    let rate = decode as f64 * ranks * emitted / step;
    let answers = rate / case.output.mean();
    let rates = Rates { output: rate, total: rate + answers * case.input.mean(), requests: answers };
    Ok(Seen::of_steps(Some(step / emitted), rates))
}

/// Device and host, one after the other or side by side.
fn together(setup: &Setup<'_>, device: f64, host: f64) -> f64 {
    if setup.engine.scheduling.overlap.mid() { device.max(host) } else { device + host }
}
