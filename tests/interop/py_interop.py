"""The command `swarm-notify` against py-libp2p nodes, in both directions, judged by its complete log each time.

    py_interop.py COMMAND NODE          plays all scenarios, those of `py_notifee.py` with NODE
    py_interop.py COMMAND NODE NAME…    plays those whose names contain one of NAME…
    py_interop.py --peers-only          plays the peers against each other, to know that a fault is not theirs
"""

import os
import sys
import time
from collections import Counter

from event_log import Wrong, any_of, expect
from processes import (
    ECHO, FLOODSUB, IDENTIFY, KILLED, LIMIT, NOT_SPOKEN, PING, SINK,
    Command, PeerProcess, Process, check_pings, check_summary, options, play, right,
)
import py_notifee

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = [sys.executable, os.path.join(HERE, "py_peer.py")]


class Peer(PeerProcess):
    """A py-libp2p node."""

    def __init__(self, *arguments):
        super().__init__(*PEER, *arguments)

    def identify_streams(self):
        """How many streams it opened by itself: at least and at most (those that were not answered)."""
        steps = [line["step"] for line in self.lines if line["event"] == "identify"]
        return steps.count("ended"), steps.count("started")


class PubSub(Peer):
    """A py-libp2p node with pub/sub, which listens and does what it is told."""

    def __init__(self, router, topic):
        Process.__init__(self, sys.executable, os.path.join(HERE, "py_pubsub.py"), router, topic)


def check(log, direction, disconnected, streams, identify, unsupported=0):
    """The complete account: one connection, `streams` as given, so many streams of a protocol that is not spoken, and
    those on which the peer identifies us unasked: `identify` is how many there are at least and at most."""
    wanted = {("closed", direction, disconnected): 1}
    expect("connections", log.count("connection", "direction", "reason"), wanted)
    got = log.count("stream", "direction", "protocol", "reason")
    low, high = identify
    answered = identify_among(got)
    # They may find the connection at its end.
    ends = any_of("finished", "connection_closed", "reset(remote)", "eof", "shutdown")
    if not low <= sum(answered.values()) <= high or not all(key[3] in ends for key in answered):
        raise Wrong(f"{low} to {high} identify streams expected, these came: {answered}")
    wanted = {("closed", "inbound" if direction == "inbound" else "outbound", *key): number for key, number in streams.items()}
    if unsupported:
        wanted["failed", "inbound", None, "unsupported"] = unsupported
    expect("streams", {key: number for key, number in got.items() if key not in answered}, wanted)


def identify_among(got):
    """The streams on which the peer identifies us: some end before it is known what they are."""
    return {
        key: number
        for key, number in got.items()
        if key[1] == "inbound" and (key[2] in IDENTIFY or (key[2] is None and key[3] != "unsupported"))
    }


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
            identify = theirs.identify_streams()
        ours.interrupt()
        check(ours.log, "inbound", "remote(go_away(0))", streams, identify, unsupported)


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
            ours.until("opened_stream", 100, protocol=ECHO)
            theirs.kill()
            ours.until("disconnected")
            identify = theirs.identify_streams()
        ours.interrupt()
        check(ours.log, "inbound", KILLED, {(ECHO, "connection_closed"): 100}, identify)


def listener_interrupted_with_streams_open():
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, "hold", "10") as theirs:
            theirs.until("played")
            ours.interrupt()
            theirs.leave()
            identify = theirs.identify_streams()
        check(ours.log, "inbound", "shutdown", {(ECHO, "connection_closed"): 10}, identify)


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
        got = ours.log.count("stream", "direction", "protocol", "reason")
        identify = identify_among(got)
        expect("identify streams", {"all": sum(identify.values())}, {"all": (low, high)})
        left = {key: number for key, number in got.items() if key not in identify}
        expect("streams", left, {("closed", "inbound", ECHO, "connection_closed"): 10})


