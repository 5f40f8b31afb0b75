//! How long a large plan takes: 20 offers, 12 quarters, 10 scenarios, 4 classes of work.
//!
//! `cargo bench -p steelyard-plan --bench purchase` prints times, the gap that is left, and a digest of the plan, which is
//! the same on every run. Rates are invented: this measures the optimiser, not the engine.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Instant;

use catalog::Catalog;
use plan::purchase::question::{Offer, Work};
use plan::purchase::rates::{NoRate, Phase, Rate, Source};
use plan::purchase::{Case, Outcome, Watch, check, optimise};
use plan::study::Library;

/// Rates that differ by offer and work, from their names.
struct Invented;

impl Source for Invented {
    fn rate(&self, offer: &Offer, work: &Work, _: Phase) -> Result<Rate, NoRate> {
        let mix = |text: &str| text.bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))) % 1000;
        let share = (mix(&offer.name) * 7 + mix(&work.name) * 13) % 1000;
        let per_second = f64::from(offer.unit.chips) * (0.2 + share as f64 / 1000.0);
        Ok(Rate { per_second, low: 0.8 * per_second, high: 1.2 * per_second, setup: String::new() })
    }
}

fn question(offers: usize, quarters: usize, scenarios: usize, demand: f64) -> String {
    let mut t = format!(
        "start = \"2026-Q4\"\nquarters = {quarters}\ndecided = 2\n[objective]\nbest = \"least cost\"\n\
         [money]\ninterest = 0.05\nresale = 0.4\nutilisation = 0.6\n"
    );
    for site in ["north", "south"] {
        let _ =
            write!(t, "[[site]]\nname = \"{site}\"\npower = \"60 MW\"\nelectricity = \"0.08 USD/kWh\"\npue = 1.2\n");
    }
    let _ = write!(t, "[[stack]]\nname = \"other\"\ncost = \"5 M USD\"\ntime = 1\nstaff = \"1 M USD/a\"\n");
    for (i, work) in ["chat", "long", "batch", "small"].into_iter().enumerate() {
        let _ = write!(
            t,
            "[[work]]\nname = \"{work}\"\nmodel = \"qwen3-32b\"\ntokens_per_day = \"{:.3} G\"\ngrowth = 0.1\n\
             traffic = {{ input = 1000, output = 500 }}\n",
            demand * (8 + 4 * i) as f64
        );
    }
    for i in 0..offers {
        let (price, lead, site) = (9_000 + 1_700 * ((i * 7) % 11), i % 3, if i % 2 == 0 { "north" } else { "south" });
        let stack = if i % 4 == 3 { "stack = \"other\"\n" } else { "" };
        let system = ["nvidia-hgx-h200", "nvidia-dgx-h100", "nvidia-gb200-nvl72", "huawei-cloudmatrix-384"][i % 4];
        let _ = write!(
            t,
            "[[offer]]\nname = \"o{i}\"\nsystem = \"{system}\"\nhow = \"buy\"\nsite = \"{site}\"\nlead = {lead}\n\
             price = \"{price} USD\"\nsupply = {}\n{stack}",
            8 + (i * 5) % 17
        );
    }
    for s in 0..scenarios {
        let _ = write!(t, "[[scenario]]\nname = \"s{s}\"\nweight = {}\n", 1.0 / scenarios as f64);
        let (a, b, from) = ((s * 3) % offers, (s * 5 + 1) % offers, 2027 + s % 2);
        let _ = write!(t, "[[scenario.event]]\noffers = [\"o{a}\"]\nfrom = \"{from}-Q2\"\nban = true\n");
        let _ = write!(
            t,
            "[[scenario.event]]\noffers = [\"o{b}\"]\nfrom = \"{from}-Q3\"\nprice = {}\n",
            0.7 + 0.1 * s as f64
        );
        let _ = write!(
            t,
            "[[scenario.event]]\nname = \"demand\"\nfrom = \"2027-Q1\"\ndemand = {}\n",
            0.8 + 0.05 * s as f64
        );
    }
    t
}

fn main() {
    let catalog = Catalog::embedded();
    let library = Library { catalog: &catalog, folder: None };
    for (offers, quarters, scenarios, demand) in
        [(6, 8, 4, 0.02), (20, 12, 10, 0.02), (20, 12, 10, 0.2), (20, 12, 10, 1.0)]
    {
        let text = question(offers, quarters, scenarios, demand);
        let question = match check("bench.toml", &text, None, library) {
            Ok(question) => question,
            Err(faults) => {
                faults.iter().for_each(|f| eprintln!("{f}"));
                std::process::exit(2);
            }
        };
        let case = Case::new(question, &Invented, &Watch::NOBODY).expect("rates");
        let start = Instant::now();
        let outcome = optimise(&case, &Watch::NOBODY);
        let took = start.elapsed();
        match outcome {
            Ok(Outcome::Plan(plan)) => {
                let digest = plan.values.iter().fold(0u64, |h, v| h.rotate_left(5) ^ (v * 1e6).round().to_bits());
                let orders = plan.model.index.order.iter().flatten().flatten().flatten().collect::<BTreeSet<_>>();
                let units: f64 = orders.into_iter().map(|&c| plan.values[c]).sum();
                println!(
                    "{offers} offers, {quarters} quarters, {scenarios} scenarios: {took:.2?}, {} columns, {} rows, \
                     {units:.0} units, cost {:.3}, bound {:.3}, gap {:.2} %, digest {digest:016x}",
                    plan.model.program.columns.len(),
                    plan.model.program.rows.len(),
                    plan.total,
                    plan.bound,
                    100.0 * plan.gap()
                );
            }
            Ok(Outcome::Short(short)) => println!("{offers} offers: no plan after {took:.2?}: {:?}", short.binding),
            Err(error) => println!("{offers} offers: {error}"),
        }
    }
}
