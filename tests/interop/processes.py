"""What the interop tests with each kind of peer share: processes, our command among them, and how scenarios are played.

Every wait is for a line or for an end of a process; the limit on a wait is only there to end a run that hangs.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

from event_log import Log, Wrong, any_of, expect

LIMIT = 60
ECHO = "/echo/1.0.0"
SINK = "/sink/1.0.0"
NOT_SPOKEN = "/not-spoken/1.0.0"
PING = "/ipfs/ping/1.0.0"
IDENTIFY = ("/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0")
FLOODSUB = "/floodsub/1.0.0"

# A killed peer's socket sends an end of file, or a reset where it had not read everything.
KILLED = any_of("remote(eof)", "failed(reset)")


class Process:
    """A process that prints lines: one JSON object each, if `parse` does not say otherwise."""

    def __init__(self, *arguments):
        self.name = " ".join(os.path.basename(part) for part in arguments)
        self.lines = []
        self.incoming = queue.Queue()
        self.errors = []
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.error_reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self.error_reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.incoming.put(line)
        self.incoming.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.error_reader.join()
        if error[0] is not None:
            print(f"--- {self.name} (exit {self.process.returncode})", file=sys.stderr)
            for line in self.lines[-40:]:
                print(f"    {json.dumps(line)}", file=sys.stderr)
            print("".join(f"  ! {line}" for line in self.errors[-40:]), end="", file=sys.stderr)

    def parse(self, text):
        """One line of output, as a dictionary with an `event`."""
        try:
            return json.loads(text)
        except ValueError:
            raise Wrong(f"{self.name} printed something else than JSON: {text!r}") from None

    def take(self, line):
        """Hook for what must be true of each line."""

    def next(self):
        """The next line, or None at the end of output."""
        try:
            text = self.incoming.get(timeout=LIMIT)
        except queue.Empty:
            raise Wrong(f"{self.name} prints nothing for {LIMIT} s") from None
        if text is None:
            return None
        line = self.parse(text)
        self.lines.append(line)
        self.take(line)
        return line

    def until(self, event, number=1, **fields):
        """Waits until `number` lines have `event` and `fields`, lines that were read before included."""
        wanted = {"event": event, **fields}

        def counts(line):
            return wanted.items() <= line.items()

        found = sum(counts(line) for line in self.lines)
        last = None
        limit = time.monotonic() + LIMIT
        while found < number:
            last = self.next()
            if last is None:
                raise Wrong(f"{self.name} ended, {found} of {number} times {wanted} came")
            if time.monotonic() > limit:
                raise Wrong(f"in {LIMIT} s {found} of {number} times {wanted} came")
            found += counts(last)
        return last or next(line for line in reversed(self.lines) if counts(line))

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self, wanted=0):
        """Reads to the end of output and checks the exit code."""
        while self.next() is not None:
            pass
        code = self.process.wait(timeout=LIMIT)
        if code != wanted:
            raise Wrong(f"{self.name} ended with {code} instead of {wanted}")


class PeerProcess(Process):
    """A peer that ends when its standard input does."""

    def kill(self):
        self.process.kill()
        while self.next() is not None:
            pass

    def leave(self):
        """Ends its standard input, on which it ends."""
        self.process.stdin.close()
        self.end()


class Command(Process):
    """Our command, whose log is checked line by line as it comes."""

    path = None

    def __init__(self, *arguments):
        self.log = Log()
        super().__init__(self.path, *arguments, "--json")

    def take(self, line):
        self.log.add(line)

    def end(self, wanted=0):
        super().end(wanted)
        self.log.finish()

    def interrupt(self):
        """Has `listen` shut down, and checks its end."""
        self.process.send_signal(signal.SIGINT)
        self.end()
        expect("listeners", self.log.count("listener", "reason"), {("closed", "shutdown"): 1})


def check_summary(summary, wanted):
    if summary is None:
        raise Wrong("there is no summary")
    times = [summary[f"latency_{name}_seconds"] for name in ("min", "median", "p99", "max")] if summary["ok"] else []
    if times != sorted(times):
        raise Wrong(f"latencies out of order in {summary}")
    if not wanted.items() <= summary.items():
        raise Wrong(f"{wanted} expected in {summary}")


def check_pings(summary, times):
    """All were answered, and the times in the summary are those of the lines."""
    check_summary(summary, {
        "pings": len(times), "pings_answered": len(times), "pings_lost": 0, "ping_loss_percent": 0.0,
        "ping_min_seconds": min(times), "ping_max_seconds": max(times),
    })
    mean = sum(times) / len(times)
    if abs(summary["ping_mean_seconds"] - mean) > 2e-6:
        raise Wrong(f"a mean of {mean} expected in {summary}")


def right(streams, size):
    return {"streams": streams, "ok": streams, "failed": 0, "bytes": streams * size}


def options(**values):
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def played(scenario, failed):
    start = time.monotonic()
    try:
        scenario()
    except Exception as error:  # On a thread nobody else would hear of it.
        failed.append(scenario.__name__)
        print(f"FAIL {scenario.__name__}: {error if isinstance(error, Wrong) else repr(error)}", flush=True)
    else:
        print(f"ok   {scenario.__name__} ({time.monotonic() - start:.1f} s)", flush=True)


def play(alone, beside, names):
    """Plays the scenarios that have one of `names` in theirs, or all: those `beside` at the same time as the others.
    Ends the process with 1 if one fails, or if there is none."""
    failed = []

    def wanted(scenarios):
        return [each for each in scenarios if not names or any(name in each.__name__ for name in names)]

    threads = [threading.Thread(target=played, args=(scenario, failed)) for scenario in wanted(beside)]
    for thread in threads:
        thread.start()
    alone = wanted(alone)
    for scenario in alone:
        played(scenario, failed)
    for thread in threads:
        thread.join()
    count = len(alone) + len(threads)
    print(f"{count - len(failed)} passed, {len(failed)} failed", flush=True)
    if failed or not count:
        sys.exit(1)