# ---- our dialer, their listener -------------------------------------------------------------------------------------


def dialer(options, streams, code=0, summary=None, ended="requested", served=None):
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
            ours.until("opened_stream", 5, protocol=ECHO)
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


# ---- ping, identify and pub/sub -------------------------------------------------------------------------------------


def dialer_ping_and_identify():
    """We ask them, on streams of ours that they answer."""
    with Peer("listen") as theirs:
        listening = theirs.until("listening")
        with Command("dial", listening["address"], "--ping", "5", "--identify") as ours:
            ours.end()
        theirs.leave()
        _, high = theirs.identify_streams()
        check(ours.log, "outbound", "requested", {
            (PING, any_of("finished", "connection_closed")): 5,
            (IDENTIFY[0], any_of("finished", "connection_closed")): 1,
        }, (0, high))
        pings = ours.log.all("ping")
        if len(pings) != 5 or not all(0 < line["seconds"] < LIMIT for line in pings):
            raise Wrong(f"five pings expected: {pings}")
        check_pings(ours.log.summary, [line["seconds"] for line in pings])
        (identified,) = ours.log.all("identified")
        if identified["peer"] != listening["peer"] or "py-libp2p" not in identified["agent"]:
            raise Wrong(f"somebody else: {identified}")
        if not {ECHO, SINK, PING, *IDENTIFY} <= set(identified["protocols"]):
            raise Wrong(f"protocols are missing: {identified}")
        if not any(listening["address"].startswith(address) for address in identified["addresses"]):
            raise Wrong(f"its address is missing: {identified}")


def listener_ping_and_identify():
    """They ask us."""
    with Command("listen", "--floodsub", "news") as ours:
        address = ours.until("listen")["addresses"][0]
        with PubSub("floodsub", "news") as theirs:
            theirs.until("listening")
            theirs.tell(f"dial {address}")
            theirs.until("connected")
            theirs.tell("ping 5")
            if theirs.until("pinged")["count"] != 5:
                raise Wrong("not five pings")
            theirs.until("identify", step="ended", outcome="accepted")
            theirs.tell("identified")
            protocols = theirs.until("identified")["protocols"]
            if not {ECHO, SINK, PING, FLOODSUB, *IDENTIFY} <= set(protocols):
                raise Wrong(f"protocols are missing: {protocols}")
            theirs.leave()
        ours.until("disconnected")
        ours.interrupt()


def publishes(ours, theirs):
    """Each sees the other subscribe, and each gets what the other publishes: all of it, once."""
    peer = theirs.until("listening")["peer"]
    ours.until("subscribed", peer=peer, topic="news")
    us = theirs.until("subscribed")["peer"]
    for number in range(20):
        ours.tell(f"from us {number}")
        theirs.tell(f"publish from them {number}")
    # To two topics in one message, of which the last one counts for us.
    theirs.tell("publish_to_two from them 20")
    theirs.until("message", 20, source=us)
    ours.until("message", 21, **{"from": peer, "via": peer, "topic": "news"})
    return us, peer


def check_messages(ours, theirs, us, peer):
    got = [line["data"] for line in theirs.lines if line["event"] == "message"]
    if sorted(got) != sorted(f"from us {number}" for number in range(20)):
        raise Wrong(f"they got {got}")
    got = [line["data"] for line in ours.log.all("message")]
    if sorted(got) != sorted(f"from them {number}" for number in range(21)):
        raise Wrong(f"we got {got}")
    expect("our peers", Counter(line["peer"] for line in ours.log.all("peer_added")), {peer: 1})
    expect("their peers", Counter(line["peer"] for line in theirs.lines if line["event"] == "added"), {us: 1})


