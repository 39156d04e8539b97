"""Events and WebSockets: what they say, and readers that are slow, rude or many"""

import threading
import time

import sse
import websocket
from api import fine
from rest_world import text_of
from websocket import Closed, Refused, WebSocket

FLOOD = 20_000
LOG_LINES, LOG_RATE = 50_000, 10_000
# What slow readers may make the daemon hold, all together.
HELD_KIB_MAX = 24 * 1024
SLOW_READERS = 20


def cases(verdicts, api, serving):
    url = api.url
    verdicts.check("events: the list of servers first, then a tick each second", lambda: ticks(url))
    verdicts.check("events: a call is told of", lambda: told_of(api, "call", lambda: say(api), lambda data: data["tool"].endswith("say")))
    verdicts.check("events: a state is told of", lambda: told_of(api, "server", lambda: api.post("/servers/bench/restart"), lambda data: data["server"] == "bench"))
    verdicts.check("events: an audit entry is told of", lambda: told_of(api, "audit", lambda: api.post("/reload"), lambda data: "reload" in data["action"]))
    verdicts.check("events: log lines of one server", lambda: log_lines(api))
    verdicts.check("events: only the topics that were asked for", lambda: only_topics(api))
    verdicts.check("events: an unknown topic is 400", lambda: topic_refused(url))
    verdicts.check("events: each has an id, silence has comments", lambda: comments(url))
    verdicts.check("ws: a verb, a tool, an id of each sort", lambda: asked(url))
    verdicts.check("ws: also at / with Upgrade", lambda: at_root(url))
    verdicts.check("ws: without id answers come in order", lambda: in_order(url))
    verdicts.check("ws: progress before the result", lambda: progress(url))
    verdicts.check("ws: cancel", lambda: cancelled(url))
    verdicts.check("ws: subscribe and unsubscribe", lambda: subscribed(api))
    verdicts.check("ws: errors have code, message and status", lambda: errors(url))
    for name, payload in BAD_MESSAGES:
        verdicts.check(f"ws: {name} is refused, and nothing else suffers", lambda payload=payload: bad_message(url, payload))
    verdicts.check("ws: a message without an end is stopped", lambda: endless(url))
    verdicts.check("ws: frames that break the protocol close it", lambda: broken_frames(url))
    for origin in ["http://evil.example", "null"]:
        verdicts.check(f"ws: Origin {origin} is refused", lambda origin=origin: handshake_refused(url, {"Origin": origin}))
    verdicts.check("ws: a foreign Host is refused", lambda: handshake_refused(url, {"Host": "evil.example"}))
    verdicts.check(f"ws: {FLOOD} requests at once are answered or refused, one by one", lambda: flood(api))
    verdicts.check("ws: pings without end", lambda: pings(url))
    verdicts.check("ws: pongs without end: others are served", lambda: pongs(api))
    verdicts.check("ws: too many calls in flight are refused", lambda: in_flight(url))
    verdicts.check(f"{LOG_RATE} log lines a second with readers: nobody waits", lambda: log_flood(api, serving))
    verdicts.check(f"{SLOW_READERS} events readers that do not read: memory", lambda: slow_events(api, serving))
    verdicts.check(f"{SLOW_READERS} WebSockets that do not read: memory", lambda: slow_sockets(api, serving))
    verdicts.check("a reader that falls behind is told how much it lost", lambda: lost(api))
    verdicts.check("a good call after all that", lambda: fine(say(api)))
    panics = serving.stderr().count("panicked")
    verdicts.check("no panics", lambda: f"{panics} on stderr" if panics else None)


def say(api, text="hi"):
    return api.post("/call", {"tool": "chatty.say", "params": {"text": text}})


def ticks(url):
    with sse.Events(url) as stream:
        seen = list(stream.events(3.6))
    names = [name for name, _, _ in seen]
    if not names or names[0] != "servers":
        return f"begins with {names[:3]}"
    found = [data for name, data, _ in seen if name == "tick"]
    if not 2 <= len(found) <= 5:
        return f"{len(found)} ticks in 3.6 s"
    lacking = {"at", "calls_per_s", "errors_per_s", "in_flight", "servers"} - set(found[0])
    return f"a tick lacks {lacking}" if lacking or "chatty" not in found[0]["servers"] else None


def told_of(api, topic, act, wanted):
    with sse.Events(api.url, topic) as stream:
        threading.Thread(target=act, daemon=True).start()
        found = stream.first(lambda name, data: name == topic and wanted(data), 8)
    return None if found else f"no {topic} event within 8 s"


