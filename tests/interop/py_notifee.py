"""py's own notifee beside ours: what each of the two nodes hears of the same connection, listener or stream.

    py_notifee.py NODE            plays all rows of `py_notifee_rows.py`
    py_notifee.py NODE NAME…      plays those whose names contain one of NAME…
    py_notifee.py NODE --table    plays all, and prints what was heard as the table of `guide::from_py_libp2p`

Each step is marked in the output of both nodes, so that an event that comes too early, too late, twice or not at all
shows. A step ends when all has come that its row says: a missing event ends in a time-out, one too many shows later, at
the end of the scenario at the latest.
"""

import atexit
import os
import sys

from event_log import EVENTS, Log, Wrong
from processes import PeerProcess, play
from py_notifee_rows import ROWS, UNTOLD

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "src", "guide", "from_py_libp2p.rs")
DOC = "//! "
BEGIN, END = "<!-- tests/interop/run.sh --table -->\n", "<!-- end of the table -->\n"


class Side(PeerProcess):
    """A node, and what its notifee has heard in each step."""

    def __init__(self, *arguments):
        self.heard = [[]]
        self.outcomes = []
        super().__init__(*arguments)

    def take(self, line):
        event = self.event(line)
        if line["event"] == "step":
            self.heard.append([])
        elif line["event"] == "done":
            self.outcomes.append(line)
        elif event is not None:
            self.heard[-1].append(event)

    def mark(self, number):
        self.tell(f"step {number}")
        self.until("step", number=number)

    def hears(self, wanted):
        """Waits until the current step has as many events as are wanted, and compares."""
        while len(self.heard[-1]) < len(wanted) and self.next() is not None:
            pass
        self.check(len(self.heard) - 1, wanted)

    def check(self, number, wanted):
        heard = self.heard[number]
        if len(heard) != len(wanted) or not all(map(is_one_of, heard, wanted)):
            raise Wrong(f"{self.side} heard {heard} in step {number}, and not {wanted}")


def is_one_of(event, wanted):
    return event in wanted if isinstance(wanted, frozenset) else event == wanted


class Py(Side):
    side = "py"

    def __init__(self):
        super().__init__(sys.executable, os.path.join(HERE, "py_notifee_peer.py"))

    @staticmethod
    def event(line):
        if line["event"] == "accepted":
            return "accepted"
        if line["event"] != "heard":
            return None
        # It says which port was asked for, and not which is bound.
        is_port_0 = line["what"] == "listen" and line["address"].endswith("/tcp/0")
        return "listen: port 0" if is_port_0 else line["what"]

    def begin(self):
        """A fresh host, and nothing of the one before."""
        self.lines.clear()
        self.heard = [[]]
        self.outcomes.clear()
        self.do("begin")

    def do(self, command, wanted=None):
        """Has it done, and compares the outcome."""
        count = len(self.outcomes)
        self.tell(command)
        while len(self.outcomes) == count:
            if self.next() is None:
                raise Wrong(f"py ended at {command!r}")
        outcome = self.outcomes[-1]["outcome"]
        if isinstance(outcome, list):
            return outcome
        if outcome != wanted:
            raise Wrong(f"{command!r} ended with {outcome}, and not {wanted}")
        return None


class Ours(Side):
    side = "ours"
    path = None

    def __init__(self):
        self.log = Log(of_command=False)
        super().__init__(self.path)

    def take(self, line):
        if line["event"] in EVENTS:
            self.log.add(line)
        super().take(line)

    @staticmethod
    def event(line):
        if line["event"] == "listen":
            return "listen: bound port"  # As the log checks.
        if line["event"] == "read_end":
            return "read_end"
        if line["event"] in EVENTS:
            return line["event"] + (f": {line['reason']}" if "reason" in line else "")
        return None


# One process of py's is for many rows: it takes seconds to start.
PY = []


def py_node():
    if not PY:
        PY.append(Py())
    return PY[0]


def play_row(row):
    """Returns for each step what each side heard."""
    try:
        py = py_node()
        py.begin()
        with Ours() as ours:
            return Scene(row, py, ours).play()
    except BaseException as error:
        if PY:
            PY.pop().__exit__(error)
        raise


