#!/bin/sh
# Prints how fast training plans are priced, a whole plan space is searched, and a schedule is played.
set -eu
cd "$(dirname "$0")/.."
exec cargo bench --quiet -p steelyard-plan --bench train
