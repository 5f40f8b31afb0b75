//! Questions that are wrong, and events that are told in words or by the catalog's policies.

use catalog::Catalog;

use super::check;
use crate::purchase::question::{Effect, Question};
use crate::purchase::terms::terms;
use crate::study::Library;

const QUESTION: &str = r#"
start = "2026-Q4"
quarters = 4
[objective]
best = "least cost"
[money]
interest = "5 %"
resale = 0.4
utilisation = "60 %"
[[site]]
name = "here"
electricity = "0.1 USD/kWh"
[[work]]
name = "chat"
model = "qwen3-32b"
tokens_per_day = "2 G"
traffic = { input = 1000, output = 500 }
[[offer]]
name = "h200"
system = "nvidia-hgx-h200"
how = "buy"
site = "here"
lead = "3 months"
price = "30_000 USD"
origin = "US"
[[scenario]]
name = "as it is"
weight = 1
"#;

fn read(text: &str) -> Result<Question, Vec<String>> {
    let catalog = Catalog::embedded();
    let library = Library { catalog: &catalog, folder: None };
    check("plan.toml", text, None, library).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn sound(text: &str) -> Question {
    read(text).unwrap_or_else(|faults| panic!("{}", faults.join("\n")))
}

#[test]
fn what_is_wrong_is_told_with_what_would_be_right() {
    sound(QUESTION);
    // What replaces what, and words of the fault.
    let cases = [
        ("start = \"2026-Q4\"", "start = \"2026-Q5\"", "'2026-Q5' is no quarter"),
        ("quarters = 4", "quarters = 0", "quarters"),
        ("\"least cost\"", "\"least costs\"", "least cost"),
        ("interest = \"5 %\"", "", "interest"),
        ("utilisation = \"60 %\"", "utilisation = \"160 %\"", "utilisation"),
        ("site = \"here\"", "site = \"her\"", "did you mean \"here\"?"),
        ("site = \"here\"\n", "", "site"),
        ("\"nvidia-hgx-h200\"", "\"nvidia-hgx-h2000\"", "did you mean"),
        ("price = \"30_000 USD\"", "price = 30000", "an amount and a currency"),
        ("price = \"30_000 USD\"", "price = \"30_000 CNX\"", "did you mean CNY?"),
        ("lead = \"3 months\"", "lead = \"3 parsecs\"", "lead"),
        ("tokens_per_day = \"2 G\"", "tokens_per_day = \"two\"", "'two' is no amount"),
        ("weight = 1", "weight = 0.5", "weights add up to 0.5"),
        ("how = \"buy\"", "how = \"rent\"", "is rented and stands at a site"),
        ("how = \"buy\"", "how = \"steal\"", "steal"),
        ("origin = \"US\"", "colour = \"red\"", "colour"),
        ("weight = 1", "weight = 1\n[[scenario.event]]\nname = \"x\"\nfrom = \"2027-Q1\"", "has 0 effects"),
        ("weight = 1", "weight = 1\n[[scenario.event]]\npolicy = \"us_233\"", "did you mean \"us_232\"?"),
        (
            "weight = 1",
            "weight = 1\n[sensitivity]\nbreak_even = [{ input = \"offer.h200.prize\", offer = \"h200\", from = 1, to = 2 }]",
            "did you mean \"offer.h200.price\"?",
        ),
        ("best = \"least cost\"", "best = \"most tokens\"", "needs a budget"),
    ];
    for (from, to, words) in cases {
        let text = QUESTION.replacen(from, to, 1);
        assert_ne!(text, QUESTION, "{from}");
        match read(&text) {
            Ok(_) => panic!("{to} is accepted"),
            Err(faults) => assert!(faults.iter().any(|f| f.contains(words)), "{to}: {}", faults.join("\n")),
        }
    }
    // All faults of a file at once.
    let many = QUESTION.replace("\"2 G\"", "\"two\"").replace("2026-Q4", "soon").replace("30_000 USD", "cheap");
    let faults = read(&many).err().map_or(0, |f| f.len());
    assert!(faults >= 3, "{faults}");
}

/// A question in whose only scenario something happens.
fn with(event: &str) -> Question {
    sound(&QUESTION.replace("weight = 1", &format!("weight = 1\n[[scenario.event]]\n{event}")))
}

#[test]
fn a_licence_revoked_in_a_quarter_stops_deliveries_from_then_on() {
    let q = with("name = \"licence revoked\"\noffers = [\"h200\"]\nfrom = \"2027-Q1\"\nban = true");
    let t = terms(&q, &q.scenarios[0]);
    assert_eq!(t.delivered[0], [true, false, false, false]);
    assert_eq!(t.usable[0], [true; 4]);
    // Given back two quarters later.
    let q = with("offers = [\"h200\"]\nfrom = \"2027-Q1\"\nuntil = \"2027-Q3\"\nban = true");
    assert_eq!(terms(&q, &q.scenarios[0]).delivered[0], [true, false, false, true]);
}

#[test]
fn every_effect_reaches_the_terms() {
    let t = |event: &str| {
        let q = with(&format!("from = \"2027-Q2\"\n{event}"));
        terms(&q, &q.scenarios[0])
    };
    assert_eq!(t("no_use = true").usable[0], [true, true, false, false]);
    assert_eq!(t("surcharge = \"15 %\"").surcharge[0], [0.0, 0.0, 0.15, 0.15]);
    assert_eq!(t("price = 2").price[0], [30_000.0, 30_000.0, 60_000.0, 60_000.0]);
    assert_eq!(t("delay = \"6 months\"").lead[0], [1, 1, 3, 3]);
    assert_eq!(t("cap = 800").caps[0].chips, 800.0);
    assert_eq!(t("electricity = 0.5").electricity[0], [0.1, 0.1, 0.05, 0.05]);
    let demand = t("demand = 2").demand[0].clone();
    assert!((demand[2] / demand[1] - 2.0).abs() < 1e-12);
    let share = &t("origin_share = { of = \"US\", at_least = \"80 %\" }").shares[0];
    assert_eq!((share.share, share.offers[0]), (0.8, (0, true)));
}

#[test]
fn policies_of_the_catalog_say_what_they_do() {
    // The duty on parts that go through the United States: a quarter of the price, on the chips that the rule names.
    let q = with("policy = \"us_232\"");
    let event = &q.scenarios[0].events[0];
    assert_eq!((event.offers.as_slice(), event.from), ([0].as_slice(), 0));
    assert!(matches!(event.effect, Effect::Surcharge(rate) if rate.mid == 0.25), "{:?}", event.effect);
    let q = with("policy = \"cn_customs_h200\"\nfrom = \"2027-Q1\"");
    assert_eq!(q.scenarios[0].events[0].effect, Effect::Ban);
    assert_eq!(terms(&q, &q.scenarios[0]).delivered[0], [true, false, false, false]);
}
