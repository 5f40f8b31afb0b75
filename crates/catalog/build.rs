//! Embedded folders are read by a macro that does not see new files: build again when the folders change.

fn main() {
    println!("cargo::rerun-if-changed=../../catalog");
}
