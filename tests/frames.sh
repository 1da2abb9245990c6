#!/usr/bin/env bash
# Runs `tests/tcp/frames.rs` N times (default 100) beside two busy loops for each core, so that frames are late and the other
# process does not get its turn when it would like to. It prints each run that failed, then how many did.
#
#     tests/frames.sh [N [ARGUMENT…]]
#
# Further arguments go to the test binary instead of `frames::`, which chooses these tests. All that it starts, it ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=${1:-100}
shift || true
test=$(cargo test --features cli --test tcp --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))/\1/p')
[[ -x $test ]] || { echo "the test cannot be built" >&2; exit 1; }

log=$(mktemp)
loops=()
end() {
    for loop in "${loops[@]}"; do kill "$loop" 2>/dev/null || true; done
    rm -f "$log"
}
trap end EXIT
trap 'exit 1' INT TERM

for ((i = 0; i < 2 * $(nproc); i++)); do
    (while :; do :; done) &
    loops+=($!)
done

failed=0
for ((run = 1; run <= runs; run++)); do
    if ! "$test" --test-threads 8 "${@:-frames::}" >"$log" 2>&1; then
        failed=$((failed + 1))
        echo "run $run:"
        cat "$log"
    fi
done
echo "$runs runs, $failed failed, in $SECONDS s"
((failed == 0))
