#!/bin/sh
# Prints how fast a long job on a machine that fails is simulated.
set -eu
cd "$(dirname "$0")/.."
exec cargo bench --quiet -p steelyard-plan --bench goodput