def log_lines(api):
    with sse.Events(api.url, "log:chatty") as stream:
        threading.Thread(target=say, args=(api, "lingonberry"), daemon=True).start()
        found = stream.first(lambda name, data: name == "log" and any("lingonberry" in line["text"] for line in data["lines"]), 5)
    return None if found and found["server"] == "chatty" else f"got {found}"


def only_topics(api):
    with sse.Events(api.url, "call") as stream:
        say(api)
        names = {name for name, _, _ in stream.events(2.5)}
    return None if "call" in names and not names - {"call", "servers"} else f"got {names}"


def topic_refused(url):
    try:
        with sse.Events(url, "weather"):
            return "it is taken"
    except sse.Refused as refused:
        return None if refused.status == 400 else f"status {refused.status}"


def comments(url):
    with sse.Events(url, "catalog") as stream:
        numbers = [number for _, _, number in stream.events(17)]
        if stream.comments < 1:
            return "no comment in 17 s"
    with sse.Events(url, "tick,servers") as stream:
        numbers += [number for _, _, number in stream.events(2.5)]
    return None if numbers and all(numbers) else f"ids {numbers}"


def asked(url):
    with WebSocket(url) as ws:
        for number in [1, 0, "a-7"]:
            got = ws.ask("status", number=number)
            if "result" not in got or got["id"] != number:
                return f"got {str(got)[:200]}"
        for name in ["chatty.say", "chatty__say"]:
            got = ws.ask(name, {"text": "hello"})
            if text_of(got.get("result", {})) != "hello" and "hello" not in str(got.get("result")):
                return f"{name}: {str(got)[:200]}"
        got = ws.ask("execute", {"tool": "chatty.say", "params": {"text": "hello"}})
        if got.get("result", {}).get("outcome") != "done":
            return f"execute: {str(got)[:200]}"
        return None if "result" in ws.ask("ping") else "no answer to ping"


def at_root(url):
    with WebSocket(url, "/") as ws:
        return None if "result" in ws.ask("status") else "no result"


def in_order(url):
    with WebSocket(url) as ws:
        for text, seconds in [("slow", 0.5), ("fast", 0)]:
            ws.send({"method": "chatty.nap" if seconds else "chatty.say", "params": {"seconds": seconds} if seconds else {"text": text}})
        first, second = ws.receive(), ws.receive()
    if "id" in first or "rested" not in str(first) or "fast" not in str(second):
        return f"first {first}, second {second}"
    return None


def progress(url):
    with WebSocket(url) as ws:
        ws.send({"id": 9, "method": "fixture.test_slow", "params": {"seconds": 0.5, "steps": 4}, "stream": True})
        seen = []
        while "result" not in (got := ws.receive()) and "error" not in got:
            seen.append(got)
    steps = [one["progress"] for one in seen if one.get("id") == 9 and "progress" in one]
    if "result" not in got or len(steps) < 2 or any("progress" not in step for step in steps):
        return f"{len(steps)} steps {seen[:2]}, then {str(got)[:200]}"
    return None


def cancelled(url):
    with WebSocket(url) as ws:
        ws.send({"id": 5, "method": "fixture.test_slow", "params": {"seconds": 20, "steps": 100}, "stream": True})
        ws.until(lambda got: "progress" in got)
        started = time.monotonic()
        ws.send({"method": "cancel", "params": {"id": 5}})
        got = ws.until(lambda got: got.get("id") == 5 and ("error" in got or "result" in got))
        took = time.monotonic() - started
        after = ws.ask("fixture.test_last_cancelled", number=6)
    if "error" not in got or took > 2:
        return f"after {took:.1f} s {str(got)[:200]}"
    return None if "1" in str(after) else f"the server heard nothing: {str(after)[:200]}"


def subscribed(api):
    with WebSocket(api.url) as ws:
        if "error" in (got := ws.ask("subscribe", {"topics": ["call"]})):
            return f"subscribe: {got}"
        say(api)
        event = ws.until(lambda got: got.get("method") == "event" and got["params"]["topic"] == "call", 5)
        if not event["params"]["data"]["tool"].endswith("say"):
            return f"event {event}"
        ws.ask("unsubscribe", {"topics": ["call"]}, number=2)
        say(api)
        try:
            late = ws.until(lambda got: got.get("method") == "event" and got["params"]["topic"] == "call", 1.5)
            return f"after unsubscribe: {late}"
        except TimeoutError:
            return None


def errors(url):
    with WebSocket(url) as ws:
        for number, (method, params, code, status) in enumerate(
            [
                ("sing", {}, "not-found", 404),
                ("call", {"tool": 7}, "invalid-input", 400),
                ("chatty.say", {"text": {"a": 1}}, "invalid-input", 400),
                ("chatty.say", "text", "invalid-input", 400),
                ("misbehave.crash", {}, "server-failed", 502),
            ]
        ):
            got = ws.ask(method, params, number=number)
            error = got.get("error") or {}
            if error.get("code") != code or error.get("status") != status or not error.get("message"):
                return f"{method}: {str(got)[:300]}"
    return None


