"""The log checker itself: it accepts a right log and refuses each way of being wrong."""

import unittest

from event_log import Log, Wrong, any_of, expect

LINES = [
    {"t": 0, "event": "start", "format": 2, "version": "0.1.0", "command": "listen", "peer": "12D3"},
    {"t": 0, "event": "listen", "listener": "l0.1", "addresses": ["/ip4/127.0.0.1/tcp/4001/p2p/12D3"]},
    {"t": 1, "event": "connected", "connection": "c0.1", "remote": "/ip4/127.0.0.1/tcp/5", "peer": "12D3",
     "direction": "inbound"},
    {"t": 2, "event": "opened_stream", "stream": "s0.1", "connection": "c0.1", "direction": "inbound",
     "protocol": "/echo/1.0.0"},
    {"t": 2, "event": "stream_failed", "stream": "s1.1", "connection": "c0.1", "reason": "unsupported"},
    {"t": 3, "event": "closed_stream", "stream": "s0.1", "connection": "c0.1", "reason": "finished"},
    {"t": 3, "event": "message", "topic": "news", "from": "12D3", "seqno": "18446744073709551615", "via": "12D3"},
    {"t": 4, "event": "disconnected", "connection": "c0.1", "reason": "remote(eof)"},
    {"t": 5, "event": "listen_close", "listener": "l0.1", "reason": "shutdown"},
]
RIGHT = [{"time": "2026-11-30T04:05:06.000007Z", **line} for line in LINES]


def check(lines):
    log = Log()
    for line in lines:
        log.add(line)
    log.finish()
    return log


class EventLog(unittest.TestCase):
    def test_a_right_log_is_accepted(self):
        log = check(RIGHT)
        expect("streams", log.count("stream", "protocol", "reason"), {
            ("closed", "/echo/1.0.0", any_of("finished", "timeout")): 1,
            ("failed", None, "unsupported"): (0, 1),
        })

    def test_each_missing_line_is_noticed(self):
        for index, line in enumerate(RIGHT):
            if line["event"] not in ("stream_failed", "message"):
                with self.subTest(line["event"]), self.assertRaises(Wrong):
                    check(RIGHT[:index] + RIGHT[index + 1:])

    def test_each_doubled_line_is_noticed(self):
        for index, line in enumerate(RIGHT):
            if line["event"] != "message":
                with self.subTest(line["event"]), self.assertRaises(Wrong):
                    check(RIGHT[:index + 1] + RIGHT[index:])

    def test_each_pair_of_lines_in_the_wrong_order_is_noticed(self):
        for first, second in [(0, 1), (1, 8), (2, 3), (2, 4), (3, 5), (5, 7), (4, 7)]:
            swapped = [dict(line) for line in RIGHT]
            swapped[first], swapped[second] = swapped[second], swapped[first]
            for time, line in enumerate(swapped):
                line["t"] = time
            with self.subTest((first, second)), self.assertRaises(Wrong):
                check(swapped)

    def test_each_missing_field_is_noticed(self):
        for index, line in enumerate(RIGHT):
            for name in line:
                broken = {key: value for key, value in line.items() if key != name}
                with self.subTest((line["event"], name)), self.assertRaises(Wrong):
                    check([*RIGHT[:index], broken, *RIGHT[index + 1:]])

    def test_a_seqno_that_is_no_string_of_digits_is_noticed(self):
        for seqno in (7, "", "7f"):
            broken = [{**line, "seqno": seqno} if line["event"] == "message" else line for line in RIGHT]
            with self.subTest(seqno), self.assertRaises(Wrong):
                check(broken)

    def test_unexpected_and_missing_counts_are_noticed(self):
        got = check(RIGHT).count("stream", "reason")
        for wanted in [
            {("closed", "finished"): 1},
            {("closed", "finished"): 2, ("failed", "unsupported"): 1},
            {("closed", "finished"): 1, ("failed", "unsupported"): (2, 3)},
            {("closed", "finished"): 1, ("failed", "unsupported"): 1, ("closed", "timeout"): 1},
        ]:
            with self.subTest(wanted), self.assertRaises(Wrong):
                expect("streams", got, wanted)


if __name__ == "__main__":
    unittest.main()
