//! The frame: head, policy, header, contents, and the sections in order.

use plan::Findings;

use super::{back, detail, figures, ranking};
use crate::lang::both::{escape, put};
use crate::lang::{Both, Lang, Msg, term, words};

/// Shared with every report, so that their hashes in the policy are constants.
pub const STYLE: &str = include_str!("assets/style.css");
pub const SCRIPT: &str = include_str!("assets/script.js");
/// SHA-256 of the two, base64; a test tells the right values.
pub const STYLE_HASH: &str = "crajHIlyYlirTS0N3B9wkMFcQcix9QUvrRfL4XBI1j8=";
pub const SCRIPT_HASH: &str = "jDLV8XuUpz3oH49IZLeNedTJbVhFTlJTRCUkFkkg86o=";

/// The page. The same findings give the same bytes.
pub fn render(findings: &Findings) -> String {
    let mut out = String::with_capacity(1 << 20);
    let contents = CONTENTS.map(|(id, msg)| (id, Both::msg(msg)));
    let asked = Both::of(|lang| asked(findings, lang));
    open(
        &Frame { program: &findings.program, title: &findings.title, asked, contents: &contents, style: None },
        &mut out,
    );
    ranking::answer(findings, &mut out);
    ranking::ranking(findings, &mut out);
    ranking::others(findings, &mut out);
    figures::pareto(findings, &mut out);
    figures::cost(findings, &mut out);
    figures::operators(findings, &mut out);
    figures::memory(findings, &mut out);
    detail::systems(findings, &mut out);
    back::provenance(findings, &mut out);
    back::rejected(findings, &mut out);
    back::study(findings, &mut out);
    back::glossary(&mut out);
    close(&findings.program, findings, &mut out);
    out
}

/// What stands around the sections of a page.
pub struct Frame<'a> {
    /// Version of the program.
    pub program: &'a str,
    /// Title.
    pub title: &'a str,
    /// The question in a line.
    pub asked: Both,
    /// Sections that the contents list, with their ids.
    pub contents: &'a [(&'a str, Both)],
    /// Style beside the common one, and its hash.
    pub style: Option<(&'a str, &'a str)>,
}

/// Opens a page: head, header, `main`.
pub fn open(frame: &Frame, out: &mut String) {
    head(frame, out);
    out.push_str("<body>\n");
    header(frame, out);
    out.push_str("<main>\n");
}

