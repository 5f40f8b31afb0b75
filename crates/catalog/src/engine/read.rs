//! Reads an engine profile.

use units::{Bytes, Quantity, Seconds};

use super::{
    Admission, CacheRule, Engine, EngineMemory, Features, FrontEnds, Gather, HostTimes, Limits, Reserve, Scheduling,
    Steps,
};
use crate::Fact;
use crate::facts::Sources;
use crate::written::{Diagnostic, Document, Table, Value, nearest, short};

const LARGEST: Bytes = Bytes(1e13);
const LONGEST: Seconds = Seconds(10.0);
const MOST: u64 = 1 << 20;

/// Reads a profile.
pub fn engine(
    id: &str,
    file: &str,
    text: &str,
    base: Option<&Engine>,
    sources: Option<&Sources>,
) -> Result<Engine, Vec<Diagnostic>> {
    let doc = Document::new(file, text);
    let root = doc.parse();
    let reader = Reader { thing: format!("engines/{id}"), base, sources };
    let engine = reader.engine(id, Table::root(&doc, &root));
    match engine {
        Some(engine) if doc.is_sound() => Ok(engine),
        _ => Err(doc.into_faults()),
    }
}

struct Reader<'a> {
    /// What paths of facts start with.
    thing: String,
    /// What holds where nothing is written.
    base: Option<&'a Engine>,
    /// Keys of sources that may be named.
    sources: Option<&'a Sources>,
}

