//! scratch
fn main() {
    let catalog = catalog::Catalog::embedded();
    let fitted = plan::machine::Fitted {
        operators: cost::Calibration::embedded().expect("cal"),
        exchanges: cost::comm::CommCalibration::embedded().expect("comm"),
    };
    let engine = catalog::Engine::load("trtllm").unwrap();
    let sys = catalog.system("nvidia-hgx-h200").unwrap().with_chips(32).unwrap();
    let m = plan::machine::Machine::new(&sys, &fitted, &engine).unwrap();
    for (s, r, d) in [(16, 2, 16), (8, 2, 8), (8, 8, 8), (1, 1, 1)] {
        let t = m.network.transfer(&cost::comm::Transfer {
            bytes: 35136.0 * 4000.0,
            senders: s,
            receivers: r,
            layers: 61,
            distance: d,
        });
        println!("{s} {r} {d}: {:?}", t);
    }
    println!("{:?}", sys.fabric);
}
