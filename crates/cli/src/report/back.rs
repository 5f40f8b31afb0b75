//! The back of the report: facts, rejected set-ups, the study, the glossary.

use plan::findings::Findings;

use super::page::section;
use crate::lang::both::{escape, put};
use crate::lang::glossary::GLOSSARY;
use crate::lang::number::{Unit, quantity, thousands};
use crate::lang::{Both, Msg, words};
use crate::table::{facts, parameters};

/// Each assumed or disputed fact once, with the systems that rest on it.
pub fn provenance(findings: &Findings, out: &mut String) {
    section("facts", Msg::ProvenanceTitle, Some(Msg::ProvenanceNote), out);
    let list = facts(findings);
    if list.is_empty() {
        put(out, format_args!("<p>{}</p>\n</section>\n", Both::msg(Msg::RestsOnNone).html()));
        return;
    }
    let m = |msg: Msg| Both::msg(msg).html();
    put(
        out,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>\
             <tbody>\n",
            m(Msg::Fact),
            m(Msg::Value),
            m(Msg::Kind),
            m(Msg::Source),
            m(Msg::UsedBy)
        ),
    );
    for shared in list {
        let fact = shared.fact;
        let disputed = if fact.disputed {
            format!(" <span class=\"tag warn\">{}</span>", m(Msg::Disputed))
        } else {
            String::new()
        };
        let used: Vec<String> = shared
            .ranks
            .iter()
            .map(|r| {
                let name = findings.systems.get(r - 1).map_or("", |s| &s.name);
                format!("<a href=\"#sys-{r}\" title=\"{}\">{r}</a>", escape(name))
            })
            .collect();
        put(
            out,
            format_args!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}{disputed}</td><td>{}</td><td>{}</td></tr>\n",
                breakable(&fact.path),
                escape(&fact.value),
                Both::term(&fact.kind).html(),
                escape(&fact.source),
                used.join(", ")
            ),
        );
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

/// A path that may break after its dots, slashes and underscores.
fn breakable(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        out.push_str(&escape(c.encode_utf8(&mut [0; 4])));
        if matches!(c, '.' | '/' | '_') {
            out.push_str("<wbr>");
        }
    }
    out
}

/// What was rejected, system by system.
pub fn rejected(findings: &Findings, out: &mut String) {
    section("rejected", Msg::Rejected, None, out);
    let m = |msg: Msg| Both::msg(msg).html();
    put(
        out,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>{}</th><th class=\"n\">{}</th><th>{}</th><th>{}</th></tr></thead>\
             <tbody>\n",
            m(Msg::System),
            m(Msg::Count),
            m(Msg::Reason),
            Both::of(|l| Msg::Example.fill(l, &[("example", "")]).trim().to_owned()).html()
        ),
    );
    for system in &findings.systems {
        let count: u64 = system.rejected.iter().map(|r| u64::from(r.count)).sum();
        let sum = Both::of(|l| {
            let (rejected, tried) = (thousands(count as f64), thousands(f64::from(system.tried)));
            Msg::RejectedOf.fill(l, &[("rejected", &rejected), ("tried", &tried)])
        });
        let rows = system.rejected.len();
        for (i, r) in system.rejected.iter().enumerate() {
            out.push_str("<tr>");
            if i == 0 {
                let name = escape(&system.name);
                put(out, format_args!("<th scope=\"row\" rowspan=\"{rows}\">{name}<small>{}</small></th>", sum.html()));
            }
            put(
                out,
                format_args!(
                    "<td class=\"n\">{}</td><td>{}</td><td class=\"mono\">{}</td></tr>\n",
                    thousands(f64::from(r.count)),
                    Both::of(|l| words::reason(&r.reason, l)).html(),
                    escape(&r.example)
                ),
            );
        }
    }
    out.push_str("</tbody></table></div>\n</section>\n");
}

/// What was asked.
pub fn study(findings: &Findings, out: &mut String) {
    section("study", Msg::StudyTitle, None, out);
    out.push_str("<dl class=\"study\">\n");
    let model = &findings.model;
    let numbers = Both::of(|l| {
        let numbers = Msg::ModelLine.fill(
            l,
            &[
                ("parameters", &parameters(model.parameters)),
                ("active", &parameters(model.active_parameters)),
                ("weights", &model.weights),
                ("kv", &quantity(model.kv_bytes_per_token, Unit::Bytes)),
            ],
        );
        format!("{}; {numbers}", model.name)
    });
    let mut row = |name: Both, value: String| {
        put(out, format_args!("<div><dt>{}</dt><dd>{value}</dd></div>\n", name.html()));
    };
    row(Both::msg(Msg::Model), numbers.html());
    for (name, value) in &findings.traffic {
        row(Both::term(name), Both::of(|l| words::saying(value, l)).html());
    }
    for (name, value) in &findings.levels {
        row(Both::term(name), escape(value));
    }
    row(Both::msg(Msg::Objective), Both::term(&findings.objective).html());
    out.push_str("</dl>\n</section>\n");
}

/// Field terms, defined once.
pub fn glossary(out: &mut String) {
    section("glossary", Msg::GlossaryTitle, None, out);
    out.push_str("<dl class=\"glossary\">\n");
    for entry in GLOSSARY {
        let term = Both::of(|l| match l {
            crate::lang::Lang::Zh if entry.gloss != entry.term => format!("{} {}", entry.term, entry.gloss),
            _ => entry.term.to_owned(),
        });
        let text = Both { en: entry.en.to_owned(), zh: entry.zh.to_owned() };
        put(out, format_args!("<div><dt>{}</dt><dd>{}</dd></div>\n", term.html(), text.html()));
    }
    out.push_str("</dl>\n</section>\n");
}
