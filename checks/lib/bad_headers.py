"""Versions, headers, addresses, methods and sessions."""

import base64

from gateway import MODERN
from wire import BOTH_TYPES, Legacy, Modern, message, modern_headers, modern_params

LIST = "tools/list"
TEXT = "test_simple_text"
WITH_HEADERS = {"region": "north", "priority": 3, "verbose": True, "note": "stays"}
PARAM_HEADERS = {"Mcp-Param-Region": "north", "Mcp-Param-Priority": "3", "Mcp-Param-Verbose": "true"}


def answered(status, code=None):
    """What a case wants: a status (or one of several), and perhaps a JSON-RPC error code (or one of several)."""
    statuses = status if isinstance(status, tuple) else (status,)
    codes = code if isinstance(code, tuple) else (code,)

    def judge(answer):
        return answer, answer.status in statuses and (code is None or answer.code in codes)

    return judge


def works(answer):
    return answer, answer.status == 200 and answer.result is not None


def cases(table, place, _records, _serving):
    modern, legacy = Modern(place, "/mcp/s/modern"), Legacy(place, "/mcp/s/legacy")
    mismatch = answered(400, -32020)

    def run(name, wanted, judge, answer):
        table.run(name, wanted, lambda: judge(answer()))

    run("good, modern", "200, result", works, lambda: modern.call(TEXT))
    run("good, legacy session", "200, result", works, lambda: legacy.call(TEXT))
    run("good, notification in a session", "S 202", answered(202), lambda: legacy.noted)
    versions(run, place, modern, legacy, mismatch)
    run(
        "Mcp-Method says another method",
        "S 400, -32020",
        mismatch,
        lambda: modern.ask(LIST, headers={"Mcp-Method": "tools/call"}),
    )
    run("Mcp-Method in capitals", "S 400, -32020", mismatch, lambda: modern.ask(LIST, headers={"Mcp-Method": "TOOLS/LIST"}))
    run("no Mcp-Method", "S 400, -32020", mismatch, lambda: modern.ask(LIST, headers={"Mcp-Method": None}))
    run("two of Mcp-Method", "400", answered(400), lambda: modern.ask(LIST, headers={"Mcp-Method": [LIST, "tools/call"]}))
    run("Mcp-Name says another tool", "S 400, -32020", mismatch, lambda: modern.call(TEXT, headers={"Mcp-Name": "greet"}))
    run("no Mcp-Name", "S 400, -32020", mismatch, lambda: modern.call(TEXT, headers={"Mcp-Name": None}))
    coded = base64.b64encode(TEXT.encode()).decode()
    run("Mcp-Name in base64", "S 200, result", works, lambda: modern.call(TEXT, headers={"Mcp-Name": f"=?base64?{coded}?="}))
    run("Mcp-Name in broken base64", "S 400, -32020", mismatch, lambda: modern.call(TEXT, headers={"Mcp-Name": "=?base64?%%?="}))
    run("Mcp-Name with spaces around", "S 200, result", works, lambda: modern.call(TEXT, headers={"Mcp-Name": f"  {TEXT} "}))
    parameters(run, modern, mismatch)
    addresses(run, place, modern)
    methods(run, place, legacy)
    sessions(run, place, legacy)


