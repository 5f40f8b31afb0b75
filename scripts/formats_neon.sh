#!/bin/sh
# Runs the tests of the conversion loops as aarch64 code (NEON), in an emulator where there is one.
set -eu
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-musl
run=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if [ "$(uname -m)" != aarch64 ] && [ -z "$run" ]; then
    echo "SKIPPED formats on aarch64: no qemu-aarch64"
    exit 0
fi
if ! rustc --print target-libdir --target $target 2> /dev/null | xargs -I{} test -d {}; then
    echo "SKIPPED formats on aarch64: no standard library for $target"
    exit 0
fi
CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER=$run \
    cargo test -q -p steelyard-formats --target $target --lib -- kernel codec
