//! Reads a plan's question: every fault at once, with line, column and what would be right.

use std::path::Path;

use catalog::written::{Document, Table, Value, nearest, short};
use catalog::{Catalog, Diagnostic, Fact, Region};
use units::{Quantity, Range, Seconds};

use super::quarter::{DAYS, Quarter};
use super::question::{AGAINST, Against, Finance, GOALS, Goal, Offer, Question, Remark, Stack};
use crate::findings::FactUse;
use crate::study::{Library, sections};

mod amount;
mod further;
mod offers;
mod scenarios;
mod sites;
#[cfg(test)]
mod tests;
mod works;

/// Most quarters of a plan: ten years.
const MOST_QUARTERS: u64 = 40;
/// Most things of one kind.
const MOST_THINGS: usize = 200;

/// What reading needs at every turn.
pub(super) struct Reader<'a> {
    pub library: Library<'a>,
    pub folder: Option<&'a Path>,
    pub regions: &'a [Region],
    pub start: Quarter,
    pub quarters: usize,
    pub facts: std::cell::RefCell<Vec<FactUse>>,
}

/// Reads a question from a file. Files that it names are looked for beside it.
///
/// # Errors
/// All that is wrong with the file and the files that it names.
pub fn read(path: &Path, library: Library) -> Result<Question, Vec<Diagnostic>> {
    sections::from_file(path, |name, text, folder| check(name, text, folder, library))
}

/// Checks the text of a question. `name` is what faults call the file.
///
/// # Errors
/// All that is wrong, in order of place.
pub fn check(name: &str, text: &str, folder: Option<&Path>, library: Library) -> Result<Question, Vec<Diagnostic>> {
    let regions = &library.catalog.regions;
    sections::walk(name, text, |doc, root| question(doc, root, name, folder, library, regions))
}

fn question(
    doc: &Document,
    root: Table,
    name: &str,
    folder: Option<&Path>,
    library: Library,
    regions: &[Region],
) -> Option<Question> {
    let title = sections::title(&root, name);
    let start = root.need("start", "write the first quarter, as in start = \"2026-Q4\"").and_then(|v| quarter(&v));
    let quarters = root.need("quarters", "write how many quarters are planned");
    let quarters = quarters.and_then(|v| v.count(1, MOST_QUARTERS)).map(|n| n as usize);
    let decided = root.get("decided").map_or(Some(1), |v| v.count(0, MOST_QUARTERS));
    // Later faults are told even where the time is wrong: against a span of one quarter.
    let reader = Reader {
        library,
        folder,
        regions,
        start: start.or(Quarter::parse("2026-Q1"))?,
        quarters: quarters.unwrap_or(1),
        facts: Default::default(),
    };
    let objective = root.need("objective", "write a table [objective] with best = \"least cost\"");
    let objective = objective.and_then(|v| reader.objective(&v));
    let money = "write [money] with interest = \"5 %\", resale = [0.2, 0.8] and utilisation = \"60 %\"";
    let finance = root.need("money", money).and_then(|v| reader.finance(&v));
    let sites = reader.things(&root, "site", false, |r, t| r.site(t));
    let stacks = reader.things(&root, "stack", false, |r, t| r.stack(t));
    let works = reader.things(&root, "work", true, |r, t| r.work(t));
    let [site_names, stack_names, work_names, offer_names] =
        ["site", "stack", "work", "offer"].map(|k| names(&root, k));
    let known = offers::Known { sites: &sites, site_names: &site_names, stack_names: &stack_names };
    let offers = reader.things(&root, "offer", true, |r, t| r.offer(t, &known));
    let things = scenarios::Things {
        offers: &offers,
        offer_names: &offer_names,
        site_names: &site_names,
        work_names: &work_names,
    };
    let scenarios = reader.scenarios(&root, &things);
    let further = reader.further(root.get("sensitivity"), &offer_names);
    let build = |known: &Reader| {
        let (goal, against, budget) = objective?;
        let remarks = remarks(known.catalog(), &stacks, &offers);
        Some(Question {
            title: title?,
            start: start?,
            quarters: quarters?,
            decided: decided? as usize,
            goal,
            against,
            budget,
            finance: finance?,
            sites,
            stacks,
            work: works,
            offers,
            scenarios: scenarios?,
            further: further?,
            facts: known.facts.take(),
            remarks,
        })
    };
    let question = build(&reader);
    if let Some(question) = &question {
        checks(&root, question);
    }
    root.finish();
    question.filter(|_| doc.is_sound())
}

