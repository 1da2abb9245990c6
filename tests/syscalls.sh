#!/usr/bin/env bash
# Prints how many system calls a unit of work costs, in all and each of them: two processes on loopback, each with a
# loop of `wait` and `tick`, both summed. A unit costs (calls for 2 N units − calls for N units) / N, so that what is
# done once does not count. It needs strace and is for Linux. It fails if a unit costs a tenth more than its goal.
#
#   tests/syscalls.sh [trip|stream-1|stream-64|dial]…
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v strace >/dev/null || { echo "strace is not installed" >&2; exit 1; }

cargo build --quiet --release --example syscalls
binary=${CARGO_TARGET_DIR:-target}/release/examples/syscalls
counts=$(mktemp -d)
trap 'rm -rf "$counts"' EXIT

# run UNIT N: writes how often each call was made, by both processes.
run() {
    local address listener
    exec 3< <(exec strace -f -c -U calls,name -o "$counts/listen" "$binary" listen "$1" "$2")
    listener=$!
    read -r address <&3
    strace -f -c -U calls,name -o "$counts/dial" "$binary" dial "$1" "$2" "$address"
    wait "$listener"
    exec 3<&-
    awk '$1 ~ /^[0-9]+$/ && $2 != "total" { calls[$2] += $1 } END { for (name in calls) print name, calls[name] }' \
        "$counts/listen" "$counts/dial"
}

# unit UNIT N GOAL
unit() {
    run "$1" "$2" >"$counts/once"
    run "$1" $((2 * $2)) >"$counts/twice"
    awk -v unit="$1" -v n="$2" -v goal="$3" '
        FNR == NR { once[$1] = $2; next }
        { each = ($2 - once[$1]) / n; sum += each; if (each > 0.005 || each < -0.005) parts = parts sprintf(" %s %.3f", $1, each) }
        END {
            printf "%-10s %7.3f  (goal %s) %s\n", unit, sum, goal, parts
            exit sum > goal * 1.1
        }' "$counts/once" "$counts/twice"
}

for name in "${@:-}"; do
    case $name in
    "") unit trip 2000 6; unit stream-1 1000 12; unit stream-64 20000 0.19; unit dial 200 34 ;;
    trip) unit trip 2000 6 ;;
    stream-1) unit stream-1 1000 12 ;;
    stream-64) unit stream-64 20000 0.19 ;;
    dial) unit dial 200 34 ;;
    *) echo "trip, stream-1, stream-64 or dial" >&2; exit 1 ;;
    esac
done
