"""p2pd, the daemon of go-libp2p, as a process of ours, and the part of its control protocol that the tests need.

A request is a protobuf message behind its length, on a Unix socket. The socket of an opened stream becomes the stream;
for each inbound stream of a protocol that has a handler here, the daemon connects to a socket of ours.
"""

import os
import queue
import shutil
import signal
import socket
import tempfile
import threading
import time

from event_log import Wrong
from processes import LIMIT, Process

# What a request asks for.
CONNECT, STREAM_OPEN, STREAM_HANDLER = 1, 2, 3
LIST_PEERS, DISCONNECT, PUBSUB = 5, 7, 8
TOPIC_PEERS, PUBLISH, SUBSCRIBE = 1, 2, 3

# The codes of multiaddr's protocols.
IP4, TCP, UNIX = 4, 6, 400

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Refused(Wrong):
    """The daemon's answer to a request was an error."""


# ---- protobuf, multiaddr and base58, as far as they are used ---------------------------------------------------------


def varint(number):
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def read_varint(take):
    """`take` gives the next byte."""
    number = shift = 0
    while True:
        byte = take()
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        shift += 7


def message(*fields):
    """Encodes pairs of a number and a value: an int, a string, bytes, or a list of these."""
    encoded = b""
    for number, value in fields:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int):
                encoded += varint(number << 3) + varint(each)
            else:
                each = each.encode() if isinstance(each, str) else each
                encoded += varint(number << 3 | 2) + varint(len(each)) + each
    return encoded


