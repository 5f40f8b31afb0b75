#!/bin/sh
# Prints what the fabric commands reach against their bars. Usage: benches/fabric.sh [path to steelyard]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
steelyard=${1:-$here/target/release/steelyard}
own=$here/benches/fabric-systems

timed() {
    # CPU seconds and memory of a command, its output to the screen.
    echo "\$ steelyard $*"
    if [ -x /usr/bin/time ]; then
        /usr/bin/time -f '  %U CPU s, %M KiB' "$steelyard" "$@" 2>&1 | sed -n '2,6p;$p'
    else
        answer=$(mktemp)
        { time -p "$steelyard" "$@" >"$answer" ; } 2>&1 | sed -n 's/^user/  CPU s:/p'
        sed -n '2,5p' "$answer"
        rm -f "$answer"
    fi
    echo
}

echo "== all-to-all, 64 nodes, 1 GiB, one switch of 50 GB/s: floor 63/64 GiB / 50 GB/s = 21.1 ms"
timed --catalog "$own" fabric collective one_switch_64 --op all-to-all --bytes 1GiB
echo "== ring all-reduce, 4,096 nodes, as flows (bar: < 1 CPU s)"
timed --catalog "$own" fabric collective one_switch_4096 --op all-reduce --algorithm ring --bytes 1GiB
echo "== all-to-all on a torus of 9,216 chips, uniform (bar: < 30 CPU s, < 4 GB)"
timed fabric collective google_ironwood_9216 --op all-to-all --bytes 1GiB
echo "== errors on collectives.csv, curves of the libraries (bars: <= 15 % from 1 MiB, <= 25 % all)"
"$steelyard" validate --file collectives --by metric | sed -n '1,4p'
echo "== errors on collectives.csv, families fitted to it alone, in sample and with each source held out"
"$steelyard" calibrate --collectives "$here/catalog/measurements/collectives.csv"
