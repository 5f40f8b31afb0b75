//! What a reader names of a set-up: `prefill 2x TP4 + decode TP8 DP4 EP32, batch=256, engine=sglang`. The search chooses
//! the rest. Tables print set-ups in the same words, so that one can be copied.

use catalog::written::nearest;
use formats::Scheme;

/// What is named of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Degrees {
    /// Replicas.
    pub replicas: Option<u32>,
    /// Tensor parallelism.
    pub tp: Option<u32>,
    /// Pipeline stages.
    pub pp: Option<u32>,
    /// Attention data parallelism.
    pub dp: Option<u32>,
    /// Expert parallelism.
    pub ep: Option<u32>,
}

/// What is named of a set-up. All left out: the search chooses everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// As written.
    pub text: String,
    /// Whether prefill and decode are on separate chips.
    pub apart: Option<bool>,
    /// Engine profile.
    pub engine: Option<String>,
    /// Storage of the weights; the inner `None` is as published.
    pub weights: Option<Option<Scheme>>,
    /// Storage of the cache.
    pub kv: Option<Scheme>,
    /// Requests in flight on a replica that decodes.
    pub batch: Option<u64>,
    /// The pool that decodes.
    pub decode: Degrees,
    /// The pool that prefills, where it is another.
    pub prefill: Degrees,
}

/// What is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}; {remedy}")]
pub struct GivenFault {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub remedy: String,
}

/// How a set-up is written.
pub const REMEDY: &str = "write any of: aggregated, disaggregated, prefill, decode, 2x, TP8, PP2, DP4, EP32, batch=256, \
                          engine=NAME, weights=FORMAT, kv=FORMAT";
const KEYS: [&str; 12] =
    ["tp", "pp", "dp", "ep", "batch", "engine", "weights", "kv", "aggregated", "disaggregated", "prefill", "decode"];
/// Largest degree, and largest batch.
const MOST_DEGREE: u64 = 1 << 16;
const MOST_BATCH: u64 = 1_000_000;

impl Given {
    /// Whether it says anything of how a pool is laid out or loaded.
    pub fn names_pools(&self) -> bool {
        self.apart.is_some() || self.batch.is_some() || !self.decode.is_empty() || !self.prefill.is_empty()
    }

    /// Reads a set-up; `engines` are those that there are.
    ///
    /// # Errors
    /// The first word that means nothing.
    pub fn parse(text: &str, engines: &[&str]) -> Result<Given, GivenFault> {
        let mut given = Given { text: text.trim().to_owned(), ..Given::default() };
        let spaced = text.replace(['×', '=', ':'], " ").replace(['+', ',', ';', '·', '/'], " ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        if words.is_empty() {
            return Err(fault("an empty set-up".to_owned()));
        }
        let mut on_prefill = false;
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let lower = word.to_ascii_lowercase();
            match lower.as_str() {
                "aggregated" | "together" => given.say_apart(false)?,
                "disaggregated" | "split" => given.say_apart(true)?,
                // As tables abbreviate it.
                "p" | "d" | "p/d" | "x" => {}
                "prefill" => {
                    given.say_apart(true)?;
                    on_prefill = true;
                }
                "decode" => on_prefill = false,
                "batch" => {
                    let value = words.next().unwrap_or("");
                    once(&mut given.batch, count(word, value, MOST_BATCH)?, word)?;
                }
                "engine" => {
                    let value = words.next().unwrap_or("").to_ascii_lowercase();
                    once(&mut given.engine, engine(&value, engines)?, word)?;
                }
                "weights" => {
                    let value = words.next().unwrap_or("");
                    let scheme = if value == "published" { None } else { Some(scheme(value)?) };
                    once(&mut given.weights, scheme, word)?;
                }
                "kv" => {
                    let value = words.next().unwrap_or("");
                    once(&mut given.kv, scheme(value)?, word)?;
                }
                _ => {
                    let pool = if on_prefill { &mut given.prefill } else { &mut given.decode };
                    let next = words.peek().copied().unwrap_or("");
                    if pool.read(&lower, next)? {
                        words.next();
                    }
                }
            }
        }
        Ok(given)
    }

    fn say_apart(&mut self, apart: bool) -> Result<(), GivenFault> {
        if self.apart == Some(!apart) {
            let message = "a set-up is either aggregated or has a prefill pool".to_owned();
            return Err(GivenFault { message, remedy: "leave one of the two out".to_owned() });
        }
        self.apart = Some(apart);
        Ok(())
    }
}

