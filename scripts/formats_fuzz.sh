#!/bin/sh
# Fuzzes the parsers of strangers' files for a bounded time: formats_fuzz.sh [SECONDS] [SEED]. Overflow checks are on.
set -eu
cd "$(dirname "$0")/.."
exec cargo run -q --profile dev -p steelyard-formats --example fuzz -- "${1:-20}" "${2:-1}"
