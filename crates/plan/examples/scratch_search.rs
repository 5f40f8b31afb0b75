//! scratch
use std::time::Instant;
fn main() {
    let catalog = catalog::Catalog::embedded();
    let fitted = plan::machine::Fitted {
        operators: cost::Calibration::embedded().expect("cal"),
        exchanges: cost::comm::CommCalibration::embedded().expect("comm"),
    };
    let path = std::env::args().nth(1).expect("file");
    let study =
        plan::study::read(std::path::Path::new(&path), plan::study::Library { catalog: &catalog, folder: None })
            .unwrap();
    for c in &study.systems {
        let engines = match &c.engine {
            Some(e) => vec![catalog::Engine::load(e).unwrap()],
            None => catalog::engine::engines_for(&c.system.chip.architecture).unwrap(),
        };
        let t = Instant::now();
        let found = plan::search::search(&study, c, &engines, &fitted).unwrap();
        println!(
            "== {} chips {} plans {} points {} tried {} {:.0} ms",
            c.system.name,
            c.chips,
            found.plans.len(),
            found.points.len(),
            found.tried,
            t.elapsed().as_secs_f64() * 1e3
        );
        for p in &found.points {
            let plan = &found.plans[p.plan];
            let rough = plan.rough.iter().find(|r| r.batch >= p.batch).unwrap_or(&plan.rough[plan.rough.len() - 1]);

            println!(
                "  {:>50} b {:>5} c {:>6} out/chip {:>8.1} (rough {:.1} @{}) tpot {:.1} ms (rough {:.1}) ttft {:.0}/{:.0} ms (rough {:.0}) kv {:.2} pre {} {:?}",
                plan.name(found.fields[plan.field].engine),
                p.batch,
                p.concurrency(),
                p.output() / f64::from(c.chips),
                rough.requests * study.traffic.output.mean() * f64::from(plan.copies) / f64::from(c.chips),
                rough.batch,
                p.seen.tpot.mean * 1e3,
                rough.tpot * 1e3,
                p.seen.ttft.mean * 1e3,
                p.seen.ttft.p99 * 1e3,
                rough.ttft * 1e3,
                p.seen.loads.last().unwrap().kv,
                p.seen.loads.last().unwrap().preemptions,
                p.misses
            );
        }
        if let Some((b, c)) = &found.best {
            println!(
                "  BEST {} b {} out {:.0} {:?}",
                found.plans[b.plan].name(found.fields[found.plans[b.plan].field].engine),
                b.batch,
                b.output(),
                c
            );
        }
        println!("  unserved {:?}\n  rejected {:?}", found.unserved, found.rejected);
    }
}
