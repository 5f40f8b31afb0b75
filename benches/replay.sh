#!/bin/sh
# Speed and memory of replays: the Azure 2023 conversation trace on one H100, and a million requests over 100 replicas.
#
#     benches/replay.sh [folder with mooncake_conversation.jsonl.gz]
#
# Prints CPU seconds (user and system) and the largest resident set of the whole process, files included. Needs GNU time.
set -eu
cd "$(dirname "$0")/.."
cargo build --release -p steelyard
bin=target/release/steelyard
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

run() {
    name=$1 study=$2
    /usr/bin/time -f '%U %S %M' -o "$out/time" "$bin" replay "$study" --out "$out" >"$out/table" 2>"$out/errors" || {
        cat "$out/errors" >&2
        exit 1
    }
    count=$(sed -n 's/.*"count": \([0-9]*\).*/\1/p' "$out/replay.json" | head -1)
    awk -v name="$name" -v count="$count" \
        '{ cpu = $1 + $2; printf "%-44s %9d requests %8.2f CPU s %10.0f requests/CPU s %7.0f MB\n", name, count, cpu, count / cpu, $3 / 1024 }' \
        "$out/time"
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
