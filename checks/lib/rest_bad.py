"""Bad input over REST"""

import socket
import threading
import time

from api import Api, fine, problem

# Whoever sends a request slower than this is not a client.
SLOW_S_MAX = 75
HALF_OPEN = 300
DEEP = 100_000


def cases(verdicts, api, serving):
    slow = Slow(api)
    for name, body in [("half of it", b'{"tool": "chatty.say", '), ("a word", b"tool"), ("nothing", b""), ("no UTF-8", b'{"tool": "\xff\xfe"}')]:
        verdicts.check(f"malformed JSON: {name}", lambda body=body: refused(api, body))
    verdicts.check("an array in place of an object", lambda: refused(api, b"[1, 2]"))
    verdicts.check("JSON a hundred thousand levels deep", lambda: refused(api, b"[" * DEEP + b"]" * DEEP))
    verdicts.check(
        "deep params", lambda: refused(api, b'{"tool": "chatty.say", "params": {"text": ' + b"[" * DEEP + b"]" * DEEP + b"}}")
    )
    verdicts.check("a member twice", lambda: refused(api, b'{"tool": "chatty.say", "tool": "chatty.nap"}'))
    verdicts.check("a wrong type is named", lambda: refused(api, {"tool": 7}, ["tool"]))
    verdicts.check("params that are no object", lambda: refused(api, {"tool": "chatty.say", "params": "hi"}, ["params"]))
    verdicts.check("an unknown member is named", lambda: refused(api, {"tool": "chatty.say", "tol": 1}, ["tol"]))
    verdicts.check("a missing member is named", lambda: refused(api, {"params": {}}, ["tool"]))
    verdicts.check("params that do not fit are named", lambda: refused(api, {"tool": "chatty.say", "params": {"text": {"a": 1}}}, ["text"]))
    verdicts.check("params that lack something", lambda: refused(api, {"tool": "chatty.say", "params": {}}, ["text"]))
    verdicts.check("an unknown query name is named", lambda: problem(api.get("/tools?limt=3"), "invalid-input", 400, ["limt"]))
    verdicts.check("a query value of the wrong type", lambda: problem(api.get("/tools?limit=many"), "invalid-input", 400, ["limit"]))
    for limit in ["0", "501", "-1", "99999999999999999999"]:
        path = f"/tools?limit={limit}"
        verdicts.check(f"limit={limit}", lambda path=path: problem(api.get(path), "invalid-input", 400, ["limit"]))
    verdicts.check("a query that is no UTF-8", lambda: either(api.get("/find?q=%ff%fe"), 400))
    verdicts.check("an unknown server", lambda: problem(api.get("/servers/nobody"), "not-found", 404, ["nobody"]))
    verdicts.check("an unknown server is not started", lambda: problem(api.post("/servers/nobody/start"), "not-found", 404, ["nobody"]))
    verdicts.check("an unknown tool", lambda: problem(api.post("/call", {"tool": "chatty.sing"}), "not-found", 404, ["sing"]))
    verdicts.check("an unknown name below /mcp", lambda: problem(api.named("sing"), "not-found", 404, ["sing"]))
    verdicts.check("an unknown path", lambda: problem(api.get("/nothing/here"), "not-found", 404))
    verdicts.check("a path up and away", lambda: either(api.ask("GET", "/assets/..%2f..%2f..%2fetc%2fpasswd"), 400, 404))
    verdicts.check("a wrong method", lambda: wrong_method(api))
    verdicts.check("another content type", lambda: problem(api.post("/call", b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}), "unsupported-media-type", 415))
    verdicts.check("text/plain, which a page may send unasked", lambda: problem(api.post("/call", b'{"tool": "chatty.say"}', headers={"Content-Type": "text/plain"}), "unsupported-media-type", 415))
    verdicts.check("an answer nobody can give", lambda: problem(api.get("/status", headers={"Accept": "image/png"}), "not-acceptable", 406))
    verdicts.check("a tool whose server does not start", lambda: dead_server(api))
    verdicts.check("a tool that ends its server", lambda: problem(api.post("/call", {"tool": "misbehave.crash"}), "server-failed", 502))
    verdicts.check("a tool error is an answer", lambda: tool_error(api))
    verdicts.check("a huge body", lambda: huge(api))
    verdicts.check("a huge body that is only announced", lambda: announced(api))
    verdicts.check("chunked without an end in sight", lambda: endless(api))
    for site, slug in [("http://evil.example", "forbidden-origin"), ("null", "forbidden-origin"), (f"http://127.0.0.1.evil.example:{api.port}", "forbidden-origin")]:
        verdicts.check(f"Origin {site}", lambda site=site, slug=slug: problem(api.post("/call", {"tool": "chatty.say", "params": {"text": "x"}}, headers={"Origin": site}), slug, 403))
    verdicts.check("Origin for a GET", lambda: problem(api.get("/status", headers={"Origin": "http://evil.example"}), "forbidden-origin", 403))
    verdicts.check("our own Origin", lambda: fine(api.get("/status", headers={"Origin": api.url})))
    verdicts.check("Sec-Fetch-Site: cross-site", lambda: problem(api.get("/status", headers={"Sec-Fetch-Site": "cross-site"}), "forbidden-origin", 403))
    verdicts.check("a link from elsewhere to the dashboard", lambda: navigation(api))
    for host in ["evil.example", f"evil.example:{api.port}", "127.0.0.1.evil.example"]:
        for path in ["/api/v1/status", "/", "/metrics", "/mcp/status"]:
            method = "POST" if path.startswith("/mcp") else "GET"
            verdicts.check(f"Host {host} at {path}", lambda host=host, path=path, method=method: foreign_host(api, method, path, host))
    verdicts.check("a preflight from elsewhere gets no permission", lambda: preflight(api))
    verdicts.check("a million members that nobody knows: others are served", lambda: beside(api, serving, lambda: members(api)))
    verdicts.check("a query of thousands of names: a short answer", lambda: many_names(api))
    verdicts.check("answers that nobody reads: others are served", lambda: unread(api))
    verdicts.check("calls: a secret in long parameters is hidden", lambda: long_secret(api))
    verdicts.check(f"{HALF_OPEN} half-open connections: others are served", lambda: half_open(api))
    verdicts.check("a thousand requests at once on ten connections", lambda: pipelined(api))
    verdicts.check("a good call after all that", lambda: fine(api.post("/call", {"tool": "chatty.say", "params": {"text": "x"}})))
    panics = serving.stderr().count("panicked")
    verdicts.check("no panics", lambda: f"{panics} on stderr" if panics else None)
    verdicts.check("no request's text in the log", lambda: "there is" if "cloudberry" in serving.stderr() else None)
    verdicts.check(f"a body letter by letter: 408 or closed within {SLOW_S_MAX} s", slow.verdict)


