//! Serving engines as data: which chips they run on, how they schedule, what memory they keep, what their host costs.
//!
//! A profile holds an engine's documented defaults, and a few host times that are fitted once for each engine. What a
//! benchmark sets itself (a batch limit, a memory fraction) takes the place of these defaults where it is known.

use include_dir::{Dir, include_dir};
use units::{Bytes, Seconds};

use crate::facts::Sources;
use crate::written::Diagnostic;
use crate::{Chip, Fact};

mod memory;
mod read;

pub use memory::{CacheRule, EngineMemory, Reserve, Spread};

static ENGINES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/engines");

/// The profile for chips that no other profile names.
pub const GENERIC: &str = "generic";

/// What a step is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Steps {
    /// Prompts and decodes share a step: decodes first, prompts fill what is left of the token budget.
    Mixed,
    /// A step has prompts or decodes; while a prompt can be computed, decodes wait.
    PrefillFirst,
    /// A step has prompts or decodes; nothing is admitted while anything decodes (static batches).
    DecodeFirst,
}

impl Steps {
    /// Each with its name.
    pub const ALL: [(&'static str, Steps); 3] =
        [("mixed", Steps::Mixed), ("prefill-first", Steps::PrefillFirst), ("decode-first", Steps::DecodeFirst)];
}

/// What a request must find free in the cache before it is admitted.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Admission {
    /// Its prompt. When the cache fills up the latest request is preempted and computed anew.
    Input,
    /// Its prompt, and this share (0 to 1) of all output still to come.
    Expected(f64),
    /// Its prompt and its whole output, reserved. Nothing is ever preempted.
    Whole,
}

/// How many front ends (tokenizer, detokenizer, streaming) a replica may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum FrontEnds {
    /// One.
    Replica,
    /// One for each attention rank.
    Rank,
}

impl FrontEnds {
    /// Front ends of a replica with so many attention ranks.
    pub fn count(self, ranks: u32) -> u32 {
        match self {
            FrontEnds::Replica => 1,
            FrontEnds::Rank => ranks.max(1),
        }
    }
}

/// Limits of a batch, per attention-DP rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Architectures that they hold for; empty: any.
    pub architectures: Vec<String>,
    /// Memory of a device from which on they hold.
    pub from: Bytes,
    /// Most requests that run at a time.
    pub max_seqs: Fact<u32>,
    /// Most tokens in a step.
    pub max_batched_tokens: Fact<u32>,
    /// Most requests in a decode step that runs as a recorded graph.
    pub graph_seqs: Fact<u32>,
}

/// How an engine schedules.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduling {
    /// What a step is made of.
    pub steps: Fact<Steps>,
    /// What a request must find free in the cache.
    pub admission: Fact<Admission>,
    /// Whether a prompt may be cut to fit a step.
    pub chunked_prefill: Fact<bool>,
    /// Whether the host prepares a step while the one before it runs.
    pub overlap: Fact<bool>,
    /// Tokens in a block of the cache.
    pub block_size: Fact<u32>,
    /// Share of the cache that admission leaves free.
    pub watermark: Fact<f64>,
    /// Whether prompts wait for fuller steps; `None`: they do not.
    pub gather: Option<Gather>,
}

/// While others decode, prompts wait until a step is full enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Gather {
    /// Share of the tokens of a step from which on it is.
    pub share: Fact<f64>,
    /// Steps for which they wait at most.
    pub steps: Fact<u32>,
}

