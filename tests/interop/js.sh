#!/usr/bin/env bash
# The command against js-libp2p 3.3 nodes, in both directions. Installs what `js/package-lock.json` names beside it.
# SWARM_NOTIFY_BIN names a command that is built already; arguments choose scenarios by a part of their names. Where Node 20
# or newer is not to be had it says so ("skipped: …"), and that is no failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

skip() {
    echo "skipped: $*"
    exit 0
}

has_node() {
    command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null
}

if ! has_node && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get -qq update && apt-get -qq install -y nodejs npm; } >/dev/null 2>&1 || true
fi
has_node || skip "Node 20 with npm is not to be had here"

# What was installed is noted last, so that an installation that was cut off is begun anew.
if ! cmp --silent "$here/js/package-lock.json" "$here/js/node_modules/.installed"; then
    (cd "$here/js" && npm ci --silent --no-audit --no-fund) || skip "js-libp2p is not to be had here"
    cp "$here/js/package-lock.json" "$here/js/node_modules/.installed"
fi

if [ -z "${SWARM_NOTIFY_BIN:-}" ]; then
    (cd "$root" && cargo build --quiet --release --features cli)
    SWARM_NOTIFY_BIN=${CARGO_TARGET_DIR:-$root/target}/release/swarm-notify
fi
command=$(realpath "$SWARM_NOTIFY_BIN")

cd "$here"
# It has nothing to say when all is well.
said=$(python3 test_event_log.py 2>&1) || { echo "tests/interop/js.sh: the log checker is wrong: $said" >&2; exit 1; }
exec python3 js_interop.py "$command" "$@"
