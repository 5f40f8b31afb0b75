//! The page is checked as text; how it looks is for eyes.

use plan::Findings;
use plan::findings::Remark;
use sha2::{Digest, Sha256};

use super::page::{SCRIPT, SCRIPT_HASH, STYLE, STYLE_HASH};
use super::{json, render};
use crate::lang::both::escape;

fn fixture() -> Findings {
    serde_json::from_str(include_str!("../../tests/fixtures/findings.json")).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = char::from(DIGITS[(n >> (18 - 6 * i)) as usize & 63]);
            out.push(if i > chunk.len() { '=' } else { digit });
        }
    }
    out
}

#[test]
fn policy_lets_exactly_this_style_and_script_run() {
    assert_eq!(base64(&Sha256::digest(STYLE)), STYLE_HASH, "put the left value into STYLE_HASH");
    assert_eq!(base64(&Sha256::digest(SCRIPT)), SCRIPT_HASH, "put the left value into SCRIPT_HASH");
}

#[test]
fn nothing_is_fetched() {
    let page = render(&fixture());
    for mark in ["http:", "https:", "//cdn", "@import", "url(", "<iframe", "<img", " src=", "fetch(", "XMLHttpRequest"]
    {
        assert!(!page.contains(mark), "{mark}");
    }
    assert!(!page.contains(" style=\""), "the policy forbids style attributes");
    assert!(!page.contains(" onclick"), "the policy forbids handlers in attributes");
}

#[test]
fn tags_balance() {
    let page = render(&fixture());
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.as_str();
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        if tag.starts_with('!') || tag.ends_with('/') || ["meta", "link", "wbr"].contains(&name) {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            open.push(name);
        }
        if name == "script" || name == "style" {
            // Raw text up to the end tag.
            if !tag.starts_with('/') {
                rest = &rest[rest.find(&format!("</{name}>")).unwrap()..];
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn everything_is_escaped() {
    let mut findings = fixture();
    let evil = "</script><script>alert('x')</script><!--\u{2028}";
    findings.title = evil.to_owned();
    findings.model.name = evil.to_owned();
    findings.traffic.push((evil.to_owned(), plan::findings::Saying::AsManyAsFit));
    findings.levels.push((evil.to_owned(), evil.to_owned()));
    findings.program = evil.to_owned();
    for system in &mut findings.systems {
        system.id = evil.to_owned();
        system.name = evil.to_owned();
        system.chip = evil.to_owned();
        for r in &mut system.rejected {
            r.example = evil.to_owned();
        }
        for p in &mut system.pareto {
            p.setup.kv = evil.to_owned();
        }
        if let plan::findings::Answer::Served(choice) = &mut system.answer {
            choice.limit = evil.to_owned();
            choice.setup.weights = evil.to_owned();
            choice.setup.arithmetic = evil.to_owned();
            choice.setup.engine = evil.to_owned();
            choice.remarks.push(Remark::GenericEngine);
            choice.remarks.push(Remark::NoDrafts { engine: evil.to_owned() });
            choice.memory.push((evil.to_owned(), 1e9));
            for op in &mut choice.operators {
                op.name = evil.to_owned();
                op.basis = evil.to_owned();
                op.bound = evil.to_owned();
            }
            for fact in &mut choice.rests_on {
                fact.path = evil.to_owned();
                fact.value = evil.to_owned();
                fact.kind = evil.to_owned();
                fact.source = evil.to_owned();
            }
            for peak in choice.roof.iter_mut().flat_map(|r| &mut r.peaks) {
                peak.0 = evil.to_owned();
            }
            if let Some(cost) = &mut choice.cost {
                cost.basis = plan::findings::Paid::Rent { price: evil.to_owned(), source: evil.to_owned() };
            }
        }
    }
    let page = render(&findings);
    assert!(!page.contains("<script>alert"));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn every_system_and_both_languages_are_there() {
    let findings = fixture();
    let page = render(&findings);
    assert_eq!(findings.systems.len(), 13);
    for system in &findings.systems {
        assert!(page.contains(&escape(&system.name)), "{}", system.name);
    }
    assert_eq!(page.matches("<span lang=\"en\">").count(), page.matches("<span lang=\"zh\">").count());
    assert_eq!(page.matches("<tspan lang=\"en\">").count(), page.matches("<tspan lang=\"zh\">").count());
    assert!(page.matches("<span lang=\"zh\">").count() > 300);
}

#[test]
fn embedded_data_reads_back() {
    let findings = fixture();
    let page = render(&findings);
    let start = page.find("id=\"findings\">").unwrap() + "id=\"findings\">".len();
    let end = start + page[start..].find("</script>").unwrap();
    assert_eq!(serde_json::from_str::<Findings>(&page[start..end]).unwrap(), findings);
    assert_eq!(serde_json::from_str::<Findings>(&json(&findings)).unwrap(), findings);
    assert_eq!(render(&findings), page);
}

#[test]
fn nonsense_numbers_do_not_stop_it() {
    let mut findings = fixture();
    for system in &mut findings.systems {
        for p in &mut system.pareto {
            p.tokens_per_chip = f64::NAN;
            p.tokens_per_user = f64::INFINITY;
        }
        if let plan::findings::Answer::Served(choice) = &mut system.answer {
            choice.tpot.mean.value = 0.0;
            choice.memory_capacity = 0.0;
            choice.tokens_per_chip.high = f64::INFINITY;
            for op in &mut choice.operators {
                op.seconds = 0.0;
                op.bytes = 0.0;
            }
            if let Some(cost) = &mut choice.cost {
                cost.per_million.high = f64::NAN;
                cost.chips = f64::INFINITY;
            }
        }
    }
    let page = render(&findings);
    // Outside the data and the script no NaN reaches a drawing.
    let drawn = &page[..page.find("id=\"findings\"").unwrap()];
    assert!(!drawn.contains("NaN") && !drawn.contains("=\"inf"));
    findings.systems.clear();
    assert!(render(&findings).contains("</html>"));
}
