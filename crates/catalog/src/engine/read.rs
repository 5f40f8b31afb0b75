//! Reads an engine profile.

use units::{Bytes, Quantity, Seconds};

use super::{
    Admission, CacheRule, Engine, EngineMemory, Features, Gather, HostTimes, Limits, Reserve, Scheduling, Steps,
};
use crate::Fact;
use crate::written::{Diagnostic, Document, Table, Value};

const LARGEST: Bytes = Bytes(1e13);
const LONGEST: Seconds = Seconds(10.0);
const MOST: u64 = 1 << 20;

/// Reads a profile.
pub fn engine(id: &str, file: &str, text: &str) -> Result<Engine, Vec<Diagnostic>> {
    let doc = Document::new(file, text);
    let root = doc.parse();
    let reader = Reader { thing: format!("engines/{id}") };
    let engine = reader.engine(id, Table::root(&doc, &root));
    match engine {
        Some(engine) if doc.is_sound() => Ok(engine),
        _ => Err(doc.into_faults()),
    }
}

struct Reader {
    /// What paths of facts start with.
    thing: String,
}

impl Reader {
    fn engine(&self, id: &str, root: Table) -> Option<Engine> {
        let name = root.need("name", "write the engine's name").and_then(|v| v.text("write a name"));
        let version = root.need("version", "write the versions that the defaults were read from");
        let version = version.and_then(|v| v.text("write a version"));
        let architectures = root.get("architectures").map_or(Some(Vec::new()), |v| names(&v));
        let limits = root.need("limits", "write a table [[limits]]").and_then(|v| v.list("write a table [[limits]]"));
        let limits = limits.and_then(|list| {
            let all: Vec<_> = list.iter().map(|v| self.section(v, |t| self.limits(t))).collect();
            all.into_iter().collect::<Option<Vec<_>>>()
        });
        if let Some(last) = limits.as_ref().and_then(|l| l.last())
            && (!last.architectures.is_empty() || last.from.0 > 0.0)
        {
            root.fault("the last [[limits]] does not fit all chips", "end with one without architectures and from");
        }
        if limits.as_ref().is_some_and(Vec::is_empty) {
            root.fault("has no [[limits]]", "write one");
        }
        let family =
            root.get("family").map_or(Some(id), |v| v.text("name the engine that this is an older version of"));
        let scheduling = self.table(&root, "scheduling", |t| self.scheduling(t));
        let memory = self.table(&root, "memory", |t| self.memory(t));
        let host = self.table(&root, "host", |t| self.host(t));
        let features = self.table(&root, "features", |t| self.features(t));
        root.finish();
        Some(Engine {
            id: id.to_owned(),
            family: family?.to_owned(),
            name: name?.to_owned(),
            version: version?.to_owned(),
            architectures: architectures?,
            limits: limits?,
            scheduling: scheduling?,
            memory: memory?,
            host: host?,
            features: features?,
        })
    }

    fn table<'d, 't, T>(
        &self,
        of: &Table<'d, 't>,
        key: &'static str,
        read: impl Fn(&Table<'d, 't>) -> Option<T>,
    ) -> Option<T> {
        self.section(&of.need(key, &format!("write a table [{key}]"))?, read)
    }

    fn section<'d, 't, T>(&self, value: &Value<'d, 't>, read: impl Fn(&Table<'d, 't>) -> Option<T>) -> Option<T> {
        let table = value.table("write a table")?;
        let found = read(&table);
        table.finish();
        found
    }

    fn limits(&self, t: &Table) -> Option<Limits> {
        let architectures = t.get("architectures").map_or(Some(Vec::new()), |v| names(&v));
        let from = t.get("from").map_or(Some(Bytes::ZERO), |v| v.quantity(Bytes::ZERO, LARGEST));
        let max_seqs = self.count(t, "max_seqs");
        let max_batched_tokens = self.count(t, "max_batched_tokens");
        let graph_seqs = self.count(t, "graph_seqs");
        Some(Limits {
            architectures: architectures?,
            from: from?,
            max_seqs: max_seqs?,
            max_batched_tokens: max_batched_tokens?,
            graph_seqs: graph_seqs?,
        })
    }

    fn scheduling(&self, t: &Table) -> Option<Scheduling> {
        const STEPS: [(&str, Steps); 2] = [("mixed", Steps::Mixed), ("prefill-first", Steps::PrefillFirst)];
        const WAYS: [(&str, Admission); 2] = [("input", Admission::Input), ("whole", Admission::Whole)];
        let steps = self.fact(t, "steps", |v| v.choice(&STEPS));
        let admission = self.fact(t, "admission", |v| match v.as_number() {
            Some(_) => v.number(0.0, 1.0).map(Admission::Expected),
            None => v.choice(&WAYS),
        });
        let chunked_prefill = self.truth(t, "chunked_prefill");
        let overlap = self.truth(t, "overlap");
        let block_size = self.count(t, "block_size");
        let watermark = self.fact(t, "watermark", |v| v.number(0.0, 0.5));
        let gather = t.get("gather").map(|v| {
            self.section(&v, |t| {
                let (share, steps) = (self.fact(t, "share", |v| v.number(0.0, 1.0)), self.count(t, "steps"));
                Some(Gather { share: share?, steps: steps? })
            })
        });
        Some(Scheduling {
            steps: steps?,
            admission: admission?,
            chunked_prefill: chunked_prefill?,
            overlap: overlap?,
            block_size: block_size?,
            watermark: watermark?,
            gather: gather.map_or(Some(None), |g| g.map(Some))?,
        })
    }

