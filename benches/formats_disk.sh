#!/bin/sh
# Disk to disk: our conversion against dd reading and writing the same bytes at the same time, alternating.
# usage: formats_disk.sh STEELYARD FOLDER [GB] [ROUNDS]
set -eu
steelyard=$1
work=$2
gb=${3:-4}
rounds=${4:-3}
here=$(dirname "$0")
mkdir -p "$work"
[ -d "$work/bf16" ] || python3 "$here/formats_make_checkpoint.py" "$work/bf16" "$gb"
cold() {
    rm -rf "$work/out" "$work/dd.out"
    sync
    for f in "$work"/bf16/*.safetensors; do dd of="$f" oflag=nocache conv=notrunc,fdatasync count=0 status=none; done
}
now() { date +%s.%N; }
for round in $(seq "$rounds"); do
    cold
    start=$(now)
    # Half of the bytes are read and written, the other half is read: what a conversion to 8 bits moves.
    dd if="$work/bf16/model-00001-of-00002.safetensors" of="$work/dd.out" bs=8M conv=fdatasync status=none &
    dd if="$work/bf16/model-00002-of-00002.safetensors" of=/dev/null bs=8M status=none
    wait
    middle=$(now)
    cold
    begin=$(now)
    "$steelyard" quantize "$work/bf16" "$work/out" --to deepseek-ue8m0 -q > /dev/null
    end=$(now)
    echo "$start $middle $begin $end $gb" |
        awk '{a=$2-$1; b=$4-$3; printf "dd %.2f s (%.2f GB/s in), steelyard %.2f s (%.2f GB/s in): %.0f %% of dd\n", a, $5/a, b, $5/b, 100*a/b}'
done
cold
