"""Bodies that are too long, too deep, or no messages."""

import json

from bad_headers import answered, works
from wire import Legacy, Modern, message, modern_headers, modern_params

PATH = "/mcp/s/modern"
LIST = "tools/list"
MANY = 512 * 1024 * 1024
# Chunks of a body that never says how long it is; more than any sensible limit.
CHUNKS, CHUNK = 256, b"100000\r\n" + b" " * 0x100000 + b"\r\n"


def request_head(place, length, *more):
    lines = [f"POST {PATH} HTTP/1.1", f"Host: {place.host}:{place.port}", *length, *more]
    lines += [f"{name}: {value}" for name, value in modern_headers(LIST, {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def cases(table, place, _records, serving):
    def run(name, wanted, judge, answer):
        table.run(name, wanted, lambda: judge(answer()))

    def post(body):
        return place.send("POST", PATH, body, modern_headers(LIST, {}))

    def is_one_of(*wanted):
        return lambda found: (found, found in wanted)

    before = serving.memory_kib()
    run("512 MiB announced", "413", is_one_of(413), lambda: place.raw(request_head(place, [f"Content-Length: {MANY}"])))
    chunked = request_head(place, ["Transfer-Encoding: chunked"])
    run("256 MiB in chunks", "413 or closed", is_one_of(413, "closed"), lambda: place.raw(chunked, *[CHUNK] * CHUNKS))
    run(
        "and memory",
        "grows less than 64 MiB",
        lambda grown: (f"{grown} KiB", grown < 65536),
        lambda: serving.memory_kib() - before,
    )
    unreadable = answered(400, (-32700, -32600))
    run("no JSON", "400, -32700", answered(400, -32700), lambda: post(b"{nope"))
    run("nothing", "400, -32700 or -32600", unreadable, lambda: post(b""))
    run("no UTF-8", "400, -32700 or -32600", unreadable, lambda: post(b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}'))
    run("100,000 brackets", "400", answered(400), lambda: post(b"[" * 100_000))
    deep = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}"
    run("100,000 braces in params", "400 (or 413)", answered((400, 413)), lambda: post(deep.encode()))
    nested = json.loads('{"a":' * 500 + "1" + "}" * 500)
    whole = modern_params({"name": "test_echo_arguments", "arguments": nested})
    headers = modern_headers("tools/call", {"name": "test_echo_arguments"})
    passed = answered((200, 400))
    run("500 braces in arguments", "200, or 400", passed, lambda: place.send("POST", PATH, message("tools/call", whole), headers))
    messages(run, post, place)
    twice = request_head(place, ["Content-Length: 5", "Transfer-Encoding: chunked"])
    run("Content-Length and Transfer-Encoding", "400", is_one_of(400, "closed"), lambda: place.raw(twice, b"0\r\n\r\n"))
    lengths = request_head(place, ["Content-Length: 5", "Content-Length: 6"])
    run("two of Content-Length", "400", is_one_of(400, "closed"), lambda: place.raw(lengths, b"hello!"))
    long = request_head(place, ["Content-Length: 2"], "X-Long: " + "x" * 1_000_000)
    run("a header of 1 MB", "431 (or 400, 413, closed)", is_one_of(431, 400, 413, "closed"), lambda: place.raw(long, b"{}"))
    many = request_head(place, ["Content-Length: 2"], *[f"X-{number}: 1" for number in range(5000)])
    run("5,000 headers", "431 (or 400, closed)", is_one_of(431, 400, "closed"), lambda: place.raw(many, b"{}"))
    run(
        "no HTTP",
        "400 or closed",
        is_one_of(400, "closed"),
        lambda: place.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200),
    )


def messages(run, post, place):
    invalid = answered(400, (-32600, -32700, -32602, -32020))

    def changed(**fields):
        whole = {"jsonrpc": "2.0", "id": 1, "method": LIST, "params": modern_params({})} | fields
        return post(json.dumps({name: value for name, value in whole.items() if value is not Ellipsis}).encode())

    run("a batch", "S 400", answered(400), lambda: post(b"[" + message(LIST, modern_params({})) + b"]"))
    run("an empty batch", "S 400", answered(400), lambda: post(b"[]"))
    run("a text", "S 400", invalid, lambda: post(b'"hello"'))
    run("id null", "S 400", invalid, lambda: changed(id=None))
    run("id an object", "S 400", invalid, lambda: changed(id={"a": 1}))
    run("id true", "S 400", invalid, lambda: changed(id=True))
    run("id a long text", "200 or 400", answered((200, 400)), lambda: changed(id="x" * 100_000))
    run("id a big number", "200, the same", same_id, lambda: changed(id=2**53 + 1))
    run("jsonrpc 1.0", "S 400", invalid, lambda: changed(jsonrpc="1.0"))
    run("no jsonrpc", "S 400", invalid, lambda: changed(jsonrpc=...))
    run("method a number", "S 400", invalid, lambda: changed(method=5))
    run("params a list", "S 400", invalid, lambda: changed(params=[1]))
    reply = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode()
    run("a response to nothing, modern", "S 400 (or 202)", answered((400, 202)), lambda: post(reply))
    legacy = Legacy(place, "/mcp/s/legacy")
    run(
        "a response to nothing, in a session",
        "202 (or 400)",
        answered((202, 400)),
        lambda: place.send("POST", legacy.path, reply, legacy.headers()),
    )
    modern = Modern(place, PATH)
    run("a tool that is not there", "an error", is_error, lambda: modern.call("no_such_tool"))
    run("a call without a name", "an error", is_error, lambda: modern.ask("tools/call", {}))
    run("a resource that is not there", "S -32602", is_error, lambda: modern.ask("resources/read", {"uri": "test://nope"}))
    run(
        "the same key twice",
        "200 or 400",
        answered((200, 400)),
        lambda: post(message(LIST, modern_params({}))[:-1] + b',"id":2}'),
    )
    run("a good one after that", "200, result", works, lambda: modern.ask(LIST))


def same_id(answer):
    found = (answer.message or {}).get("id")
    return f"{answer.status}, {found}", found == 2**53 + 1


def is_error(answer):
    failed = answer.code is not None or bool((answer.result or {}).get("isError"))
    return answer, failed
