#!/bin/sh
# Speed and memory of replays: the Azure 2023 conversation trace on one H100, and a million requests over 100 replicas,
# each also by the crate aisimulate-core 0.13.0 (benches/peer, fetched and built on the way; left out where it cannot be).
#
#     benches/replay.sh [folder with mooncake_conversation.jsonl.gz]
#
# Prints CPU seconds (user and system) and the largest resident set of the whole process, files included. Needs GNU time.
# Steelyard prices a Llama-3.1-8B on its chip and writes a report; the peer has a polynomial for a clock and writes a line.
set -eu
cd "$(dirname "$0")/.."
cargo build --release -p steelyard
bin=target/release/steelyard
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

told() {
    awk -v name="$1" -v count="$2" \
        '{ cpu = $1 + $2; printf "%-44s %9d requests %8.2f CPU s %10.0f requests/CPU s %7.0f MB\n", name, count, cpu, count / cpu, $3 / 1024 }' \
        "$out/time"
}

run() {
    name=$1 study=$2
    /usr/bin/time -f '%U %S %M' -o "$out/time" "$bin" replay "$study" --out "$out" >"$out/table" 2>"$out/errors" || {
        cat "$out/errors" >&2
        exit 1
    }
    count=$(sed -n 's/.*"count": \([0-9]*\).*/\1/p' "$out/replay.json" | head -1)
    told "$name" "$count"
}

# The same requests through the peer: name, workers, playings, most requests, rate.
peer=
if cargo build -q --release --manifest-path benches/peer/Cargo.toml --target-dir target/peer 2>"$out/errors"; then
    peer=target/peer/release/peer
else
    echo "aisimulate-core 0.13.0 cannot be built here, so nothing is compared:" >&2
    tail -3 "$out/errors" >&2
fi
beside() {
    [ -n "$peer" ] || return 0
    /usr/bin/time -f '%U %S %M' -o "$out/time" "$peer" "$out/trace.csv" "$2" "$blocks" "$3" "$4" "$5" >"$out/told"
    told "  aisimulate-core: $1" "$(sed 's/ .*//' "$out/told")"
}

trace=$PWD/examples/azure-2023-conversation.csv.gz
pool='[[pool]]
name = "chat"
system = "nvidia-hgx-h100"
chips = 1
engine = "vllm"'

cat >"$out/one.toml" <<END
model = "llama-3.1-8b"
[traffic]
trace = "$trace"
$pool
END
run 'Azure 2023 conversations, one H100' "$out/one.toml"
blocks=$(($(sed -n 's/.*"kv_tokens": \([0-9]*\).*/\1/p' "$out/replay.json" | head -1) / 16))
# Seconds since the first request, prompt tokens, answer tokens.
gzip -dc "$trace" | awk -F '[-, :]' 'NR > 1 { t = $4 * 3600 + $5 * 60 + $6; if (NR == 2) first = t; printf "%.7f,%d,%d\n", t - first, $7, $8 }' >"$out/trace.csv"
beside 'the same' 1 1 19366 1

cat >"$out/million.toml" <<END
model = "llama-3.1-8b"
[traffic]
trace = "$trace"
repeat = 52
first = 19231
rate = 100
$pool
replicas = 100
[[rule]]
pools = ["chat"]
router = "round robin"
END
run 'a million of them, 100 H100, round robin' "$out/million.toml"
beside 'the same' 100 52 1000012 100

cat >"$out/prefix.toml" <<END
model = "llama-3.1-8b"
[[traffic]]
arrivals = { rate = "150 /s", cv = 1.2 }
requests = 285000
input = { lognormal = { median = 600, sigma = 0.8, max = 14000 } }
output = { lognormal = { median = 150, sigma = 0.8, max = 1000 } }
shared_prefix = 256
prefixes = 50
[traffic.session]
turns = { uniform = [1, 6] }
adds = { lognormal = { median = 100, sigma = 0.8, max = 4000 } }
pause = "20 s"
context = 16000
$pool
replicas = 100
prefix_cache = true
[[rule]]
pools = ["chat"]
router = { prefix = 4.0 }
END
run 'a million in sessions, caches, prefix router' "$out/prefix.toml"

if [ -n "${1:-}" ]; then
    cat >"$out/mooncake.toml" <<END
model = "llama-3.1-70b"
view_delay = "0.5 s"
[traffic]
trace = "$(cd "$1" && pwd)/mooncake_conversation.jsonl.gz"
[[pool]]
name = "prefill"
system = "nvidia-hgx-h100"
chips = 8
replicas = 8
engine = "vllm"
role = "prefill"
to = ["decode"]
prefix_cache = true
host_cache = { size = "1 TB", bandwidth = "100 GB/s" }
[[pool]]
name = "decode"
system = "nvidia-hgx-h100"
chips = 8
replicas = 4
engine = "vllm"
role = "decode"
[[rule]]
pools = ["prefill"]
router = { prefix = 1.0 }
END
    run 'Mooncake conversations, P/D fleet' "$out/mooncake.toml"
fi
