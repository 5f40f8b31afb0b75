//! The report of a replay: what users saw, what pools did, and both over time.

use plan::replay::{ClassPoint, PoolPoint, ReplayFindings, SeriesPoint};

use super::page::{closing, footer, opening, top};
use crate::chart::lines::{Line, lines};
use crate::chart::{WIDTHS, swatch};
use crate::lang::both::{escape, put};
use crate::lang::replay::{self as words, Words};
use crate::lang::{Both, Lang, Msg};
use crate::table::replay::{
    CLASS_HEADER, POOL_HEADER, TRIAL_HEADER, class_cells, found, levels, pool_cells, summary, trial_cells,
};

/// The page. The same findings give the same bytes.
pub fn render(findings: &ReplayFindings) -> String {
    let mut out = String::with_capacity(1 << 19);
    opening(&findings.program, &findings.title, &mut out);
    header(findings, &mut out);
    out.push_str("<main>\n");
    section("requests", words::REQUESTS, &mut out);
    let classes: Vec<Vec<Both>> =
        findings.classes.iter().map(|c| class_cells(c).into_iter().map(Both::same).collect()).collect();
    table(&CLASS_HEADER, 1, &classes, &mut out);
    for class in findings.classes.iter().filter(|class| !class.levels.is_empty()) {
        put(&mut out, format_args!("<p>{}</p>\n", Both::of(|lang| levels(class, lang)).html()));
    }
    put(&mut out, format_args!("<p class=\"note\">{}</p>\n</section>\n", words::NOTE.both().html()));
    section("pools", words::POOL, &mut out);
    let pools: Vec<Vec<Both>> = findings.pools.iter().map(|pool| cells(|lang| pool_cells(pool, lang))).collect();
    table(&POOL_HEADER, 2, &pools, &mut out);
    out.push_str("</section>\n");
    series(findings, &mut out);
    search(findings, &mut out);
    out.push_str("</main>\n");
    footer(&findings.program, &mut out);
    closing(&mut out);
    out
}

/// The cells of a row in both languages.
fn cells(row: impl Fn(Lang) -> Vec<String>) -> Vec<Both> {
    row(Lang::En).into_iter().zip(row(Lang::Zh)).map(|(en, zh)| Both { en, zh }).collect()
}

fn header(findings: &ReplayFindings, out: &mut String) {
    top("requests", out);
    put(out, format_args!("<h1>{}</h1>\n", escape(&findings.title)));
    put(out, format_args!("<p class=\"asked\">{}</p>\n", Both::of(|lang| summary(findings, lang)).html()));
    put(out, format_args!("<nav{}><ul>", Both::msg(Msg::Contents).attributes("data-label")));
    let contents = [
        ("requests", words::REQUESTS, true),
        ("pools", words::POOL, true),
        ("series", words::OVER_TIME, !findings.series.is_empty()),
        ("search", words::SEARCHED, findings.search.is_some()),
    ];
    for (id, title, _) in contents.into_iter().filter(|(.., there)| *there) {
        put(out, format_args!("<li><a href=\"#{id}\">{}</a></li>", title.both().html()));
    }
    out.push_str("</ul></nav>\n</header>\n");
}

fn section(id: &str, title: Words, out: &mut String) {
    put(
        out,
        format_args!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{}</h2>\n",
            title.both().html()
        ),
    );
}