/// What the catalog says of stacks and of the supply of chips.
fn remarks(catalog: &Catalog, stacks: &[Stack], offers: &[Offer]) -> Vec<Remark> {
    let title = |source: &str| catalog.sources.get(source).map_or(source.to_owned(), |s| s.title.clone());
    let mut all = Vec::new();
    for stack in stacks {
        let of = catalog.porting.iter().filter(|p| stack.porting.as_ref() == Some(&p.stack));
        all.extend(of.map(|p| {
            let scope = if p.scope.is_empty() { String::new() } else { format!(" ({})", p.scope) };
            let says = format!("{}{scope}: {}", p.capability.replace('_', " "), p.says);
            Remark { about: stack.name.clone(), says, source: title(&p.source) }
        }));
    }
    for offer in offers {
        let of = catalog.supply.iter().filter(|s| s.chips.contains(&offer.chip));
        all.extend(of.map(|s| {
            let says = format!("{} {} {}, {}, {}", s.kind, s.amount.mid(), s.unit, s.region, s.date);
            Remark { about: offer.name.clone(), says, source: title(&s.amount.source) }
        }));
    }
    all
}

/// What only the whole can tell.
fn checks(root: &Table, q: &Question) {
    let speed = |o: &Offer| format!("offer.{}.speed", o.name);
    let paths: Vec<String> = q.listed().into_iter().map(|l| l.0).chain(q.offers.iter().map(speed)).collect();
    let asked = q.further.break_even.iter().map(|b| &b.input);
    let asked = asked.chain(q.further.maps.iter().flat_map(|m| [&m.x.0, &m.y.0]));
    for path in asked.filter(|p| !paths.contains(p)) {
        let near = nearest(path, paths.iter().map(String::as_str)).map(|n| format!("did you mean \"{n}\"? "));
        let some = paths.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
        let help = format!("{}inputs are named as in {some}", near.unwrap_or_default());
        root.fault(format!("sensitivity names an input '{}' that is not there", short(path)), help);
    }
    if q.goal == Goal::MostTokens && q.budget.is_none() {
        root.fault("'most tokens' needs a budget", "write budget = \"200 M USD\" under [objective]");
    }
}

/// A quarter.
pub(super) fn quarter(value: &Value) -> Option<Quarter> {
    let text = value.text("write a quarter, as in \"2027-Q1\"")?;
    let found = Quarter::parse(text);
    if found.is_none() {
        value.fault(format!("'{}' is no quarter", short(text)), "write a year and one of Q1 to Q4, as in \"2027-Q1\"");
    }
    found
}

