//! Requests as they were recorded: each with its own time, lengths, class and content.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::SimError;
use crate::fleet::Rule;
use crate::job::Job;
use crate::time::Time;

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When the client sends it; for one that follows on an answer, how long after that.
    pub arrival: Time,
    /// The earlier request on whose answer it follows.
    pub after: Option<u32>,
    /// Prompt tokens.
    pub input: u32,
    /// Answer tokens.
    pub output: u32,
    /// Service class.
    pub class: u16,
    /// Model.
    pub model: u16,
    /// Names of its content blocks, from the first token of the prompt into the answer as far as known: the place of the
    /// first in [`Requests::hashes`], and how many.
    pub content: (u32, u32),
}

/// What clients send.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Requests {
    /// The requests; those that follow on no answer in order of arrival.
    pub list: Vec<Request>,
    /// Names of content blocks. Each is the hash of its tokens and of all before them, so that equal names mean equal
    /// prefixes; see [`chain`].
    pub hashes: Vec<u64>,
    /// Tokens in a content block; 0 where no content is known.
    pub block: u32,
    /// Priority by class, lower first; classes beyond the list have priority 0.
    pub priorities: Vec<u8>,
}

/// The name of a content block: of its own content, and of the name of the block before it (0 for the first).
pub fn chain(before: u64, content: u64) -> u64 {
    // Two rounds of a 64-bit finalizer (Stafford's variant 13) over both words.
    let mut hash = before ^ 0x9e37_79b9_7f4a_7c15;
    for word in [content, before.rotate_left(32)] {
        hash = hash.wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
    }
    hash
}

/// Names of content blocks, shared by all caches: numbers in order of first use, one for each hash.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub names: Arc<[u32]>,
    /// How many there are.
    pub count: usize,
    pub block: u32,
}

impl Content {
    pub fn new(requests: &Requests) -> Content {
        let mut known: HashMap<u64, u32> = HashMap::new();
        let name = |hash: &u64| {
            let fresh = known.len() as u32;
            *known.entry(*hash).or_insert(fresh)
        };
        let names: Arc<[u32]> = requests.hashes.iter().map(name).collect();
        Content { names, count: known.len(), block: requests.block }
    }
}

const MOST_REQUESTS: usize = 50_000_000;
const LONGEST: u32 = 1 << 30;

impl Requests {
    /// Checks the list by itself.
    ///
    /// # Errors
    /// [`SimError::Setting`] with the field and what it may be.
    pub fn check(&self) -> Result<(), SimError> {
        if !(1..=MOST_REQUESTS).contains(&self.list.len()) {
            return Err(SimError::setting("requests", self.list.len(), "1 to 50000000 requests"));
        }
        let mut last = Time::ZERO;
        for (place, request) in self.list.iter().enumerate() {
            for (field, tokens) in [("request.input", request.input), ("request.output", request.output)] {
                if !(1..=LONGEST).contains(&tokens) {
                    return Err(SimError::setting(field, tokens, "1 to 1073741824 tokens"));
                }
            }
            let (first, count) = request.content;
            if u64::from(first) + u64::from(count) > self.hashes.len() as u64 {
                return Err(SimError::setting("request.content", count, "blocks that are named"));
            }
            match request.after {
                Some(other) if other as usize >= place => {
                    return Err(SimError::setting("request.after", other, "an earlier request"));
                }
                Some(_) => {}
                None if request.arrival < last => {
                    return Err(SimError::setting("request.arrival", request.arrival.seconds(), "ascending times"));
                }
                None => last = request.arrival,
            }
        }
        if self.hashes.len() > u32::MAX as usize {
            return Err(SimError::setting("requests.hashes", self.hashes.len(), "at most 4294967295 content blocks"));
        }
        if self.block == 0 && self.list.iter().any(|request| request.content.1 > 0) {
            return Err(SimError::setting("requests.block", 0, "the tokens of a content block"));
        }
        Ok(())
    }

    /// The requests on their way, each with the rule that routes it.
    pub(crate) fn jobs(&self, rules: &[Rule]) -> Result<Vec<Job>, SimError> {
        let mut jobs: Vec<Job> = Vec::with_capacity(self.list.len());
        for (place, request) in self.list.iter().enumerate() {
            let fits = |rule: &Rule| {
                rule.class.is_none_or(|class| class == request.class)
                    && rule.model.is_none_or(|model| model == request.model)
                    && (rule.input.0..=rule.input.1).contains(&request.input)
            };
            let route = rules.iter().position(fits).unwrap_or(usize::from(u16::MAX));
            let mut job = Job::new(request.input, request.output, 0.0);
            job.arrival = request.arrival;
            (job.content, job.known) = request.content;
            job.class = request.class;
            job.priority = self.priorities.get(usize::from(request.class)).copied().unwrap_or(0);
            job.route = route as u16;
            job.follows = request.after.is_some();
            if let Some(other) = request.after {
                let before = &mut jobs[other as usize];
                if before.next != u32::MAX {
                    return Err(SimError::setting("request.after", other, "an answer on which nothing else follows"));
                }
                before.next = place as u32;
            }
            jobs.push(job);
        }
        Ok(jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_depend_on_all_that_came_before() {
        let name = |contents: &[u64]| contents.iter().fold(0, |before, content| chain(before, *content));
        assert_eq!(name(&[1, 2, 3]), name(&[1, 2, 3]));
        assert_ne!(name(&[1, 2, 3]), name(&[2, 1, 3]));
        assert_ne!(name(&[1, 3]), name(&[2, 3]));
        assert_ne!(chain(0, 0), 0);
    }
}
