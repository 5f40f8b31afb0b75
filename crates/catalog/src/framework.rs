//! Training frameworks as data: what they can do, what their host costs, and how much of an exchange they hide.
//!
//! A release is a profile of its own where its speed is known to differ: software alone has been worth a factor of 1.8.

use include_dir::{Dir, include_dir};
use units::{Bytes, Seconds};

use crate::Fact;
use crate::written::{Diagnostic, Document, Table, Value};

static FRAMEWORKS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/frameworks");

/// The profile where nothing is known.
pub const GENERIC: &str = "generic";

/// A training framework, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Framework {
    /// `megatron`.
    pub id: String,
    /// "Megatron-LM and Megatron Bridge".
    pub name: String,
    /// Releases that it describes.
    pub version: String,
    /// Architectures that it runs on; empty: any.
    pub architectures: Vec<String>,
    /// Whether it stands for the newest release: older ones are used for measured runs only.
    pub current: bool,
    /// Pipeline schedules by name, as studies write them.
    pub schedules: Vec<String>,
    /// Ways of sharing among replicas by name.
    pub sharding: Vec<String>,
    /// Whether attention keeps no scores.
    pub fused_attention: Fact<bool>,
    /// Whether it has tensor parallelism.
    pub tensor_parallel: Fact<bool>,
    /// Host's time to launch a kernel.
    pub launch: Fact<Seconds>,
    /// What a layer with experts loses each way, however many tokens there are: the host's wait for the numbers of routed
    /// tokens, sorting, many small launches.
    pub routing: Fact<Seconds>,
    /// Host's time in a step.
    pub step: Fact<Seconds>,
    /// Bytes that small operators move over the least.
    pub small: Fact<f64>,
    /// Time of products of many experts over that of one product of their size.
    pub grouped: Fact<f64>,
    /// Time of all operators over the chip's: what a younger or older release loses.
    pub maturity: Fact<f64>,
    /// Time of attention over that of the chip's best kernels.
    pub attention: Fact<f64>,
    /// Time of an operation of attention backward over one forward.
    pub attention_backward: Fact<f64>,
    /// Share of exchanges that hides, of tensor, context and expert parallelism, of paired passes, of replicas, between
    /// stages.
    pub overlap: [Fact<f64>; 6],
    /// Share of a hidden exchange's time that what hides it takes longer.
    pub contention: Fact<f64>,
    /// Time of exchanges over that of the curves.
    pub network: Fact<f64>,
    /// Whether shards of a layer are gathered together; else weight by weight.
    pub gathers_layers: Fact<bool>,
    /// Whether selective recomputation computes every other product again, and all between products; else only what is cheap
    /// for the memory it takes.
    pub recomputes_products: Fact<bool>,
    /// Bytes that a logit takes at the fullest moment of the loss: its own, of copies in 32 bits, and of their gradient.
    pub logits: Fact<f64>,
    /// Memory that it keeps: context, allocator, exchanges' buffers.
    pub reserved: Fact<Bytes>,
}

/// Keys of [`Framework::overlap`] in files.
pub const OVERLAPS: [&str; 6] = ["tensor", "context", "expert", "paired", "data", "pipeline"];

impl Framework {
    /// Names of the built-in profiles, sorted.
    pub fn names() -> Vec<&'static str> {
        let stem = |path: &'static std::path::Path| path.file_stem().and_then(|s| s.to_str());
        let mut names: Vec<_> = FRAMEWORKS.files().filter_map(|f| stem(f.path())).collect();
        names.sort_unstable();
        names
    }

    /// A built-in profile.
    ///
    /// # Errors
    /// No such profile, or what is wrong with its file.
    pub fn load(name: &str) -> Result<Framework, Vec<Diagnostic>> {
        let file = format!("frameworks/{name}.toml");
        match FRAMEWORKS.get_file(format!("{name}.toml")).and_then(|f| f.contents_utf8()) {
            Some(text) => Framework::parse(name, &file, text),
            None => {
                let message = format!("there is no framework profile '{name}'");
                let remedy = format!("known: {}", Framework::names().join(", "));
                Err(vec![Diagnostic::of_file(file, message, remedy)])
            }
        }
    }

    /// A profile from the text of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(id: &str, file: &str, text: &str) -> Result<Framework, Vec<Diagnostic>> {
        let doc = Document::new(file, text);
        let root = doc.parse();
        let found = read(id, Table::root(&doc, &root));
        match found {
            Some(found) if doc.is_sound() => Ok(found),
            _ => Err(doc.into_faults()),
        }
    }

    /// Whether it runs on `architecture`.
    pub fn runs_on(&self, architecture: &str) -> bool {
        self.architectures.iter().any(|a| a == architecture)
    }
}