BAD_MESSAGES = [
    ("malformed JSON", b'{"method": '),
    ("no UTF-8, as binary", b"\xff\xfe"),
    ("an array", b"[1]"),
    ("a number", b"7"),
    ("nothing", b""),
    ("no method", b'{"id": 1}'),
    ("an id that is an object", b'{"id": {}, "method": "status"}'),
    ("an unknown member", b'{"id": 1, "method": "status", "colour": "red"}'),
    ("a hundred thousand brackets", b"[" * 100_000),
]


def bad_message(url, payload):
    with WebSocket(url) as ws:
        ws.send_frame(websocket.BINARY if payload.startswith(b"\xff") else websocket.TEXT, payload)
        try:
            got = ws.receive()
        except Closed as closed:
            # RFC 6455 wants that for what is no UTF-8.
            return None if closed.code == 1007 and payload.startswith(b"\xff") else str(closed)
        if "error" not in got or got["error"].get("code") != "invalid-input":
            return f"got {str(got)[:200]}"
        return None if "result" in ws.ask("status", number="after") else "no answer afterwards"


def endless(url):
    """One message in fragments, each small, without a last one."""
    with WebSocket(url) as ws:
        chunk, sent = b" " * 65536, 0
        try:
            ws.send_frame(websocket.TEXT, chunk, is_final=False)
            while sent < 64 << 20:
                ws.send_frame(0, chunk, is_final=False)
                sent += len(chunk)
            ws.receive(2)
        except (Closed, OSError):
            pass
        except TimeoutError:
            return f"{sent >> 20} MiB were taken without a word"
    return None if sent < 40 << 20 else f"{sent >> 20} MiB were taken"


def broken_frames(url):
    unmasked = b"\x81\x05hello"
    reserved = b"\xf1\x80\0\0\0\0"
    huge_ping = b"\x89\xfe\x01\x00\0\0\0\0" + b"x" * 256
    announced = b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0"
    for name, payload in [("unmasked", unmasked), ("reserved bits", reserved), ("a long ping", huge_ping), ("2^63 announced", announced)]:
        with WebSocket(url) as ws:
            ws.socket.sendall(payload)
            try:
                got = ws.receive(5)
            except (Closed, OSError):
                continue
            return f"{name}: {got}"
    return None


def handshake_refused(url, headers):
    try:
        with WebSocket(url, headers=headers):
            return "it is let in"
    except Refused as refused:
        return None if refused.status == 403 else f"got {refused}"


def flood(api):
    """Sent by one thread, read by another; a call beside it must not wait."""
    answers, refusals, slowest = 0, 0, 0.0
    with WebSocket(api.url) as ws:

        def send():
            for first in range(0, FLOOD, 100):
                ws.socket.sendall(
                    b"".join(
                        websocket.frame(websocket.TEXT, b'{"id": %d, "method": "bench.echo_0", "params": {"text": "x"}}' % number)
                        for number in range(first, first + 100)
                    )
                )

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        seen = set()
        beside = threading.Thread(target=lambda: None)
        took = []

        def one_call():
            started = time.monotonic()
            took.append((say(api).status, time.monotonic() - started))

        started = time.monotonic()
        while len(seen) < FLOOD:
            if not beside.is_alive() and len(took) < 20:
                beside = threading.Thread(target=one_call, daemon=True)
                try:
                    beside.start()
                except RuntimeError:
                    pass
            try:
                got = ws.receive(20)
            except TimeoutError:
                return f"{len(seen)} of {FLOOD} answered, then nothing for 20 s"
            seen.add(got["id"])
            if "result" in got:
                answers += 1
            elif got["error"]["code"] == "too-many-requests":
                refusals += 1
            else:
                return f"got {got}"
        whole = time.monotonic() - started
    slowest = max(seconds for _, seconds in took)
    print(f"       {answers} answers, {refusals} refusals in {whole:.1f} s; the slowest of {len(took)} calls beside it took {slowest * 1000:.0f} ms")
    return f"a call beside it took {slowest:.1f} s" if slowest > 2 or any(status != 200 for status, _ in took) else None


def pings(url):
    with WebSocket(url) as ws:
        ws.socket.sendall(websocket.frame(websocket.PING, b"x" * 100) * 2000)
        ws.socket.settimeout(10)
        pongs = 0
        ws.send({"id": 1, "method": "status"})
        while True:
            opcode, payload = ws.read_frame()
            pongs += opcode == websocket.PONG
            if opcode == websocket.TEXT:
                return None if b"result" in payload else f"got {payload[:200]}"


