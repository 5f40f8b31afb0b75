use catalog::Catalog;
use sim::Time;

use super::*;
use crate::study::Library;

fn study(text: &str) -> ReplayStudy {
    let catalog = Catalog::embedded();
    check("test.toml", text, None, Library { catalog: &catalog, folder: None }).expect("sound")
}

fn assembled(study: &ReplayStudy) -> Result<Assembled, ReplayError> {
    assemble(study, &|| true)
}

fn fitted() -> Fitted {
    Fitted {
        operators: cost::Calibration::embedded().expect("sound"),
        exchanges: cost::comm::CommCalibration::embedded().expect("sound"),
    }
}

const POOL: &str = "[[pool]]\nname = \"a\"\nsystem = \"nvidia-hgx-h100\"\nchips = 2\nreplicas = 8\nengine = \"vllm\"\n";

fn drawn(more: &str) -> String {
    format!(
        "model = \"llama-3.1-8b\"\n[[traffic]]\narrivals = {{ rate = \"10 /s\" }}\nrequests = 100\ninput = 100\noutput = 10\n{more}"
    )
}

#[test]
fn sources_are_sliced_scaled_repeated_and_overlaid() {
    let plain = assembled(&study(&(drawn("") + POOL))).expect("assembled");
    assert_eq!(plain.requests.list.len(), 100);
    let times = |assembled: &Assembled| assembled.requests.list.iter().map(|r| r.arrival.seconds()).collect::<Vec<_>>();
    let fast = assembled(&study(&(drawn("rate = 2\n") + POOL))).expect("assembled");
    for (a, b) in times(&plain).iter().zip(times(&fast)) {
        assert!((a / 2.0 - b).abs() < 1e-9);
    }
    let twice = assembled(&study(&(drawn("repeat = 2\nfirst = 10\n") + POOL))).expect("assembled");
    assert_eq!(twice.requests.list.len(), 20);
    let period = times(&plain)[9] * 10.0 / 9.0;
    assert!((times(&twice)[10] - times(&twice)[0] - period).abs() < 1e-9);
    let cut =
        assembled(&study(&(drawn("from = \"2 s\"\nuntil = \"4 s\"\nstart = \"100 s\"\n") + POOL))).expect("assembled");
    assert_eq!(cut.requests.list.len(), times(&plain).iter().filter(|t| (2.0..4.0).contains(*t)).count());
    assert!(times(&cut).iter().all(|t| (100.0..102.0).contains(t)));
    let second = "[[traffic]]\narrivals = { rate = \"10 /s\" }\nrequests = 50\ninput = 7\noutput = 10\n";
    let both = assembled(&study(&(drawn("") + second + POOL))).expect("assembled");
    assert_eq!(both.requests.list.iter().filter(|r| r.input == 7).count(), 50);
    assert!(both.requests.list.windows(2).all(|pair| pair[0].arrival <= pair[1].arrival));
    let none = assembled(&study(&(drawn("from = \"1 h\"\n") + POOL)));
    assert!(matches!(none, Err(ReplayError::Study(_))));
}

#[test]
fn sessions_stay_whole_when_sources_are_mixed() {
    let session = "[traffic.session]\nturns = 3\nadds = 20\npause = \"5 s\"\n";
    let second = "[[traffic]]\narrivals = { rate = \"10 /s\" }\nrequests = 50\ninput = 7\noutput = 10\n";
    let all = assembled(&study(&(drawn(session) + second + POOL))).expect("assembled");
    assert_eq!(all.requests.list.len(), 350);
    assert!(all.requests.check().is_ok());
    for request in &all.requests.list {
        if let Some(other) = request.after {
            let before = &all.requests.list[other as usize];
            assert_eq!(request.input, before.input + before.output + 20);
        }
    }
    assert_eq!(all.requests.block, 0, "no pool asks for contents");
    let cached = assembled(&study(&(drawn(session) + second + POOL + "prefix_cache = true\n"))).expect("assembled");
    assert_eq!(cached.requests.block, 64);
}

