use std::io::Write;
use std::path::PathBuf;

use super::*;

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("steelyard-traces-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn trace(name: &str, text: &str) -> Result<Trace, FileFault> {
    read(&file(name, text.as_bytes()), &Reading::default())
}

fn brief(trace: &Trace) -> Vec<(u64, u32, u32)> {
    trace.requests.iter().map(|r| (r.time / 1_000_000, r.input, r.output)).collect()
}

#[test]
fn every_public_format_is_known_by_its_columns() {
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109";
    assert_eq!(brief(&trace("azure.csv", azure).expect("sound")), [(0, 374, 44), (4_314_579, 396, 109)]);
    let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:00.017335+00:00,2399,6\n";
    assert_eq!(brief(&trace("azure2024.csv", azure).expect("sound")), [(0, 2162, 5), (7405, 2399, 6)]);
    let burst = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,Conversation log\n118,GPT-4,417,0,417,API log\n";
    let burst = trace("burst.csv", burst).expect("sound");
    assert_eq!((brief(&burst), burst.empty), (vec![(0, 472, 18), (40_000_000, 1087, 230)], 1));
    let sharegpt = "arrival_time_ns,input_toks,output_toks\n46926808,2358,531\n347938951,1034,769\n";
    assert_eq!(brief(&trace("sharegpt.csv", sharegpt).expect("sound")), [(0, 2358, 531), (301_012, 1034, 769)]);
    let plain = "{\"time_ms\": 10, \"input\": 5, \"output\": 6}\n\n{\"time_ms\": 12.5, \"input\": 7, \"output\": 8}\n";
    assert_eq!(brief(&trace("plain.jsonl", plain).expect("sound")), [(0, 5, 6), (2500, 7, 8)]);
}

#[test]
fn a_file_without_columns_is_told_so() {
    for (name, text) in [("nothing.csv", ""), ("blank.csv", "\n\n")] {
        let fault = trace(name, text).expect_err("holds nothing");
        assert!(!fault.message.contains("it has") && !fault.remedy.contains("it has ;"), "{fault:?}");
    }
}

#[test]
fn mooncake_names_blocks_of_which_only_full_ones_count() {
    let text = "{\"timestamp\": 0, \"input_length\": 1100, \"output_length\": 5, \"hash_ids\": [0, 1, 2]}\n\
                {\"timestamp\": 3000, \"input_length\": 1024, \"output_length\": 5, \"hash_ids\": [0, 7]}\n";
    let trace = trace("mooncake.jsonl", text).expect("sound");
    assert_eq!(brief(&trace), [(0, 1100, 5), (3_000_000, 1024, 5)]);
    assert_eq!((trace.block, trace.ids.as_slice()), (512, [0, 1, 0, 7].as_slice()));
    assert_eq!(trace.requests[1].ids, (2, 2));
}

#[test]
fn packed_files_are_unpacked() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"time,input,output\n0,1,2\n").expect("packed");
    let bytes = packer.finish().expect("packed");
    let whole = read(&file("packed.csv.gz", &bytes), &Reading::default()).expect("sound");
    assert_eq!(brief(&whole), [(0, 1, 2)]);
    let fault = read(&file("torn.csv.gz", &bytes[..bytes.len() - 12]), &Reading::default());
    assert!(fault.is_err());
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let fault = |name: &str, text: &str| {
        let fault = trace(name, text).expect_err("unsound");
        format!("{}: {}", fault.line, fault.message)
    };
    let head = "time,input,output\n";
    assert_eq!(fault("back.csv", &format!("{head}5,1,1\n4,1,1\n")), "3: goes back in time");
    assert_eq!(fault("negative.csv", &format!("{head}0,-4,1\n")), "2: '-4' is not a count of tokens");
    assert_eq!(
        fault("huge.csv", &format!("{head}0,1,1\n1,99999999999,1\n")),
        "3: '99999999999' is not a count of tokens"
    );
    assert_eq!(fault("when.csv", &format!("{head}-1,1,1\n")), "2: '-1' is not a time");
    assert_eq!(fault("column.csv", "time,input\n0,1\n"), "1: has no column of answer tokens");
    assert_eq!(fault("ragged.csv", &format!("{head}0,1\n")), "2: is not a CSV table");
    assert_eq!(fault("none.csv", head), "0: holds no request");
    assert_eq!(fault("json.jsonl", "{\"time\": 0, \"input\": 1, \"output\": 1}\nx\n"), "2: is not one JSON object");
    assert_eq!(
        fault("ids.jsonl", "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [-1]}"),
        "1: has hash_ids that are no list of whole numbers"
    );
    let sorted = read(
        &file("back.csv", format!("{head}5,1,1\n4,2,2\n").as_bytes()),
        &Reading { sort: true, ..Reading::default() },
    );
    assert_eq!(brief(&sorted.expect("sorted")), [(0, 2, 2), (1_000_000, 1, 1)]);
}

/// The statistics that come with the traces, where they are at hand.
#[test]
fn published_traces_have_their_published_statistics() {
    let Some(folder) = std::env::var_os("STEELYARD_TRACES").map(PathBuf::from) else {
        eprintln!("skipped: STEELYARD_TRACES names no folder with the public traces");
        return;
    };
    for (name, requests, seconds, input, output) in [
        ("azure2023_conv.csv.gz", 19_366, 3501.7, 1155, 211),
        ("azure2023_code.csv.gz", 8819, 3435.9, 2048, 28),
        ("mooncake_conversation.jsonl.gz", 12_031, 3537.0, 12_035, 343),
        ("sharegpt-qwen3-32b-300-sps10-lengths.csv.gz", 300, 0.0, 0, 0),
    ] {
        let trace = read(&folder.join(name), &Reading::default()).expect("sound");
        let count = trace.requests.len() as u64;
        assert_eq!(count + trace.empty, requests, "{name}");
        if input > 0 {
            let mean = |of: fn(&Recorded) -> u32| trace.requests.iter().map(|r| u64::from(of(r))).sum::<u64>() / count;
            assert_eq!((mean(|r| r.input), mean(|r| r.output)), (input, output), "{name}");
            assert!((trace.requests[count as usize - 1].time as f64 * 1e-12 - seconds).abs() < 1.0, "{name}");
        }
    }
}
