//! Reads claims: one file each.

use std::path::Path;

use catalog::Diagnostic;
use catalog::written::{Table, Value, short};

use super::{Bar, Bilingual, Case, Claim, FATES, FIGURES, Side, Test};
use crate::goodput;
use crate::purchase::question::Ask;
use crate::study::work::work;
use crate::study::{Basis, Candidate, Library, prices, sections, systems};
use crate::train::study as train;

/// Most cases of a claim.
const MOST_CASES: usize = 50;

/// Reads a claim from a file.
///
/// # Errors
/// All that is wrong with it.
pub fn read(path: &Path, library: Library) -> Result<Claim, Vec<Diagnostic>> {
    sections::from_file(path, |name, text, folder| check(name, text, folder, library))
}

/// Checks the text of a claim. `name` is what faults call the file.
///
/// # Errors
/// All that is wrong, in order of place.
pub fn check(name: &str, text: &str, folder: Option<&Path>, library: Library) -> Result<Claim, Vec<Diagnostic>> {
    sections::walk(name, text, |_, root| {
        let claim = claim(&root, name, folder, library);
        root.finish();
        claim
    })
}

fn claim(root: &Table, name: &str, folder: Option<&Path>, library: Library) -> Option<Claim> {
    let id = Path::new(name).file_stem().map_or_else(|| "claim".into(), |s| s.to_string_lossy().into_owned());
    let says = root.need("says", "write says = { en = \"..\", zh = \"..\" }").and_then(|v| bilingual(&v));
    let by = root.need("by", "write who says it").and_then(|v| v.text("write who says it").map(short));
    let note = root.get("note").map_or(Some(None), |v| bilingual(&v).map(Some));
    // What all cases serve, unless a case says otherwise.
    let common = asked(root, folder, library);
    let list = root.need("case", "write [[case]] for each").and_then(|v| {
        let list = v.list("write [[case]] for each")?;
        if list.is_empty() || list.len() > MOST_CASES {
            v.fault(format!("lists {} cases", list.len()), format!("give 1 to {MOST_CASES}"));
            return None;
        }
        Some(list)
    });
    let common = common?;
    let cases: Vec<Option<Case>> = list?
        .iter()
        .map(|v| {
            let table = v.table("write [[case]]")?;
            let case = case(&table, common.as_ref(), folder, library);
            table.finish();
            case
        })
        .collect();
    Some(Claim { id, says: says?, by: by?, note: note?, cases: cases.into_iter().collect::<Option<_>>()? })
}

fn bilingual(value: &Value) -> Option<Bilingual> {
    const REMEDY: &str = "write { en = \"..\", zh = \"..\" }";
    let table = value.table(REMEDY)?;
    let of = |key| table.need(key, REMEDY).and_then(|v| v.text(REMEDY).map(str::to_owned));
    let (en, zh) = (of("en"), of("zh"));
    table.finish();
    Some(Bilingual { en: en?, zh: zh? })
}

/// What is to be done: `serves` or `trains`, if the table has one of them. `None` after a fault.
fn asked(table: &Table, folder: Option<&Path>, library: Library) -> Option<Option<Ask>> {
    let inner = |v: &Value, read: &dyn Fn(&Table) -> Option<Ask>| {
        let table = v.table("write a table with the model and what is asked of it")?;
        let found = read(&table);
        table.finish();
        found
    };
    match (table.get("serves"), table.get("trains")) {
        (None, None) => Some(None),
        (Some(v), None) => inner(&v, &|t| Some(Ask::Serve(Box::new(work(t, folder, library)?)))).map(Some),
        (None, Some(v)) => inner(&v, &|t| Some(Ask::Train(Box::new(train::work(t, folder, library)?)))).map(Some),
        (Some(v), Some(_)) => {
            v.fault("stands beside trains", "write one of the two");
            None
        }
    }
}