/// What the host adds, and what launching kernels takes. Fitted once for each engine.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTimes {
    /// Per step.
    pub step: Fact<Seconds>,
    /// Per request in a step.
    pub request: Fact<Seconds>,
    /// Per prompt that a step finishes.
    pub prefill: Fact<Seconds>,
    /// Per prompt token in a step.
    pub token: Fact<Seconds>,
    /// From the client's sending to the engine's queue.
    pub ingress: Fact<Seconds>,
    /// Per request that the front end takes in, one after the other.
    pub intake: Fact<Seconds>,
    /// Per prompt token that the front end takes in, one after the other.
    pub intake_token: Fact<Seconds>,
    /// Per token that the front end sends out, one after the other.
    pub stream: Fact<Seconds>,
    /// Per exchange of tensor or expert parallelism: the ranks' wait for the slowest among them.
    pub wait: Fact<Seconds>,
    /// From the end of a step to the client.
    pub egress: Fact<Seconds>,
    /// Per kernel that is launched by the host.
    pub launch: Fact<Seconds>,
    /// Per kernel inside a recorded graph or compiled program.
    pub gap: Fact<Seconds>,
    /// Whether decode steps run as graphs.
    pub graph_decode: Fact<bool>,
    /// Whether steps with prompts run as graphs.
    pub graph_prefill: Fact<bool>,
}

/// What an engine can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Storage schemes of the cache, by name, the default first.
    pub cache: Vec<String>,
    /// Prefill and decode on separate chips.
    pub disaggregation: Fact<bool>,
    /// The all-reduce of tensor parallelism also adds the residual and norms.
    pub fused_norm: Fact<bool>,
    /// Drafts by multi-token-prediction layers.
    pub mtp: Fact<bool>,
    /// Attention data parallelism.
    pub attention_dp: Fact<bool>,
    /// Expert parallelism.
    pub expert_parallel: Fact<bool>,
    /// Copies of popular experts, so that expert parallelism need not divide their number.
    pub redundant_experts: Fact<bool>,
    /// Front ends that a replica may have.
    pub front_ends: Fact<FrontEnds>,
    /// Pipeline parallelism.
    pub pipeline: Fact<bool>,
}

/// A serving engine, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Engine {
    /// `vllm`.
    pub id: String,
    /// The engine that this is an older version of; its own id where it is the current one.
    pub family: String,
    /// "vLLM".
    pub name: String,
    /// Versions that the defaults were read from.
    pub version: String,
    /// Architectures that it runs on; empty: any.
    pub architectures: Vec<String>,
    /// Limits by chip, the first that fits counts. The last one fits all.
    pub limits: Vec<Limits>,
    /// How it schedules.
    pub scheduling: Scheduling,
    /// What memory it keeps for the cache.
    pub memory: EngineMemory,
    /// What the host adds.
    pub host: HostTimes,
    /// What it can do.
    pub features: Features,
}

impl Engine {
    /// Names of the built-in profiles, sorted.
    pub fn names() -> Vec<&'static str> {
        let stem = |path: &'static std::path::Path| path.file_stem().and_then(|s| s.to_str());
        let mut names: Vec<_> = ENGINES.files().filter_map(|f| stem(f.path())).collect();
        names.sort_unstable();
        names
    }

    /// The text of a built-in profile.
    pub fn text(name: &str) -> Option<&'static str> {
        ENGINES.get_file(format!("{name}.toml")).and_then(|f| f.contents_utf8())
    }

    /// A built-in profile.
    ///
    /// # Errors
    /// No such profile, or what is wrong with its file.
    pub fn load(name: &str) -> Result<Engine, Vec<Diagnostic>> {
        let file = format!("engines/{name}.toml");
        match Engine::text(name) {
            Some(text) => Engine::parse(name, &file, text),
            None => {
                let message = format!("there is no engine profile '{name}'");
                let remedy = format!("known: {}", Engine::names().join(", "));
                Err(vec![Diagnostic::of_file(file, message, remedy)])
            }
        }
    }

    /// The profile for a version of an engine: `trtllm` and "1.0.0" find `trtllm-1.0` if there is one, else `trtllm`.
    pub fn name_of_version(engine: &str, version: &str) -> Option<&'static str> {
        let minor: Vec<&str> = version.trim_start_matches('v').splitn(3, '.').take(2).collect();
        let exact = format!("{engine}-{}", minor.join("."));
        let names = Engine::names();
        [exact.as_str(), engine].into_iter().find_map(|wanted| names.iter().find(|n| **n == wanted).copied())
    }

    /// A profile from the text of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(id: &str, file: &str, text: &str) -> Result<Engine, Vec<Diagnostic>> {
        Engine::parse_over(id, file, text, None, None)
    }

    /// The same over a profile that is there: what the file leaves out stays (limits are replaced together). With
    /// `sources`, only these may be named.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn parse_over(
        id: &str,
        file: &str,
        text: &str,
        base: Option<&Engine>,
        sources: Option<&Sources>,
    ) -> Result<Engine, Vec<Diagnostic>> {
        read::engine(id, file, text, base, sources)
    }

    /// Whether it is known to run on `architecture`.
    pub fn runs_on(&self, architecture: &str) -> bool {
        self.architectures.iter().any(|a| a == architecture)
    }

    /// The limits on a chip: those for its architecture and for the memory of one of its devices.
    pub fn limits_on(&self, chip: &Chip) -> &Limits {
        let device = chip.memory.value.mid.0 / f64::from(chip.devices.max(1));
        let fits = |l: &&Limits| {
            (l.architectures.is_empty() || l.architectures.contains(&chip.architecture)) && l.from.0 <= device
        };
        self.limits.iter().find(fits).unwrap_or(&self.limits[self.limits.len() - 1])
    }
}