impl Degrees {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        *self == Degrees::default()
    }

    /// Takes `tp8`, `tp` before `8`, `2x`, or `2`; whether the next word belonged to it.
    fn read(&mut self, word: &str, next: &str) -> Result<bool, GivenFault> {
        if let Ok(replicas) = word.trim_end_matches('x').parse::<u64>() {
            let count = count("replicas", &replicas.to_string(), MOST_DEGREE)?;
            return once(&mut self.replicas, count as u32, "replicas").map(|()| false);
        }
        let (name, value) = word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
        let slot = match name {
            "tp" => &mut self.tp,
            "pp" => &mut self.pp,
            "dp" => &mut self.dp,
            "ep" => &mut self.ep,
            _ => {
                let hint = nearest(name, KEYS.into_iter()).map_or(String::new(), |n| format!("did you mean '{n}'? "));
                let message = format!("'{}' is no part of a set-up", catalog::written::short(word));
                return Err(GivenFault { message, remedy: format!("{hint}{REMEDY}") });
            }
        };
        let takes_next = value.is_empty();
        let degree = count(name, if takes_next { next } else { value }, MOST_DEGREE)?;
        once(slot, degree as u32, name)?;
        Ok(takes_next)
    }
}

fn fault(message: String) -> GivenFault {
    GivenFault { message, remedy: REMEDY.to_owned() }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), GivenFault> {
    if slot.is_some() {
        let name = name.to_ascii_lowercase();
        return Err(GivenFault {
            message: format!("'{name}' is named twice"),
            remedy: "name it once for each pool; words after 'prefill' are of that pool, until 'decode'".to_owned(),
        });
    }
    *slot = Some(value);
    Ok(())
}

fn count(name: &str, text: &str, most: u64) -> Result<u64, GivenFault> {
    match text.replace(['_'], "").parse::<u64>() {
        Ok(n) if (1..=most).contains(&n) => Ok(n),
        _ => {
            let message = format!("{name}: '{}' is not a count", catalog::written::short(text));
            Err(GivenFault { message, remedy: format!("write a whole number from 1 to {most}") })
        }
    }
}

fn engine(name: &str, engines: &[&str]) -> Result<String, GivenFault> {
    if engines.contains(&name) {
        return Ok(name.to_owned());
    }
    let known = engines.join(", ");
    let message = format!("there is no engine '{}'", catalog::written::short(name));
    Err(GivenFault { message, remedy: format!("known: {known}") })
}

fn scheme(name: &str) -> Result<Scheme, GivenFault> {
    Scheme::from_name(name).ok_or_else(|| {
        let hint = nearest(name, Scheme::names()).map_or(String::new(), |n| format!("did you mean '{n}'? "));
        let known = Scheme::names().collect::<Vec<_>>().join(", ");
        let message = format!("'{}' is no storage scheme", catalog::written::short(name));
        GivenFault { message, remedy: format!("{hint}known: published (weights only), {known}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Given, GivenFault> {
        Given::parse(text, &["sglang", "vllm"])
    }

    #[test]
    fn any_part_may_be_named() {
        let given = parse("TP8 DP2 EP16 batch=86 engine=sglang weights=fp8 kv=bf16").expect("sound");
        let wanted = Degrees { tp: Some(8), dp: Some(2), ep: Some(16), ..Degrees::default() };
        assert_eq!((given.decode, given.batch, given.engine.as_deref()), (wanted, Some(86), Some("sglang")));
        assert_eq!(given.apart, None);
        assert_eq!(given.weights, Some(Scheme::from_name("fp8")));
        assert_eq!(given.kv, Scheme::from_name("bf16"));
    }

    #[test]
    fn what_tables_print_can_be_read() {
        let given = parse("prefill 6 × TP1 DP4 EP4 + decode 6 × TP1 DP8 EP8").expect("sound");
        assert_eq!((given.apart, given.prefill.replicas, given.decode.replicas), (Some(true), Some(6), Some(6)));
        assert_eq!((given.prefill.ep, given.decode.ep), (Some(4), Some(8)));
        let given = parse("2x tp=4 pp 2").expect("sound");
        assert_eq!((given.decode.replicas, given.decode.tp, given.decode.pp), (Some(2), Some(4), Some(2)));
    }

    #[test]
    fn nonsense_is_told() {
        for (text, word) in [
            ("", "empty"),
            ("TP0", "not a count"),
            ("TP8 TP4", "twice"),
            ("TQ8", "no part"),
            ("aggregated prefill TP8", "either"),
            ("engine=vlm", "no engine"),
            ("weights=fp9", "no storage scheme"),
            ("batch=-3", "not a count"),
            ("batch=99999999999999999999", "not a count"),
            ("EP", "not a count"),
        ] {
            let fault = parse(text).expect_err(text).to_string();
            assert!(fault.contains(word), "{text}: {fault}");
        }
        assert!(parse("prefil TP8").expect_err("near").remedy.contains("did you mean 'prefill'"));
    }
}