/// The current profiles that run on `architecture`, sorted by name; the generic one where none does.
///
/// # Errors
/// What is wrong with a profile's file.
pub fn frameworks_for(architecture: &str) -> Result<Vec<Framework>, Vec<Diagnostic>> {
    let all: Vec<Framework> = Framework::names().into_iter().map(Framework::load).collect::<Result<_, _>>()?;
    let able: Vec<Framework> = all.iter().filter(|f| f.current && f.runs_on(architecture)).cloned().collect();
    Ok(if able.is_empty() { all.into_iter().filter(|f| f.id == GENERIC).collect() } else { able })
}

fn read(id: &str, root: Table) -> Option<Framework> {
    let thing = format!("frameworks/{id}");
    let text = |key| root.need(key, "write a text").and_then(|v| v.text("write a text")).map(str::to_owned);
    let (name, version) = (text("name"), text("version"));
    let architectures = root.get("architectures").map_or(Some(Vec::new()), |v| names(&v));
    let current = root.get("current").map_or(Some(true), |v| v.truth());
    let schedules = root.need("schedules", "write a list of schedules").and_then(|v| names(&v));
    let sharding = root.need("sharding", "write a list of ways of sharding").and_then(|v| names(&v));
    let number = |of: &Table, key, low: f64, high: f64| of.fact(&thing, key, |v: &Value| v.number(low, high));
    let truth = |key| root.fact(&thing, key, |v: &Value| v.truth());
    let (fused_attention, tensor_parallel) = (truth("fused_attention"), truth("tensor_parallel"));
    let recomputes_products = truth("recomputes_products");
    let (gathers_layers, logits) = (truth("gathers_layers"), number(&root, "logits", 2.0, 32.0));
    let launch = root.fact(&thing, "launch", |v| v.quantity(Seconds(0.0), Seconds(1e-3)));
    let routing = root.fact(&thing, "routing", |v| v.quantity(Seconds(0.0), Seconds(1.0)));
    let step = root.fact(&thing, "step", |v| v.quantity(Seconds(0.0), Seconds(10.0)));
    let reserved = root.fact(&thing, "reserved", |v| v.quantity(Bytes(0.0), Bytes(1e12)));
    let factor = |key| number(&root, key, 0.2, 20.0);
    let (small, grouped, maturity) = (factor("small"), factor("grouped"), factor("maturity"));
    let (attention, attention_backward, network) =
        (factor("attention"), factor("attention_backward"), factor("network"));
    let contention = number(&root, "contention", 0.0, 1.0);
    let overlap = root.need("overlap", "write a table [overlap]").and_then(|v| v.table("write a table [overlap]"));
    let overlap = overlap.and_then(|table| {
        let found: Vec<_> = OVERLAPS.iter().map(|key| number(&table, key, 0.0, 1.0)).collect();
        table.finish();
        <[Fact<f64>; 6]>::try_from(found.into_iter().collect::<Option<Vec<_>>>()?).ok()
    });
    root.finish();
    Some(Framework {
        id: id.to_owned(),
        name: name?,
        version: version?,
        architectures: architectures?,
        current: current?,
        schedules: schedules?,
        sharding: sharding?,
        fused_attention: fused_attention?,
        tensor_parallel: tensor_parallel?,
        launch: launch?,
        routing: routing?,
        step: step?,
        small: small?,
        grouped: grouped?,
        maturity: maturity?,
        attention: attention?,
        attention_backward: attention_backward?,
        overlap: overlap?,
        contention: contention?,
        network: network?,
        gathers_layers: gathers_layers?,
        recomputes_products: recomputes_products?,
        logits: logits?,
        reserved: reserved?,
    })
}

fn names(value: &Value) -> Option<Vec<String>> {
    let list = value.list("write a list of names")?;
    Some(list.iter().filter_map(|v| v.text("write a name")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_sound_and_its_sources_are_listed() {
        let sources = crate::Catalog::embedded().sources;
        for name in Framework::names() {
            let found = Framework::load(name).unwrap_or_else(|faults| panic!("{}", faults[0]));
            assert!(!found.schedules.is_empty() && !found.sharding.is_empty(), "{name}");
        }
        for text in FRAMEWORKS.files().filter_map(|f| f.contents_utf8()) {
            for key in text.split("source = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(sources.contains_key(key), "{key}");
            }
        }
    }

    #[test]
    fn chips_find_their_frameworks() {
        let names = |a: &str| frameworks_for(a).expect("sound").into_iter().map(|f| f.id).collect::<Vec<_>>();
        assert_eq!(names("hopper"), ["megatron", "torchtitan"]);
        assert_eq!(names("tpu-7x"), ["maxtext"]);
        assert_eq!(names("davinci-3"), ["mindspeed"]);
        assert_eq!(names("somebody's"), ["generic"]);
    }

    #[test]
    fn faults_name_their_place() {
        let faults = Framework::parse("x", "x.toml", "name = \"x\"\nlaunch = 3\n").expect_err("unsound");
        let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|f| f.starts_with("x.toml:2:10: launch")), "{found:#?}");
    }
}