fn table(heads: &[Words], left: usize, rows: &[Vec<Both>], out: &mut String) {
    let class = |i: usize| if i < left { "" } else { " class=\"n\"" };
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (i, head) in heads.iter().enumerate() {
        put(out, format_args!("<th{}>{}</th>", class(i), head.both().html()));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            put(out, format_args!("<td{}>{}</td>", class(i), cell.html()));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// The charts over time.
fn series(findings: &ReplayFindings, out: &mut String) {
    if findings.series.is_empty() {
        return;
    }
    section("series", words::OVER_TIME, out);
    let points = &findings.series;
    let of = |color: usize, dashed: bool, value: &dyn Fn(&SeriesPoint) -> Option<f64>| Line {
        color,
        dashed,
        points: points.iter().map(|point| (point.time, value(point))).collect(),
    };
    chart("arrivals", words::ARRIVALS, &[of(0, false, &|p| Some(p.arrivals))], None, out);
    chart("tokens", words::TOKENS, &[of(0, false, &|p| Some(p.throughput))], None, out);
    let ttft = [of(0, false, &|p| p.ttft.map(|t| t[0])), of(0, true, &|p| p.ttft.map(|t| t[1]))];
    chart("ttft", words::TTFT_OVER_TIME, &ttft, None, out);
    if points.iter().any(|point| point.goodput.is_some()) {
        chart("goodput", words::GOODPUT_TIME, &[of(0, false, &|p| p.goodput)], Some(1.0), out);
    }
    by_class(findings, out);
    by_pool(findings, out);
    out.push_str("</section>\n");
}

/// Names beside their colours, where there are several.
fn legend<'n>(names: impl ExactSizeIterator<Item = &'n str>, out: &mut String) {
    if names.len() < 2 {
        return;
    }
    out.push_str("<ul class=\"legend\">");
    for (i, name) in names.enumerate() {
        put(out, format_args!("<li>{}{}</li>", swatch(i), escape(name)));
    }
    out.push_str("</ul>\n");
}

/// A line for each of `count`, if any of them has values.
fn each(
    (id, title, most): (&str, Words, Option<f64>),
    count: usize,
    findings: &ReplayFindings,
    value: &dyn Fn(&SeriesPoint, usize) -> Option<f64>,
    out: &mut String,
) {
    let line = |n: usize| Line {
        color: n,
        dashed: false,
        points: findings.series.iter().map(|point| (point.time, value(point, n))).collect(),
    };
    let all: Vec<Line> = (0..count).map(line).collect();
    if all.iter().any(|line| line.points.iter().any(|point| point.1.is_some())) {
        chart(id, title, &all, most, out);
    }
}

fn by_class(findings: &ReplayFindings, out: &mut String) {
    // The first line of the table is of all together.
    let Some(classes) = findings.classes.get(1..).filter(|classes| classes.len() > 1) else { return };
    put(out, format_args!("<h3>{}</h3>\n", words::CLASS.both().html()));
    legend(classes.iter().map(|class| class.name.as_str()), out);
    type Value = fn(&ClassPoint) -> Option<f64>;
    let charts: [(&str, Words, Option<f64>, Value); 3] = [
        ("class-arrivals", words::ARRIVALS, None, |p| Some(p.arrivals)),
        ("class-ttft", words::TTFT_P99, None, |p| p.ttft.map(|t| t[1])),
        ("class-goodput", words::GOODPUT_TIME, Some(1.0), |p| p.goodput),
    ];
    for (id, title, most, value) in charts {
        let of = |point: &SeriesPoint, n: usize| point.classes.get(n).and_then(value);
        each((id, title, most), classes.len(), findings, &of, out);
    }
}

fn by_pool(findings: &ReplayFindings, out: &mut String) {
    if findings.pools.len() > 1 {
        put(out, format_args!("<h3>{}</h3>\n", words::POOL.both().html()));
    }
    legend(findings.pools.iter().map(|pool| pool.name.as_str()), out);
    type Value = fn(&PoolPoint) -> Option<f64>;
    let charts: [(&str, Words, Option<f64>, Value); 7] = [
        ("waiting", words::WAITING, None, |p| Some(p.waiting as f64)),
        ("running", words::RUNNING, None, |p| Some(p.running as f64)),
        ("kv", words::KV_USE, Some(1.0), |p| Some(p.kv)),
        ("busy", words::BUSY_SHARE, Some(1.0), |p| Some(p.busy)),
        ("up", words::UP, None, |p| Some(f64::from(p.up))),
        ("power", words::POWER, None, |p| p.power),
        ("rate", words::COST_RATE, None, |p| p.cost),
    ];
    for (id, title, most, value) in charts {
        let of = |point: &SeriesPoint, n: usize| point.pools.get(n).and_then(value);
        each((id, title, most), findings.pools.len(), findings, &of, out);
    }
}

fn chart(id: &str, title: Words, all: &[Line], most: Option<f64>, out: &mut String) {
    put(out, format_args!("<figure><h3 id=\"{id}-h\">{}</h3>\n", title.both().html()));
    for (width, class) in WIDTHS {
        out.push_str(&lines(all, most, width, class, &format!("{id}-h"), &words::SECONDS.both()));
    }
    out.push_str("</figure>\n");
}

fn search(findings: &ReplayFindings, out: &mut String) {
    let Some(search) = &findings.search else { return };
    section("search", words::SEARCHED, out);
    put(out, format_args!("<p class=\"lead\">{}</p>\n", Both::of(|lang| found(search, findings, lang)).html()));
    let rows: Vec<Vec<Both>> = search.trials.iter().map(|trial| cells(|lang| trial_cells(trial, lang))).collect();
    table(&TRIAL_HEADER, 1, &rows, out);
    out.push_str("</section>\n");
}