def versions(run, place, modern, legacy, mismatch):
    unsupported = answered(400, -32022)
    run("unknown version", "S 400, -32022", unsupported, lambda: modern.ask(LIST, version="1999-01-01"))
    run(
        "unknown version names the known ones", "S data.supported", names_versions, lambda: modern.ask(LIST, version="1999-01-01")
    )
    run("version that is no date", "S 400, -32022", unsupported, lambda: modern.ask(LIST, version="new"))
    run(
        "no MCP-Protocol-Version, modern _meta",
        "S 400, -32020",
        mismatch,
        lambda: modern.ask(LIST, headers={"MCP-Protocol-Version": None}),
    )
    run("MCP-Protocol-Version and _meta differ", "S 400, -32020", mismatch, lambda: modern.ask(LIST, body_version="2025-11-25"))
    bare = message(LIST, {})
    sent = modern_headers(LIST, {})
    either = answered(400, (-32602, -32020))
    run("modern header, no _meta", "S 400, -32602 or -32020", either, lambda: place.send("POST", "/mcp/s/modern", bare, sent))
    no_capabilities = modern_params({})
    del no_capabilities["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    body = message(LIST, no_capabilities)
    run(
        "_meta without clientCapabilities",
        "S 400, -32602",
        answered(400, -32602),
        lambda: place.send("POST", "/mcp/s/modern", body, sent),
    )
    bad = {"MCP-Protocol-Version": "1999-01-01"}
    run("session, unknown MCP-Protocol-Version", "S 400", answered(400), lambda: legacy.ask(LIST, headers=bad))
    run(
        "initialize with an unknown version",
        "S 200, a known version",
        negotiated,
        lambda: Legacy(place, "/mcp/s/legacy", "1999-01-01").hello,
    )
    for known in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]:
        hello = lambda known=known: Legacy(place, "/mcp/s/legacy", known).hello  # noqa: E731
        run(f"initialize with {known}", "S 200, the same", lambda answer, known=known: negotiated(answer, known), hello)
    run(
        "initialize in a modern request",
        "404 or 400, an error",
        answered((400, 404), (-32601, -32600, -32022, -32602)),
        lambda: modern.ask("initialize"),
    )


def names_versions(answer):
    supported = ((answer.message or {}).get("error") or {}).get("data", {}).get("supported")
    return supported, bool(supported) and MODERN in supported


def negotiated(answer, wanted="202"):
    version = (answer.result or {}).get("protocolVersion")
    return f"{answer.status}, {version}", answer.status == 200 and str(version).startswith(wanted)


def parameters(run, modern, mismatch):
    def call(headers):
        return modern.call("test_x_mcp_header", WITH_HEADERS, headers=headers)

    run("Mcp-Param headers that are right", "S 200, result", works, lambda: call(PARAM_HEADERS))
    run("Mcp-Param says another value", "S 400, -32020", mismatch, lambda: call(PARAM_HEADERS | {"Mcp-Param-Region": "south"}))
    run("Mcp-Param is missing", "S 400, -32020", mismatch, lambda: call(PARAM_HEADERS | {"Mcp-Param-Region": None}))
    run(
        "Mcp-Param in broken base64",
        "S 400, -32020",
        mismatch,
        lambda: call(PARAM_HEADERS | {"Mcp-Param-Region": "=?base64?SGVsbG8?="}),
    )


def addresses(run, place, modern):
    refused = answered(403)
    for origin in ["http://evil.example", "null", "https://127.0.0.1.evil.example", "http://localhost.evil.example"]:
        run(f"Origin {origin}", "S 403", refused, lambda origin=origin: modern.ask(LIST, headers={"Origin": origin}))
    for host in ["evil.example", f"127.0.0.1.evil.example:{place.port}", ""]:
        run(
            f"Host {host or 'of no name'}",
            "403 (or 400, 421)",
            answered((403, 400, 421)),
            lambda host=host: modern.ask(LIST, host=host or " "),
        )
    own = f"http://127.0.0.1:{place.port}"
    run("Origin of its own", "200, result", works, lambda: modern.ask(LIST, headers={"Origin": own}))
    run("Host localhost", "200, result", works, lambda: modern.ask(LIST, host=f"localhost:{place.port}"))
    run(
        "GET, Origin http://evil.example",
        "S 403",
        refused,
        lambda: place.send("GET", "/mcp", headers={"Accept": "text/event-stream", "Origin": "http://evil.example"}),
    )
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    run("OPTIONS, Origin http://evil.example", "no leave to read", no_leave, lambda: place.send("OPTIONS", "/mcp", headers=asked))


def no_leave(answer):
    leave = answer.headers.get("access-control-allow-origin")
    return f"{answer.status}, {leave}", leave is None


