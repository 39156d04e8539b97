"""Clients that are slow, idle, many, or gone."""

import json
import resource
import threading
import time

from bad_headers import works
from wire import BOTH_TYPES, Legacy, Modern, message, modern_headers, modern_params

IDLE = 2000
# Idle connections cost a socket and a small buffer each: 16 KiB is plenty.
IDLE_KIB_MAX = IDLE * 16
# Whoever sends a request slower than this is not a client. A guess; servers use 10 to 60 s.
SLOW_S_MAX = 75
SEEN_S_MAX = 5


def cases(table, place, records, serving):
    slow = [Slow(place, head) for head in [half_head(place), whole_head(place)]]
    modern = Modern(place, "/mcp/s/modern")
    table.run("a call beside them", "200, result", lambda: works(modern.call("test_simple_text")))
    table.run("2,000 idle connections: a call", "200, result, in a second", lambda: crowd(place, modern, serving)[0])
    table.run("2,000 idle connections: memory", f"less than {IDLE_KIB_MAX} KiB more", lambda: crowd.memory)
    table.run("500 streams left open: a call", "200, result", lambda: streams(place, modern))
    table.run(
        "gone in mid-stream, modern, modern child",
        "S the child hears of it",
        lambda: gone(place, "modern", records["modern"], True),
    )
    table.run(
        "gone in mid-stream, modern, legacy child",
        "S the child hears of it",
        lambda: gone(place, "legacy", records["legacy"], True),
    )
    table.run("gone in mid-stream, in a session", "S no cancel", lambda: gone(place, "legacy", records["legacy"], False))
    table.run("notifications/cancelled in a session", "the child hears of it", lambda: told(place, records["legacy"]))
    table.run("a session that ends with a call under way", "the child hears of it", lambda: deleted(place, records["legacy"]))
    for client, name in zip(slow, ["half a head", "half a body"]):
        table.run(f"{name}, and then nothing", f"408 or closed within {SLOW_S_MAX} s", client.verdict)


def half_head(place):
    return f"POST /mcp HTTP/1.1\r\nHost: {place.host}:{place.port}\r\nX-Slow: ".encode()


def whole_head(place):
    lines = [f"{name}: {value}" for name, value in modern_headers("tools/list", {}).items()]
    head = ["POST /mcp/s/modern HTTP/1.1", f"Host: {place.host}:{place.port}", "Content-Length: 1000", *lines]
    return ("\r\n".join(head) + '\r\n\r\n{"jsonrpc"').encode()


class Slow:
    """A client that sends the beginning of a request, and then a letter now and then; started at once, asked at the end."""

    def __init__(self, place, beginning):
        self.ended = None
        self.started = time.monotonic()
        self.thread = threading.Thread(target=self.run, args=(place, beginning), daemon=True)
        self.thread.start()

    def run(self, place, beginning):
        with place.socket() as connection:
            connection.sendall(beginning)
            connection.settimeout(1)
            while time.monotonic() - self.started < SLOW_S_MAX:
                try:
                    got = connection.recv(100)
                    self.ended = got.split(b"\r\n")[0].decode() or "closed"
                    return
                except TimeoutError:
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        self.ended = "closed"
                        return
                except OSError:
                    self.ended = "closed"
                    return

    def verdict(self):
        self.thread.join(SLOW_S_MAX + 5)
        took = time.monotonic() - self.started
        return f"{self.ended} (asked after {took:.0f} s)", self.ended == "closed" or " 408" in (self.ended or "")


def crowd(place, modern, serving):
    """Opens many connections and says nothing on them; what a call then does, and what that costs."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    before, idle, refused = serving.memory_kib(), [], 0
    try:
        for _ in range(IDLE):
            try:
                idle.append(place.socket())
            except OSError:
                refused += 1
        started = time.monotonic()
        answer, ok = works(modern.call("test_simple_text"))
        took = time.monotonic() - started
        grown = serving.memory_kib() - before
        crowd.memory = (f"{grown} KiB", grown < IDLE_KIB_MAX)
        return (f"{answer} after {took * 1000:.0f} ms, {refused} refused", ok and took < 1), None
    finally:
        for connection in idle:
            connection.close()


crowd.memory = ("not measured", False)


def streams(place, modern):
    """Opens subscriptions and leaves them open."""
    params = modern_params({"notifications": {"toolsListChanged": True}})
    body = message("subscriptions/listen", params)
    head = modern_headers("subscriptions/listen", {})
    open_ones, statuses = [], {}
    try:
        for _ in range(500):
            connection = place.socket()
            open_ones.append(connection)
            connection.sendall(post("/mcp/s/modern", place, head, body))
            status = connection.recv(4096).split(b" ")[1:2]
            statuses[b"".join(status).decode()] = statuses.get(b"".join(status).decode(), 0) + 1
        answer, ok = works(modern.call("test_simple_text"))
        return f"{answer}; streams: {statuses}", ok
    finally:
        for connection in open_ones:
            connection.close()


def post(path, place, headers, body):
    lines = [f"POST {path} HTTP/1.1", f"Host: {place.host}:{place.port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def cancels(record):
    """How many cancels the child was sent."""
    if not record.exists():
        return 0
    return sum('"notifications/cancelled"' in line for line in record.read_text(errors="replace").splitlines())


def one_more(record, before, wanted=True):
    end = time.monotonic() + SEEN_S_MAX
    while time.monotonic() < end and cancels(record) == before:
        time.sleep(0.02)
    found = cancels(record) - before
    return f"{found} cancels", (found == 1) if wanted else (found == 0)


def begin_slow(place, path, headers, params):
    """Starts a slow call, and comes back with its connection when the first progress was read."""
    connection = place.socket()
    connection.sendall(post(path, place, headers, message("tools/call", params, 31)))
    got = b""
    while b"notifications/progress" not in got:
        more = connection.recv(4096)
        if not more:
            raise ValueError(f"the stream ended before any progress: {got[-200:]}")
        got += more
    return connection


SLOW_CALL = {"name": "test_slow", "arguments": {"seconds": 20, "steps": 100}, "_meta": {"progressToken": "p"}}


def gone(place, era, record, is_modern):
    if is_modern:
        headers, params = modern_headers("tools/call", SLOW_CALL), modern_params(SLOW_CALL)
    else:
        headers, params = Legacy(place, f"/mcp/s/{era}").headers(), SLOW_CALL
    before = cancels(record)
    begin_slow(place, f"/mcp/s/{era}", headers, params).close()
    return one_more(record, before, wanted=is_modern)


def told(place, record):
    session = Legacy(place, "/mcp/s/legacy")
    before = cancels(record)
    connection = begin_slow(place, session.path, session.headers(), SLOW_CALL)
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 31}}
    place.send("POST", session.path, json.dumps(note).encode(), session.headers() | {"Accept": BOTH_TYPES})
    verdict = one_more(record, before)
    connection.close()
    return verdict


def deleted(place, record):
    session = Legacy(place, "/mcp/s/legacy")
    before = cancels(record)
    connection = begin_slow(place, session.path, session.headers(), SLOW_CALL)
    place.send("DELETE", session.path, headers=session.headers())
    verdict = one_more(record, before)
    connection.close()
    return verdict
