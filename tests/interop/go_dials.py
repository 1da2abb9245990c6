"""Scenarios of our listener and go's dialer."""

import functools
import socket
import statistics
import threading

from event_log import Wrong, any_of, expect
from go_common import DIALER_LEFT, HELD, SIZES, check, echo, exchange, hold, identify, payload, refused, until_pushed
from p2pd import Daemon, read_all
from processes import ECHO, IDENTIFY, NOT_SPOKEN, PING, Command


def listener(scenario):
    """Has a scenario played when go has dialed us and knows who we are."""

    @functools.wraps(scenario)
    def play_it():
        with Daemon() as go, Command("listen") as ours:
            address = ours.until("listen")["addresses"][0]
            go.connect(address)
            # Go closes it, and says that it is connected, before its end is on the wire.
            ours.until("closed_stream", protocol=IDENTIFY[0])
            scenario(go, ours, address.rpartition("/")[2])

    return play_it


def leave(go, ours, us):
    go.disconnect(us)
    ours.until("disconnected")
    ours.interrupt()


@listener
def listener_echo(go, ours, us):
    for size in SIZES:
        for salt in range(5):
            stream, _ = go.open(us, ECHO)
            exchange(stream, size, salt)
            stream.close()
    number = 5 * len(SIZES)
    ours.until("closed_stream", number, protocol=ECHO)
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify() | {("closed", "inbound", ECHO, "finished"): number})


@listener
def listener_echo_many_at_once(go, ours, us):
    failed = []

    def one(salt):
        try:
            stream, _ = go.open(us, ECHO)
            exchange(stream, 100_000, salt)
            stream.close()
        except (OSError, Wrong) as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(salt,)) for salt in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise Wrong(f"{len(failed)} echoes: {failed[0]}")
    ours.until("closed_stream", 50, protocol=ECHO)
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify() | {("closed", "inbound", ECHO, "finished"): 50})


@listener
def listener_reset(go, ours, us):
    """The daemon resets a stream whose socket is closed while something in it is unread."""
    for salt in range(10):
        stream, _ = go.open(us, ECHO)
        stream.sendall(payload(1000, salt)[:1000])
        stream.recv(1000, socket.MSG_PEEK)
        stream.close()
    ours.until("closed_stream", 10, protocol=ECHO)
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify() | {("closed", "inbound", ECHO, "reset(remote)"): 10})


@listener
def listener_ping(go, ours, us):
    stream, _ = go.open(us, PING)
    for salt in range(5):
        exchange(stream, 32, salt)
    stream.close()
    ours.until("closed_stream", protocol=PING)
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify() | {("closed", "inbound", PING, "finished"): 1})


@listener
def listener_identify(go, ours, us):
    """Go knows what we speak: of two protocols it proposes the one that it has heard of from us. What it speaks later
    it pushes to us."""
    stream, protocol = go.open(us, NOT_SPOKEN, ECHO)
    if protocol != ECHO:
        raise Wrong(f"{protocol} was agreed")
    exchange(stream, 10, 0)
    stream.close()
    ours.until("closed_stream", protocol=ECHO)
    go.handle(HELD, echo)
    until_pushed(ours, go, HELD)
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify(pushed=1) | {("closed", "inbound", ECHO, "finished"): 1})


@listener
def listener_unsupported(go, ours, us):
    for _ in range(3):
        refused(lambda: go.open(us, NOT_SPOKEN), "protocols not supported")
    # The connection is none the worse for it.
    stream, _ = go.open(us, ECHO)
    exchange(stream, 10, 0)
    stream.close()
    ours.until("closed_stream", protocol=ECHO)
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify() | {
        ("failed", "inbound", None, "unsupported"): 3,
        ("closed", "inbound", ECHO, "finished"): 1,
    })


def check_held(log, reason, number):
    check(log, "inbound", reason, identify() | {("closed", "inbound", ECHO, "connection_closed"): number})


@listener
def listener_peer_killed_with_streams_open(go, ours, us):
    hold(go, ours, us, 50)
    go.kill()
    ours.until("disconnected")
    ours.interrupt()
    check_held(ours.log, DIALER_LEFT, 50)


