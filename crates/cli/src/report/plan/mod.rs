//! The report of a plan: the frame of every report, with sections of its own.

mod charts;
mod tables;

use plan::purchase::findings::{PlanAnswer, PlanFindings};

use super::page::{closing, data, footer, opening, section_of, top};
use crate::lang::both::{escape, put};
use crate::lang::{Both, PlanMsg, plan_words as words};

/// A message in both languages.
pub fn both(msg: PlanMsg) -> Both {
    Both::of(|lang| msg.text(lang).to_owned())
}

/// The page. The same findings give the same bytes.
pub fn render(f: &PlanFindings) -> String {
    let mut out = String::with_capacity(1 << 18);
    let mut contents = Vec::new();
    if let PlanAnswer::Plan(p) = &f.answer {
        contents.extend([
            ("gantt", both(PlanMsg::Gantt)),
            ("placement", both(PlanMsg::Placement)),
            ("supply", both(PlanMsg::Supply)),
            ("money", both(PlanMsg::Money)),
        ]);
        if f.scenarios.len() > 1 {
            contents.push(("scenarios", both(PlanMsg::Scenarios)));
        }
        contents.push(("worth", both(PlanMsg::Worth)));
        if !p.tornado.is_empty() {
            contents.push(("tornado", both(PlanMsg::Tornado)));
        }
    }
    contents.extend([("rates", both(PlanMsg::Rates)), ("facts", Both::msg(crate::lang::Msg::ProvenanceTitle))]);
    let asked = Both::of(|lang| words::asked(f, lang));
    open(&f.program, &Both::same(f.title.clone()), &asked, &contents, &mut out);
    match &f.answer {
        PlanAnswer::Plan(p) => {
            answer(&Both::of(|lang| words::answer(f, p, lang).join("\n")), &mut out);
            charts::gantt(f, p, &mut out);
            tables::orders(f, p, &mut out);
            tables::placement(f, p, &mut out);
            charts::supply(f, p, &mut out);
            charts::money(f, p, &mut out);
            tables::money(f, p, &mut out);
            tables::scenarios(f, p, &mut out);
            tables::worth(f, p, &mut out);
            charts::tornado(f, p, &mut out);
            charts::maps(f, p, &mut out);
        }
        PlanAnswer::Short(short) => tables::none(short, &mut out),
    }
    tables::rates(f, &mut out);
    tables::remarks(f, &mut out);
    tables::facts(f, &mut out);
    close(&f.program, f, &mut out);
    out
}

/// Opens a page: head, header with the question in a line and the contents, `main`.
pub fn open(program: &str, title: &Both, asked: &Both, contents: &[(&str, Both)], out: &mut String) {
    opening(program, &title.en, out);
    top(contents.first().map_or("", |c| c.0), out);
    put(out, format_args!("<h1>{}</h1>\n<p class=\"asked\">{}</p>\n", title.html(), asked.html()));
    put(out, format_args!("<nav{}><ul>", Both::msg(crate::lang::Msg::Contents).attributes("data-label")));
    for (id, name) in contents {
        put(out, format_args!("<li><a href=\"#{id}\">{}</a></li>", name.html()));
    }
    out.push_str("</ul></nav>\n</header>\n<main>\n");
}

/// Closes a page, with its data as JSON.
pub fn close<T: serde::Serialize>(program: &str, findings: &T, out: &mut String) {
    out.push_str("</main>\n");
    footer(program, out);
    put(out, format_args!("<script type=\"application/json\" id=\"findings\">{}</script>\n", data(findings)));
    closing(out);
}

/// The answer: its first sentence large, the others below it.
fn answer(sentences: &Both, out: &mut String) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (en, zh) = (lines(&sentences.en), lines(&sentences.zh));
    out.push_str("<section id=\"answer\">\n");
    for (i, (en, zh)) in en.into_iter().zip(zh).enumerate() {
        let class = if i == 0 { "lead" } else { "certainty" };
        put(out, format_args!("<p class=\"{class}\">{}</p>\n", Both { en, zh }.html()));
    }
    out.push_str("</section>\n");
}

/// Opens a section with a message for its heading and one for its note.
fn section(id: &str, title: PlanMsg, note: Option<Both>, out: &mut String) {
    section_of(id, &both(title), note.as_ref(), out);
}

/// A table's head. Columns whose name is marked stand right.
fn head(columns: &[(Both, bool)], out: &mut String) {
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (name, right) in columns {
        put(out, format_args!("<th{}>{}</th>", if *right { " class=\"n\"" } else { "" }, name.html()));
    }
    out.push_str("</tr></thead><tbody>\n");
}

/// A row: cells as HTML, those that are marked stand right.
fn row(cells: &[(String, bool)], out: &mut String) {
    out.push_str("<tr>");
    for (html, right) in cells {
        put(out, format_args!("<td{}>{html}</td>", if *right { " class=\"n\"" } else { "" }));
    }
    out.push_str("</tr>\n");
}

fn text(plain: &str) -> String {
    escape(plain)
}