/// The built-in profiles that run on `architecture`, sorted by name; the generic one where none does.
///
/// # Errors
/// What is wrong with a profile's file.
pub fn engines_for(architecture: &str) -> Result<Vec<Engine>, Vec<Diagnostic>> {
    let all: Vec<Engine> = Engine::names().into_iter().map(Engine::load).collect::<Result<_, _>>()?;
    Ok(able(&all, architecture))
}

/// Those of `all` that run on `architecture`, older versions left out; the generic one where none does.
pub(crate) fn able(all: &[Engine], architecture: &str) -> Vec<Engine> {
    let current = |e: &&Engine| e.family == e.id && e.runs_on(architecture);
    let able: Vec<Engine> = all.iter().filter(current).cloned().collect();
    if able.is_empty() { all.iter().filter(|e| e.id == GENERIC).cloned().collect() } else { able }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_sound() {
        for name in Engine::names() {
            let engine = Engine::load(name).unwrap_or_else(|faults| panic!("{}", faults[0]));
            assert!(engine.limits.last().is_some_and(|l| l.architectures.is_empty() && l.from.0 == 0.0), "{name}");
        }
    }

    #[test]
    fn every_source_is_listed() {
        let sources = crate::Catalog::embedded().sources;
        for file in ENGINES.files().filter_map(|f| f.contents_utf8()) {
            for key in file.split("source = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(sources.contains_key(key), "{key}");
            }
        }
    }

    #[test]
    fn chips_find_their_engines() {
        let names = |a: &str| engines_for(a).expect("sound").into_iter().map(|e| e.id).collect::<Vec<_>>();
        assert_eq!(names("hopper"), ["sglang", "trtllm", "vllm"]);
        assert_eq!(names("davinci-2"), ["mindie", "sglang", "vllm-ascend"]);
        assert_eq!(names("tpu-7x"), ["vllm-tpu"]);
        assert_eq!(names("somebody's"), ["generic"]);
    }

    #[test]
    fn faults_name_their_place() {
        let text = "name = \"x\"\nversoin = \"1\"\n[scheduling]\nsteps = { value = \"mixd\", kind = \"vendor\", source = \"s\" }\n";
        let faults = Engine::parse("x", "x.toml", text).expect_err("unsound");
        let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|f| f.starts_with("x.toml:2:1: unknown key 'versoin'")), "{found:#?}");
        assert!(
            found.iter().any(|f| f.starts_with("x.toml:4:19: scheduling.steps.value: 'mixd' is unknown")),
            "{found:#?}"
        );
    }
}
