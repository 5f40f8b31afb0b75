//! The frame: head, policy, header, contents, and the sections in order.

use plan::Findings;
use plan::findings::Saying;

use super::{back, detail, figures, ranking};
use crate::lang::both::{escape, put};
use crate::lang::{Both, Lang, Msg, term, words};

/// Shared with every report, so that their hashes in the policy are constants.
pub const STYLE: &str = include_str!("assets/style.css");
pub const SCRIPT: &str = include_str!("assets/script.js");
/// SHA-256 of the two, base64; a test tells the right values.
pub const STYLE_HASH: &str = "64cZawS4wQmBWNXFyWXj4g1ZQt+rHw/STBBE587W+ns=";
pub const SCRIPT_HASH: &str = "MtEOIJ+8eZK41RBA7rNmv3U1wACFG2leZ8RBbx298zw=";

/// The page. The same findings give the same bytes.
pub fn render(findings: &Findings) -> String {
    let mut out = String::with_capacity(1 << 20);
    opening(&findings.program, &findings.title, &mut out);
    header(findings, &mut out);
    out.push_str("<main>\n");
    out.push_str(&sections(findings));
    out.push_str("</main>\n");
    footer(&findings.program, &mut out);
    put(&mut out, format_args!("<script type=\"application/json\" id=\"findings\">{}</script>\n", data(findings)));
    closing(&mut out);
    out
}

/// The sections in order: what stands in the report's `<main>`, and in the page that weighs again and again.
pub fn sections(findings: &Findings) -> String {
    let mut out = String::with_capacity(1 << 19);
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
    out
}

/// Who made the page, and the element that tooltips use.
pub fn footer(program: &str, out: &mut String) {
    let by = Both::of(|lang| Msg::MadeBy.fill(lang, &[("program", program)]));
    put(out, format_args!("<footer><p>{}</p></footer>\n", by.html()));
    out.push_str("<div id=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div>\n");
}

/// The script, and the end of the page.
pub fn closing(out: &mut String) {
    put(out, format_args!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
}

/// JSON that cannot end its script element.
pub fn data<T: serde::Serialize>(findings: &T) -> String {
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

/// The head of a page, and the start of its body.
pub fn opening(program: &str, title: &str, out: &mut String) {
    put(
        out,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\" data-lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; \
             script-src 'sha256-{SCRIPT_HASH}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"generator\" content=\"{}\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n",
            escape(program),
            escape(title)
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

/// The name of the program, and the choice of language and theme. `content` is the id of the first section.
pub fn top(content: &str, out: &mut String) {
    put(
        out,
        format_args!("<a class=\"skip\" href=\"#{content}\">{}</a>\n<header>\n", Both::msg(Msg::SkipToContent).html()),
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
}

fn header(findings: &Findings, out: &mut String) {
    top("ranking", out);
    put(out, format_args!("<h1>{}</h1>\n", escape(&findings.title)));
    put(out, format_args!("<p class=\"asked\">{}</p>\n", Both::of(|lang| asked(findings, lang)).html()));
    put(out, format_args!("<nav{}><ul>", Both::msg(Msg::Contents).attributes("data-label")));
    for (id, msg) in CONTENTS {
        put(out, format_args!("<li><a href=\"#{id}\">{}</a></li>", Both::msg(msg).html()));
    }
    out.push_str("</ul></nav>\n</header>\n");
}

/// The question in a line.
fn asked(findings: &Findings, lang: Lang) -> String {
    let said = |(name, value): &(String, Saying)| format!("{} {}", term(name, lang), words::saying(value, lang));
    let bound = |(name, value): &(String, String)| format!("{} {value}", term(name, lang));
    let mut parts = vec![findings.model.name.clone(), findings.model.weights.clone()];
    parts.extend(findings.traffic.iter().map(said));
    let levels: Vec<String> = findings.levels.iter().map(bound).collect();
    if !levels.is_empty() {
        parts.push(format!("{}{}{}", Msg::Levels.text(lang), lang.colon(), levels.join(" · ")));
    }
    parts.push(format!("{}{}{}", Msg::Objective.text(lang), lang.colon(), term(&findings.objective, lang)));
    parts.join(" · ")
}

/// Opens a section with its heading and a note below it. The heading's id is `{id}-h`.
pub fn section(id: &str, title: Msg, note: Option<Msg>, out: &mut String) {
    section_of(id, &Both::msg(title), note.map(Both::msg).as_ref(), out);
}

/// The same with texts that are no messages of this list.
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
