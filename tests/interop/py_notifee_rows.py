"""The scenarios of `py_notifee.py`, and what each notifee hears in each step: a row each of the table in
`guide::from_py_libp2p`.

py's own notifee hears the same each time, if its host opens no stream by itself (identify). Ours may hear of one end in two
ways, where the system sends a reset for an end of file: py's socket is closed before py has read our answer to its ping.
"""

from dataclasses import dataclass

from event_log import any_of

ENDED = any_of("disconnected: remote(eof)", "disconnected: failed(reset)")


@dataclass
class Step:
    """What one side does, or both, and what each notifee hears of it before the next step."""

    text: str
    commands: list  # "py COMMAND", with " = OUTCOME" if that is not `None`, or "we COMMAND"
    py: list
    ours: list


@dataclass
class Row:
    name: str
    dials: str  # "py", "we", or "" for neither
    steps: list


def step(text, commands, py=(), ours=()):
    return Step(text, commands.split("; "), list(py), list(ours))


# Parts of several scenarios. What notifees are not told is waited for and compared in the same way: "read_end", our node has
# read py's end; "accepted", py's handler has the stream.
UNTOLD = {"read_end", "accepted"}
PY_OPENS = step("py opens a stream", "py open", ["opened_stream"], ["opened_stream"])
WE_OPEN = step("we open a stream", "we open", ["opened_stream", "accepted"], ["opened_stream"])
PY_CLOSES = step("py calls `close()`", "py close", ["closed_stream"], ["read_end"])
PY_CLOSES_LAST = step("py calls `close()`", "py close", ["closed_stream"], ["read_end", "closed_stream: finished"])
PY_CLOSES_LATE = step("py calls `close()`", "py close", ["closed_stream"])
PY_RETURNS = step("py's handler returns", "py return")
PY_READS_END = step("py reads the end", "py read = StreamEOF")
PY_READS_RESET = step("py reads, and takes the reset for an end", "py read = StreamEOF")
WE_FINISH = step("we finish", "we finish")
WE_FINISH_LAST = step("we finish", "we finish", [], ["closed_stream: finished"])
WE_RESET = step("we reset it", "we reset", [], ["closed_stream: reset(local)"])
PY_RESETS = step("py calls `reset()`", "py reset", ["closed_stream"], ["closed_stream: reset(remote)"])

WE_CLOSE = step("we close the connection", "we close_connection", ["disconnected"], ["disconnected: requested"])
PY_DISCONNECTS = step("py disconnects", "py disconnect", ["disconnected"], ["disconnected: remote(go_away(0))"])
WE_CLOSE_WITH_STREAM = step(
    "we close the connection", "we close_connection",
    ["closed_stream", "disconnected"], ["closed_stream: connection_closed", "disconnected: requested"],
)
PY_DISCONNECTS_WITH_STREAM = step(
    "py disconnects", "py disconnect",
    ["closed_stream", "disconnected"], ["closed_stream: connection_closed", "disconnected: remote(go_away(0))"],
)
BOTH_LISTEN = step(
    "each listens twice", "py listen 2; we listen; we listen",
    ["listen: port 0", "listen: port 0"], ["listen: bound port", "listen: bound port"],
)
PY_PROCESS_ENDS = step("py's process ends", "py end", [], ["closed_stream: connection_closed", ENDED])

