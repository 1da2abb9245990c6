"""The command `swarm-notify` against js-libp2p nodes, in both directions, judged by its complete log each time.

    js_interop.py COMMAND          plays all scenarios
    js_interop.py COMMAND NAME…    plays those whose names contain one of NAME…
"""

import os
import sys

from event_log import Wrong, any_of, expect
from processes import ECHO, IDENTIFY, KILLED, PING, SINK, Command, PeerProcess, check_summary, options, play, right

PEER = ["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "js", "peer.mjs")]

# Js asks who we are as soon as it is connected, and may push what it speaks.
IDENTIFY_ENDS = any_of("finished", "connection_closed", "reset(remote)")


class Peer(PeerProcess):
    """A js-libp2p node."""

    def __init__(self, *arguments):
        super().__init__(*PEER, *arguments)


def check(log, direction, disconnected, streams):
    """The complete account: one connection, these streams, and those on which js identifies us."""
    wanted = {("closed", direction, disconnected): 1}
    expect("connections", log.count("connection", "direction", "reason"), wanted)
    expect("streams", log.count("stream", "direction", "protocol", "reason"), {
        ("closed", "inbound", any_of(*IDENTIFY), IDENTIFY_ENDS): (0, 2),
        # One that is cut before we know its protocol.
        ("failed", "inbound", None, any_of("connection_closed", "reset(remote)")): (0, 2),
    } | streams)


# ---- our listener, their dialer -------------------------------------------------------------------------------------


def listener(scenario, count, streams, refused=0, ends=any_of("remote(go_away(0))", "remote(eof)")):
    """They dial, play and disconnect; then we are interrupted."""
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, scenario, str(count)) as theirs:
            theirs.until("played")
            if refused:
                theirs.until("refused", refused)
            theirs.tell("disconnect")
            ours.until("disconnected")
            theirs.until("disconnected")
            theirs.leave()
        ours.interrupt()
        check(ours.log, "inbound", ends, streams)


def listener_half_close():
    """Each echo is whole, although js has ended its side before the end of the echo comes."""
    listener("half-close", 60, {("closed", "inbound", ECHO, "finished"): 60})


def listener_ping():
    listener("ping", 10, {("closed", "inbound", PING, "finished"): 10})


def listener_reset():
    listener("reset", 10, {("closed", "inbound", ECHO, "reset(remote)"): 10})


def listener_unsupported():
    listener("unsupported", 3, {("failed", "inbound", None, "unsupported"): 3}, refused=3)


def listener_disconnected_with_streams_open():
    # Where js has not read all that we said, its socket ends in a reset.
    ends = any_of("remote(go_away(0))", "remote(eof)", "failed(reset)")
    ended = any_of("connection_closed", "reset(remote)", "finished")
    listener("hold", 20, {("closed", "inbound", ECHO, ended): 20}, ends=ends)


def listener_peer_killed_with_streams_open():
    with Command("listen") as ours:
        address = ours.until("listen")["addresses"][0]
        with Peer("dial", address, "hold", "50") as theirs:
            theirs.until("played")
            ours.until("opened_stream", 50, protocol=ECHO)
            theirs.kill()
            ours.until("disconnected")
        ours.interrupt()
        check(ours.log, "inbound", KILLED, {("closed", "inbound", ECHO, "connection_closed"): 50})


# ---- our dialer, their listener -------------------------------------------------------------------------------------


def dialed(arguments, streams, summary):
    """We dial a node that has just started, do as we are told by `arguments`, and end by ourselves."""
    with Peer("listen") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, *arguments) as ours:
            ours.end()
        theirs.leave()
        check(ours.log, "outbound", "requested", streams)
        check_summary(ours.log.summary, summary)


def outbound(protocol, reason, number):
    return {("closed", "outbound", protocol, reason): number}


def dialer_echo():
    for size in (0, 1, 3000, 300_000):
        dialed(options(streams=20, concurrency=4, bytes=size), outbound(ECHO, "finished", 20), right(20, size))


def dialer_half_close():
    arguments = [*options(streams=20, concurrency=4, bytes=3000), "--half-close"]
    dialed(arguments, outbound(ECHO, "finished", 20), right(20, 3000))


def dialer_many_streams_at_once_to_a_fresh_node():
    """Js aborts a connection on which more than ten streams arrive before its muxer is ready for them."""
    for _ in range(6):
        dialed(options(streams=20, concurrency=16, bytes=3000), outbound(ECHO, "finished", 20), right(20, 3000))


def dialer_sink():
    arguments = options(protocol=SINK, streams=3, bytes=300_000)
    dialed(arguments, outbound(SINK, "finished", 3), right(3, 300_000))


def dialer_ping():
    with Peer("listen") as theirs:
        address = theirs.until("listening")["address"]
        with Command("dial", address, "--ping", "3", "--identify") as ours:
            ours.end()
        theirs.leave()
        if len(ours.log.all("ping")) != 3 or len(ours.log.all("identified")) != 1:
            raise Wrong(f"said: {ours.log.said}")


def scenarios():
    """In their order: functions that are named for who dials."""
    names = ("listener_", "dialer_")
    return [each for name, each in globals().items() if name.startswith(names)]


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    Command.path, *names = arguments
    play(scenarios(), [], names)


if __name__ == "__main__":
    main(sys.argv[1:])