impl Reader<'_> {
    pub fn catalog(&self) -> &Catalog {
        self.library.catalog
    }

    /// A list of tables, each with a name that no other has.
    fn things<T: Named>(
        &self,
        root: &Table,
        key: &'static str,
        needed: bool,
        one: impl Fn(&Self, &Table) -> Option<T>,
    ) -> Vec<T> {
        let remedy = format!("write [[{key}]] for each");
        let value = if needed { root.need(key, &remedy) } else { root.get(key) };
        let Some(value) = value else { return Vec::new() };
        let list = value.list(&remedy).unwrap_or_default();
        if list.len() > MOST_THINGS || (needed && list.is_empty()) {
            value.fault(format!("lists {}", list.len()), format!("give 1 to {MOST_THINGS}"));
            return Vec::new();
        }
        let mut all: Vec<T> = Vec::new();
        for item in &list {
            let Some(table) = item.table(&remedy) else { continue };
            if let Some(thing) = one(self, &table) {
                if all.iter().any(|t| t.name() == thing.name()) {
                    table.fault(format!("'{}' is the name of an earlier one", short(thing.name())), "choose another");
                }
                all.push(thing);
            }
            table.finish();
        }
        all
    }

    /// The quarter of a key, counted from the start and kept within the plan.
    pub fn when(&self, table: &Table, key: &'static str, otherwise: usize) -> Option<usize> {
        let Some(value) = table.get(key) else { return Some(otherwise) };
        let since = quarter(&value)?.since(self.start);
        Some(since.clamp(0, self.quarters as i64) as usize)
    }

    fn objective(&self, value: &Value) -> Option<(Goal, Against, Option<Range<f64>>)> {
        let table = value.table("write a table [objective] with best = \"least cost\"")?;
        let best = table.need("best", "write best = \"least cost\", \"most tokens\" or \"earliest date\"");
        let best = best.and_then(|v| v.choice(&GOALS));
        let against = table.get("against").map_or(Some(Against::Mean), |v| v.choice(&AGAINST));
        let budget = table.get("budget").map_or(Some(None), |v| self.money(&v, "", (0.0, 1e14)).map(Some));
        table.finish();
        Some((best?, against?, budget?))
    }

    fn finance(&self, value: &Value) -> Option<Finance> {
        let world = self.regions.iter().find(|r| r.id == "world")?;
        let table = value.table("write a table [money] with interest, resale and utilisation")?;
        let interest = table.need("interest", "write interest = \"5 %\", by year").and_then(|v| v.fractions(0.0, 1.0));
        let lifetime = match table.get("lifetime") {
            Some(v) => {
                let years = v.quantities(Seconds(30.0 * 86400.0), Seconds(30.0 * 366.0 * 86400.0));
                years.map(|r| r.map(|s| s.0 / 3600.0 / 8766.0))
            }
            None => Some(self.fact(&world.lifetime_years)),
        };
        let resale = "write resale = [0.2, 0.8]: the share of what is not written off that a sale brings";
        let resale = table.need("resale", resale).and_then(|v| v.fractions(0.0, 2.0));
        let sold = "write utilisation = \"60 %\": the share of the time that is sold";
        let utilisation = table.need("utilisation", sold).and_then(|v| v.fractions(0.01, 1.0));
        let currency = table.get("currency").map_or(Some(("USD".to_owned(), 1.0)), |v| self.currency(&v));
        table.finish();
        let (currency, usd) = currency?;
        Some(Finance {
            interest: interest?,
            lifetime_years: lifetime?,
            resale: resale?,
            utilisation: utilisation?,
            currency,
            usd,
        })
    }

    /// Uses a fact of the catalog: its range, noted among those that the answer rests on.
    pub fn fact(&self, fact: &Fact<f64>) -> Range<f64> {
        let Range { low, mid, high } = fact.value;
        let value = if low == high { format!("{mid}") } else { format!("{mid} ({low} to {high})") };
        self.note(fact, value);
        fact.value
    }

    /// Uses a fact with a unit.
    pub fn quantity_fact<Q: Quantity>(&self, fact: &Fact<Q>) -> Range<f64> {
        self.note(fact, fact.value.to_string());
        fact.value.map(Quantity::get)
    }

    fn note<T: Copy + PartialOrd>(&self, fact: &Fact<T>, value: String) {
        let source = self.catalog().sources.get(&fact.source).map_or(&fact.source, |s| &s.title);
        let used = FactUse {
            path: fact.path.clone(),
            value,
            kind: fact.kind.name().to_owned(),
            source: source.clone(),
            disputed: !fact.value.is_exact(),
        };
        let mut facts = self.facts.borrow_mut();
        if !facts.iter().any(|f| f.path == used.path) {
            facts.push(used);
        }
    }

    /// Quarters as a number, or a time as in "6 months".
    pub fn span(&self, value: &Value) -> Option<Range<f64>> {
        value.range(
            |v| match v.as_text() {
                Some(text) => match months(text) {
                    Some(quarters) if (0.0..=80.0).contains(&quarters) => Some(quarters),
                    _ => {
                        let most = Seconds(20.0 * 366.0 * 86400.0);
                        v.quantity(Seconds(0.0), most).map(|s| s.0 / 86400.0 / DAYS)
                    }
                },
                None => v.number(0.0, 80.0),
            },
            f64::midpoint,
        )
    }
}

/// Quarters of `6 months` or `2 quarters`.
fn months(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    match unit.trim() {
        "month" | "months" => Some(number / 3.0),
        "quarter" | "quarters" => Some(number),
        _ => None,
    }
}

/// Names of all tables under `[[key]]`, sound or not: what is wrong with a thing is not wrong with those that name it.
fn names(root: &Table, key: &'static str) -> Vec<String> {
    let list = root.get(key).and_then(|v| v.as_list()).unwrap_or_default();
    let name = |v: &Value| v.as_table()?.get("name")?.as_text().map(str::to_owned);
    list.iter().map(|v| name(v).unwrap_or_default()).collect()
}

/// What has a name of its own.
trait Named {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($t:ty),*) => {
        $(impl Named for $t {
            fn name(&self) -> &str {
                &self.name
            }
        })*
    };
}

named!(super::question::Site, super::question::Stack, super::question::Work, super::question::Offer);

/// A name that may stand in the path of an input.
pub(super) fn name(table: &Table) -> Option<String> {
    let value = table.need("name", "give it a name")?;
    let text = value.text("give it a name")?;
    if text.len() > 60 || text.contains(['.', '\n', '\r', '\t']) {
        value.fault("is no name", "write up to 60 characters, without dots and line feeds");
        return None;
    }
    Some(text.to_owned())
}