def methods(run, place, legacy):
    for method in ["PUT", "PATCH", "HEAD"]:
        run(f"{method} /mcp", "405", answered(405), lambda method=method: place.send(method, "/mcp"))
    stream = {"Accept": "text/event-stream"}
    run("GET, no session", "S 405 (or 400)", answered((405, 400)), lambda: place.send("GET", "/mcp/s/modern", headers=stream))
    run(
        "GET, of 2026-07-28",
        "S 405",
        answered((405, 400)),
        lambda: place.send("GET", "/mcp", headers=stream | {"MCP-Protocol-Version": MODERN}),
    )
    run(
        "GET in a session, Accept text/html",
        "406 or 405",
        answered((406, 405)),
        lambda: place.send("GET", "/mcp/s/legacy", headers=legacy.headers() | {"Accept": "text/html"}),
    )
    run("DELETE, no session", "400, 404 or 405", answered((400, 404, 405)), lambda: place.send("DELETE", "/mcp"))
    for path in [
        "/",
        "/nope",
        "/mcp/nope",
        "/mcp/s/nope",
        "/mcp/p/nope",
        "/mcp/s/",
        "/mcp/s/modern/more",
        "/mcp/s/..%2f..%2fetc",
    ]:
        run(f"POST {path}", "404", answered(404), lambda path=path: Modern(place, path).ask(LIST))


def sessions(run, place, legacy):
    run(
        "unknown session",
        "S 404",
        answered(404),
        lambda: legacy.ask(LIST, headers={"Mcp-Session-Id": "00000000-0000-4000-8000-000000000000"}),
    )
    run(
        "session of 8,000 letters",
        "404 (or 400, 431)",
        answered((404, 400, 431)),
        lambda: legacy.ask(LIST, headers={"Mcp-Session-Id": "x" * 8000}),
    )
    run("no session", "S 400", answered(400), lambda: legacy.ask(LIST, headers={"Mcp-Session-Id": None}))
    run(
        "session of another endpoint",
        "404 (or 400, 403)",
        answered((404, 400, 403)),
        lambda: place.send("POST", "/mcp", message(LIST, {}), legacy.headers()),
    )
    run("unknown method in a session", "200, -32601", answered((200, 404), -32601), lambda: legacy.ask("no/such"))
    run("unknown method, modern", "S 404, -32601", answered(404, -32601), lambda: Modern(place, "/mcp/s/modern").ask("no/such"))
    run(
        "subscriptions/listen in a session",
        "an error",
        answered((200, 400, 404), (-32601, -32600)),
        lambda: legacy.ask("subscriptions/listen", {"notifications": {}}),
    )
    run(
        "resources/subscribe, modern",
        "404, -32601",
        answered(404, -32601),
        lambda: Modern(place, "/mcp/s/modern").ask("resources/subscribe", {"uri": "test://static-text"}),
    )
    gone = Legacy(place, "/mcp/s/legacy")
    run(
        "DELETE of a session",
        "200, 202, 204 or 405",
        answered((200, 202, 204, 405)),
        lambda: place.send("DELETE", "/mcp/s/legacy", headers=gone.headers()),
    )
    run("a session after its DELETE", "S 404", answered(404), lambda: gone.ask(LIST))
    run("another session after that", "200, result", works, lambda: legacy.ask(LIST))
    types(run, place)


def types(run, place):
    body, sent = message(LIST, modern_params({})), modern_headers(LIST, {})

    def send(**headers):
        return place.send(
            "POST", "/mcp/s/modern", body, sent | {name.replace("_", "-"): value for name, value in headers.items()}
        )

    for kind in ["text/plain", "application/x-www-form-urlencoded", None]:
        run(f"Content-Type {kind}", "415 (or 400)", answered((415, 400)), lambda kind=kind: send(Content_Type=kind))
    run("Content-Type with a charset", "200, result", works, lambda: send(Content_Type="application/json; charset=utf-8"))
    run("Accept text/html", "406 (or 400)", answered((406, 400)), lambda: send(Accept="text/html"))
    run("Accept */*", "200, result", works, lambda: send(Accept="*/*"))
    run("Accept in capitals, with weights", "200, result", works, lambda: send(Accept=BOTH_TYPES.upper() + ";q=0.5"))
