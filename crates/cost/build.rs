//! Tells cargo that the embedded calibration may have changed.

fn main() {
    println!("cargo:rerun-if-changed=../../calibration");
}