    fn memory(&self, t: &Table) -> Option<EngineMemory> {
        let of_total = t.get("of_total").map(|_| self.fact(t, "of_total", |v| v.number(0.1, 1.0)));
        let of_free = t.get("of_free").map(|_| self.fact(t, "of_free", |v| v.number(0.1, 1.0)));
        let reserve = t.get("reserve").map(|v| self.section(&v, |t| self.reserve(t)));
        let context = self.quantity(t, "context", LARGEST);
        let graphs = self.quantity(t, "graphs", LARGEST);
        let cache = match (of_total, of_free, reserve) {
            (Some(share), None, None) => share.map(CacheRule::OfTotal),
            (None, Some(share), None) => share.map(CacheRule::OfFree),
            (None, None, Some(reserve)) => reserve.map(|r| CacheRule::Reserve(Box::new(r))),
            _ => {
                t.fault("says not one rule but none or several", "write one of of_total, of_free and [memory.reserve]");
                None
            }
        };
        Some(EngineMemory { cache: cache?, context: context?, graphs: graphs? })
    }

    fn reserve(&self, t: &Table) -> Option<Reserve> {
        let mut all = ["fixed", "batched_token", "graph_seq", "rank", "dp_graph_seq", "least", "least_above"]
            .map(|key| self.quantity(t, key, LARGEST))
            .into_iter();
        let mut next = || all.next().flatten();
        let (fixed, batched_token, graph_seq) = (next(), next(), next());
        let (rank, dp_graph_seq, least, least_above) = (next(), next(), next(), next());
        Some(Reserve {
            fixed: fixed?,
            batched_token: batched_token?,
            graph_seq: graph_seq?,
            rank: rank?,
            dp_graph_seq: dp_graph_seq?,
            least: least?,
            least_above: least_above?,
        })
    }

    fn host(&self, t: &Table) -> Option<HostTimes> {
        let time = |key| self.quantity(t, key, LONGEST);
        let (step, request, prefill, token) = (time("step"), time("request"), time("prefill"), time("token"));
        let (ingress, egress, launch, gap) = (time("ingress"), time("egress"), time("launch"), time("gap"));
        let (intake, intake_token, stream) = (time("intake"), time("intake_token"), time("stream"));
        let wait = time("wait");
        let (graph_decode, graph_prefill) = (self.truth(t, "graph_decode"), self.truth(t, "graph_prefill"));
        Some(HostTimes {
            step: step?,
            request: request?,
            prefill: prefill?,
            token: token?,
            ingress: ingress?,
            intake: intake?,
            intake_token: intake_token?,
            stream: stream?,
            wait: wait?,
            egress: egress?,
            launch: launch?,
            gap: gap?,
            graph_decode: graph_decode?,
            graph_prefill: graph_prefill?,
        })
    }

    fn features(&self, t: &Table) -> Option<Features> {
        let cache = t.need("cache", "write a list of storage schemes").and_then(|v| {
            let list = v.list("write a list of storage schemes")?;
            let scheme = |v: &Value| {
                let name = v.text("name a storage scheme")?;
                if formats::Scheme::from_name(name).is_none() {
                    v.fault(format!("'{name}' is no storage scheme"), "name one as in a study");
                }
                Some(name.to_owned())
            };
            Some(list.iter().filter_map(scheme).collect())
        });
        let (disaggregation, mtp) = (self.truth(t, "disaggregation"), self.truth(t, "mtp"));
        let fused_norm = self.truth(t, "fused_norm");
        let (attention_dp, expert_parallel) = (self.truth(t, "attention_dp"), self.truth(t, "expert_parallel"));
        let pipeline = self.truth(t, "pipeline");
        Some(Features {
            cache: cache?,
            disaggregation: disaggregation?,
            mtp: mtp?,
            fused_norm: fused_norm?,
            attention_dp: attention_dp?,
            expert_parallel: expert_parallel?,
            pipeline: pipeline?,
        })
    }

    fn truth(&self, t: &Table, key: &'static str) -> Option<Fact<bool>> {
        self.fact(t, key, |v| v.truth())
    }

    fn count(&self, t: &Table, key: &'static str) -> Option<Fact<u32>> {
        self.fact(t, key, |v| v.count(1, MOST).and_then(|n| u32::try_from(n).ok()))
    }

    fn quantity<Q: Quantity>(&self, t: &Table, key: &'static str, high: Q) -> Option<Fact<Q>> {
        self.fact(t, key, |v| v.quantity(Q::new(0.0), high))
    }

    fn fact<T: Copy + PartialOrd>(
        &self,
        of: &Table,
        key: &'static str,
        one: impl Fn(&Value) -> Option<T>,
    ) -> Option<Fact<T>> {
        of.fact(&self.thing, key, one)
    }
}

fn names(value: &Value) -> Option<Vec<String>> {
    let list = value.list("write a list of names")?;
    Some(list.iter().filter_map(|v| v.text("write a name")).map(str::to_owned).collect())
}
