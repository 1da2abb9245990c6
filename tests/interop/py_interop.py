"""The command `swarm-notify` against py-libp2p nodes, in both directions, judged by its complete log each time.

    py_interop.py COMMAND          plays all scenarios
    py_interop.py COMMAND NAME…    plays those whose names contain one of NAME…
    py_interop.py --peers-only     plays the peers against each other, to know that a fault is not theirs

Every wait is for a line or for an end of a process; the limit on a wait is only there to end a run that hangs.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

from event_log import Log, Wrong, any_of, expect

LIMIT = 60
ECHO = "/echo/1.0.0"
SINK = "/sink/1.0.0"
NOT_SPOKEN = "/not-spoken/1.0.0"
PEER = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "py_peer.py")]

# A killed peer's socket sends an end of file, or a reset where it had not read everything.
KILLED = any_of("remote(eof)", "failed(reset)")


class Process:
    """A process that prints one JSON object a line."""

    def __init__(self, *arguments):
        self.name = " ".join(os.path.basename(part) for part in arguments)
        self.lines = []
        self.incoming = queue.Queue()
        self.errors = []
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.error_reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self.error_reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.incoming.put(line)
        self.incoming.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.error_reader.join()
        if error[0] is not None:
            print(f"--- {self.name} (exit {self.process.returncode})", file=sys.stderr)
            for line in self.lines[-40:]:
                print(f"    {json.dumps(line)}", file=sys.stderr)
            print("".join(f"  ! {line}" for line in self.errors[-40:]), end="", file=sys.stderr)

    def take(self, line):
        """Hook for what must be true of each line."""

    def next(self):
        """The next line, or None at the end of output."""
        try:
            text = self.incoming.get(timeout=LIMIT)
        except queue.Empty:
            raise Wrong(f"{self.name} prints nothing for {LIMIT} s") from None
        if text is None:
            return None
        try:
            line = json.loads(text)
        except ValueError:
            raise Wrong(f"{self.name} printed something else than JSON: {text!r}") from None
        self.lines.append(line)
        self.take(line)
        return line

    def until(self, event, number=1, **fields):
        """Waits until `number` lines have `event` and `fields`, lines that were read before included."""
        wanted = {"event": event, **fields}

        def counts(line):
            return wanted.items() <= line.items()

        found = sum(counts(line) for line in self.lines)
        last = None
        while found < number:
            last = self.next()
            if last is None:
                raise Wrong(f"{self.name} ended, {found} of {number} times {wanted} came")
            found += counts(last)
        return last or next(line for line in reversed(self.lines) if counts(line))

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self, wanted=0):
        """Reads to the end of output and checks the exit code."""
        while self.next() is not None:
            pass
        code = self.process.wait(timeout=LIMIT)
        if code != wanted:
            raise Wrong(f"{self.name} ended with {code} instead of {wanted}")


class Peer(Process):
    """A py-libp2p node."""

    def __init__(self, *arguments):
        super().__init__(*PEER, *arguments)

    def kill(self):
        self.process.kill()
        while self.next() is not None:
            pass

    def leave(self):
        """Ends its standard input, on which it ends."""
        self.process.stdin.close()
        self.end()

    def identify_streams(self):
        """How many streams it opened by itself: at least and at most (those that were not answered)."""
        steps = [line["step"] for line in self.lines if line["event"] == "identify"]
        return steps.count("ended"), steps.count("started")


class Command(Process):
    """Our command, whose log is checked line by line as it comes."""

    path = None

    def __init__(self, *arguments):
        self.log = Log()
        super().__init__(self.path, *arguments, "--json")

    def take(self, line):
        self.log.add(line)

    def end(self, wanted=0):
        super().end(wanted)
        self.log.finish()

    def interrupt(self):
        """Has `listen` shut down, and checks its end."""
        self.process.send_signal(signal.SIGINT)
        self.end()
        expect("listeners", self.log.count("listener", "reason"), {("closed", "shutdown"): 1})


def check(log, direction, disconnected, streams, refused):
    """The complete account: one connection, `streams` as given, and `refused` streams of a protocol that is not spoken."""
    wanted = {("closed", direction, disconnected): 1}
    expect("connections", log.count("connection", "direction", "reason"), wanted)
    stream_direction = "inbound" if direction == "inbound" else "outbound"
    wanted = {("closed", stream_direction, *key): number for key, number in streams.items()}
    got = log.count("stream", "direction", "protocol", "reason")
    # py-libp2p opens streams unasked, and they may find the connection at its end.
    reasons = any_of("unsupported", "connection_closed", "reset(remote)", "eof", "shutdown")
    low, high = refused
    unsupported = sum(number for key, number in got.items() if key[0] == "failed" and key[3] == "unsupported")
    if unsupported < low:
        raise Wrong(f"{low} streams of unsupported protocols were refused to the peer, {unsupported} are told")
    spoken = [key for key in got if key[0] == "failed" and (key[2] in (ECHO, SINK) or key[1] == "outbound")]
    if spoken:
        raise Wrong(f"streams failed that should not: {spoken}")
    failed = {key: number for key, number in got.items() if key[0] == "failed"}
    total = sum(failed.values())
    if total > high or not all(key[3] in reasons for key in failed):
        raise Wrong(f"{low} to {high} refused streams expected, these came: {failed}")
    expect("streams", {key: number for key, number in got.items() if key not in failed}, wanted)


def finished(protocol, number):
    return {(protocol, "finished"): number}


# ---- our listener, their dialer -------------------------------------------------------------------------------------


def listener(scenario, count, streams, unsupported=0):
    """They dial, play and disconnect; then we are interrupted."""
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, scenario, str(count)) as theirs:
            theirs.until("played")
            if unsupported:
                theirs.until("refused", unsupported)
            theirs.tell("disconnect")
            ours.until("disconnected")
            theirs.until("disconnected")
            theirs.leave()
            low, high = theirs.identify_streams()
        ours.interrupt()
        check(ours.log, "inbound", "remote(go_away(0))", streams, (low + unsupported, high + unsupported))


def listener_echo():
    listener("echo", 50, finished(ECHO, 50))


def listener_half_close():
    listener("half-close", 50, finished(ECHO, 50))


def listener_reset():
    listener("reset", 10, {(ECHO, "reset(remote)"): 10})


def listener_sink():
    listener("sink", 3, finished(SINK, 3))


def listener_unsupported():
    listener("unsupported", 3, finished(ECHO, 1), unsupported=3)


def listener_disconnected_with_streams_open():
    listener("hold", 20, {(ECHO, "connection_closed"): 20})


def listener_peer_killed_with_streams_open():
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, "hold", "100") as theirs:
            theirs.until("played")
            ours.until("opened_stream", 100)
            theirs.kill()
            ours.until("disconnected")
            refused = theirs.identify_streams()
        ours.interrupt()
        check(ours.log, "inbound", KILLED, {(ECHO, "connection_closed"): 100}, refused)


def listener_interrupted_with_streams_open():
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, "hold", "10") as theirs:
            theirs.until("played")
            ours.interrupt()
            theirs.leave()
            refused = theirs.identify_streams()
        check(ours.log, "inbound", "shutdown", {(ECHO, "connection_closed"): 10}, refused)


def listener_several_peers():
    """Two at once: one is killed, the other is none the worse."""
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, "hold", "5") as killed, Peer("dial", address, "hold", "5") as left:
            killed.until("played")
            left.until("played")
            ours.until("connected", 2)
            killed_peer = killed.until("connected")["peer"]
            killed.kill()
            ours.until("disconnected")
            left.tell("disconnect")
            ours.until("disconnected", 2)
            left.until("disconnected")
            left.leave()
            low, high = (sum(pair) for pair in zip(killed.identify_streams(), left.identify_streams()))
        ours.interrupt()
        ends = {life.opened["peer"] == killed_peer: life.get("reason") for life in ours.log.kind("connection")}
        if ends[True] not in KILLED or ends[False] != "remote(go_away(0))":
            raise Wrong(f"wrong reasons: {ends}")
        expect("streams", ours.log.count("stream", "direction", "protocol", "reason"), {
            ("closed", "inbound", ECHO, "connection_closed"): 10,
            ("failed", "inbound", any_of(None, "/ipfs/id/1.0.0"), any_of("unsupported", "connection_closed")): (low, high),
        })


# ---- our dialer, their listener -------------------------------------------------------------------------------------


def dialer(options, streams, code=0, summary=None, ended=any_of("requested", "shutdown"), served=None):
    """We dial, do as we are told by `options`, and end by ourselves."""
    with Peer("listen") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, *options) as ours:
            ours.end(code)
            if served is not None:
                theirs.until("served", **served)
        theirs.leave()
        _, high = theirs.identify_streams()
        # How far its own streams come before we leave is a matter of time.
        check(ours.log, "outbound", ended, streams, (0, high))
        check_summary(ours.log.summary, summary or {})
        connected = ours.log.kind("connection")[0].opened
        if not address.endswith(connected["peer"]):
            raise Wrong(f"connected to someone else: {connected}")


def check_summary(summary, wanted):
    if summary is None:
        raise Wrong("there is no summary")
    if not wanted.items() <= summary.items():
        raise Wrong(f"{wanted} expected in {summary}")


def right(streams, size):
    return {"streams": streams, "ok": streams, "failed": 0, "bytes": streams * size}


def options(**values):
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def dialer_echo():
    dialer(options(streams=50, concurrency=8, bytes=1000), finished(ECHO, 50), summary=right(50, 1000))


def dialer_echo_beyond_the_window():
    dialer(options(streams=4, concurrency=4, bytes=1_000_000), finished(ECHO, 4), summary=right(4, 1_000_000))


def dialer_half_close():
    arguments = [*options(streams=20, concurrency=20, bytes=5000), "--half-close"]
    dialer(arguments, finished(ECHO, 20), summary=right(20, 5000))


def dialer_reset():
    arguments = [*options(streams=10, concurrency=5, bytes=1000), "--reset"]
    dialer(arguments, {(ECHO, "reset(local)"): 10}, summary={"streams": 10, "ok": 10, "failed": 0})


def dialer_sink():
    """Their sink takes everything, and ends when we do."""
    arguments = ["--protocol", SINK, *options(streams=4, concurrency=4, bytes=1_000_000)]
    ended = {"protocol": SINK, "bytes": 1_000_000, "end": "eof", "number": 4}
    dialer(arguments, finished(SINK, 4), summary=right(4, 1_000_000), served=ended)


def dialer_unsupported():
    with Peer("listen") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, "--protocol", NOT_SPOKEN, *options(streams=3, concurrency=3)) as ours:
            ours.end(1)
        theirs.leave()
        check_summary(ours.log.summary, {"streams": 3, "ok": 0, "failed": 3})
        expect("our streams", count_ours(ours.log), {("failed", "unsupported"): 3})


def count_ours(log):
    got = log.count("stream", "direction", "reason")
    return {(state, reason): number for (state, direction, reason), number in got.items() if direction == "outbound"}


def dialer_wrong_peer():
    with Peer("listen") as theirs, Peer("listen") as other:
        address = theirs.until("listening")["address"]
        stranger = other.until("listening")["peer"]
        with Command("dial", f"{address.rpartition('/')[0]}/{stranger}") as ours:
            ours.end(1)
        expect("connections", ours.log.count("connection", "reason"), {("failed", "wrong_peer"): 1})
        expect("streams", ours.log.count("stream"), {})
        theirs.leave()
        other.leave()


def held(end, ended):
    """The connection ends while we hold it: our streams had their echo, and yet all was not right."""
    with Peer("listen") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, *options(streams=5, concurrency=5, bytes=100, hold=3600)) as ours:
            ours.until("opened_stream", 5)
            theirs.until("identify", step="ended")
            end(theirs)
            ours.end(1)
            _, high = theirs.identify_streams()
        # Whether a stream's end came before the connection's is a matter of time.
        check(ours.log, "outbound", ended, {(ECHO, any_of("finished", "connection_closed")): 5}, (0, high))


def dialer_peer_killed_while_held():
    held(Peer.kill, KILLED)


def dialer_disconnected_while_held():
    held(lambda theirs: theirs.tell("disconnect"), "remote(go_away(0))")


# ---- the peers by themselves ----------------------------------------------------------------------------------------


def peers_only():
    with Peer("listen") as one:
        address = one.until("listening")["address"]
        for scenario, count in [
            ("echo", 50), ("half-close", 50), ("reset", 10), ("sink", 3), ("unsupported", 3), ("hold", 100)
        ]:
            with Peer("dial", address, scenario, str(count)) as other:
                other.until("played")
                other.tell("disconnect")
                other.until("disconnected")
                other.leave()
            print(f"ok   {scenario}", flush=True)
        one.leave()


SCENARIOS = [
    listener_echo,
    listener_half_close,
    listener_reset,
    listener_sink,
    listener_unsupported,
    listener_disconnected_with_streams_open,
    listener_peer_killed_with_streams_open,
    listener_interrupted_with_streams_open,
    listener_several_peers,
    dialer_echo,
    dialer_echo_beyond_the_window,
    dialer_half_close,
    dialer_reset,
    dialer_sink,
    dialer_unsupported,
    dialer_wrong_peer,
    dialer_peer_killed_while_held,
    dialer_disconnected_while_held,
]


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    if arguments == ["--peers-only"]:
        peers_only()
        return
    Command.path, *names = arguments
    wanted = [each for each in SCENARIOS if not names or any(name in each.__name__ for name in names)]
    failed = []
    for scenario in wanted:
        start = time.monotonic()
        try:
            scenario()
        except (Wrong, OSError, subprocess.TimeoutExpired) as error:
            failed.append(scenario.__name__)
            print(f"FAIL {scenario.__name__}: {error}", flush=True)
        else:
            print(f"ok   {scenario.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{len(wanted) - len(failed)} passed, {len(failed)} failed", flush=True)
    if failed or not wanted:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