def fields_of(encoded):
    """Decodes a message into a list of values for each field's number."""
    fields, at = {}, 0

    def take():
        nonlocal at
        at += 1
        return encoded[at - 1]

    while at < len(encoded):
        key = read_varint(take)
        if key & 7 == 0:
            value = read_varint(take)
        elif key & 7 == 2:
            length = read_varint(take)
            value, at = encoded[at:at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def base58_decoded(text):
    number = 0
    for digit in text:
        number = number * 58 + BASE58.index(digit)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def multiaddr(text):
    """Encodes `/ip4/…/tcp/…` or `/unix/…`."""
    if text.startswith("/unix/"):
        path = text.removeprefix("/unix").encode()
        return varint(UNIX) + varint(len(path)) + path
    _, ip4, address, tcp, port = text.split("/")
    if (ip4, tcp) != ("ip4", "tcp"):
        raise ValueError(text)
    return varint(IP4) + socket.inet_aton(address) + varint(TCP) + int(port).to_bytes(2, "big")


def read_exactly(stream, size):
    data = bytearray()
    while len(data) < size:
        part = stream.recv(min(size - len(data), 65536))
        if not part:
            raise Wrong(f"{len(data)} of {size} bytes came")
        data += part
    return bytes(data)


def read_message(stream):
    """Reads one message, and no byte of what comes after it."""
    return fields_of(read_exactly(stream, read_varint(lambda: read_exactly(stream, 1)[0])))


def read_all(stream):
    data = bytearray()
    while part := stream.recv(65536):
        data += part
    return bytes(data)


# ---- the daemon -----------------------------------------------------------------------------------------------------


class Daemon(Process):
    """A go-libp2p node that listens on loopback."""

    path = None

    def __init__(self, *options):
        self.directory = tempfile.mkdtemp(prefix="p2pd-")
        self.control = os.path.join(self.directory, "control")
        # Each inbound stream that a handler here has served to its end: the protocol, and what the handler returned.
        self.served = queue.Queue()
        self.sockets = []
        super().__init__(
            self.path, "-listen", f"/unix{self.control}", "-hostAddrs", "/ip4/127.0.0.1/tcp/0", "-relay=false", *options
        )
        # The control socket is there before anything is said.
        self.until("said", text="Peer Addrs:")
        self.tcp = self.next()["text"]
        self.peer = next(line["text"] for line in self.lines if line["text"].startswith("Peer ID: "))[9:]
        self.address = f"{self.tcp}/p2p/{self.peer}"

    def parse(self, text):
        return {"event": "said", "text": text.rstrip("\n")}

    def __exit__(self, *error):
        super().__exit__(*error)
        for each in self.sockets:
            each.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def request(self, kind, *fields):
        """Gives the answer's fields, and the socket that it came on."""
        control = socket.socket(socket.AF_UNIX)
        # Whatever a scenario leaves open ends with the daemon.
        self.sockets.append(control)
        control.settimeout(LIMIT)
        control.connect(self.control)
        request = message((1, kind), *fields)
        control.sendall(varint(len(request)) + request)
        answer = read_message(control)
        if answer[1] != [0]:
            raise Refused(fields_of(answer[2][0])[1][0].decode())
        return answer, control

    def ask(self, kind, *fields):
        """The same, where the socket is of no more use."""
        answer, control = self.request(kind, *fields)
        control.close()
        return answer

    def connect(self, address):
        """Connects, and gives how many seconds it took: it returns when both have identified each other."""
        tcp, _, peer = address.rpartition("/p2p/")
        target = message((1, base58_decoded(peer)), (2, multiaddr(tcp)))
        start = time.monotonic()
        self.ask(CONNECT, (2, target))
        return time.monotonic() - start

    def disconnect(self, peer):
        self.ask(DISCONNECT, (7, message((1, base58_decoded(peer)))))

    def peers(self):
        """Who is connected, once for each connection."""
        return [base58(fields_of(peer)[1][0]) for peer in self.ask(LIST_PEERS).get(6, [])]

    def until_alone(self):
        """Waits until it has no connection: it does not tell."""
        limit = time.monotonic() + LIMIT
        while self.peers():
            if time.monotonic() > limit:
                raise Wrong("the daemon keeps its connections")
            time.sleep(0.02)

    def open(self, peer, *protocols):
        """Opens a stream, and gives its socket and the protocol that was agreed."""
        answer, stream = self.request(STREAM_OPEN, (3, message((1, base58_decoded(peer)), (2, list(protocols)))))
        return stream, fields_of(answer[3][0])[3][0].decode()

    def handle(self, protocol, handler):
        """Has `handler` called with the socket of each inbound stream of a protocol, on a thread of its own."""
        path = os.path.join(self.directory, protocol.strip("/").replace("/", "-"))
        listener = socket.socket(socket.AF_UNIX)
        self.sockets.append(listener)
        listener.bind(path)
        listener.listen(128)
        threading.Thread(target=self._accept, args=(listener, protocol, handler), daemon=True).start()
        self._register(protocol, path)

    def handle_without_handler(self, protocol):
        """Has each inbound stream of a protocol accepted and then reset: nobody listens where its handler is to be."""
        self._register(protocol, os.path.join(self.directory, "nobody"))

    def _register(self, protocol, path):
        self.ask(STREAM_HANDLER, (4, message((1, multiaddr(f"/unix{path}")), (2, protocol), (3, 0))))

    def _accept(self, listener, protocol, handler):
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(stream, protocol, handler), daemon=True).start()

    def _serve(self, stream, protocol, handler):
        with stream:
            try:
                read_message(stream)
                result = handler(stream)
            except (OSError, Wrong) as error:
                result = repr(error)
        self.served.put((protocol, result))

    def serve(self, number):
        """Waits until so many streams have been served, and gives what has come of them."""
        try:
            return [self.served.get(timeout=LIMIT) for _ in range(number)]
        except queue.Empty:
            raise Wrong(f"the daemon has not served {number} streams") from None

    def subscribe(self, topic):
        """Gives the socket on which messages come; its end is the subscription's."""
        return self.request(PUBSUB, (8, message((1, SUBSCRIBE), (2, topic))))[1]

    def publish(self, topic, data):
        self.ask(PUBSUB, (8, message((1, PUBLISH), (2, topic), (3, data))))

    def peers_of(self, topic):
        """Who of its pub/sub peers has subscribed."""
        answer = self.ask(PUBSUB, (8, message((1, TOPIC_PEERS), (2, topic))))
        return [base58(peer) for peer in fields_of(answer[7][0]).get(2, [])] if 7 in answer else []

    def until_subscribed(self, topic, peers):
        """Waits until exactly `peers` have subscribed: it does not tell."""
        limit = time.monotonic() + LIMIT
        while sorted(now := self.peers_of(topic)) != sorted(peers):
            if time.monotonic() > limit:
                raise Wrong(f"the daemon has {now} on {topic} instead of {peers}")
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """Has it close its node in good order."""
        self.process.send_signal(signal.SIGTERM)


def received(subscription, number):
    """The next messages: who has published each, and what."""
    messages = [read_message(subscription) for _ in range(number)]
    return [(base58(each[1][0]), each[2][0].decode()) for each in messages]