def refused(api, body, names=()):
    return problem(api.post("/call", body), "invalid-input", 400, names)


def either(reply, *statuses):
    return None if reply.status in statuses else f"got {reply}"


def wrong_method(api):
    reply = api.ask("DELETE", "/api/v1/servers")
    return problem(reply, "method-not-allowed", 405) or (None if "GET" in (reply.headers.get("allow") or "") else "no Allow")


def dead_server(api):
    reply = api.post("/call", {"tool": "absent.anything"})
    return None if reply.status in (404, 502, 503) and problem(reply, reply.json["type"].rpartition("/")[2], reply.status) is None else f"got {reply}"


def tool_error(api):
    reply = api.post("/call", {"tool": "misbehave.fail"})
    return fine(reply) or (None if reply.json["result"].get("isError") else f"got {reply}")


def huge(api):
    try:
        reply = api.post("/call", b'{"tool": "chatty.say", "params": {"text": "' + b"x" * (17 << 20) + b'"}}')
    except (ConnectionResetError, BrokenPipeError):
        return None  # It stopped reading, and said so.
    return problem(reply, "too-large", 413)


def head(api, path, *lines):
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {api.host}:{api.port}", "Content-Type: application/json", *lines, "", ""]).encode()


def first_line(connection):
    got = b""
    try:
        got = connection.recv(4096)
    except TimeoutError:
        return "no answer"
    except OSError:
        return "closed"
    return got.split(b"\r\n")[0].decode(errors="replace") or "closed"


def announced(api):
    with socket.create_connection((api.host, api.port), 10) as connection:
        connection.sendall(head(api, "/api/v1/call", f"Content-Length: {1 << 40}") + b"{")
        said = first_line(connection)
    return None if " 413" in said else f"got {said}"


