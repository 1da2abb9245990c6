"""The command `swarm-notify` against go-libp2p nodes, in both directions, judged by its complete log each time.

    go_interop.py COMMAND P2PD          plays all scenarios
    go_interop.py COMMAND P2PD NAME…    plays those whose names contain one of NAME…
    go_interop.py --peers-only P2PD     plays the peers against each other, to know that a fault is not theirs

What a stream is at go's end goes through a socket of ours: its two directions end together, whichever of them ends.
What go does by itself (ping, identify, pub/sub) half-closes as libp2p has it.
"""

import functools
import signal
import socket
import statistics
import sys
import threading
import time
from collections import Counter

from event_log import Wrong, any_of, expect
from p2pd import Daemon, Refused, read_all, read_exactly, received
from processes import ECHO, FLOODSUB, IDENTIFY, KILLED, NOT_SPOKEN, PING, Command, check_summary, options, play, right

# A protocol with which a scenario has plans of its own.
HELD = "/held/1.0.0"
TOPIC = "news"

# Go closes each socket that it has dialed with a reset (SO_LINGER of 0), whether it closes, ends or is killed; its other
# sockets end in an end of file. It says no go-away.
DIALER_LEFT = "failed(reset)"
LISTENER_LEFT = "remote(eof)"

# A time in which a keep-alive of either side falls.
IDLE = 40

SIZES = [1, 3000, 1_000_000]
# Go's ping answers 32 bytes at a time.
PING_SIZES = [32, 3200, 1_000_000]


