"""A py-libp2p node for the interop tests: one process, so that it can be killed like any peer.

    py_peer.py listen                     serves /echo/1.0.0 and /sink/1.0.0 until its standard input ends
    py_peer.py dial ADDRESS SCENARIO [N]  plays a scenario against a listener, then waits for its standard input to end

It speaks one JSON object a line on standard output. `identify` lines count the streams that py-libp2p opens by itself:
`started` is printed before anything is sent, `ended` once the other side has answered.
"""

import itertools
import json
import os
import sys

from libp2p import new_host
from libp2p.network.config import ConnectionConfig
from libp2p.network.stream.exceptions import StreamEOF, StreamError, StreamReset
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr
import trio

ECHO = "/echo/1.0.0"
SINK = "/sink/1.0.0"
NOT_SPOKEN = "/not-spoken/1.0.0"
READ = 65536

# Around what matters to flow control and framing: nothing, one byte, a Noise message, a yamux window.
SIZES = [0, 1, 1000, 65535, 65536, 262143, 262144, 300000]


def report(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def pattern(size, salt):
    return bytes((salt + index) % 251 for index in range(min(size, 251))) * (size // 251 + 1)


def payload(size, salt):
    return pattern(size, salt)[:size]


class Peer:
    """A host that tells of what it does unasked, and whose handlers always close."""

    def __init__(self):
        # Otherwise it redials by itself whoever it has lost.
        config = ConnectionConfig(min_connections=0, low_watermark=0)
        self.host = new_host(connection_config=config)
        self.identifying = 0
        self.identified = trio.Event()
        self.new_stream = self.host.new_stream
        self.host.new_stream = self.counted_new_stream
        self.host.set_stream_handler(ECHO, self.serve(self.echo, ECHO))
        self.host.set_stream_handler(SINK, self.serve(self.sink, SINK))

    async def counted_new_stream(self, peer, protocols):
        if not any("/ipfs/id" in str(protocol) for protocol in protocols):
            return await self.new_stream(peer, protocols)
        self.identifying += 1
        report("identify", step="started")
        outcome = "refused"
        try:
            stream = await self.new_stream(peer, protocols)
            outcome = "accepted"
            return stream
        finally:
            self.identifying -= 1
            report("identify", step="ended", outcome=outcome)
            if self.identifying == 0:
                self.identified.set()

    def serve(self, handler, protocol):
        async def run(stream):
            end, count = "eof", 0
            try:
                async for data in reads(stream):
                    count += len(data)
                    await handler(stream, data)
                await stream.close()
            except StreamReset:
                end = "reset"
            except Exception as error:  # An exception that leaves a handler takes the whole host down.
                end = repr(error)
            report("served", protocol=protocol, bytes=count, end=end)

        return run

    @staticmethod
    async def echo(stream, data):
        await stream.write(data)

    @staticmethod
    async def sink(stream, data):
        pass


async def reads(stream):
    """What arrives on a stream, until its end of file."""
    while True:
        try:
            data = await stream.read(READ)
        except StreamEOF:
            return
        if not data:
            return
        yield data


async def read_all(stream):
    return b"".join([data async for data in reads(stream)])


async def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        data += await stream.read(size - len(data))
    return data


async def exchange(stream, sent, finish_first=False):
    """Sends, has it echoed, ends, and sees the other side end: with our end before the echo is read, or after it."""
    if finish_first:
        await stream.write(sent)
        await stream.close_write()
        got = await read_all(stream)
    else:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.write, sent)
            got = await read_exactly(stream, len(sent))
        await stream.close_write()
        got += await read_all(stream)
    await stream.close()
    if got != sent:
        raise AssertionError(f"sent {len(sent)} bytes, and {len(got)} came back, {'' if got[:1] else 'not '}alike")


class Scenarios:
    """What a dialing node does. Each leaves the connection up for the caller to end."""

    def __init__(self, peer, remote, count):
        self.peer, self.remote, self.count = peer, remote, count

    async def open(self, protocol):
        return await self.peer.host.new_stream(self.remote, [protocol])

    async def each(self, play):
        async with trio.open_nursery() as nursery:
            for index in range(self.count):
                nursery.start_soon(play, index)

    async def echo(self):
        async def play(index):
            size = SIZES[index % len(SIZES)]
            await exchange(await self.open(ECHO), payload(size, index))

        await self.each(play)

    async def half_close(self):
        async def play(index):
            size = SIZES[index % len(SIZES)] % 65536
            await exchange(await self.open(ECHO), payload(size, index), finish_first=True)

        await self.each(play)

    async def reset(self):
        async def play(index):
            stream = await self.open(ECHO)
            await stream.write(payload(1000, index))
            await read_exactly(stream, 1000)
            await stream.reset()

        await self.each(play)

    async def sink(self):
        async def play(index):
            stream = await self.open(SINK)
            await stream.write(payload(1 << 20, index))
            await stream.close_write()
            if await read_all(stream):
                raise AssertionError("a sink has answered")
            await stream.close()

        await self.each(play)

    async def unsupported(self):
        for _ in range(self.count):
            try:
                await self.open(NOT_SPOKEN)
            except Exception as error:
                report("refused", error=type(error).__name__)
            else:
                raise AssertionError("a protocol that is not spoken was accepted")
        # The connection is none the worse for it.
        await exchange(await self.open(ECHO), b"still here")

    async def hold(self):
        async def play(index):
            stream = await self.open(ECHO)
            await stream.write(b"x")
            await read_exactly(stream, 1)
            self.streams.append(stream)

        self.streams = []
        await self.each(play)


async def commands():
    """The lines of standard input, until it ends."""
    buffered = b""
    async with trio.lowlevel.FdStream(os.dup(0)) as standard_input:
        async for chunk in standard_input:
            buffered += chunk
            *lines, buffered = buffered.split(b"\n")
            for line in lines:
                yield line.decode()


async def wait_for_commands(peer):
    async for command in commands():
        if command != "disconnect":
            raise ValueError(f"unknown command {command!r}")
        for remote in list(peer.host.get_connected_peers()):
            await peer.host.disconnect(remote)
        report("disconnected")


async def listen():
    peer = Peer()
    async with peer.host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        (address,) = [str(each) for each in peer.host.get_addrs()]
        report("listening", address=address, peer=str(peer.host.get_id()))
        await wait_for_commands(peer)


async def dial(address, scenario, count):
    peer = Peer()
    # A socket of its own is of no use here, but run() wants an address.
    async with peer.host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        remote = info_from_p2p_addr(Multiaddr(address))
        await peer.host.connect(remote)
        report("connected", peer=str(peer.host.get_id()))
        scenarios = Scenarios(peer, remote.peer_id, count)
        await getattr(scenarios, scenario)()
        await peer.identified.wait()
        report("played", scenario=scenario)
        await wait_for_commands(peer)


def main(arguments):
    if arguments == ["listen"]:
        trio.run(listen)
    elif len(arguments) in (3, 4) and arguments[0] == "dial":
        trio.run(dial, arguments[1], arguments[2].replace("-", "_"), int(arguments[3]) if len(arguments) == 4 else 1)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
