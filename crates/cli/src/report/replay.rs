//! The report of a replay: what users saw, what pools did, and both over time.

use plan::replay::{PoolPoint, ReplayFindings, SeriesPoint};

use super::page::{SCRIPT, SCRIPT_HASH, STYLE, STYLE_HASH};
use crate::chart::lines::{Line, lines};
use crate::chart::{WIDTHS, swatch};
use crate::lang::both::{escape, put};
use crate::lang::replay::{self as words, Words};
use crate::lang::{Both, Msg};
use crate::table::replay::{CLASS_HEADER, POOL_HEADER, class_cells, found, levels, pool_cells, summary};

/// The page. The same findings give the same bytes.
pub fn render(findings: &ReplayFindings) -> String {
    let mut out = String::with_capacity(1 << 19);
    head(findings, &mut out);
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
    let pools: Vec<Vec<Both>> = findings
        .pools
        .iter()
        .map(|pool| {
            let (en, zh) = (pool_cells(pool, crate::lang::Lang::En), pool_cells(pool, crate::lang::Lang::Zh));
            en.into_iter().zip(zh).map(|(en, zh)| Both { en, zh }).collect()
        })
        .collect();
    table(&POOL_HEADER, 2, &pools, &mut out);
    out.push_str("</section>\n");
    series(findings, &mut out);
    search(findings, &mut out);
    out.push_str("</main>\n");
    let by = Both::of(|lang| Msg::MadeBy.fill(lang, &[("program", &findings.program)]));
    put(&mut out, format_args!("<footer><p>{}</p></footer>\n", by.html()));
    out.push_str("<div id=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div>\n");
    put(&mut out, format_args!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    out
}

fn head(findings: &ReplayFindings, out: &mut String) {
    put(
        out,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\" data-lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; \
             script-src 'sha256-{SCRIPT_HASH}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n\
             <div class=\"bar-top\"><span class=\"mark\">Steelyard <span lang=\"zh-CN\">权衡</span></span>\n\
             <div class=\"tools\" role=\"group\"{1}><button type=\"button\" data-set-lang=\"en\">English</button>\
             <button type=\"button\" data-set-lang=\"zh\">中文</button>\
             <button type=\"button\" id=\"theme\"{2}><svg viewBox=\"0 0 16 16\" width=\"14\" height=\"14\" \
             aria-hidden=\"true\"><circle cx=\"8\" cy=\"8\" r=\"6.500\"/><path class=\"fill\" \
             d=\"M8 1.500a6.500 6.500 0 0 1 0 13z\"/></svg></button></div></div>\n<h1>{0}</h1>\n<p class=\"asked\">{3}</p>\n",
            escape(&findings.title),
            words::LANGUAGE.both().attributes("data-label"),
            words::THEME.both().attributes("data-label"),
            Both::of(|lang| summary(findings, lang)).html(),
        ),
    );
    out.push_str("</header>\n");
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
    out.push_str("<div class=\"scroll\"><table><thead><tr>");
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
    if findings.pools.len() > 1 {
        out.push_str("<ul class=\"legend\">");
        for (i, pool) in findings.pools.iter().enumerate() {
            put(out, format_args!("<li>{}{}</li>", swatch(i), escape(&pool.name)));
        }
        out.push_str("</ul>\n");
    }
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
        let all: Vec<Line> =
            (0..findings.pools.len()).map(|n| of(n, false, &|p| p.pools.get(n).and_then(value))).collect();
        if all.iter().any(|line| line.points.iter().any(|point| point.1.is_some())) {
            chart(id, title, &all, most, out);
        }
    }
    out.push_str("</section>\n");
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
    out.push_str("</section>\n");
}
