"""Scenarios of our dialer and go's listener."""

import signal
from collections import Counter

from event_log import Wrong, expect
from go_common import HELD, LISTENER_LEFT, SIZES, UNASKED, check, echo, exchange, identify, until_pushed
from p2pd import Daemon, read_all, read_exactly
from processes import ECHO, IDENTIFY, NOT_SPOKEN, PING, Command, check_pings, check_summary, options, right

# Go's ping answers 32 bytes at a time.
PING_SIZES = [32, 3200, 1_000_000]


def count_bytes(stream):
    """A handler that never answers."""
    return len(read_all(stream))


def dialed(go, arguments, streams, code=0, summary=None):
    """We dial, do as we are told by `arguments`, and end by ourselves."""
    with Command("dial", go.address, *arguments) as ours:
        ours.end(code)
        check(ours.log, "outbound", "requested", UNASKED | streams)
        check_summary(ours.log.summary, summary or {})
        connected = ours.log.kind("connection")[0].opened
        if connected["peer"] != go.peer:
            raise Wrong(f"connected to someone else: {connected}")


def outbound(protocol, reason, number):
    return {("closed", "outbound", protocol, reason): number}


def dialer_echo():
    """Go's own ping is the echo: each side ends by itself."""
    with Daemon() as go:
        for size in PING_SIZES:
            arguments = ["--protocol", PING, *options(streams=8, concurrency=4, bytes=size)]
            dialed(go, arguments, outbound(PING, "finished", 8), summary=right(8, size))


def dialer_half_close():
    """We end first, and read what comes back then."""
    with Daemon() as go:
        for size in PING_SIZES:
            arguments = ["--protocol", PING, *options(streams=8, concurrency=4, bytes=size), "--half-close"]
            dialed(go, arguments, outbound(PING, "finished", 8), summary=right(8, size))


def dialer_reset():
    """Through the daemon: all of the echo has come back, and all is right, when we reset."""
    with Daemon() as go:
        go.handle(ECHO, echo)
        for size in SIZES:
            arguments = [*options(streams=5, concurrency=5, bytes=size), "--reset"]
            dialed(go, arguments, outbound(ECHO, "reset(local)", 5), summary=right(5, size))
            expect("served", Counter(go.serve(5)), {(ECHO, size): 5})


def dialer_end_resets_the_other_direction():
    """The daemon takes our end for that of both directions, and resets its own."""
    with Daemon() as go:
        go.handle(ECHO, echo)
        for size in SIZES:
            arguments = options(streams=5, concurrency=5, bytes=size)
            summary = {"streams": 5, "ok": 0, "failed": 5}
            dialed(go, arguments, outbound(ECHO, "reset(remote)", 5), code=1, summary=summary)
            expect("served", Counter(go.serve(5)), {(ECHO, size): 5})


def dialer_peer_ends_first():
    """A handler answers less than was asked for, and ends: not all is right, and yet both sides finish."""
    with Daemon() as go:
        def half(stream):
            stream.sendall(read_exactly(stream, 1000)[:500])
            return "half"

        go.handle(HELD, half)
        arguments = ["--protocol", HELD, *options(streams=10, concurrency=5, bytes=1000)]
        dialed(go, arguments, outbound(HELD, "finished", 10), code=1, summary={"streams": 10, "ok": 0, "failed": 10})
        expect("served", Counter(go.serve(10)), {(HELD, "half"): 10})


def dialer_reset_by_peer():
    with Daemon() as go:
        go.handle_without_handler(HELD)
        arguments = ["--protocol", HELD, *options(streams=10, concurrency=5)]
        summary = {"streams": 10, "ok": 0, "failed": 10}
        dialed(go, arguments, outbound(HELD, "reset(remote)", 10), code=1, summary=summary)


def dialer_unsupported():
    with Daemon() as go:
        arguments = ["--protocol", NOT_SPOKEN, *options(streams=3, concurrency=3)]
        streams = {("failed", "outbound", NOT_SPOKEN, "unsupported"): 3}
        dialed(go, arguments, streams, code=1, summary={"streams": 3, "ok": 0, "failed": 3})


def dialer_wrong_peer():
    with Daemon() as go, Daemon() as other:
        with Command("dial", f"{go.tcp}/p2p/{other.peer}") as ours:
            ours.end(1)
        expect("connections", ours.log.count("connection", "reason"), {("failed", "wrong_peer"): 1})
        expect("streams", ours.log.count("stream"), {})
        go.until_alone()


def dialer_ping_and_identify():
    """Each asks who the other is."""
    with Daemon() as go, Command("dial", go.address, "--ping", "5", "--identify", "--hold", "3600") as ours:
        ours.until("closed_stream", 5, protocol=PING)
        ours.until("closed_stream", 2, protocol=IDENTIFY[0])
        ours.process.send_signal(signal.SIGINT)
        ours.end(130)
        log = ours.log
        streams = outbound(PING, "finished", 5) | outbound(IDENTIFY[0], "finished", 1)
        check(log, "outbound", "requested", identify() | streams)
        expect("pings", Counter((line["event"], line["peer"]) for line in log.all("ping") + log.all("ping_failed")), {
            ("ping", go.peer): 5
        })
        check_pings(log.summary, [line["seconds"] for line in log.all("ping")])
        (identified,) = log.all("identified")
        if identified["peer"] != go.peer or identified["agent"] != "p2pd/0.1":
            raise Wrong(f"somebody else: {identified}")
        if not {PING, *IDENTIFY} <= set(identified["protocols"]):
            raise Wrong(f"protocols are missing: {identified}")
        if identified["addresses"] != [go.tcp]:
            raise Wrong(f"another address than {go.tcp}: {identified}")


def has_heard_all(go):
    """Waits until go has read all that we have sent, and gives who we are: an answer of ours comes last. Its stream
    stays open, so that nothing follows."""
    (us,) = go.peers()
    exchange(go.open(us, PING)[0], 32, 0)
    return us


HEARD_ALL = {("closed", "inbound", PING, "connection_closed"): 1}


def dialer_pushed():
    """What go speaks later it pushes to whoever has dialed it, too."""
    with Daemon() as go, Command("dial", go.address, *options(ping=1, hold=3600)) as ours:
        ours.until("closed_stream", protocol=IDENTIFY[0])
        ours.until("closed_stream", protocol=PING)
        go.handle(HELD, echo)
        until_pushed(ours, go, HELD)
        go.disconnect(has_heard_all(go))
        ours.end(1)
        streams = HEARD_ALL | outbound(PING, "finished", 1)
        check(ours.log, "outbound", LISTENER_LEFT, identify(pushed=1) | streams)


def held(end, number):
    """The connection ends while our streams wait for an answer."""
    with Daemon() as go:
        go.handle(HELD, count_bytes)
        arguments = ["--protocol", HELD, *options(streams=number, concurrency=number, bytes=100)]
        with Command("dial", go.address, *arguments) as ours:
            ours.until("opened_stream", number, protocol=HELD)
            ours.until("closed_stream", protocol=IDENTIFY[0])
            us = has_heard_all(go)
            end(go, us)
            ours.end(1)
            streams = HEARD_ALL | outbound(HELD, "connection_closed", number)
            check(ours.log, "outbound", LISTENER_LEFT, identify() | streams)
            check_summary(ours.log.summary, {"streams": number, "ok": 0, "failed": number})


def dialer_peer_killed_with_streams_open():
    held(lambda go, _: go.kill(), 50)


def dialer_peer_ended_with_streams_open():
    held(lambda go, _: go.terminate(), 10)


def dialer_disconnected_with_streams_open():
    held(Daemon.disconnect, 20)
