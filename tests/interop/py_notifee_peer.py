"""A py-libp2p node for `py_notifee.py`: it does one thing for each line of standard input, and its notifee says what it is
told. It is a fresh host after each `begin`, so that one process does for many scenarios.

It speaks one JSON object a line on standard output: `heard` for each call of the notifee, `done` when a command is.
"""

from libp2p import new_host
from libp2p.abc import INotifee
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.config import ConnectionConfig
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr
import trio

from py_peer import NOT_SPOKEN, commands, report

HOLD = "/hold/1.0.0"

# It takes an address once.
ADDRESSES = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.2/tcp/0"]


class Teller(INotifee):
    """Reports each of the six, as it is called."""

    async def listen(self, network, multiaddr):
        report("heard", what="listen", address=str(multiaddr))

    async def listen_close(self, network, multiaddr):
        report("heard", what="listen_close", address=str(multiaddr))

    async def connected(self, network, conn):
        report("heard", what="connected")

    async def disconnected(self, network, conn):
        report("heard", what="disconnected")

    async def opened_stream(self, network, stream):
        report("heard", what="opened_stream")

    async def closed_stream(self, network, stream):
        report("heard", what="closed_stream")


class Node:
    """A host with the notifee, and its newest stream."""

    def __init__(self):
        self.host = new_host(
            key_pair=create_new_key_pair(), connection_config=ConnectionConfig(min_connections=0, low_watermark=0)
        )
        # Otherwise it opens a stream by itself on each connection, of which its notifee is told, too.
        self.host._schedule_identify = lambda *_, **__: None
        self.network = self.host.get_network()
        self.network.register_notifee(Teller())
        self.host.set_stream_handler(HOLD, self.hold)
        self.stream = None
        self.may_return = trio.Event()
        self.may_leave = trio.Event()
        self.has_left = trio.Event()

    async def hold(self, stream):
        """Does nothing with the stream but to wait until it may return."""
        self.stream = stream
        report("accepted")
        await self.may_return.wait()

    async def run(self, task_status):
        async with self.host.run([]):
            task_status.started()
            await self.may_leave.wait()
        self.has_left.set()

    async def read(self):
        """Reads what has come: the way in which that ends is what its owner learns."""
        try:
            while await self.stream.read(1024):
                pass
        except Exception as error:
            return type(error).__name__
        return "end"

    async def obey(self, command, argument):
        match command:
            case "listen":
                await self.network.listen(*[Multiaddr(address) for address in ADDRESSES[:int(argument)]])
                return [str(address) for address in self.host.get_addrs()]
            case "dial":
                await self.host.connect(info_from_p2p_addr(Multiaddr(argument)))
            case "disconnect":
                for remote in self.host.get_connected_peers():
                    await self.host.disconnect(remote)
            case "open":
                (remote,) = self.host.get_connected_peers()
                self.stream = await self.host.new_stream(remote, [HOLD])
            case "open_unspoken":
                (remote,) = self.host.get_connected_peers()
                await self.host.new_stream(remote, [NOT_SPOKEN])
            case "read":
                return await self.read()
            case "close":
                await self.stream.close()
            case "close_write":
                await self.stream.close_write()
            case "reset":
                await self.stream.reset()
            case "return":
                self.may_return.set()
            case "close_listener":
                await next(iter(self.network.listeners.values())).close()
            case "close_host":
                await self.host.close()
            case "leave":
                self.may_leave.set()
                await self.has_left.wait()
            case _:
                raise SystemExit(f"unknown command {command!r}")


async def main():
    async with trio.open_nursery() as nursery:
        node = None
        async for line in commands():
            command, _, argument = line.partition(" ")
            if command == "step":
                report("step", number=int(argument))
                continue
            outcome = None
            if command == "begin":
                node = Node()
                await nursery.start(node.run)
            else:
                try:
                    outcome = await node.obey(command, argument)
                except Exception as error:
                    outcome = type(error).__name__
            report("done", command=command, outcome=outcome)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