def pongs(api):
    """Nobody asked for them, and nobody counts them."""
    flood = websocket.frame(websocket.PONG, b"") * 20_000
    slowest = 0.0
    with WebSocket(api.url) as ws:
        is_over = threading.Event()

        def send():
            while not is_over.is_set():
                try:
                    ws.socket.sendall(flood)
                except OSError:
                    return

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        for _ in range(100):
            started = time.monotonic()
            api.ask("GET", "/healthz")
            slowest = max(slowest, time.monotonic() - started)
        is_over.set()
        sender.join(5)
    print(f"       the slowest look at /healthz took {slowest * 1000:.0f} ms")
    return f"others waited {slowest:.1f} s" if slowest > 0.5 else None


def in_flight(url):
    with WebSocket(url) as ws:
        for number in range(400):
            ws.send({"id": number, "method": "chatty.nap", "params": {"seconds": 1}})
        codes = []
        for _ in range(400):
            got = ws.receive(30)
            codes.append("result" if "result" in got else got["error"]["code"])
    counts = {code: codes.count(code) for code in set(codes)}
    print(f"       {counts}")
    return None if counts.get("result") and counts.get("too-many-requests") and len(counts) == 2 else f"got {counts}"


def log_flood(api, serving):
    """A server that writes ten thousand lines a second, one reader of events, one WebSocket, and calls beside them."""
    lines = {"events": 0, "lost": 0}
    with sse.Events(api.url, "log:chatty,call") as stream, WebSocket(api.url) as ws:
        ws.ask("subscribe", {"topics": ["log:chatty"]})
        before = serving.memory_kib()
        shouting = threading.Thread(
            target=lambda: api.post("/call", {"tool": "chatty.shout", "params": {"lines": LOG_LINES, "per_second": LOG_RATE}}), daemon=True
        )
        shouting.start()

        def read():
            for name, data, _ in stream.events(LOG_LINES / LOG_RATE + 3):
                if name == "log":
                    lines["events"] += len(data["lines"])
                if name == "lost":
                    lines["lost"] += data["count"]

        def read_socket():
            try:
                ws.until(lambda got: False, LOG_LINES / LOG_RATE + 3)
            except (TimeoutError, OSError, Closed):
                pass

        readers = [threading.Thread(target=one, daemon=True) for one in [read, read_socket]]
        for reader in readers:
            reader.start()
        took = []
        while shouting.is_alive():
            started = time.monotonic()
            wrong = fine(api.post("/call", {"tool": "bench.echo_0", "params": {"text": "x"}}))
            if wrong:
                return wrong
            took.append(time.monotonic() - started)
            time.sleep(0.02)
        for reader in readers:
            reader.join(20)
        grown = serving.memory_kib() - before
    took.sort()
    p99 = took[int(len(took) * 0.99)] * 1000
    print(f"       {lines['events']} of {LOG_LINES} lines seen, {lines['lost']} events lost, calls beside: p99 {p99:.0f} ms, memory {grown:+} KiB")
    if p99 > 500 or grown > HELD_KIB_MAX:
        return f"p99 {p99:.0f} ms, {grown} KiB more"
    return "no line was seen" if not lines["events"] else None


def many_events(api):
    for _ in range(3):
        api.post("/call", {"tool": "chatty.shout", "params": {"lines": 30_000}})
    for _ in range(300):
        say(api, "x" * 100)


def slow_readers(api, serving, make):
    before = serving.memory_kib()
    readers = [make() for _ in range(SLOW_READERS)]
    try:
        many_events(api)
        wrong = fine(say(api))
        grown = serving.memory_kib() - before
    finally:
        for reader in readers:
            reader.__exit__()
    print(f"       {grown:+} KiB")
    return wrong or (f"{grown} KiB more" if grown > HELD_KIB_MAX else None)


def slow_events(api, serving):
    return slow_readers(api, serving, lambda: sse.Events(api.url, "log:chatty,call,tick,server", receive_buffer=4096))


def slow_sockets(api, serving):
    def make():
        ws = WebSocket(api.url, receive_buffer=4096)
        ws.ask("subscribe", {"topics": ["log:chatty", "call", "tick", "server"]})
        return ws

    return slow_readers(api, serving, make)


def lost(api):
    with sse.Events(api.url, "log:chatty,call", receive_buffer=4096) as stream:
        # So long that a second begins in it: of each second's lines only the first thousand reach the log, and those before may have been them.
        started, rounds = time.monotonic(), 0
        while rounds < 8 or time.monotonic() - started < 3:
            many_events(api)
            rounds += 1
        found = stream.first("lost", 15)
    return None if found and found["count"] > 0 else f"got {found}"
