//! Plays a trace through the crate aisimulate-core, as a user of it would: one pool of vLLM workers without prefix cache
//! under its own polynomial timing, round robin, no record kept of single requests.
//!
//!     peer TRACE.csv WORKERS BLOCKS TIMES MOST RATE
//!
//! The trace has seconds, prompt tokens and answer tokens; it is played TIMES times end to end, up to MOST requests, its
//! clock RATE times as fast. BLOCKS: blocks of 16 tokens in the cache of a worker.

use aisimulate_core::ReplaySpec;
use aisimulate_core::engine::{Backend, EngineConfig};
use aisimulate_core::replay::{
    CURRENT_REPLAY_SPEC_VERSION, ReplayEngineConfig, ReplayRequest, ReplayTopology, run_engine_replay,
};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |place: usize| args[place].parse::<f64>().expect("a number");
    let text = std::fs::read_to_string(&args[1]).expect("a trace");
    let rows: Vec<(f64, usize, usize)> = text
        .lines()
        .map(|line| {
            let mut cells = line.split(',').map(|cell| cell.parse::<f64>().expect("a number"));
            let mut next = || cells.next().expect("three columns");
            (next(), next() as usize, next() as usize)
        })
        .collect();
    let last = rows[rows.len() - 1].0;
    let period = last * rows.len() as f64 / (rows.len() - 1) as f64;
    let mut requests = Vec::new();
    'all: for turn in 0..number(4) as usize {
        for (time, input, output) in &rows {
            if requests.len() >= number(5) as usize {
                break 'all;
            }
            requests.push(ReplayRequest {
                id: requests.len().to_string(),
                arrival_time_ms: (time + period * turn as f64) / number(6) * 1e3,
                input_tokens: *input,
                input_token_ids: None,
                output_tokens: *output,
                output_token_ids: None,
                dp_rank: None,
                prefill_dp_rank: None,
                session_id: None,
                turn_index: None,
                metadata: Default::default(),
            });
        }
    }
    let count = requests.len();
    let rank = EngineConfig {
        num_gpu_blocks: number(3) as usize,
        block_size: 16,
        enable_prefix_caching: false,
        ..EngineConfig::for_backend(Backend::Vllm)
    };
    let engine = ReplayEngineConfig { rank, ..ReplayEngineConfig::default() };
    let spec = ReplaySpec {
        version: CURRENT_REPLAY_SPEC_VERSION,
        topology: ReplayTopology::aggregated(number(2) as usize),
        engine: serde_json::to_value(engine).expect("JSON"),
        adapters: Default::default(),
        max_sim_time_ms: None,
        max_in_flight: None,
        record_per_request: false,
        sla: Default::default(),
        requests,
    };
    let report = run_engine_replay(spec).expect("it runs");
    println!("{count} requests, {:?}", report.request_counts);
}