/// Closes a page, with its data as JSON.
pub fn close(program: &str, findings: &impl serde::Serialize, out: &mut String) {
    out.push_str("</main>\n");
    let by = Both::of(|lang| Msg::MadeBy.fill(lang, &[("program", program)]));
    put(out, format_args!("<footer><p>{}</p></footer>\n", by.html()));
    out.push_str("<div id=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div>\n");
    put(out, format_args!("<script type=\"application/json\" id=\"findings\">{}</script>\n", data(findings)));
    put(out, format_args!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
}

/// JSON that cannot end its script element.
fn data(findings: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(findings).unwrap_or_default();
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // All five stand only inside JSON strings, where the escape means the same.
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => put(&mut out, format_args!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn head(frame: &Frame, out: &mut String) {
    let (own, hash) = frame.style.map_or((String::new(), String::new()), |(style, hash)| {
        (format!("<style>{style}</style>"), format!(" 'sha256-{hash}'"))
    });
    put(
        out,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\" data-lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_HASH}'{hash}; \
             script-src 'sha256-{SCRIPT_HASH}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"generator\" content=\"{}\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n\
             <style>{STYLE}</style>{own}\n</head>\n",
            escape(frame.program),
            escape(frame.title)
        ),
    );
}

/// Sections that the contents list, with their ids.
const CONTENTS: [(&str, Msg); 9] = [
    ("ranking", Msg::Ranking),
    ("pareto", Msg::ParetoTitle),
    ("cost", Msg::CostTitle),
    ("operators", Msg::OperatorsTitle),
    ("memory", Msg::MemoryTitle),
    ("systems", Msg::DetailTitle),
    ("facts", Msg::ProvenanceTitle),
    ("rejected", Msg::Rejected),
    ("glossary", Msg::GlossaryTitle),
];

fn header(frame: &Frame, out: &mut String) {
    let first = frame.contents.first().map_or("", |c| c.0);
    put(
        out,
        format_args!("<a class=\"skip\" href=\"#{first}\">{}</a>\n<header>\n", Both::msg(Msg::SkipToContent).html()),
    );
    out.push_str(
        "<div class=\"bar-top\"><span class=\"mark\"><svg viewBox=\"0 0 40 24\" width=\"40\" height=\"24\" \
         aria-hidden=\"true\"><path d=\"M2 9 38 5M12 8V1M6 9v5M32 6v9\"/><path class=\"fill\" \
         d=\"M1.500 14h9l-1.500 5h-6zM29 15h6v6h-6z\"/></svg>Steelyard <span lang=\"zh-CN\">权衡</span></span>\n",
    );
    let label = |msg: Msg| Both::msg(msg).attributes("data-label");
    put(
        out,
        format_args!(
            "<div class=\"tools\" role=\"group\"{}><button type=\"button\" data-set-lang=\"en\">English</button>\
             <button type=\"button\" data-set-lang=\"zh\">中文</button>\
             <button type=\"button\" id=\"theme\"{}><svg viewBox=\"0 0 16 16\" width=\"14\" height=\"14\" \
             aria-hidden=\"true\"><circle cx=\"8\" cy=\"8\" r=\"6.500\"/><path class=\"fill\" d=\"M8 1.500a6.500 6.500 0 0 1 0 13z\"/>\
             </svg></button></div></div>\n",
            label(Msg::Language),
            label(Msg::Theme)
        ),
    );
    put(out, format_args!("<h1>{}</h1>\n", escape(frame.title)));
    put(out, format_args!("<p class=\"asked\">{}</p>\n", frame.asked.html()));
    put(out, format_args!("<nav{}><ul>", label(Msg::Contents)));
    for (id, name) in frame.contents {
        put(out, format_args!("<li><a href=\"#{id}\">{}</a></li>", name.html()));
    }
    out.push_str("</ul></nav>\n</header>\n");
}

/// The question in a line.
fn asked(findings: &Findings, lang: Lang) -> String {
    let pairs = |list: &[(String, String)]| {
        list.iter().map(|(name, value)| format!("{} {value}", term(name, lang))).collect::<Vec<_>>().join(" · ")
    };
    let mut parts = vec![findings.model.name.clone(), findings.model.weights.clone(), pairs(&findings.traffic)];
    if !findings.levels.is_empty() {
        parts.push(format!("{}{}{}", Msg::Levels.text(lang), lang.colon(), pairs(&findings.levels)));
    }
    parts.push(format!("{}{}{}", Msg::Objective.text(lang), lang.colon(), term(&findings.objective, lang)));
    parts.join(" · ")
}

/// Opens a section with its heading and a note below it. The heading's id is `{id}-h`.
pub fn section(id: &str, title: Msg, note: Option<Msg>, out: &mut String) {
    section_of(id, &Both::msg(title), note.map(Both::msg).as_ref(), out);
}

/// The same with texts that are no messages.
pub fn section_of(id: &str, title: &Both, note: Option<&Both>, out: &mut String) {
    put(
        out,
        format_args!("<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{}</h2>\n", title.html()),
    );
    if let Some(note) = note {
        put(out, format_args!("<p class=\"note\">{}</p>\n", note.html()));
    }
}

/// Rank and name, for labels.
pub fn ranked_name(findings: &Findings, index: usize) -> String {
    let system = &findings.systems[index];
    if words::served(system).is_some() { format!("{}  {}", index + 1, system.name) } else { system.name.clone() }
}