ROWS = [
    # Listeners.
    Row("one_listener_is_closed", "", [
        BOTH_LISTEN,
        step("each closes one listener", "py close_listener; we close_listener", [], ["listen_close: requested"]),
        step("each shuts down (`host.close()`)", "py close_host; we shutdown",
             ["listen_close", "listen_close"], ["listen_close: shutdown"]),
    ]),
    Row("py_leaves_its_context_and_still_accepts", "", [
        step("py listens", "py listen 1", ["listen: port 0"]),
        step("py leaves `host.run()`", "py leave"),
        step("we dial py's address", "we dial PY", ["disconnected"], ["connected", "disconnected: remote(go_away(0))"]),
    ]),
    # Connections.
    Row("py_dials_and_disconnects", "py", [PY_DISCONNECTS]),
    Row("py_dials_and_we_close", "py", [WE_CLOSE]),
    Row("we_dial_and_close", "we", [WE_CLOSE]),
    Row("we_dial_and_py_disconnects", "we", [PY_DISCONNECTS]),
    # Streams that are finished, or half-closed.
    Row("finished_by_py_first", "py", [
        PY_OPENS,
        step("py calls `close_write()`", "py close_write", [], ["read_end"]),
        WE_FINISH_LAST, PY_READS_END, PY_CLOSES_LATE, WE_CLOSE,
    ]),
    Row("finished_by_us_first", "we", [WE_OPEN, WE_FINISH, PY_READS_END, PY_CLOSES_LAST, PY_RETURNS, WE_CLOSE]),
    Row("half_closed_by_py", "py", [PY_OPENS, PY_CLOSES, WE_FINISH_LAST, WE_CLOSE]),
    Row("half_closed_by_us", "we", [WE_OPEN, WE_FINISH, PY_READS_END, WE_CLOSE_WITH_STREAM]),
    Row("closed_politely_and_py_never_ends", "we", [
        WE_OPEN,
        step("we `close_stream`, py reads the end and does nothing, `close_timeout` passes",
             "we close_stream; py read = StreamEOF", [], ["closed_stream: timeout"]),
        PY_CLOSES_LATE, WE_CLOSE,
    ]),
    Row("handler_returns_without_close", "we", [
        WE_OPEN,
        step("py's handler returns", "py return", ["closed_stream"]),
        step("we close the connection", "we close_connection", ["disconnected"],
             ["closed_stream: connection_closed", "disconnected: requested"]),
    ]),
    Row("closed_twice_and_reset", "py", [
        PY_OPENS, PY_CLOSES, PY_CLOSES_LATE, PY_RESETS, WE_CLOSE,
    ]),
    # Streams that are reset, or refused.
    Row("py_opens_and_resets", "py", [PY_OPENS, PY_RESETS, WE_CLOSE]),
    Row("we_open_and_py_resets", "we", [WE_OPEN, PY_RESETS, PY_RETURNS, WE_CLOSE]),
    Row("py_opens_and_we_reset", "py", [PY_OPENS, WE_RESET, PY_READS_RESET, PY_CLOSES_LATE, WE_CLOSE]),
    Row("we_open_and_reset", "we", [
        WE_OPEN, WE_RESET, PY_READS_RESET,
        step("py's handler returns", "py return", ["closed_stream"]), WE_CLOSE,
    ]),
    Row("py_opens_what_we_do_not_speak", "py", [
        step("py opens a stream of a protocol that we do not speak", "py open_unspoken = StreamFailure",
             ["opened_stream", "closed_stream"], ["stream_failed: unsupported"]),
        WE_CLOSE,
    ]),
    Row("we_open_what_py_does_not_speak", "we", [
        step("we open a stream of a protocol that py does not speak", "we open_unspoken",
             ["opened_stream", "closed_stream"], ["stream_failed: unsupported"]),
        WE_CLOSE,
    ]),
    # The connection ends with a stream open.
    Row("py_disconnects_with_a_stream_open", "py", [PY_OPENS, PY_DISCONNECTS_WITH_STREAM, PY_CLOSES_LATE]),
    Row("we_close_with_a_stream_open", "we", [WE_OPEN, WE_CLOSE_WITH_STREAM, PY_CLOSES_LATE, PY_RETURNS]),
    Row("py_closes_its_host", "py", [
        PY_OPENS,
        step("py calls `host.close()`", "py close_host", ["closed_stream", "disconnected", "listen_close"],
             ["closed_stream: connection_closed", "disconnected: remote(go_away(0))"]),
    ]),
    Row("py_leaves_its_context_after_it_dialed", "py", [
        PY_OPENS, step("py leaves `host.run()`", "py leave"), PY_PROCESS_ENDS,
    ]),
    Row("py_leaves_its_context_after_we_dialed", "we", [
        WE_OPEN,
        step("py leaves `host.run()`", "py leave", ["closed_stream"], ["closed_stream: connection_closed", ENDED]),
    ]),
    Row("we_shut_down", "py", [
        PY_OPENS,
        step("we shut down", "we shutdown", ["closed_stream", "disconnected"],
             ["listen_close: shutdown", "closed_stream: connection_closed", "disconnected: shutdown"]),
    ]),
    Row("py_is_killed", "py", [
        PY_OPENS,
        step("py is killed", "py kill", [], ["closed_stream: connection_closed", ENDED]),
    ]),
    Row("we_are_killed", "py", [
        PY_OPENS,
        step("we are killed", "we kill", ["closed_stream", "disconnected"]),
    ]),
]
