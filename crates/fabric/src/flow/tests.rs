//! Cases with closed forms.

use super::*;

fn phase(streams: &[(f64, f64, &[u32])], pause: f64, repeat: u64) -> Phase {
    let mut all = Streams::new();
    for (bytes, latency, uses) in streams {
        all.push(*bytes, *latency, uses.iter().map(|&r| (r, 1.0)));
    }
    Phase { streams: all, pause, repeat }
}

fn one(capacities: &[f64], phases: Vec<Phase>) -> Outcome {
    run(capacities, &[Job { start: 0.0, phases }]).expect("sound")
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-12), "{a} against {b}");
}

#[test]
fn alone_a_stream_takes_its_slowest_link_and_its_latency_once() {
    // 8 GB over 4, 2 and 4 GB/s with 3 us: cut-through, not 2 + 4 + 2 s.
    let done = one(&[4e9, 2e9, 4e9], vec![phase(&[(8e9, 3e-6, &[0, 1, 2])], 0.0, 1)]);
    near(done.finish[0], 4.0 + 3e-6);
}

#[test]
fn two_share_a_link_until_the_shorter_ends() {
    // 1 and 3 GB over 1 GB/s: at half rate until 2 s, then the other 2 GB alone: 4 s.
    let done = one(&[1e9], vec![phase(&[(1e9, 0.0, &[0]), (3e9, 0.0, &[0])], 0.0, 1)]);
    near(done.finish[0], 4.0);
    assert_eq!(done.events, 2);
}

#[test]
fn the_classic_three_flow_line() {
    // A over links 0 and 1 of 1 and 2 B/s, B over 0, C over 1: A = B = 0.5, C = 1.5.
    // 1 B each: C ends at 2/3 s; A and B at 2 s.
    let streams: &[(f64, f64, &[u32])] = &[(1.0, 0.0, &[0, 1]), (1.0, 0.0, &[0]), (1.5, 0.0, &[1])];
    let done = one(&[1.0, 2.0], vec![phase(streams, 0.0, 1)]);
    near(done.finish[0], 2.0);
    let jobs: Vec<Job> = streams.iter().map(|s| Job { start: 0.0, phases: vec![phase(&[*s], 0.0, 1)] }).collect();
    let done = run(&[1.0, 2.0], &jobs).expect("sound");
    near(done.finish[2], 1.0);
    near(done.finish[0], 2.0);
}

#[test]
fn a_later_job_slows_an_earlier_one_only_where_they_meet() {
    let job = |start, link: u32| Job { start, phases: vec![phase(&[(2e9, 0.0, &[link])], 0.0, 1)] };
    // Alone for 1 s (1 GB), together for 2 s (1 GB each), the second alone for 1 s.
    let done = run(&[1e9, 1e9], &[job(0.0, 0), job(1.0, 0), job(0.0, 1)]).expect("sound");
    near(done.finish[0], 3.0);
    near(done.finish[1], 4.0);
    near(done.finish[2], 2.0);
}

#[test]
fn steps_repeat_without_being_simulated() {
    // A ring of 4: 6 steps of 250 MB at 1 GB/s, 2 us on the way and 1 us of software each.
    let ring: &[(f64, f64, &[u32])] = &[(25e7, 2e-6, &[0]), (25e7, 2e-6, &[1]), (25e7, 2e-6, &[2]), (25e7, 2e-6, &[3])];
    let many = one(&[1e9; 4], vec![phase(ring, 1e-6, 1_000_000)]);
    near(many.finish[0], 1e6 * (0.25 + 3e-6));
    assert!(many.events <= 16, "{}", many.events);
    assert_eq!(many.skipped + many.events / 4, 1_000_000);
}

#[test]
fn two_jobs_repeat_together() {
    // Two rings over one link, out of step: each round of the first overlaps with the other's in the same way.
    let job = |start, bytes, repeat| Job { start, phases: vec![phase(&[(bytes, 0.0, &[0])], 0.5, repeat)] };
    let jobs = [job(0.0, 1.0, 200_000), job(0.25, 1.0, 200_000)];
    let fast = run(&[1.0], &jobs).expect("sound");
    // Walked round by round, as a sequence of phases that are not marked as repetitions.
    let walked: Vec<Job> = jobs
        .iter()
        .map(|j| Job { start: j.start, phases: vec![Phase { repeat: 1, ..j.phases[0].clone() }; 2000] })
        .collect();
    let slow = run(&[1.0], &walked).expect("sound");
    for j in 0..2 {
        let (a, b) = (fast.finish[j] / 200_000.0, slow.finish[j] / 2000.0);
        assert!((a - b).abs() < 1e-3 * b, "{a} against {b}");
    }
    assert!(fast.events < 20_000, "{}", fast.events);
}

#[test]
fn nothing_to_carry_takes_only_pauses_and_latencies() {
    let done = one(&[1.0], vec![phase(&[(0.0, 2e-6, &[0]), (5.0, 1e-6, &[])], 1e-6, 3)]);
    near(done.finish[0], 9e-6);
    near(run(&[1.0], &[Job { start: 2.0, phases: Vec::new() }]).expect("sound").finish[0], 2.0);
}

#[test]
fn shares_stand_for_many() {
    // One stream for four alike that use a link of 2 B/s by half each.
    let mut streams = Streams::new();
    streams.push(1.0, 0.0, [(0, 2.0)]);
    let done = one(&[2.0], vec![Phase { streams, pause: 0.0, repeat: 1 }]);
    near(done.finish[0], 1.0);
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    assert!(matches!(run(&[0.0], &[]), Err(FlowError::Capacity { resource: 0, .. })));
    let job = |p| [Job { start: 0.0, phases: vec![p] }];
    assert!(matches!(run(&[1.0], &job(phase(&[(1.0, 0.0, &[3])], 0.0, 1))), Err(FlowError::NoResource { .. })));
    assert!(matches!(run(&[1.0], &job(phase(&[(f64::NAN, f64::NAN, &[0])], f64::NAN, 1))), Err(FlowError::NotFinite)));
}
