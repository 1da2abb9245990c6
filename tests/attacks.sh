#!/usr/bin/env bash
# Lets attackers loose on the command, each on a fresh one, and prints what each does to honest peers and to the node, with
# the figures of commit 285d616 under it, which had few of these bounds. Nothing is asserted: where a row misses a goal, it says so.
#
#     tests/attacks.sh [--seconds N] [NAME…]     (all of it: about 15 minutes; --help names the other options)
#
# It attacks on loopback only, and ends all that it starts. `cargo test --test attacks` judges a small instance of each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --features cli --example attacked
# Thousands of connections need as many descriptors on both sides.
ulimit -n "$(ulimit -Hn)"
exec cargo run --quiet --release --features cli --example attacks -- "$@"
