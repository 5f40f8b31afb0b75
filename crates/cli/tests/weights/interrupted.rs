//! Runs that do not end well, and are taken up again.

use std::process::Stdio;
use std::time::Duration;

use super::*;

/// A source whose conversion takes long enough to be killed in the middle.
fn long(folder: &Folder) {
    fs::create_dir_all(folder.at("long")).unwrap();
    let names: Vec<String> = (0..48).map(|i| format!("model.layers.{i}.mlp.up_proj.weight")).collect();
    let one = bf16("", &[512, 512], 5);
    let tensors: Vec<Tensor<'_>> = names.iter().map(|n| (n.as_str(), one.1, one.2.clone(), one.3.clone())).collect();
    write(&folder.at("long/model.safetensors"), &tensors);
    fs::write(folder.at("long/config.json"), "{}").unwrap();
}

fn same_bytes(a: &Path, b: &Path) {
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(a), names(b));
    for name in names(a) {
        assert!(fs::read(a.join(&name)).unwrap() == fs::read(b.join(&name)).unwrap(), "{name:?}");
    }
}

#[test]
fn a_killed_run_is_taken_up_and_ends_with_the_same_bytes() {
    let f = Folder::new();
    long(&f);
    let to = "--to mxfp4 --scale-rule search --threads 1";
    run(&f, &format!("quantize long clean {to}"));
    let words = format!("quantize long out {to}");
    let mut child = command(&f).args(words.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The journal has a line for the plan and one for each finished tensor: killed after the second.
    let journal = f.at("out.partial/.steelyard-journal");
    let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    while lines() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!f.at("out").exists(), "it was done before it was killed");
    assert!((3..49).contains(&lines()), "{} lines", lines());

    let (exit, _, err) = steelyard(&f, &words);
    assert!(exit == 2 && err.contains("--resume goes on with it"), "{err}");
    let (exit, _, err) = steelyard(&f, "quantize long out --to mxfp8 --resume");
    assert!(exit == 2 && err.contains("begun with another source, other options"), "{err}");
    let out = run(&f, &format!("{words} --resume"));
    assert!(out.contains("tensors were there from the interrupted run"), "{out}");
    same_bytes(&f.at("clean"), &f.at("out"));
}

/// A file system of 3 MB, if this user may make one.
struct Small<'a>(&'a Folder);

impl Small<'_> {
    fn mount(&self, options: &str) -> bool {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(self.0.at("small")).output();
        done.is_ok_and(|o| o.status.success())
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.at("small")).output();
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_run_goes_on_when_there_is_room() {
    let f = Folder::new();
    long(&f);
    fs::create_dir_all(f.at("small")).unwrap();
    let small = Small(&f);
    if !small.mount("size=3m") {
        eprintln!("SKIPPED a full disk: no right to mount a tmpfs");
        return;
    }
    let (exit, out, err) = steelyard(&f, "quantize long small/out --to mxfp4");
    assert_eq!((exit, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("cannot write: No space left on device") && err.contains("--resume goes on with it"), "{err}");
    assert!(!f.at("small/out").exists());
    assert!(small.mount("remount,size=64m"));
    run(&f, "quantize long small/out --to mxfp4 --resume");
    run(&f, "quantize long clean --to mxfp4");
    same_bytes(&f.at("clean"), &f.at("small/out"));
}