def endless(api):
    """A body in chunks that never ends: it must be stopped at the limit, whatever its length would have been."""
    with socket.create_connection((api.host, api.port), 10) as connection:
        connection.sendall(head(api, "/api/v1/call", "Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 64 << 20:
                connection.sendall(chunk)
                sent += 0x10000
        except OSError:
            return None
        said = first_line(connection)
    return None if " 413" in said or said == "closed" else f"{sent >> 20} MiB were taken, then {said}"


def navigation(api):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
    reply = api.ask("GET", "/", headers=headers)
    return None if reply.status == 200 and reply.type == "text/html" else f"got {reply}"


def foreign_host(api, method, path, host):
    reply = api.ask(method, path, headers={"Accept": "*/*"}, host=host)
    return problem(reply, "forbidden-host", 403)


def preflight(api):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    reply = api.ask("OPTIONS", "/api/v1/call", headers=headers)
    return "it gets one" if reply.headers.get("access-control-allow-origin") in ("*", "http://evil.example") else None


def beside(api, serving, act):
    """What `act` is refused with, while others wait no longer than a second."""
    before, found, slowest = serving.memory_kib(), [], 0.0
    acting = threading.Thread(target=lambda: found.append(act()), daemon=True)
    acting.start()
    while acting.is_alive():
        started = time.monotonic()
        api.ask("GET", "/healthz")
        slowest = max(slowest, time.monotonic() - started)
        time.sleep(0.01)
    grown = serving.memory_kib() - before
    print(f"       the slowest look at /healthz took {slowest * 1000:.0f} ms, {grown:+} KiB afterwards")
    return (found[0] if found else "no answer") or (f"others waited {slowest:.1f} s" if slowest > 1 else None)


def members(api):
    body = b'{"query": "x", ' + b", ".join(b'"m%d": 1' % number for number in range(1_000_000)) + b"}"
    reply = api.post("/find", body)
    if len(reply.body) > 100_000:
        return f"an answer of {len(reply.body)} bytes"
    return None if reply.status in (400, 413) else f"got {reply}"


def many_names(api):
    reply = api.get("/status?" + "&".join(f"n{number}=1" for number in range(8000)))
    if len(reply.body) > 20_000:
        return f"an answer of {len(reply.body)} bytes"
    return None if reply.status in (400, 414, 431) else f"got {reply}"


def unread(api):
    """Asks for the longest thing there is, many times over one connection, and reads nothing."""
    request = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: {api.host}:{api.port}\r\nAccept: application/json\r\n\r\n".encode()
    open_ones = []
    try:
        for _ in range(50):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(5)
            connection.connect((api.host, api.port))
            open_ones.append(connection)
            try:
                connection.sendall(request * 100)
            except TimeoutError:
                pass  # It reads no more, as it should.
        return call_beside(api)
    finally:
        for connection in open_ones:
            connection.close()


def call_beside(api):
    """A call of somebody else, which must not wait for those."""
    started = time.monotonic()
    wrong = fine(api.post("/call", {"tool": "chatty.say", "params": {"text": "beside"}}))
    took = time.monotonic() - started
    return wrong or (f"a call took {took:.1f} s beside them" if took > 2 else None)


def long_secret(api):
    params = {"name": "x" * 6000, "password": "correct horse battery", "labels": ["y" * 6000], "token": "a,b-secret-c"}
    api.post("/call", {"tool": "chatty.fill_in", "params": params})
    one = api.get("/calls?limit=1").json["calls"][0]
    shown = api.get(f"/calls/{one['id']}").body.decode()
    left = [word for word in ["horse", "battery", "b-secret-c"] if word in shown]
    return f"{left} is shown" if left else None


def half_open(api):
    """Connections that say nothing, and such that end their side and wait."""
    open_ones = []
    try:
        for number in range(HALF_OPEN):
            connection = socket.create_connection((api.host, api.port), 10)
            open_ones.append(connection)
            if number % 3 == 1:
                connection.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost:")
            if number % 3 == 2:
                connection.sendall(b"GET /api/v1/events HTTP/1.1\r\n")
                connection.shutdown(socket.SHUT_WR)
        return call_beside(api)
    finally:
        for connection in open_ones:
            connection.close()


def pipelined(api):
    """Requests sent without waiting for answers; each is answered, in order."""
    request = f"GET /api/v1/tools?limit=1 HTTP/1.1\r\nHost: {api.host}:{api.port}\r\nAccept: application/json\r\n\r\n".encode()
    counts = []

    def one():
        with socket.create_connection((api.host, api.port), 20) as connection:
            connection.sendall(request * 100)
            got = b""
            while got.count(b"HTTP/1.1 200") < 100:
                more = connection.recv(65536)
                if not more:
                    break
                got += more
            counts.append(got.count(b"HTTP/1.1 200"))

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return None if counts == [100] * 10 else f"answers {counts}"


class Slow:
    """A body that comes letter by letter; begun at once, asked at the end."""

    def __init__(self, api):
        self.ended, self.started = None, time.monotonic()
        self.thread = threading.Thread(target=self.run, args=(api,), daemon=True)
        self.thread.start()

    def run(self, api):
        with socket.create_connection((api.host, api.port), 10) as connection:
            connection.sendall(head(api, "/api/v1/call", "Content-Length: 1000") + b'{"tool"')
            connection.settimeout(1)
            while time.monotonic() - self.started < SLOW_S_MAX:
                try:
                    self.ended = connection.recv(4096).split(b"\r\n")[0].decode() or "closed"
                    return
                except TimeoutError:
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        self.ended = "closed"
                        return
                except OSError:
                    self.ended = "closed"
                    return

    def verdict(self):
        self.thread.join(SLOW_S_MAX + 5)
        return None if self.ended and (self.ended == "closed" or " 408" in self.ended) else f"got {self.ended}"