class Scene:
    def __init__(self, row, py, ours):
        self.row, self.py, self.ours = row, py, ours
        self.py_address = None
        self.connected = [], []
        self.ended = {}

    def play(self):
        if self.row.dials:
            self.connect()
        for number, step in enumerate(self.row.steps, 1):
            for side in (self.py, self.ours):
                if side not in self.ended:
                    side.mark(number)
            for command in step.commands:
                self.act(command)
            self.ours.hears(step.ours)
            self.py.hears(step.py)
        self.finish()
        # Once more: what came between the last event that a step waited for and the next step is of that step.
        for number, (py, ours) in enumerate([self.connected, *((step.py, step.ours) for step in self.row.steps)]):
            self.py.check(number, py)
            self.ours.check(number, ours)
        return list(zip(self.py.heard, self.ours.heard))[1:]

    def connect(self):
        self.act("py listen 1")
        self.py.hears(["listen: port 0"])
        self.ours.tell("listen /ip4/127.0.0.1/tcp/0")
        self.ours.hears(["listen: bound port"])
        self.connected = ["listen: port 0", "connected"], ["listen: bound port", "connected"]
        if self.row.dials == "py":
            self.py.do("dial " + self.ours.until("listen")["addresses"][0])
        else:
            self.ours.tell("dial " + self.py_address)
        self.py.hears(self.connected[0])
        self.ours.hears(self.connected[1])

    def act(self, command):
        who, _, command = command.partition(" ")
        side = self.py if who == "py" else self.ours
        if command == "kill":
            side.kill()
            self.ended[side] = command
        elif command == "end":
            side.leave()
            self.ended[side] = command
        elif who == "we":
            command = "listen /ip4/127.0.0.1/tcp/0" if command == "listen" else command
            side.tell(command.replace("PY", self.py_address or ""))
            if command == "shutdown":
                self.ended[side] = command
        else:
            command, _, wanted = command.partition(" = ")
            outcome = side.do(command, wanted or None)
            if outcome is not None:
                (self.py_address, *_) = outcome

    def finish(self):
        """Nothing is heard any more, but of our listener's end."""
        steps = len(self.row.steps)
        if self.ours not in self.ended:
            self.ours.mark(steps + 1)
            self.ours.tell("shutdown")
            open_listeners = sum(life.state == "open" for life in self.ours.log.kind("listener"))
            self.ours.end()
            self.ours.check(steps + 1, ["listen_close: shutdown"] * open_listeners)
        elif self.ended[self.ours] == "shutdown":
            self.ours.end()
        if self.ended.get(self.ours) != "kill":
            self.ours.log.finish()
        if self.py in self.ended:
            PY.pop().__exit__(None)
        else:
            self.py.mark(steps + 1)
            self.py.do("return")
            self.py.do("leave")
            self.py.check(steps + 1, [])


# ---- the table ------------------------------------------------------------------------------------------------------

HEARD = {}


def heard(row):
    if row.name not in HEARD:
        HEARD[row.name] = play_row(row)
    return HEARD[row.name]


def event_text(event):
    name, _, detail = event.partition(": ")
    return f"`{name}`" + (f" {detail}" if detail else "")


def cell(steps):
    """The events of each step that has any, behind its number."""
    parts = []
    for number, events in enumerate(steps, 1):
        texts = [event_text(event) for event in events if event not in UNTOLD]
        if texts:
            parts.append(f"{number} " + ", ".join(texts))
    return "; ".join(parts) or "nothing"


def as_pinned(heard, wanted):
    """What was heard, and each way of hearing it where there are several."""
    if not isinstance(wanted, frozenset):
        return heard
    names = {event.partition(": ")[0] for event in wanted}
    return f"{names.pop()}: " + " or ".join(event.partition(": ")[2] for event in sorted(wanted, reverse=True))


def line(row):
    steps = heard(row)
    dials = {"py": "py dials: ", "we": "we dial: ", "": ""}[row.dials]
    text = "; ".join(f"{number} {step.text}" for number, step in enumerate(row.steps, 1))
    ours = [list(map(as_pinned, ours, step.ours)) for (_, ours), step in zip(steps, row.steps)]
    return f"| {dials}{text} | {cell([py for py, _ in steps])} | {cell(ours)} |\n"


def table():
    head = "| what happens | what py's notifee hears | what ours hears |\n|---|---|---|\n"
    return head + "".join(map(line, ROWS))


def on_the_page():
    with open(PAGE, encoding="utf-8") as page:
        text = "".join(line.removeprefix(DOC) for line in page)
    _, _, rest = text.partition(BEGIN)
    found, end, _ = rest.partition(END)
    if not end:
        raise Wrong(f"the page has no table between {BEGIN!r} and {END!r}")
    return found


def scenario(row):
    def run():
        heard(row)

    run.__name__ = f"notifees_{row.name}"
    return run


def the_page_has_the_table_of_this_run():
    if on_the_page() != table():
        raise Wrong("the page has another table; `tests/interop/run.sh --table` prints this one")


SCENARIOS = [*map(scenario, ROWS), the_page_has_the_table_of_this_run]


@atexit.register
def end_py():
    if PY:
        PY[0].leave()
        PY.pop().__exit__(None)


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    Ours.path, *names = arguments
    if names == ["--table"]:
        print(BEGIN + table() + END, end="")
    else:
        play(SCENARIOS, [], names)


if __name__ == "__main__":
    main(sys.argv[1:])
