"""A complete log of the command's `--json` lines, and what must be true of it whatever the peer does."""

from collections import Counter
from dataclasses import dataclass, field

# For each event: the kind of what it names, what it does to it, and the fields that its line must have.
EVENTS = {
    "listen": ("listener", "open", {"addresses"}),
    "listen_failed": ("listener", "fail", {"reason"}),
    "listen_close": ("listener", "close", {"reason"}),
    "connected": ("connection", "open", {"remote", "peer", "direction"}),
    "connect_failed": ("connection", "fail", {"reason"}),
    "disconnected": ("connection", "close", {"reason"}),
    "opened_stream": ("stream", "open", {"connection", "direction", "protocol"}),
    "stream_failed": ("stream", "fail", {"connection", "reason"}),
    "closed_stream": ("stream", "close", {"connection", "reason"}),
}

# What services say beside the nine events, and the fields that its line must have.
SAID = {
    "key_exposed": {"file", "mode"},
    "lagged": {"missed"},
    "snapshot": {"part", "more", "listeners", "connections", "streams"},
    "identify_lagged": {"missed"},
    "pubsub_lagged": {"missed"},
    "ping": {"connection", "peer", "seconds"},
    "ping_failed": {"connection", "peer", "reason"},
    "identified": {"peer", "agent", "protocols", "addresses"},
    "identify_pushed": {"peer", "agent", "protocols", "addresses"},
    "identify_failed": {"peer", "reason"},
    "identify_push_failed": {"peer", "reason"},
    "message": {"topic", "from", "seqno", "via"},
    "peer_added": {"peer"},
    "peer_gone": {"peer"},
    "subscribed": {"peer", "topic"},
    "unsubscribed": {"peer", "topic"},
    "graft": {"peer", "topic"},
    "prune": {"peer", "topic"},
    "mesh": {"topic", "peers"},
    "refused": {"kind", "count", "total"},
    "skipped": {"what", "lines"},
    "unanswered": {"connection", "stream", "awaited", "seconds"},
}

LETTER = {"listener": "l", "connection": "c", "stream": "s"}


class Wrong(AssertionError):
    """The log breaks a promise."""


@dataclass
class Life:
    """What was told of one id."""

    kind: str
    opened: dict | None = None
    ended: dict | None = None

    def get(self, name):
        for line in (self.ended, self.opened):
            if line is not None and name in line:
                return line[name]
        return None

    @property
    def state(self):
        if self.ended is None:
            return "open"
        return "closed" if self.opened is not None else "failed"


@dataclass
class Log:
    """Takes lines in order, and refuses the first that cannot be true."""

    # The example's have neither a first line nor the time of day.
    of_command: bool = True
    start: dict | None = None
    lives: dict = field(default_factory=dict)
    said: list = field(default_factory=list)
    summary: dict | None = None
    last_time: float = 0.0

    def add(self, line):
        """Checks one line. Raises `Wrong`."""
        time, event = line.get("t"), line.get("event")
        self._require(isinstance(time, (int, float)) and time >= self.last_time, line, "time goes backwards")
        self.last_time = time
        self._require(self.summary is None, line, "the summary is the last line")
        if self.of_command:
            self._require(isinstance(line.get("time"), str), line, "no time of day")
            self._require((self.start is None) == (event == "start"), line, "not one start, and first")
        if event == "start":
            missing = {"format", "version", "command", "peer"} - line.keys()
            self._require(not missing, line, f"fields are missing: {missing}")
            self.start = line
            return
        if event == "summary":
            counts = ("ok", "failed", "unfinished", "not_begun")
            missing = {"streams", "unanswered", "bytes", "seconds", *counts} - line.keys()
            self._require(not missing, line, f"fields are missing: {missing}")
            self._require(line["streams"] == sum(line[name] for name in counts), line, "its streams do not add up")
            self.summary = line
            return
        if event in SAID:
            missing = SAID[event] - line.keys()
            self._require(not missing, line, f"fields are missing: {missing}")
            if event == "message" and line["seqno"] is not None:
                digits = isinstance(line["seqno"], str) and line["seqno"].isdecimal()
                self._require(digits, line, "seqno is no string of digits")
            self.said.append(line)
            return
        self._require(event in EVENTS, line, "no such event")
        kind, change, fields = EVENTS[event]
        missing = (fields | {kind}) - line.keys()
        self._require(not missing, line, f"fields are missing: {missing}")
        key = line[kind]
        self._require(isinstance(key, str) and key[0] == LETTER[kind] and "." in key, line, "not an id")
        life = self.lives.setdefault(key, Life(kind))
        self._require(life.ended is None, line, "it has ended before")
        if change == "open":
            self._require(life.opened is None, line, "it has opened before")
            life.opened = line
        else:
            self._require((life.opened is not None) == (change == "close"), line, "the wrong end for it")
            life.ended = line
        if kind == "stream":
            connection = self.lives.get(line["connection"])
            self._require(connection is not None and connection.state == "open", line, "its connection is not open")
            opened_on = life.get("connection") if life.opened is None else life.opened["connection"]
            self._require(opened_on == line["connection"], line, "it has moved to another connection")
        if kind == "connection" and change == "close":
            left = [name for name, other in self._of(key) if other.state == "open"]
            self._require(not left, line, f"its streams are open: {left}")
        if event == "listen":
            addresses = line["addresses"]
            full = isinstance(addresses, list) and addresses and all(each.count("/p2p/") == 1 for each in addresses)
            self._require(full, line, "not full addresses")
            self._require(not any("/tcp/0/" in each for each in addresses), line, "not the bound port")

    def finish(self):
        """At the end of the process nothing may be open."""
        left = [name for name, life in self.lives.items() if life.state == "open"]
        if left:
            raise Wrong(f"never closed: {left}")

    def all(self, event):
        """What services have said by this name."""
        return [line for line in self.said if line["event"] == event]

    def kind(self, kind):
        return [life for life in self.lives.values() if life.kind == kind]

    def count(self, kind, *fields):
        """How often each combination of state and `fields` occurs among what is of `kind`."""
        return Counter((life.state, *(life.get(name) for name in fields)) for life in self.kind(kind))

    def _of(self, connection):
        return [
            (name, life)
            for name, life in self.lives.items()
            if life.kind == "stream" and life.get("connection") == connection
        ]

    @staticmethod
    def _require(holds, line, complaint):
        if not holds:
            raise Wrong(f"{complaint}: {line}")


def expect(what, got, wanted):
    """Compares counts exactly. In `wanted` a key may have `any_of(…)` where several values are right, and a number may be
    a pair of bounds."""
    left = Counter(got)
    for key, number in wanted.items():
        matching = [other for other in left if matches(other, key)]
        found = sum(left.pop(other) for other in matching)
        low, high = number if isinstance(number, tuple) else (number, number)
        if not low <= found <= high:
            raise Wrong(f"{what}: {number} of {key} expected, {found} came, of {dict(got)}")
    if left:
        raise Wrong(f"{what}: unexpected {dict(left)}")


def any_of(*values):
    return frozenset(values)


def matches(values, pattern):
    pairs = zip(values, pattern, strict=True)
    return all(value in wanted if isinstance(wanted, frozenset) else value == wanted for value, wanted in pairs)