impl Reader<'_> {
    /// What the base says of a key that is not written.
    fn kept<T: Clone>(&self, of: &Table, key: &'static str, part: impl Fn(&Engine) -> &T) -> Option<T> {
        if of.get(key).is_some() { None } else { self.base.map(|b| part(b).clone()) }
    }

    fn text(&self, root: &Table, key: &'static str, remedy: &str, part: impl Fn(&Engine) -> &String) -> Option<String> {
        let written = || root.need(key, remedy).and_then(|v| v.text(remedy)).map(str::to_owned);
        self.kept(root, key, part).or_else(written)
    }

    fn engine(&self, id: &str, root: Table) -> Option<Engine> {
        let name = self.text(&root, "name", "write the engine's name", |b| &b.name);
        let version =
            self.text(&root, "version", "write the versions that the defaults were read from", |b| &b.version);
        let kept = self.kept(&root, "architectures", |b| &b.architectures);
        let architectures = kept.or_else(|| root.get("architectures").map_or(Some(Vec::new()), |v| names(&v)));
        let limits = self.kept(&root, "limits", |b| &b.limits).or_else(|| {
            const REMEDY: &str = "write a table [[limits]]";
            let list = root.need("limits", REMEDY).and_then(|v| v.list(REMEDY))?;
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
        let family = self.kept(&root, "family", |b| &b.family).or_else(|| {
            let own = || Some(id.to_owned());
            let written = root.get("family");
            written.map_or_else(own, |v| v.text("name the engine that this is an older version of").map(str::to_owned))
        });
        let scheduling = self.kept(&root, "scheduling", |b| &b.scheduling);
        let scheduling = scheduling.or_else(|| self.table(&root, "scheduling", |t| self.scheduling(t)));
        let memory = self.kept(&root, "memory", |b| &b.memory);
        let memory = memory.or_else(|| self.table(&root, "memory", |t| self.memory(t)));
        let host = self.kept(&root, "host", |b| &b.host);
        let host = host.or_else(|| self.table(&root, "host", |t| self.host(t)));
        let features = self.kept(&root, "features", |b| &b.features);
        let features = features.or_else(|| self.table(&root, "features", |t| self.features(t)));
        root.finish();
        Some(Engine {
            id: id.to_owned(),
            family: family?,
            name: name?,
            version: version?,
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
        let max_seqs = self.count(t, "max_seqs", None);
        let max_batched_tokens = self.count(t, "max_batched_tokens", None);
        let graph_seqs = self.count(t, "graph_seqs", None);
        Some(Limits {
            architectures: architectures?,
            from: from?,
            max_seqs: max_seqs?,
            max_batched_tokens: max_batched_tokens?,
            graph_seqs: graph_seqs?,
        })
    }

    fn scheduling(&self, t: &Table) -> Option<Scheduling> {
        const WAYS: [(&str, Admission); 2] = [("input", Admission::Input), ("whole", Admission::Whole)];
        let steps = self.fact(t, "steps", Some(|b| &b.scheduling.steps), |v| v.choice(&Steps::ALL));
        let admission = self.fact(t, "admission", Some(|b| &b.scheduling.admission), |v| match v.as_number() {
            Some(_) => v.number(0.0, 1.0).map(Admission::Expected),
            None => v.choice(&WAYS),
        });
        let chunked_prefill = self.truth(t, "chunked_prefill", |b| &b.scheduling.chunked_prefill);
        let overlap = self.truth(t, "overlap", |b| &b.scheduling.overlap);
        let block_size = self.count(t, "block_size", Some(|b| &b.scheduling.block_size));
        let watermark = self.fact(t, "watermark", Some(|b| &b.scheduling.watermark), |v| v.number(0.0, 0.5));
        let gather = t.get("gather").map(|v| {
            self.section(&v, |t| {
                let share = self.fact(t, "share", None, |v| v.number(0.0, 1.0));
                let steps = self.count(t, "steps", None);
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
        let of_total = t.get("of_total").map(|_| self.fact(t, "of_total", None, |v| v.number(0.1, 1.0)));
        let of_free = t.get("of_free").map(|_| self.fact(t, "of_free", None, |v| v.number(0.1, 1.0)));
        let reserve = t.get("reserve").map(|v| self.section(&v, |t| self.reserve(t)));
        let context = self.quantity(t, "context", LARGEST, Some(|b| &b.memory.context));
        let graphs = self.quantity(t, "graphs", LARGEST, Some(|b| &b.memory.graphs));
        let cache = match (of_total, of_free, reserve) {
            (Some(share), None, None) => share.map(CacheRule::OfTotal),
            (None, Some(share), None) => share.map(CacheRule::OfFree),
            (None, None, Some(reserve)) => reserve.map(|r| CacheRule::Reserve(Box::new(r))),
            (None, None, None) if self.base.is_some() => self.base.map(|b| b.memory.cache.clone()),
            _ => {
                t.fault("says not one rule but none or several", "write one of of_total, of_free and [memory.reserve]");
                None
            }
        };
        Some(EngineMemory { cache: cache?, context: context?, graphs: graphs? })
    }

    fn reserve(&self, t: &Table) -> Option<Reserve> {
        let mut all = ["fixed", "batched_token", "graph_seq", "rank", "dp_graph_seq", "least", "least_above"]
            .map(|key| self.quantity(t, key, LARGEST, None))
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
        macro_rules! time {
            ($name:ident) => {
                self.quantity(t, stringify!($name), LONGEST, Some(|b: &Engine| &b.host.$name))
            };
        }
        let (step, request, prefill, token) = (time!(step), time!(request), time!(prefill), time!(token));
        let (ingress, egress, launch, gap) = (time!(ingress), time!(egress), time!(launch), time!(gap));
        let (intake, intake_token, stream) = (time!(intake), time!(intake_token), time!(stream));
        let wait = time!(wait);
        let graph_decode = self.truth(t, "graph_decode", |b| &b.host.graph_decode);
        let graph_prefill = self.truth(t, "graph_prefill", |b| &b.host.graph_prefill);
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
        let cache = self.kept(t, "cache", |b| &b.features.cache);
        let cache = cache.or_else(|| {
            let v = t.need("cache", "write a list of storage schemes")?;
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
        macro_rules! can {
            ($name:ident) => {
                self.truth(t, stringify!($name), |b| &b.features.$name)
            };
        }
        let (disaggregation, mtp, fused_norm) = (can!(disaggregation), can!(mtp), can!(fused_norm));
        let (attention_dp, expert_parallel) = (can!(attention_dp), can!(expert_parallel));
        let (redundant_experts, pipeline) = (can!(redundant_experts), can!(pipeline));
        const FRONT_ENDS: [(&str, FrontEnds); 2] = [("replica", FrontEnds::Replica), ("rank", FrontEnds::Rank)];
        let front_ends = self.fact(t, "front_ends", Some(|b| &b.features.front_ends), |v| v.choice(&FRONT_ENDS));
        Some(Features {
            cache: cache?,
            disaggregation: disaggregation?,
            mtp: mtp?,
            fused_norm: fused_norm?,
            attention_dp: attention_dp?,
            expert_parallel: expert_parallel?,
            redundant_experts: redundant_experts?,
            front_ends: front_ends?,
            pipeline: pipeline?,
        })
    }

    fn truth(&self, t: &Table, key: &'static str, part: Part<bool>) -> Option<Fact<bool>> {
        self.fact(t, key, Some(part), |v| v.truth())
    }

    fn count(&self, t: &Table, key: &'static str, part: Option<Part<u32>>) -> Option<Fact<u32>> {
        self.fact(t, key, part, |v| v.count(1, MOST).and_then(|n| u32::try_from(n).ok()))
    }

    fn quantity<Q: Quantity>(&self, t: &Table, key: &'static str, high: Q, part: Option<Part<Q>>) -> Option<Fact<Q>> {
        self.fact(t, key, part, |v| v.quantity(Q::new(0.0), high))
    }

    /// A fact, or the base's `part` where it is not written.
    fn fact<T: Copy + PartialOrd>(
        &self,
        of: &Table,
        key: &'static str,
        part: Option<Part<T>>,
        one: impl Fn(&Value) -> Option<T>,
    ) -> Option<Fact<T>> {
        if let Some(kept) = part.and_then(|part| self.kept(of, key, part)) {
            return Some(kept);
        }
        let source = of.get(key).and_then(|v| v.as_table()).and_then(|t| t.get("source"));
        let name = source.as_ref().and_then(Value::as_text);
        if let (Some(sources), Some(source), Some(name)) = (self.sources, &source, name)
            && !sources.contains(name)
        {
            let help = nearest(name, sources.iter().map(String::as_str));
            let help = help.map_or("add it to sources.toml".to_owned(), |n| format!("did you mean '{n}'?"));
            source.fault(format!("'{}' is not in sources.toml", short(name)), help);
        }
        of.fact(&self.thing, key, one)
    }
}

/// Where a fact is in a profile.
type Part<T> = fn(&Engine) -> &Fact<T>;

fn names(value: &Value) -> Option<Vec<String>> {
    let list = value.list("write a list of names")?;
    Some(list.iter().filter_map(|v| v.text("write a name")).map(str::to_owned).collect())
}
