"""Scenarios of pub/sub: our floodsub with go's floodsub, and with its gossipsub, which speaks floodsub with us."""

import time
from collections import Counter

from event_log import Wrong, expect
from go_common import DIALER_LEFT, check, exchange, hold, identify
from p2pd import Daemon, received
from processes import ECHO, FLOODSUB, IDENTIFY, KILLED, Command

TOPIC = "news"

# What is agreed with go's gossipsub: go-libp2p 0.32 predates 1.2.
PROTOCOLS = {"--floodsub": FLOODSUB, "--gossipsub": "/meshsub/1.1.0"}

# A time in which a keep-alive of either side falls.
IDLE = 40


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


def pubsub(router, we_dial, idle=0, option="--floodsub"):
    """Each sees the other subscribe, messages go both ways, go unsubscribes; then it is killed, and no peer then."""
    with Daemon("-pubsub", "-pubsubRouter", router) as go:
        subscription = go.subscribe(TOPIC)
        with Command(*(["dial", go.address, "--hold", "3600"] if we_dial else ["listen"]), option, TOPIC) as ours:
            if not we_dial:
                go.connect(ours.until("listen")["addresses"][0])
            ours.until("subscribed", peer=go.peer, topic=TOPIC)
            ours.until("closed_stream", protocol=IDENTIFY[0])
            (us,) = go.peers()
            go.until_subscribed(TOPIC, [us])
            if option == "--gossipsub":
                expect("our mesh", Counter(ours.until("mesh")["peers"]), {go.peer: 1})
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
            if option == "--gossipsub":
                ours.until("prune", peer=go.peer, topic=TOPIC)
            go.kill()
            ours.until("peer_gone", peer=go.peer)
            if we_dial:
                ours.end(1)
            else:
                ours.interrupt()
            streams = {
                ("closed", "inbound", PROTOCOLS[option], "connection_closed"): 1,
                ("closed", "outbound", PROTOCOLS[option], "connection_closed"): 1,
            }
            if stream:
                streams["closed", "inbound", ECHO, "connection_closed"] = 1
            left = ("outbound", KILLED) if we_dial else ("inbound", DIALER_LEFT)
            check(ours.log, *left, identify() | streams)
            wanted = ["peer_added", "subscribed", "unsubscribed", "peer_gone"]
            counts = Counter((line["event"], line["peer"]) for line in ours.log.said if line["event"] in wanted)
            expect("our peers", counts, {(event, go.peer): 1 for event in wanted})


def nothing_for(ours, seconds):
    """Nothing is to be told, for as long as either side's time-outs take, but what go may push."""
    ours.until("opened_stream", protocol=FLOODSUB, direction="outbound")
    lines = len(ours.lines)
    time.sleep(seconds)
    while not ours.incoming.empty():
        ours.next()
    pushes = (IDENTIFY[1], "identify_pushed")
    told = [line for line in ours.lines[lines:] if line.get("protocol", line["event"]) not in pushes]
    if told:
        raise Wrong(f"nothing was to be told, but {told}")


def we_are_killed(router):
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


def dialer_mesh():
    pubsub("gossipsub", True, option="--gossipsub")


def listener_mesh():
    pubsub("gossipsub", False, option="--gossipsub")


def killed_while_they_have_floodsub():
    we_are_killed("floodsub")


def killed_while_they_have_gossipsub():
    we_are_killed("gossipsub")


def listener_floodsub_idle():
    pubsub("floodsub", False, idle=IDLE)


def dialer_gossipsub_idle():
    pubsub("gossipsub", True, idle=IDLE)
