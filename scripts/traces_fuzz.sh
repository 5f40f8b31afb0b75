#!/bin/sh
# Fuzzes the reader and the replay of execution traces for a bounded time: traces_fuzz.sh [SECONDS] [SEED]. Overflow checks
# are on.
set -eu
cd "$(dirname "$0")/.."
exec cargo run -q --profile dev -p steelyard-sim --example fuzz_traces -- "${1:-20}" "${2:-1}"
