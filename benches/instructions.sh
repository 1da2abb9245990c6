#!/usr/bin/env bash
# Counts the instructions of a unit of work with valgrind's callgrind, and compares them with `benches/instructions.txt`.
# It fails if a unit takes over 5 % more instructions than the file says. If one takes over 5 % less, it asks for the file
# to be written anew, so that the gain is kept. It takes 20 s once the release build is there.
#
#   benches/instructions.sh          counts and compares
#   benches/instructions.sh write    counts and writes the file
#
# A unit costs (instructions of 2 N units − instructions of N units) / N, so that what is done once does not count. The
# counts are the same in each run and on each x86-64 machine with AVX2, since valgrind presents the same processor on all
# of them. Another compiler or C library may change them; the file says which ones it was written with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
file=benches/instructions.txt
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
[[ ${1:-} == "" || ${1:-} == write ]] || { echo "usage: benches/instructions.sh [write]" >&2; exit 2; }
if [[ $(uname -sm) != "Linux x86_64" ]] || ! grep -qw avx2 /proc/cpuinfo; then
    echo "skipped: instructions are counted on x86-64 Linux with AVX2"
    exit 0
fi

cargo build --quiet --release --example instructions
binary=${CARGO_TARGET_DIR:-target}/release/examples/instructions
counts=$(mktemp -d)
trap 'rm -rf "$counts"' EXIT

# instructions UNIT N
instructions() {
    if ! env -i "$(command -v valgrind)" --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$1" "$2" \
        2>"$counts/said"; then
        cat "$counts/said" >&2
        return 1
    fi
    sed -n 's/.*Collected : \([0-9]*\)$/\1/p' "$counts/said"
}

# unit NAME N
unit() {
    local once twice
    once=$(instructions "$1" "$2")
    twice=$(instructions "$1" $((2 * $2)))
    echo "$1 $(((twice - once + $2 / 2) / $2))" >>"$counts/new"
}

unit event-to-1 20000
unit event-to-8 10000
unit event-to-200 2000
unit stream-record 10000
unit stream-64-at-a-time 3200
unit refused-accept 3200
unit handshake 20
unit leaving-by-itself 4000
unit leaving-by-the-owner 4000

made_with="$(rustc --version), $(ldd --version | sed -n '1s/.* //; 1s/^/glibc /p')"
if [[ ${1:-} == write ]]; then
    {
        echo "# The number of instructions of a unit of work. \`benches/instructions.sh write\` makes this file, and"
        echo "# \`benches/instructions.rs\` does the work. \`.ci/run\` fails when one grows by over 5 %."
        echo "# $made_with"
        cat "$counts/new"
    } >"$file"
    cat "$file"
    exit
fi

awk '
    FNR == NR { if ($1 != "#") old[$1] = $2; next }
    !($1 in old) { print $1 " is not in the file"; failed = 1; next }
    {
        change = 100 * ($2 - old[$1]) / old[$1]
        verdict = change > 5 ? "  over 5 % more: too many" : change < -5 ? "  over 5 % less: write the file anew" : ""
        printf "measured: %-20s %6d instructions, %6d in the file%s\n", $1, $2, old[$1], verdict
        failed = failed || change > 5
        delete old[$1]
    }
    END {
        for (name in old) { print name " is in the file and was not counted"; failed = 1 }
        exit failed
    }' "$file" "$counts/new" || {
    echo "To keep the new counts, say in the commit why they grew, and commit what \`benches/instructions.sh write\` writes."
    grep -qF "# $made_with" "$file" || echo "The file was not written with $made_with: first count the commit before with that."
    exit 1
}