@listener
def listener_peer_ended_with_streams_open(go, ours, us):
    hold(go, ours, us, 10)
    go.terminate()
    ours.until("disconnected")
    ours.interrupt()
    check_held(ours.log, DIALER_LEFT, 10)


@listener
def listener_disconnected_with_streams_open(go, ours, us):
    hold(go, ours, us, 20)
    leave(go, ours, us)
    check_held(ours.log, DIALER_LEFT, 20)


@listener
def listener_interrupted_with_streams_open(go, ours, us):
    streams = hold(go, ours, us, 10)
    ours.interrupt()
    if any(read_all(stream) for stream in streams):
        raise Wrong("bytes came that nobody has sent")
    go.until_alone()
    check_held(ours.log, "shutdown", 10)


@listener
def listener_disconnected_right_after_streams_closed(go, ours, us):
    """Each stream is closed at go's end, but its reset overtakes what go has not sent yet: some ends may be lost."""
    for stream in hold(go, ours, us, 20):
        stream.close()
    leave(go, ours, us)
    ended = any_of("finished", "connection_closed")
    check(ours.log, "inbound", DIALER_LEFT, identify() | {("closed", "inbound", ECHO, ended): 20})


def listener_several_peers():
    """Two at once: one is killed, the other is none the worse."""
    with Command("listen") as ours, Daemon() as killed, Daemon() as left:
        address = ours.until("listen")["addresses"][0]
        us = address.rpartition("/")[2]
        for go in killed, left:
            go.connect(address)
        ours.until("closed_stream", 2, protocol=IDENTIFY[0])
        hold(killed, ours, us, 5)
        stream, _ = left.open(us, ECHO)
        killed.kill()
        ours.until("disconnected")
        exchange(stream, 10, 0)
        stream.close()
        ours.until("closed_stream", reason="finished", protocol=ECHO)
        left.disconnect(us)
        ours.until("disconnected", 2)
        ours.interrupt()
        expect("connections", ours.log.count("connection", "peer", "reason"), {
            ("closed", killed.peer, DIALER_LEFT): 1, ("closed", left.peer, DIALER_LEFT): 1
        })
        expect("streams", ours.log.count("stream", "direction", "protocol", "reason"), identify(2) | {
            ("closed", "inbound", ECHO, "connection_closed"): 5,
            ("closed", "inbound", ECHO, "finished"): 1,
        })


def listener_wrong_peer():
    """Whoever takes us for somebody else has no connection, and neither have we: at most one that did not open."""
    with Command("listen") as ours, Daemon() as go, Daemon() as other:
        address = ours.until("listen")["addresses"][0]
        refused(lambda: go.connect(f"{address.rpartition('/')[0]}/{other.peer}"), "peer id mismatch")
        ours.interrupt()
        # Its peer never proves who it is, so that nobody is told of it.
        expect("connections", ours.log.count("connection", "direction", "reason"), {})
        expect("streams", ours.log.count("stream"), {})


def listener_connected_again_and_again():
    """How long a connect takes is printed, and not judged."""
    number = 20
    with Command("listen") as ours, Daemon() as go, Daemon() as other:
        address = ours.until("listen")["addresses"][0]
        to_us, to_go = [], []
        for count in range(1, number + 1):
            to_us.append(go.connect(address))
            ours.until("closed_stream", count, protocol=IDENTIFY[0])
            go.disconnect(address.rpartition("/")[2])
            ours.until("disconnected", count)
            to_go.append(go.connect(other.address))
            go.disconnect(other.peer)
            other.until_alone()
        ours.interrupt()
        expect("connections", ours.log.count("connection", "peer", "direction", "reason"), {
            ("closed", go.peer, "inbound", DIALER_LEFT): number
        })
        expect("streams", ours.log.count("stream", "direction", "protocol", "reason"), identify(number))
    print(f"measured: go connects to us in {statistics.median(to_us) * 1000:.1f} ms, "
          f"to another go node in {statistics.median(to_go) * 1000:.1f} ms (medians of {number})", flush=True)
