//! Lists of modules, as the tools write them: names, names with `*`, or `re:` and a regular expression.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Patterns of module names. Those that name a layer by number are kept by number, so that matching does not walk lists
/// of hundreds of names for each layer.
#[derive(Debug, Default)]
pub struct Exclusions {
    any: Vec<String>,
    layer: BTreeMap<usize, Vec<String>>,
    /// Answers of `any`, which do not depend on the layer's number.
    known: RefCell<BTreeMap<String, bool>>,
    notes: Vec<String>,
}

/// Alternatives that a regular expression may stand for at most.
const MAX_ALTERNATIVES: usize = 64;
/// Patterns that are followed. The longest real list, which names every expert, has 45,000.
const MAX_PATTERNS: usize = 200_000;

impl Exclusions {
    /// Reads patterns. Those of other modalities and of MTP modules are set aside; so are, with a note, regular
    /// expressions beyond `.*`, escapes and one level of alternatives.
    pub fn new(patterns: &[&str]) -> Exclusions {
        let mut out = Exclusions::default();
        if patterns.len() > MAX_PATTERNS {
            out.notes.push(format!("only {MAX_PATTERNS} patterns of the quantization are followed"));
        }
        for pattern in patterns.iter().take(MAX_PATTERNS) {
            let plain = match pattern.strip_prefix("re:") {
                None => vec![(*pattern).to_owned()],
                Some(regex) => match globs(regex) {
                    Some(globs) => globs,
                    None => {
                        out.notes.push(format!("pattern `{pattern}` of the quantization is not followed"));
                        continue;
                    }
                },
            };
            plain.into_iter().for_each(|pattern| out.insert(pattern));
        }
        out.any.sort_unstable();
        out.any.dedup();
        out
    }

    /// Patterns that could not be followed.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn insert(&mut self, pattern: String) {
        let other = |part: &str| part.starts_with("mtp") || part.starts_with("vision") || part.starts_with("visual");
        if pattern.split('.').any(other) {
            return;
        }
        let Some((_, rest)) = pattern.split_once("layers.") else { return self.any.push(pattern) };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        match number.parse() {
            // `layers.3`, `layers.3*` and `layers.3.*` are the whole layer.
            Ok(layer) => {
                let rest = rest.trim_start_matches('.');
                let rest = if rest.is_empty() { "*" } else { rest };
                self.layer.entry(layer).or_default().push(rest.to_owned());
            }
            // What stands before the layers differs between a checkpoint and the program that reads it.
            Err(_) => self.any.push(format!("layers.{number}{rest}")),
        }
    }

    /// Whether a module of layer `index` is named, by any of its spellings inside the layer (`self_attn.o_proj`).
    pub fn matches(&self, index: usize, module: &[&str]) -> bool {
        let numbered = self.layer.get(&index).map_or(&[][..], Vec::as_slice);
        module.iter().any(|name| numbered.iter().any(|pattern| within(pattern, name)) || self.named_anywhere(name))
    }

    fn named_anywhere(&self, name: &str) -> bool {
        if let Some(&known) = self.known.borrow().get(name) {
            return known;
        }
        let whole = format!("model.layers.0.{name}");
        let named = self.any.iter().any(|pattern| within(pattern, &whole));
        self.known.borrow_mut().insert(name.to_owned(), named);
        named
    }
}

/// Whether `pattern` fits a run of whole components of `name`: `gate` fits `mlp.gate`, not `mlp.gate_proj`.
fn within(pattern: &str, name: &str) -> bool {
    let starts = std::iter::once(0).chain(name.match_indices('.').map(|(i, _)| i + 1));
    let ends = || name.match_indices('.').map(|(i, _)| i).chain(std::iter::once(name.len()));
    starts.into_iter().any(|start| {
        ends().filter(|&end| end > start).any(|end| name.get(start..end).is_some_and(|run| glob(pattern, run)))
    })
}

/// Whether `pattern` with `*` for any text fits all of `text`.
fn glob(pattern: &str, text: &str) -> bool {
    let (p, t) = (pattern.as_bytes(), text.as_bytes());
    let (mut i, mut j) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while j < t.len() {
        if i < p.len() && p[i] == b'*' {
            star = Some((i, j));
            i += 1;
        } else if i < p.len() && p[i] == t[j] {
            i += 1;
            j += 1;
        } else if let Some((at, from)) = star {
            // Let the last star take one byte more.
            star = Some((at, from + 1));
            i = at + 1;
            j = from + 1;
        } else {
            return false;
        }
    }
    p[i..].iter().all(|&c| c == b'*')
}

/// Patterns with `*` for a simple regular expression, which is anchored at its start and open at its end.
fn globs(regex: &str) -> Option<Vec<String>> {
    let mut out = vec![String::new()];
    let mut rest = regex.trim_start_matches('^');
    let push = |out: &mut Vec<String>, text: &str| out.iter_mut().for_each(|o| o.push_str(text));
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(".*") {
            push(&mut out, "*");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\.") {
            push(&mut out, ".");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\d+") {
            push(&mut out, "*");
            rest = after;
        } else if rest == "$" {
            return Some(out);
        } else if let Some(after) = rest.strip_prefix('(') {
            let (inside, after) = after.split_once(')')?;
            let choices: Vec<&str> = inside.trim_start_matches("?:").split('|').collect();
            let plain = |choice: &&str| choice.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !choices.iter().all(plain) || out.len() * choices.len() > MAX_ALTERNATIVES {
                return None;
            }
            out = out.iter().flat_map(|o| choices.iter().map(move |choice| format!("{o}{choice}"))).collect();
            rest = after;
        } else if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
            push(&mut out, c.encode_utf8(&mut [0; 4]));
            rest = rest.get(1..)?;
        } else {
            return None;
        }
    }
    push(&mut out, "*");
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whole_components() {
        let excluded = Exclusions::new(&["gate", "lm_head", "model.layers.*.self_attn", "model.layers.12*"]);
        assert!(excluded.matches(0, &["mlp.gate"]));
        assert!(!excluded.matches(0, &["mlp.gate_proj"]));
        assert!(excluded.matches(3, &["self_attn.q_proj"]));
        assert!(excluded.matches(12, &["mlp.down_proj"]));
        assert!(!excluded.matches(1, &["mlp.down_proj"]));
    }

    #[test]
    fn simple_regular_expressions_are_followed() {
        let excluded = Exclusions::new(&["re:.*self_attn.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"]);
        assert!(excluded.matches(7, &["self_attn.o_proj"]));
        assert!(excluded.matches(7, &["mlp.down_proj"]));
        assert!(!excluded.matches(7, &["mlp.experts.0.down_proj"]));
        let mut strange = Exclusions::new(&["re:a{2}[bc]+"]);
        assert_eq!(strange.notes().len(), 1);
    }

    #[test]
    fn other_modules_are_set_aside() {
        let excluded = Exclusions::new(&["mtp.layers.0*", "model.visual*", "vision_tower*"]);
        assert!(!excluded.matches(0, &["self_attn.q_proj"]));
    }
}
