#!/bin/sh
# Prints what the fabric commands reach against their bars, with the CPU seconds and the memory of each.
# Usage: benches/fabric.sh [path to steelyard]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
steelyard=${1:-$here/target/release/steelyard}
own=$here/benches/fabric-systems
answer=$(mktemp)
used=$(mktemp)
trap 'rm -f "$answer" "$used"' EXIT
export COLUMNS=140 LC_ALL=C

# A command with the lines of its answer that match a pattern, its CPU seconds and its largest memory.
timed() {
    pattern=$1
    shift
    echo "\$ steelyard $*" | sed "s|$here/||g"
    if [ -x /usr/bin/time ]; then
        /usr/bin/time -o "$used" -f '%U %S %M' "$steelyard" "$@" >"$answer"
        grep -E "$pattern" "$answer" || true
        awk '{ printf "  %.2f CPU s, %.0f MB\n", $1 + $2, $3 / 1000 }' "$used"
    else
        { time -p "$steelyard" "$@" >"$answer"; } 2>"$used"
        grep -E "$pattern" "$answer" || true
        awk '/user|sys/ { s += $2 } END { printf "  %.2f CPU s (no GNU time: memory not measured)\n", s }' "$used"
    fi
    echo
}

echo "== all-to-all, 64 nodes, one switch of 50 GB/s. Floor: 63/64 of 1 GB (1 GiB) over 50 GB/s = 19.7 (21.1) ms; bar: flows"
echo "   at or above it, within 5 % plus the latency of 1 us"
for bytes in 1GB 1GiB; do
    timed 'Size|direct' --catalog "$own" fabric collective one_switch_64 --op all-to-all --bytes "$bytes"
done
echo "== ring all-reduce, 4,096 nodes, as flows (bar: < 1 CPU s)"
timed 'Size|ring$' --catalog "$own" fabric collective one_switch_4096 --op all-reduce --algorithm ring --bytes 1GiB
echo "== the same, the algorithm chosen: those that cannot win are not followed"
timed 'Size|GiB|≥' --catalog "$own" fabric collective one_switch_4096 --op all-reduce --bytes 1GiB
echo "== all-to-all on a torus of 9,216 chips, whole and damaged (bar: < 30 CPU s, < 4 GB)"
timed 'Size|direct$' fabric collective google_ironwood_9216 --op all-to-all --bytes 1GiB
for fault in link=0-1 chip=100 ocs=5; do
    timed 'B   go (around|on)|        go (around|on)' fabric collective google_ironwood_9216 --op all-to-all --bytes 1GiB --fault "$fault"
done
echo "== errors on collectives.csv, curves of the libraries, mostly in sample (bars: <= 15 % from 1 MiB, <= 25 % all)"
"$steelyard" validate --file collectives --by metric | sed -n '1,6p'
echo "== errors on collectives.csv, families fitted to it alone: in sample, each source held out, each machine held out"
timed '.' calibrate --collectives "$here/catalog/measurements/collectives.csv"
