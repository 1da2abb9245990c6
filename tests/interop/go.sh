#!/usr/bin/env bash
# The command against go-libp2p 0.32 nodes, in both directions: `p2pd`, the daemon that the PyPI package hivemind
# carries for x86-64 Linux. Keeps it beside this file. SWARM_NOTIFY_BIN names a command that is built already; arguments
# choose scenarios by a part of their names. Where the daemon is not to be had it says so ("skipped: …"), and that is no
# failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
daemon=$here/.p2pd/p2pd
wheel=hivemind-1.1.12-py3-none-manylinux2014_x86_64.whl
wheel_sum=acb8f0cf2cdb085259feb1c0a092c530f1953287cbfa4a1ab5e14e8c65359a2c
daemon_sum=42f8f48e62583b97cdba3c31439c08029fb2b9fc506b5bdd82c46b7cc1d279d8

is_right() {
    echo "$1  $2" | sha256sum --check --status 2>/dev/null
}

skip() {
    echo "skipped: $*"
    exit 0
}

[ "$(uname -sm)" = "Linux x86_64" ] || skip "p2pd is not to be had for $(uname -sm)"

if ! is_right "$daemon_sum" "$daemon"; then
    # run.sh has a pip of its own, where the system has none.
    python=python3
    python3 -m pip --version >/dev/null 2>&1 || python=$here/.venv/bin/python
    fetched=$(mktemp -d)
    trap 'rm -rf "$fetched"' EXIT
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --python-version 3.11 --platform manylinux2014_x86_64 --dest "$fetched" hivemind==1.1.12 ||
        skip "hivemind's wheel is not to be had here"
    # What is run here is what has been looked at.
    is_right "$wheel_sum" "$fetched/$wheel" || { echo "tests/interop/go.sh: $wheel is another one" >&2; exit 1; }
    python3 -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3]))' \
        "$fetched/$wheel" hivemind/hivemind_cli/p2pd "$fetched" >/dev/null
    chmod +x "$fetched/hivemind/hivemind_cli/p2pd"
    mkdir -p "$(dirname "$daemon")"
    mv "$fetched/hivemind/hivemind_cli/p2pd" "$daemon"
    is_right "$daemon_sum" "$daemon" || { echo "tests/interop/go.sh: this p2pd is another one" >&2; exit 1; }
fi

if [ -z "${SWARM_NOTIFY_BIN:-}" ]; then
    (cd "$root" && cargo build --quiet --release --features cli)
    SWARM_NOTIFY_BIN=${CARGO_TARGET_DIR:-$root/target}/release/swarm-notify
fi
command=$(realpath "$SWARM_NOTIFY_BIN")

cd "$here"
# It has nothing to say when all is well.
said=$(python3 test_event_log.py 2>&1) || { echo "tests/interop/go.sh: the log checker is wrong: $said" >&2; exit 1; }
exec python3 go_interop.py "$command" "$daemon" "$@"
