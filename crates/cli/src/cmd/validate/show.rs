//! Tables of a validation.

use plan::interval::HeldOut;
use plan::validate::{Bar, By, Errors, File, Kind, Point, What, bars, groups, refusals};

use crate::lang::number::percent;
use crate::lang::{Lang, Msg};
use crate::table::{Align, GoalRow, Section, ValidationRow, View, goals, grid, paragraph, validate};

/// Most reasons of refusal shown for a file.
const REASONS: usize = 12;

/// What the groups are made of.
pub struct Shape<'a> {
    /// One table of all combinations.
    pub cross: bool,
    /// Rows with a trap or a doubt too.
    pub all: bool,
    /// Values of unseen groups inside their interval.
    pub held_out: &'a [HeldOut],
}

/// Goals first, then the groups of every file, then why rows were refused.
pub fn tables(points: &[Point], by: &[By], shape: &Shape<'_>, view: View) -> String {
    let lang = view.lang;
    let rows: Vec<GoalRow> = bars(points).iter().map(|b| goal(b, lang)).collect();
    let mut out = if rows.is_empty() { String::new() } else { goals(&rows, view) };
    if !shape.held_out.is_empty() {
        out.push('\n');
        out.push_str(&paragraph(Msg::HeldOut.text(lang), 0, view));
        out.push_str(&held_out(shape.held_out, view));
    }
    let mut sections = Vec::new();
    for file in File::ALL {
        let of_file: Vec<&Point> = points.iter().filter(|p| p.file == file && (shape.all || p.plain)).collect();
        if of_file.is_empty() {
            continue;
        }
        let mut kinds: Vec<Kind> = of_file.iter().map(|p| p.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let combinations: Vec<Vec<By>> =
            if shape.cross { vec![by.to_vec()] } else { by.iter().map(|b| vec![*b]).collect() };
        for kind in kinds {
            for combination in &combinations {
                sections.extend(section(file, kind, &of_file, combination));
            }
        }
    }
    out.push('\n');
    out.push_str(&validate(&sections, view));
    out.push_str(&reasons(points, lang));
    out
}

/// Coverage of unseen groups by kind, and in all.
fn held_out(kinds: &[HeldOut], view: View) -> String {
    let columns = [
        (Msg::Value, Align::Left),
        (Msg::Count, Align::Right),
        (Msg::Groups, Align::Right),
        (Msg::Coverage, Align::Right),
    ];
    let header: Vec<(String, Align)> =
        columns.into_iter().map(|(msg, align)| (msg.text(view.lang).to_owned(), align)).collect();
    let (count, held) = kinds.iter().fold((0, 0), |(count, held), k| (count + k.count, held + k.held));
    let row = |name: &str, count: usize, groups: String, share: f64| {
        vec![name.to_owned(), count.to_string(), groups, percent(share)]
    };
    let mut rows: Vec<_> = kinds.iter().map(|k| row(k.kind.name(), k.count, k.groups.to_string(), k.share())).collect();
    rows.push(row(Msg::Together.text(view.lang), count, String::new(), held as f64 / count.max(1) as f64));
    grid(&header, &rows, false, view)
}

fn section(file: File, kind: Kind, points: &[&Point], by: &[By]) -> Option<Section> {
    let of_kind = points.iter().copied().filter(|p| p.kind == kind);
    let row = |(key, e): (Vec<&str>, Errors)| ValidationRow {
        group: key.iter().map(|k| if k.is_empty() { "-" } else { k }).collect::<Vec<_>>().join(", "),
        count: e.count,
        refused: e.refused,
        median: e.median,
        p90: e.p90,
        bias: e.bias,
        coverage: (e.count > 0).then_some(e.coverage),
    };
    let rows: Vec<ValidationRow> = groups(of_kind, by).into_iter().map(row).collect();
    // One nameless group says nothing that the goals do not.
    let named = rows.len() > 1 || rows.first().is_some_and(|r| r.group != "-");
    let name = |b: &By| By::NAMED.iter().find(|(_, other)| other == b).map_or("", |(n, _)| n);
    let by: Vec<&str> = by.iter().map(name).collect();
    named.then(|| Section { title: format!("{}: {} / {}", file.name(), kind.name(), by.join(", ")), rows })
}

fn goal(bar: &Bar, lang: Lang) -> GoalRow {
    let what = match bar.what {
        What::SiliconTpot => Msg::GoalSiliconTpot,
        What::SiliconTtft => Msg::GoalSiliconTtft,
        What::OtherTpot => Msg::GoalOtherTpot,
        What::OtherTtft => Msg::GoalOtherTtft,
        What::ServingFirst => Msg::GoalServingFirst,
        What::ServingOthers => Msg::GoalServingOthers,
        What::Gemm => Msg::GoalGemm,
        What::Attention => Msg::GoalAttention,
        What::Moe => Msg::GoalMoe,
        What::Mla => Msg::GoalMla,
        What::Exchanges => Msg::GoalExchanges,
        What::TrainingFirst => Msg::GoalTrainingFirst,
        What::TrainingOthers => Msg::GoalTrainingOthers,
        What::TrainingMemory => Msg::GoalTrainingMemory,
    };
    let e = &bar.errors;
    GoalRow {
        what: what.fill(lang, &[("maker", bar.maker.as_str())]),
        count: e.count,
        refused: e.refused,
        median: e.median,
        p90: e.p90,
        coverage: e.coverage,
        goal: bar.goal,
    }
}

fn reasons(points: &[Point], lang: Lang) -> String {
    let mut out = String::new();
    for file in File::ALL {
        let of_file = points.iter().filter(|p| p.file == file);
        let reasons = refusals(of_file);
        if reasons.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{}\n", Msg::WhyRefused.fill(lang, &[("file", file.name())])));
        for (reason, count) in reasons.iter().take(REASONS) {
            let reason: String = reason.chars().filter(|c| !c.is_control()).take(150).collect();
            out.push_str(&format!("{count:>6}  {reason}\n"));
        }
        let rest: usize = reasons.iter().skip(REASONS).map(|(_, n)| n).sum();
        if rest > 0 {
            out.push_str(&format!("{rest:>6}  {}\n", Msg::OtherReasons.text(lang)));
        }
    }
    out
}
