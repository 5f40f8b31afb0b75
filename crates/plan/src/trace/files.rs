//! Finds the files of a trace, one a rank, and the process groups beside them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sim::chakra::{ChakraError, Communication, Limits, Trace, read};
use thiserror::Error;

/// Most ranks of a trace.
const MOST_RANKS: usize = 1 << 16;
/// Most nodes of all files together.
const MOST_NODES: u64 = 20_000_000;
/// Most bytes of a file of groups.
const MOST_GROUPS: u64 = 64 << 20;

/// Where process groups stand, in the folder of the traces.
pub const GROUPS_FILE: &str = "groups.json";

/// Traces of ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// What was opened, for people.
    pub name: String,
    /// Traces, each of one rank or of several that do the same.
    pub traces: Vec<Trace>,
    /// Trace of each rank, by place in `traces`.
    pub of: Vec<u32>,
    /// Ranks of each process group.
    pub groups: BTreeMap<String, Vec<u32>>,
}

/// Why there are no traces.
#[derive(Debug, Error)]
pub enum TraceError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing has this name.
    #[error("{path}: there is no such file or folder, and no files {path}.RANK.et")]
    Missing {
        /// Which.
        path: String,
    },
    /// A file is no trace.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: ChakraError,
    },
    /// Nothing is there.
    #[error("{path}: no traces; they are named PREFIX.RANK.et, as in step.0.et")]
    None {
        /// Where.
        path: String,
    },
    /// Several in one folder.
    #[error("{path}: traces of several prefixes ({prefixes}); name one, as in {path}/{first}")]
    Several {
        /// Where.
        path: String,
        /// Some of them.
        prefixes: String,
        /// The first.
        first: String,
    },
    /// A rank is missing, or there twice.
    #[error("{path}: {what}; ranks go from 0 on, one file each")]
    Ranks {
        /// Where.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The file of groups is wrong.
    #[error("{path}: {reason}; write {{\"NAME\": [0, 1, 2, 3], ...}}, the ranks of each process group")]
    Groups {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl Traces {
    /// One trace for `ranks` ranks that all do the same.
    ///
    /// # Errors
    /// More than one trace, or no rank.
    pub fn stand_for(mut self, ranks: u32) -> Result<Traces, TraceError> {
        let wrong = |what: String| TraceError::Ranks { path: self.name.clone(), what };
        if self.of.len() > 1 {
            return Err(wrong(format!("holds {} ranks, so one cannot stand for {ranks}", self.of.len())));
        }
        if ranks == 0 || ranks as usize > MOST_RANKS {
            return Err(wrong(format!("from 1 to {MOST_RANKS} ranks, not {ranks}")));
        }
        self.of = vec![0; ranks as usize];
        Ok(self)
    }
}

/// Opens a file, the folder of all ranks, or `FOLDER/PREFIX` where a folder holds several. Process groups are those of
/// `groups`, or else of a file `groups.json` in the folder.
///
/// # Errors
/// [`TraceError`]: what is wrong with which file.
pub fn open(path: &Path, groups: Option<&Path>) -> Result<Traces, TraceError> {
    let name = path.display().to_string();
    let (folder, files) = if path.is_file() { (path.parent(), vec![path.to_owned()]) } else { ranks(path)? };
    let mut nodes = MOST_NODES;
    let mut found = Traces { name, traces: Vec::new(), of: Vec::new(), groups: BTreeMap::new() };
    for file in &files {
        let limits = Limits::default();
        let limits = Limits { nodes: limits.nodes.min(nodes), ..limits };
        let of_file = |source| TraceError::File { path: file.display().to_string(), source };
        let opened = File::open(file).map_err(|e| of_file(e.into()))?;
        let trace = read(opened, limits).map_err(of_file)?;
        nodes -= trace.nodes.len() as u64;
        // Ranks that do the same are kept once; messages say who sends, so that they are never the same.
        let messages = trace.nodes.iter().any(|n| matches!(n.communication, Some(Communication::Point { .. })));
        if messages || found.traces.last() != Some(&trace) {
            found.traces.push(trace);
        }
        found.of.push(found.traces.len() as u32 - 1);
    }
    let beside = folder.map(|f| f.join(GROUPS_FILE)).filter(|f| f.is_file());
    if let Some(file) = groups.map(Path::to_owned).or(beside) {
        found.groups = read_groups(&file)?;
    }
    Ok(found)
}

/// The folder of a trace and its files in order of their ranks.
fn ranks(path: &Path) -> Result<(Option<&Path>, Vec<PathBuf>), TraceError> {
    let name = || path.display().to_string();
    let (folder, wanted) = match path.is_dir() {
        true => (path, None),
        false => {
            let folder = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
            (folder.unwrap_or(path), path.file_name().map(|n| n.to_string_lossy().into_owned()))
        }
    };
    let io = |source| TraceError::Io { path: name(), source };
    if wanted.is_some() && !folder.is_dir() {
        return Err(TraceError::Missing { path: name() });
    }
    let mut by_prefix: BTreeMap<String, BTreeMap<u32, PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?.path();
        let Some((prefix, rank)) = entry.file_name().and_then(|n| n.to_str()).and_then(parse) else { continue };
        let prefix = prefix.to_owned();
        if wanted.as_ref().is_some_and(|w| *w != prefix) {
            continue;
        }
        if let Some(other) = by_prefix.entry(prefix).or_default().insert(rank, entry) {
            return Err(TraceError::Ranks {
                path: name(),
                what: format!("rank {rank} is there twice: {}", other.display()),
            });
        }
    }
    if by_prefix.len() > 1 {
        let prefixes: Vec<&str> = by_prefix.keys().take(5).map(String::as_str).collect();
        let first = prefixes[0].to_owned();
        return Err(TraceError::Several { path: name(), prefixes: prefixes.join(", "), first });
    }
    let Some((_, files)) = by_prefix.pop_first() else {
        let path = name();
        return Err(if wanted.is_some() { TraceError::Missing { path } } else { TraceError::None { path } });
    };
    if files.len() > MOST_RANKS {
        return Err(TraceError::Ranks {
            path: name(),
            what: format!("{} ranks; at most {MOST_RANKS} are read", files.len()),
        });
    }
    if let Some((missing, _)) = (0u32..).zip(files.keys()).find(|(at, rank)| at != *rank) {
        return Err(TraceError::Ranks { path: name(), what: format!("rank {missing} is missing") });
    }
    Ok((Some(folder), files.into_values().collect()))
}

/// `PREFIX.RANK.et`, packed or not.
fn parse(name: &str) -> Option<(&str, u32)> {
    let (prefix, rank) = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".et")?.rsplit_once('.')?;
    Some((prefix, rank.parse().ok()?))
}

fn read_groups(path: &Path) -> Result<BTreeMap<String, Vec<u32>>, TraceError> {
    let name = || path.display().to_string();
    let io = |source| TraceError::Io { path: name(), source };
    let wrong = |reason: String| TraceError::Groups { path: name(), reason };
    let mut text = Vec::new();
    File::open(path).map_err(io)?.take(MOST_GROUPS + 1).read_to_end(&mut text).map_err(io)?;
    if text.len() as u64 > MOST_GROUPS {
        return Err(wrong(format!("larger than {MOST_GROUPS} bytes")));
    }
    let groups: BTreeMap<String, Vec<u32>> = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    for (group, ranks) in &groups {
        let mut sorted = ranks.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(wrong(format!("group '{group}' names rank {} twice", twice[0])));
        }
    }
    Ok(groups)
}
