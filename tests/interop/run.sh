#!/usr/bin/env bash
# The command against py-libp2p 0.8.1 nodes, in both directions, and a notifee of ours beside py's own. Sets up a virtual
# environment of its own beside this file. SWARM_NOTIFY_BIN names a command that is built already, and SWARM_NOTIFY_NODE
# the example `interop_node`; arguments choose scenarios by a part of their names. With `--table` alone it prints what the
# notifees hear, as the page `guide::from_py_libp2p` has it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$here/.venv
version=0.8.1

fail() {
    echo "tests/interop/run.sh: $*" >&2
    exit 1
}

# One of py-libp2p's dependencies is built from source, with a C compiler and the GMP headers.
can_build() {
    python3 -c 'import ensurepip, venv' 2>/dev/null &&
        command -v cc >/dev/null &&
        echo '#include <gmp.h>' | cc -E -x c - >/dev/null 2>&1
}

if [ "$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("libp2p"))' 2>/dev/null)" != "$version" ]; then
    if ! can_build && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get -qq update
        apt-get -qq install -y libgmp-dev gcc libc6-dev python3-dev python3-venv >/dev/null
    fi
    can_build || fail "py-libp2p needs python3 with venv, a C compiler and the GMP headers:" \
        "install them (Debian: libgmp-dev gcc libc6-dev python3-dev python3-venv) and run this again"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "libp2p==$version"
fi

if [ -z "${SWARM_NOTIFY_NODE:-}" ]; then
    # As `cargo test --all-features` builds it.
    (cd "$root" && cargo build --quiet --all-features --example interop_node)
    SWARM_NOTIFY_NODE=${CARGO_TARGET_DIR:-$root/target}/debug/examples/interop_node
fi
node=$(realpath "$SWARM_NOTIFY_NODE")
if [ "$*" = --table ]; then
    cd "$here"
    exec "$venv/bin/python" py_notifee.py "$node" --table
fi
if [ -z "${SWARM_NOTIFY_BIN:-}" ]; then
    (cd "$root" && cargo build --quiet --release --features cli)
    SWARM_NOTIFY_BIN=${CARGO_TARGET_DIR:-$root/target}/release/swarm-notify
fi
command=$(realpath "$SWARM_NOTIFY_BIN")

cd "$here"
# It has nothing to say when all is well.
said=$(python3 test_event_log.py 2>&1) || fail "the log checker is wrong:" "$said"
exec "$venv/bin/python" py_interop.py "$command" "$node" "$@"
