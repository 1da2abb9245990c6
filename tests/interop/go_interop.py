"""The command `swarm-notify` against go-libp2p nodes, in both directions, judged by its complete log each time.

    go_interop.py COMMAND P2PD          plays all scenarios
    go_interop.py COMMAND P2PD NAME…    plays those whose names contain one of NAME…
    go_interop.py --peers-only P2PD     plays the peers against each other, to know that a fault is not theirs
"""

import sys
from collections import Counter

import go_dials
import go_listens
import go_pubsub
from event_log import expect
from go_common import SIZES, echo, exchange, refused
from go_pubsub import TOPIC
from p2pd import Daemon, received
from processes import ECHO, NOT_SPOKEN, PING, Command, play


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


def scenarios(module):
    """Those of a module, in its order: its functions that are named for who of us does what."""
    names = ("listener_", "dialer_", "killed_")
    functions = [each for name, each in vars(module).items() if name.startswith(names)]
    return [each for each in functions if each.__module__ == module.__name__]


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    if arguments[0] == "--peers-only":
        (Daemon.path,) = arguments[1:]
        peers_only()
        return
    Command.path, Daemon.path, *names = arguments
    everything = [each for module in (go_dials, go_listens, go_pubsub) for each in scenarios(module)]
    # What takes long and does little runs beside the others.
    beside = [each for each in everything if each.__name__.endswith("_idle")]
    play([each for each in everything if each not in beside], beside, names)


if __name__ == "__main__":
    main(sys.argv[1:])
