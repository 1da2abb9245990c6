"""What the scenarios with go-libp2p nodes share: what is sent, what go does by itself, and the account of a log.

What a stream is at go's end goes through a socket of ours: its two directions end together, whichever of them ends.
What go does by itself (ping, identify, pub/sub) half-closes as libp2p has it.
"""

import threading

from event_log import Wrong, any_of, expect
from p2pd import Refused, read_exactly
from processes import ECHO, IDENTIFY, NOT_SPOKEN, PING

# A protocol with which a scenario has plans of its own.
HELD = "/held/1.0.0"

# Go closes each socket that it has dialed with a reset (SO_LINGER of 0), whether it closes, ends or is killed. Its
# other sockets end in an end of file, or in a reset where it had not read all that we have sent. It says no go-away.
DIALER_LEFT = "failed(reset)"
LISTENER_LEFT = "remote(eof)"

SIZES = [1, 3000, 1_000_000]


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


def identify(connections=1, pushed=0):
    """The streams on which go asks who we are, as soon as it is connected, and tells us of what it speaks since then.
    It may push, too, what it came to know just before, once for each time: it does so on a thread of its own, to
    whoever is connected by then."""
    return {
        ("closed", "inbound", IDENTIFY[0], "finished"): connections,
        ("closed", "inbound", IDENTIFY[1], any_of("finished", "connection_closed")): (pushed, pushed + 4 * connections),
    }


def check(log, direction, reason, streams):
    """The complete account: one connection, and these streams."""
    expect("connections", log.count("connection", "direction", "reason"), {("closed", direction, reason): 1})
    expect("streams", log.count("stream", "direction", "protocol", "reason"), streams)


# The streams that go opens by itself, where we leave whether or not they have come, been told apart, or ended.
UNASKED = {(
    any_of("closed", "failed"), "inbound", any_of(*IDENTIFY, None), any_of("finished", "connection_closed")
): (0, 5)}


def refused(request, why):
    try:
        request()
    except Refused as error:
        if why not in str(error):
            raise Wrong(f"refused, but not because of {why!r}: {error}") from None
    else:
        raise Wrong(f"not refused: {why!r} was expected")


def until_pushed(ours, go, protocol):
    """Waits until go has told us that it speaks a protocol, beside those that it has always spoken."""
    number = 1
    while protocol not in (said := set(ours.until("identify_pushed", number, peer=go.peer)["protocols"])):
        number += 1
    if not {PING, *IDENTIFY} <= said or NOT_SPOKEN in said:
        raise Wrong(f"pushed: {said}")


def hold(go, ours, us, number):
    """Streams that are open at both ends."""
    streams = []
    for salt in range(number):
        stream, _ = go.open(us, ECHO)
        exchange(stream, 1, salt)
        streams.append(stream)
    ours.until("opened_stream", number, protocol=ECHO)
    return streams