def payload(size, salt):
    return bytes((salt + index) % 251 for index in range(251)) * (size // 251 + 1)


def exchange(stream, size, salt):
    """Sends, and has it echoed."""
    sent = payload(size, salt)[:size]
    sender = threading.Thread(target=stream.sendall, args=(sent,))
    sender.start()
    got = read_exactly(stream, size)
    sender.join()
    if got != sent:
        raise Wrong(f"{size} bytes came back, and not those that were sent")


def echo(stream):
    """A handler: gives how many bytes there were."""
    count = 0
    while part := stream.recv(65536):
        stream.sendall(part)
        count += len(part)
    return count


def count_bytes(stream):
    """A handler that never answers."""
    return len(read_all(stream))


def identify(number=1):
    """The stream on which go asks us who we are, as soon as it is connected."""
    return {("closed", "inbound", IDENTIFY[0], "finished"): number}


def check(log, direction, reason, streams):
    """The complete account: one connection, and these streams."""
    expect("connections", log.count("connection", "direction", "reason"), {("closed", direction, reason): 1})
    expect("streams", log.count("stream", "direction", "protocol", "reason"), streams)


# Go pushes what it has been told to speak on a thread of its own, and may do so to whoever connects meanwhile.
PERHAPS_PUSHED = {("closed", "inbound", IDENTIFY[1], any_of("finished", "connection_closed")): (0, 1)}

# The streams that go opens by itself, where we leave whether or not they have come, been told apart, or ended.
UNASKED = {(
    any_of("closed", "failed"), "inbound", any_of(*IDENTIFY, None), any_of("finished", "connection_closed")
): (0, 2)}


# ---- our listener, their dialer -------------------------------------------------------------------------------------


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
    """Go knows what we speak: of two protocols it proposes the one that it has heard of from us. What it speaks later it
    pushes to us."""
    stream, protocol = go.open(us, NOT_SPOKEN, ECHO)
    if protocol != ECHO:
        raise Wrong(f"{protocol} was agreed")
    exchange(stream, 10, 0)
    stream.close()
    ours.until("closed_stream", protocol=ECHO)
    go.handle(HELD, echo)
    pushed = ours.until("identify_pushed", peer=go.peer)
    if not {HELD, PING, *IDENTIFY} <= set(pushed["protocols"]) or NOT_SPOKEN in pushed["protocols"]:
        raise Wrong(f"pushed: {pushed}")
    ours.until("closed_stream", protocol=IDENTIFY[1])
    leave(go, ours, us)
    check(ours.log, "inbound", DIALER_LEFT, identify() | {
        ("closed", "inbound", ECHO, "finished"): 1,
        ("closed", "inbound", IDENTIFY[1], "finished"): 1,
    })


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


def refused(request, why):
    try:
        request()
    except Refused as error:
        if why not in str(error):
            raise Wrong(f"refused, but not because of {why!r}: {error}") from None
    else:
        raise Wrong(f"not refused: {why!r} was expected")


def hold(go, ours, us, number):
    """Streams that are open at both ends."""
    streams = []
    for salt in range(number):
        stream, _ = go.open(us, ECHO)
        exchange(stream, 1, salt)
        streams.append(stream)
    ours.until("opened_stream", number, protocol=ECHO)
    return streams


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
        failed = {("failed", "inbound", any_of("reset(remote)", "shutdown")): (0, 1)}
        expect("connections", ours.log.count("connection", "direction", "reason"), failed)
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


# ---- our dialer, their listener -------------------------------------------------------------------------------------


def dialed(go, arguments, streams, code=0, summary=None):
    """We dial, do as we are told by `arguments`, and end by ourselves."""
    with Command("dial", go.address, *arguments) as ours:
        ours.end(code)
        check(ours.log, "outbound", "shutdown", UNASKED | streams)
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
        ours.end(1)
        log = ours.log
        streams = outbound(PING, "finished", 5) | outbound(IDENTIFY[0], "finished", 1)
        check(log, "outbound", "shutdown", identify() | streams)
        expect("pings", Counter((line["event"], line["peer"]) for line in log.all("ping") + log.all("ping_failed")), {
            ("ping", go.peer): 5
        })
        (identified,) = log.all("identified")
        if identified["peer"] != go.peer or identified["agent"] != "p2pd/0.1":
            raise Wrong(f"somebody else: {identified}")
        if not {PING, *IDENTIFY} <= set(identified["protocols"]):
            raise Wrong(f"protocols are missing: {identified}")
        if identified["addresses"] != [go.tcp]:
            raise Wrong(f"another address than {go.tcp}: {identified}")


def dialer_pushed():
    """What go speaks later it pushes to whoever has dialed it, too."""
    with Daemon() as go, Command("dial", go.address, *options(ping=1, hold=3600)) as ours:
        ours.until("closed_stream", protocol=IDENTIFY[0])
        ours.until("closed_stream", protocol=PING)
        go.handle(HELD, echo)
        if HELD not in ours.until("identify_pushed", peer=go.peer)["protocols"]:
            raise Wrong(f"{HELD} is missing")
        ours.until("closed_stream", protocol=IDENTIFY[1])
        go.disconnect(go.peers()[0])
        ours.end(1)
        check(ours.log, "outbound", LISTENER_LEFT, identify() | outbound(PING, "finished", 1) | {
            ("closed", "inbound", IDENTIFY[1], "finished"): 1
        })


def held(end, reason, number):
    """The connection ends while our streams wait for an answer."""
    with Daemon() as go:
        go.handle(HELD, count_bytes)
        arguments = ["--protocol", HELD, *options(streams=number, concurrency=number, bytes=100)]
        with Command("dial", go.address, *arguments) as ours:
            ours.until("opened_stream", number, protocol=HELD)
            ours.until("closed_stream", protocol=IDENTIFY[0])
            end(go)
            ours.end(1)
        streams = outbound(HELD, "connection_closed", number)
        check(ours.log, "outbound", reason, identify() | PERHAPS_PUSHED | streams)
        check_summary(ours.log.summary, {"streams": number, "ok": 0, "failed": number})


def dialer_peer_killed_with_streams_open():
    held(Daemon.kill, KILLED, 50)


def dialer_peer_ended_with_streams_open():
    held(Daemon.terminate, LISTENER_LEFT, 10)


def dialer_disconnected_with_streams_open():
    held(lambda go: go.disconnect(go.peers()[0]), LISTENER_LEFT, 20)


# ---- pub/sub --------------------------------------------------------------------------------------------------------


def messages(ours, go, us, subscription):
    """Each gets what the other publishes: all of it, once."""
    for number in range(20):
        ours.tell(f"from us {number}")
        go.publish(TOPIC, f"from them {number}")
    # Go hears itself, too.
    wanted = {(us, f"from us {number}"): 1 for number in range(20)}
    wanted |= {(go.peer, f"from them {number}"): 1 for number in range(20)}
    expect("they got", Counter(received(subscription, 40)), wanted)
    ours.until("message", 20, **{"from": go.peer, "via": go.peer, "topic": TOPIC})
    got = Counter((line["from"], line["data"]) for line in ours.log.all("message"))
    expect("we got", got, {(go.peer, f"from them {number}"): 1 for number in range(20)})


def pubsub(router, we_dial, idle=0):
    """Each sees the other subscribe, messages go both ways, go unsubscribes; then it is killed, and is our peer no more."""
    with Daemon("-pubsub", "-pubsubRouter", router) as go:
        subscription = go.subscribe(TOPIC)
        with Command(*(["dial", go.address, "--hold", "3600"] if we_dial else ["listen"]), "--floodsub", TOPIC) as ours:
            if not we_dial:
                go.connect(ours.until("listen")["addresses"][0])
            ours.until("subscribed", peer=go.peer, topic=TOPIC)
            ours.until("closed_stream", protocol=IDENTIFY[0])
            (us,) = go.peers()
            go.until_subscribed(TOPIC, [us])
            stream = None
            if idle:
                if not we_dial:
                    (stream,) = hold(go, ours, us, 1)
                nothing_for(ours, idle)
            messages(ours, go, us, subscription)
            if stream:
                exchange(stream, 1000, 0)
            subscription.close()
            ours.until("unsubscribed", peer=go.peer, topic=TOPIC)
            go.kill()
            ours.until("peer_gone", peer=go.peer)
            if we_dial:
                ours.end(1)
            else:
                ours.interrupt()
        streams = {
            ("closed", "inbound", FLOODSUB, "connection_closed"): 1,
            ("closed", "outbound", FLOODSUB, "connection_closed"): 1,
        }
        if stream:
            streams["closed", "inbound", ECHO, "connection_closed"] = 1
        left = ("outbound", KILLED) if we_dial else ("inbound", DIALER_LEFT)
        check(ours.log, *left, identify() | PERHAPS_PUSHED | streams)
        counts = Counter((line["event"], line["peer"]) for line in ours.log.said if line["event"] != "message")
        wanted = ["peer_added", "subscribed", "unsubscribed", "peer_gone"]
        expect("our peers", counts, {(event, go.peer): 1 for event in wanted})


def nothing_for(ours, seconds):
    """Nothing is to be told, for as long as either side's time-outs take."""
    lines = len(ours.lines)
    time.sleep(seconds)
    while not ours.incoming.empty():
        ours.next()
    if ours.lines[lines:]:
        raise Wrong(f"nothing was to be told, but {ours.lines[lines:]}")


def killed_while_they_publish(router):
    """We are killed: they lose a subscriber and a connection."""
    with Daemon("-pubsub", "-pubsubRouter", router) as go:
        subscription = go.subscribe(TOPIC)
        with Command("dial", go.address, "--hold", "3600", "--floodsub", TOPIC) as ours:
            ours.until("subscribed", peer=go.peer, topic=TOPIC)
            (us,) = go.peers()
            go.until_subscribed(TOPIC, [us])
            messages(ours, go, us, subscription)
            ours.process.kill()
            go.until_alone()
            go.until_subscribed(TOPIC, [])


def dialer_floodsub():
    pubsub("floodsub", True)


def listener_floodsub():
    pubsub("floodsub", False)


def dialer_gossipsub():
    pubsub("gossipsub", True)


def listener_gossipsub():
    pubsub("gossipsub", False)


def killed_while_they_have_floodsub():
    killed_while_they_publish("floodsub")


def killed_while_they_have_gossipsub():
    killed_while_they_publish("gossipsub")


def listener_floodsub_idle():
    pubsub("floodsub", False, idle=IDLE)


def dialer_gossipsub_idle():
    pubsub("gossipsub", True, idle=IDLE)


# ---- the peers by themselves ----------------------------------------------------------------------------------------


def peers_only():
    with Daemon() as one, Daemon() as other:
        one.handle(ECHO, echo)
        other.connect(one.address)
        for size in SIZES:
            stream, _ = other.open(one.peer, ECHO)
            exchange(stream, size, 0)
            stream.close()
            expect("served", Counter(one.serve(1)), {(ECHO, size): 1})
            print(f"ok   echo of {size} bytes", flush=True)
        stream, _ = other.open(one.peer, PING)
        exchange(stream, 32, 0)
        print("ok   ping", flush=True)
        refused(lambda: other.open(one.peer, NOT_SPOKEN), "protocols not supported")
        print("ok   unsupported", flush=True)
        other.disconnect(one.peer)
        one.until_alone()
        print("ok   disconnect", flush=True)
    for router in "floodsub", "gossipsub":
        options = "-pubsub", "-pubsubRouter", router
        with Daemon(*options) as one, Daemon(*options) as other:
            one.connect(other.address)
            subscription = one.subscribe(TOPIC)
            other.until_subscribed(TOPIC, [one.peer])
            other.publish(TOPIC, "hello")
            expect("messages", Counter(received(subscription, 1)), {(other.peer, "hello"): 1})
            print(f"ok   {router}", flush=True)


SCENARIOS = [
    listener_echo,
    listener_echo_many_at_once,
    listener_reset,
    listener_ping,
    listener_identify,
    listener_unsupported,
    listener_peer_killed_with_streams_open,
    listener_peer_ended_with_streams_open,
    listener_disconnected_with_streams_open,
    listener_interrupted_with_streams_open,
    listener_disconnected_right_after_streams_closed,
    listener_several_peers,
    listener_wrong_peer,
    listener_connected_again_and_again,
    dialer_echo,
    dialer_half_close,
    dialer_reset,
    dialer_end_resets_the_other_direction,
    dialer_peer_ends_first,
    dialer_reset_by_peer,
    dialer_unsupported,
    dialer_wrong_peer,
    dialer_ping_and_identify,
    dialer_pushed,
    dialer_peer_killed_with_streams_open,
    dialer_peer_ended_with_streams_open,
    dialer_disconnected_with_streams_open,
    dialer_floodsub,
    listener_floodsub,
    dialer_gossipsub,
    listener_gossipsub,
    killed_while_they_have_floodsub,
    killed_while_they_have_gossipsub,
]

# What takes long and does little: these run beside the others.
BESIDE = [
    listener_floodsub_idle,
    dialer_gossipsub_idle,
]


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    if arguments[0] == "--peers-only":
        (Daemon.path,) = arguments[1:]
        peers_only()
        return
    Command.path, Daemon.path, *names = arguments
    play(SCENARIOS, BESIDE, names)


if __name__ == "__main__":
    main(sys.argv[1:])