#[test]
fn faults_hit_what_stands_together() {
    let fault = "[[fault]]\npool = \"a\"\nwhat = \"node\"\nnumber = 1\nat = \"10 s\"\n\
                 [[fault]]\npool = \"a\"\nwhat = \"chip\"\nnumber = 5\nat = \"20 s\"\n\
                 [[fault]]\npool = \"a\"\nwhat = \"replica\"\nmtbf = \"1 h\"\nkind = \"slow\"\nfactor = 2\nfor = \"1 min\"\n";
    let study = study(&(drawn("") + POOL + fault));
    let all = faults::faults(&study.faults, &study.pools, &[8], 36_000.0, 1);
    // A node of eight chips holds four replicas of two; chip 5 is of replica 2.
    assert_eq!((all[0].replicas.clone(), all[1].replicas.clone()), (4..8, 2..3));
    // Eight replicas in ten hours, each once an hour: about eighty.
    assert!((60..100).contains(&(all.len() - 2)), "{}", all.len());
    assert!(all[2..].windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn a_fault_at_something_that_is_not_there_is_refused() {
    let catalog = Catalog::embedded();
    let told = |what: &str, number: u32, more: &str| {
        let fault = format!("[[fault]]\npool = \"a\"\nwhat = \"{what}\"\nnumber = {number}\nat = \"10 s\"\n");
        check("test.toml", &(drawn("") + POOL + more + &fault), None, Library { catalog: &catalog, folder: None })
            .err()
            .map(|faults| faults[0].message.clone())
    };
    // Eight replicas of two chips: sixteen chips on two nodes of eight.
    assert_eq!((told("replica", 7, ""), told("chip", 15, ""), told("node", 1, "")), (None, None, None));
    assert_eq!(told("replica", 8, "").as_deref(), Some("fault[0].number: is 8, and pool a stands on 8 of them"));
    assert!(told("chip", 16, "").is_some() && told("node", 2, "").is_some());
    // One that a search may add is there.
    let search = "[search]\nbest = \"chips\"\npools = [\"a\"]\nmost = 20\n";
    assert_eq!(told("replica", 19, search), None);
    assert_eq!(told("replica", 20, search).as_deref(), Some("fault[0].number: is 20, and pool a stands on 20 of them"));
}

#[test]
fn the_same_study_gives_the_same_bytes_and_levels_are_told() {
    let fitted = fitted();
    let study = study(&(drawn("") + "[levels]\nttft = \"1 s\"\nttft_p99 = \"1 us\"\n" + POOL));
    let run = || answer(&study, &fitted, &|_| true).expect("answered");
    let (first, second) = (run(), run());
    assert_eq!(first.findings, second.findings);
    assert_eq!(first.replayed, second.replayed);
    let class = &first.findings.classes[0];
    assert_eq!((class.served, class.goodput), (100, Some(1.0)));
    assert!(class.levels[0].value > Some(class.levels[0].bound));
    assert_eq!(requests_parquet(&study, &first.replayed).ok(), requests_parquet(&study, &second.replayed).ok());
    let tokens: f64 = first.findings.series.iter().map(|p| p.throughput).sum::<f64>() * first.findings.series[0].time;
    assert!(
        (tokens / 1000.0 - 1.0).abs() < 0.05,
        "the series holds all tokens but those of the last moments: {tokens}"
    );
    assert!(first.replayed.end > Time::ZERO);
}

#[test]
fn who_watches_hears_how_far_it_is_and_can_stop_it() {
    let fitted = fitted();
    let study = study(&(drawn("") + POOL));
    let heard = std::cell::RefCell::new(Vec::new());
    let whole = answer(&study, &fitted, &|progress| {
        heard.borrow_mut().push((progress.ended, progress.requests));
        true
    });
    assert!(whole.is_ok());
    let heard = heard.into_inner();
    assert!(heard.contains(&(0, 100)) && heard.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{heard:?}");
    for stop in 0..heard.len() {
        let looks = std::cell::Cell::new(0);
        let cut = answer(&study, &fitted, &|_| {
            looks.set(looks.get() + 1);
            looks.get() <= stop
        });
        assert!(matches!(cut, Err(ReplayError::Stopped)) && looks.get() == stop + 1, "stopped at look {stop}");
    }
}

/// A mixture-of-experts model with drafts on 16 chips for attention and 16 for experts.
fn apart(more: &str) -> ReplayStudy {
    study(&format!(
        "model = \"deepseek-v3.1\"\n[[class]]\nname = \"chat\"\n[[class]]\nname = \"code\"\n\
         [[traffic]]\nclass = \"chat\"\narrivals = {{ concurrency = 1024 }}\nrequests = 2048\ninput = 200\noutput = 100\n\
         [[traffic]]\nclass = \"code\"\narrivals = {{ concurrency = 64 }}\nrequests = 128\ninput = 200\noutput = 100\n\
         [[pool]]\nname = \"a\"\nsystem = \"nvidia-gb200-nvl72\"\nchips = 32\nengine = \"sglang\"\n{more}\n"
    ))
}

#[test]
fn experts_apart_overlap_with_attention() {
    let fitted = fitted();
    let tpot = |more: &str| {
        let told = answer(&apart(more), &fitted, &|_| true).expect("answered").findings;
        assert_eq!(told.requests[0].count, 2176, "{:?}", told.requests);
        (told.pools[0].split.clone(), told.classes[0].tpot.expect("a time").p50)
    };
    let (split, alone) = tpot("ffn = { chips = 16, micro_batches = 1 }");
    let (_, three) = tpot("ffn = { chips = 16, micro_batches = 3 }");
    assert_eq!(split, "TP1 DP16 + FFN16");
    // Three read the experts' weights three times as often, which costs what overlapping saves at this load.
    assert!((0.6..1.4).contains(&(three / alone)), "{three} of {alone}");
    let wrong = |more: &str, model: &str| {
        let mut study = apart(more);
        if !model.is_empty() {
            study.models[0] = catalog::model::load(model, None).expect("built in");
        }
        answer(&study, &fitted, &|_| true).expect_err("refused").to_string()
    };
    assert!(wrong("ffn = { chips = 16 }", "llama-3.1-8b").contains("has no experts to put on chips of their own"));
    assert!(wrong("ffn = { chips = 32 }", "").contains("leave none for attention"));
    assert!(wrong("mtp_accepted = 0.5", "llama-3.1-8b").contains("has no multi-token-prediction layers"));
    assert!(wrong("experts = { spread = 0.1 }", "").contains("dp above 1"));
}

#[test]
fn classes_whose_drafts_are_accepted_more_often_are_answered_faster() {
    let fitted = fitted();
    let more = "split = { tp = 1, dp = 32, ep = 32 }\nmtp_accepted = { chat = 0.5, code = 2.0 }";
    let told = answer(&apart(more), &fitted, &|_| true).expect("answered").findings;
    let tpot = |class: usize| told.classes[class].tpot.expect("a time").p50;
    // Steps are the same, and give 1.5 tokens to chat and 3 to code. Whoever takes more steps also waits for more prompts.
    let ratio = tpot(1) / tpot(2);
    assert!((1.8..2.5).contains(&ratio), "{ratio}");
    let steady = "split = { tp = 1, dp = 32, ep = 32 }\nmax_seqs = 8\nsteps = \"decode-first\"";
    let told = answer(&apart(steady), &fitted, &|_| true).expect("answered").findings;
    assert_eq!(told.requests[0].count, 2176);
}

#[test]
fn the_cheapest_fleet_needs_prices() {
    let more = "[search]\nbest = \"cost\"\npools = [\"a\"]\n";
    let mut study = study(&(drawn("") + POOL + more));
    study.pools[0].price = None;
    let error = answer(&study, &fitted(), &|_| true).expect_err("refused").to_string();
    assert!(error.contains("pool a: no price of its chips is known"), "{error}");
}
