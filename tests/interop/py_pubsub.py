"""A py-libp2p node with pub/sub for the interop tests.

    py_pubsub.py ROUTER TOPIC       listens, with FloodSub or GossipSub as its ROUTER, subscribed to TOPIC, until its
                                    standard input ends

Lines of standard input are commands: `dial ADDRESS`, `publish TEXT`, `publish_to_two TEXT` (another topic, and TOPIC),
`ping COUNT`, `identified`, `disconnect`. It speaks one JSON object a line on standard output. `subscribed`, `added` and
`removed` tell of its pub/sub peers, `meshed` and `pruned` of its mesh, `message` of what it received from others.
"""

import sys

from libp2p.host.ping import PingService
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.floodsub import PROTOCOL_ID as FLOODSUB
from libp2p.pubsub.floodsub import FloodSub
from libp2p.pubsub.gossipsub import PROTOCOL_ID as GOSSIPSUB
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr
import trio

from py_peer import Peer, commands, report

# How often the node's own tables are looked at: it tells of nothing by itself.
LOOK = 0.02

# Its protection against spam takes ten messages a second for one.
GOSSIPSUB_OPTIONS = {
    "degree": 3, "degree_low": 2, "degree_high": 4, "heartbeat_interval": 1, "spam_protection_enabled": False
}


def router(name):
    if name == "floodsub":
        return FloodSub(protocols=[FLOODSUB])
    return GossipSub(protocols=[GOSSIPSUB, FLOODSUB], **GOSSIPSUB_OPTIONS)


class Node:
    def __init__(self, name, topic):
        self.topic = topic
        self.host = Peer().host
        self.router = router(name)
        self.pubsub = Pubsub(self.host, self.router)

    async def receive(self, subscription):
        while True:
            message = await subscription.get()
            source = ID(message.from_id)
            if source != self.host.get_id():
                data = message.data.decode()
                report("message", data=data, source=str(source), seqno=int.from_bytes(message.seqno, "big"))

    async def watch(self):
        """Reports each change of who is a peer, and who of them is subscribed."""
        peers, subscribed, meshed = set(), set(), set()
        while True:
            now_peers = set(self.pubsub.peers)
            now_subscribed = set(self.pubsub.peer_topics.get(self.topic, ()))
            changes = [("added", now_peers - peers), ("subscribed", now_subscribed - subscribed)]
            changes += [("unsubscribed", subscribed - now_subscribed), ("removed", peers - now_peers)]
            # FloodSub has no mesh.
            mesh = self.router.mesh if isinstance(self.router, GossipSub) else {}
            now_meshed = set(mesh.get(self.topic, ()))
            changes += [("meshed", now_meshed - meshed), ("pruned", meshed - now_meshed)]
            for event, which in changes:
                for peer in which:
                    report(event, peer=str(peer))
            peers, subscribed, meshed = now_peers, now_subscribed, now_meshed
            await trio.sleep(LOOK)

    async def obey(self):
        async for line in commands():
            command, _, rest = line.partition(" ")
            match command:
                case "dial":
                    remote = info_from_p2p_addr(Multiaddr(rest))
                    await self.host.connect(remote)
                    report("connected", peer=str(remote.peer_id))
                case "publish":
                    await self.pubsub.publish(self.topic, rest.encode())
                case "publish_to_two":
                    await self.pubsub.publish(["another topic", self.topic], rest.encode())
                case "ping":
                    for remote in self.host.get_connected_peers():
                        times = await PingService(self.host).ping(remote, int(rest))
                        report("pinged", peer=str(remote), count=len(times))
                case "identified":
                    for remote in self.host.get_connected_peers():
                        protocols = self.host.get_peerstore().get_protocols(remote)
                        report("identified", peer=str(remote), protocols=sorted(protocols))
                case "disconnect":
                    for remote in list(self.host.get_connected_peers()):
                        await self.host.disconnect(remote)
                    report("disconnected")
                case _:
                    raise ValueError(f"unknown command {line!r}")

    async def run(self):
        async with self.host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]), background_trio_service(self.pubsub):
            if isinstance(self.router, GossipSub):
                async with background_trio_service(self.router):
                    await self.act()
            else:
                await self.act()

    async def act(self):
        await self.pubsub.wait_until_ready()
        subscription = await self.pubsub.subscribe(self.topic)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.receive, subscription)
            nursery.start_soon(self.watch)
            (address,) = [str(each) for each in self.host.get_addrs()]
            report("listening", address=address, peer=str(self.host.get_id()))
            await self.obey()
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("floodsub", "gossipsub"):
        sys.exit(__doc__)
    trio.run(Node(*sys.argv[1:]).run)