fn case(table: &Table, common: Option<&Ask>, folder: Option<&Path>, library: Library) -> Option<Case> {
    let name = table.need("name", "write name = { en = \"..\", zh = \"..\" }").and_then(|v| bilingual(&v));
    let test = test(table, common, folder, library);
    let number = |v: &Value| v.number(-1e30, 1e30);
    let bars: Vec<Bar> = [
        table.get("at_least").and_then(|v| number(&v)).map(Bar::AtLeast),
        table.get("at_most").and_then(|v| number(&v)).map(Bar::AtMost),
        table.get("about").and_then(|v| number(&v)).map(|bar| Bar::About(bar, 0.01)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let within = table.get("within").map(|v| v.fraction(0.0, 1.0));
    let bar = match (&bars[..], within) {
        ([Bar::About(bar, _)], Some(within)) => within.map(|w| Bar::About(*bar, w)),
        ([bar], None) => Some(*bar),
        ([_], Some(_)) => {
            table.fault("has within without about", "leave it out");
            None
        }
        _ => {
            let help = "write one of at_least = 2, at_most = 0.5, or about = 42.5 with within = \"1 %\"";
            table.fault(format!("says {} bars", bars.len()), help);
            None
        }
    };
    Some(Case { name: name?, test: test?, bar: bar? })
}

fn test(table: &Table, common: Option<&Ask>, folder: Option<&Path>, library: Library) -> Option<Test> {
    let paths = |key: &'static str| -> Option<Vec<String>> {
        let Some(value) = table.get(key) else { return Some(Vec::new()) };
        let list = value.list("write a list of paths of facts")?;
        list.iter().map(|v| v.text("write the path of a fact").map(str::to_owned)).collect()
    };
    let (of, over) = (paths("facts"), paths("over"));
    let medium = table.get("largest_tier").map(|v| v.text("write a medium, as in \"copper\"").map(str::to_owned));
    let needs = table.get("needs").map(|v| v.text("write what it would take").map(str::to_owned));
    let figure = table.get("figure").map(|v| v.choice(&FIGURES));
    let own = asked(table, folder, library);
    let fares = table.get("fares").map(|v| goodput::inside(&v, library));
    let fate = table.get("fate").map(|v| v.choice(&FATES));
    let left = table.get("system").map(|v| side(&v, library));
    let right = table.get("than").map(|v| side(&v, library));
    let (of, over, own) = (of?, over?, own?);
    match (of.is_empty(), medium, needs, left, fares) {
        (false, None, None, None, None) => Some(Test::Facts { of, over }),
        (true, Some(medium), None, None, None) => Some(Test::LargestTier { medium: medium? }),
        (true, None, Some(needs), None, None) => Some(Test::Needs(needs?)),
        (true, None, None, None, Some(study)) => {
            let Some(fate) = fate else {
                table.need("fate", "write fate = \"time up\" or another");
                return None;
            };
            Some(Test::Fares { study: Box::new(study?), fate: fate? })
        }
        (true, None, None, Some(left), None) => {
            if figure.is_none() {
                table.need("figure", "write figure = \"tokens per chip\" or another");
            }
            let Some(task) = own.or_else(|| common.cloned()) else {
                table.need("serves", "write what is done: serves or trains, here or for all cases");
                return None;
            };
            let figure = figure??;
            if figure.of_training() != matches!(task, Ask::Train(_)) {
                table.fault("asks a figure of serving of a training, or the other way round", "choose another figure");
                return None;
            }
            // A side may store weights in a format of its own.
            let of = |(unit, weights): (Candidate, Option<Option<formats::Scheme>>)| {
                let mut work = task.clone();
                if let (Ask::Serve(study), Some(weights)) = (&mut work, weights) {
                    study.weights = weights;
                }
                Box::new(Side { work, unit })
            };
            let right = right.map_or(Some(None), |r| r.map(|r| Some(of(r))))?;
            Some(Test::Done { left: of(left?), right, figure })
        }
        _ => {
            table.fault(
                "says not one test",
                "write one of facts, largest_tier, system (with figure), fares (with fate), or needs",
            );
            None
        }
    }
}

type Sided = (Candidate, Option<Option<formats::Scheme>>);

/// A system with price and format: `{ name = .., chips = .., price = .., term = .., weights = .. }`.
fn side(value: &Value, library: Library) -> Option<Sided> {
    let table = value.table("write { name = \"nvidia-hgx-h200\" }")?;
    let listed = table.need("name", "name a system of the catalog").and_then(|v| systems::system(&v, library));
    let chips = table.get("chips").map_or(Some(None), |v| v.count(1, 1_000_000).map(Some));
    let price = table.get("price").map_or(Some(None), |v| prices::written(&v).map(Some));
    let bases = [("any", Basis::Any), ("rent", Basis::Rent), ("purchase", Basis::Purchase)];
    let basis = table.get("basis").map_or(Some(Basis::Any), |v| v.choice(&bases));
    let term =
        table.get("term").map_or(Some(None), |v| v.text("write a term, as in \"3y\"").map(|t| Some(t.to_owned())));
    let weights = table.get("weights").map(|v| crate::study::work::stored(&v));
    let exact = |x: f64| units::Range::exact(x);
    let surcharge = table.get("surcharge").map_or(Some(exact(0.0)), |v| v.fractions(0.0, 10.0));
    table.finish();
    let listed = listed?;
    let system = match &listed.checked {
        Ok(system) => system,
        Err(missing) => {
            value.fault(format!("{} lacks {}", listed.spec.id, missing.join(", ")), "choose another system");
            return None;
        }
    };
    let chips = chips?.map_or(system.chips, |c| c as u32);
    let Some(sized) = system.with_chips(chips) else {
        value.fault(format!("{} does not come with {chips} chips", system.name), "choose another number");
        return None;
    };
    let known = match term? {
        Some(term) => match library.catalog.prices.rent(&system.chip.id, Some(&term)) {
            Some(rent) => {
                let price = crate::money::Price::Rent(rent.value);
                Some(crate::money::Priced { price, source: rent.source.clone(), bare: false, fact: None })
            }
            None => {
                value.fault(format!("the catalog knows no rent of {} for {}", system.chip.id, short(&term)), "");
                return None;
            }
        },
        None => prices::known(library.catalog, &listed.spec.id, basis?),
    };
    let price = price?.map(prices::stated).or(known);
    let pass_through = exact(1.0);
    let unit = Candidate {
        system: sized,
        chips,
        engine: None,
        given: Default::default(),
        price,
        surcharge: surcharge?,
        pass_through,
    };
    Some((unit, weights.map_or(Some(None), |w| w.map(Some))?))
}