def pubsub(router, we_dial, hold=0.0, ours_is="--floodsub"):
    """Messages both ways; then they are killed, and are our peer no more."""
    with PubSub(router, "news") as theirs:
        address = theirs.until("listening")["address"]
        with Command(*(["dial", address, "--hold", "3600"] if we_dial else ["listen"]), ours_is, "news") as ours:
            if not we_dial:
                theirs.tell("dial " + ours.until("listen")["addresses"][0])
            if ours_is == "--gossipsub":
                in_each_others_mesh(ours, theirs)
            us, peer = publishes(ours, theirs)
            if hold:
                # Nothing is to happen, for as long as either side's time-outs take.
                time.sleep(hold)
                ours.tell("still here")
                theirs.until("message", data="still here")
                theirs.lines = [line for line in theirs.lines if line.get("data") != "still here"]
                if ours.log.count("connection")["open",] != 1 or ours.log.all("peer_gone"):
                    raise Wrong("the connection was not kept")
            check_messages(ours, theirs, us, peer)
            theirs.kill()
            ours.until("peer_gone", peer=peer)
            if we_dial:
                ours.end(1)
            else:
                ours.interrupt()
        wanted = {("closed", "outbound" if we_dial else "inbound", KILLED): 1}
        expect("connections", ours.log.count("connection", "direction", "reason"), wanted)


def in_each_others_mesh(ours, theirs):
    """Each is in the other's mesh, by what both tell."""
    peer = ours.until("graft", topic="news")["peer"]
    expect("our mesh", Counter(ours.until("mesh")["peers"]), {peer: 1})
    theirs.until("meshed")


def we_leave(router):
    """We end first: they lose a peer."""
    with PubSub(router, "news") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, "--hold", "3600", "--floodsub", "news") as ours:
            us, _ = publishes(ours, theirs)
            ours.process.kill()
            theirs.until("removed", peer=us)
            while ours.next() is not None:
                pass
        theirs.leave()


def dialer_floodsub():
    pubsub("floodsub", True)


def listener_floodsub():
    pubsub("floodsub", False)


def dialer_gossipsub():
    pubsub("gossipsub", True)


def listener_gossipsub():
    pubsub("gossipsub", False)


def dialer_mesh():
    pubsub("gossipsub", True, ours_is="--gossipsub")


def listener_mesh():
    pubsub("gossipsub", False, ours_is="--gossipsub")


def dialer_mesh_with_floodsub():
    """They speak floodsub only: no mesh, and all messages."""
    with PubSub("floodsub", "news") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, "--hold", "3600", "--gossipsub", "news") as ours:
            us, peer = publishes(ours, theirs)
            check_messages(ours, theirs, us, peer)
            theirs.kill()
            ours.until("peer_gone", peer=peer)
            ours.end(1)
        expect("grafts", Counter(line["peer"] for line in ours.log.all("graft")), {})


def listener_floodsub_kept_for_a_minute():
    pubsub("floodsub", False, hold=60)


def dialer_gossipsub_kept_for_a_minute():
    pubsub("gossipsub", True, hold=60)


def killed_while_they_have_floodsub():
    we_leave("floodsub")


def killed_while_they_have_gossipsub():
    we_leave("gossipsub")


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
    dialer_ping_and_identify,
    listener_ping_and_identify,
    dialer_floodsub,
    listener_floodsub,
    dialer_gossipsub,
    listener_gossipsub,
    dialer_mesh,
    listener_mesh,
    dialer_mesh_with_floodsub,
    killed_while_they_have_floodsub,
    killed_while_they_have_gossipsub,
    *py_notifee.SCENARIOS,
]

# What takes long and does little: these run beside the others.
BESIDE = [
    listener_floodsub_kept_for_a_minute,
    dialer_gossipsub_kept_for_a_minute,
]


def main(arguments):
    if arguments == ["--peers-only"]:
        peers_only()
        return
    if len(arguments) < 2:
        sys.exit(__doc__)
    Command.path, py_notifee.Ours.path, *names = arguments
    play(SCENARIOS, BESIDE, names)


if __name__ == "__main__":
    main(sys.argv[1:])
