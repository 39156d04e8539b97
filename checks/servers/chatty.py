#!/usr/bin/env python3
"""A small MCP server over pipes (2025-11-25) for the checks of the dashboard and the API. The standard library alone.

    chatty.py [--hostile]

`say {text}` and `shout {lines, per_second?}` write to stderr, `grow {mib}` and `shrink` move its memory, `nap {seconds}` takes
its time. With `--hostile` its names and descriptions are what a web page must not believe.
"""

import json
import sys
import threading
import time

BIDI = "\u202egnp.exe\u202c"
ANSI = "\x1b[31mred\x1b[0m\x1b]0;title\x07"
HTML = "<img src=x onerror=\"window.owned=1\"><script>window.owned=1</script>"

OUT = threading.Lock()
HELD = []


def tool(name, description, properties, required=(), **more):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "inputSchema": schema} | more


TEXT, NUMBER = {"type": "string", "description": "What to say"}, {"type": "integer", "minimum": 0}
TOOLS = [
    tool("say", "Write one line to the log, and give it back", {"text": TEXT}, ["text"], annotations={"readOnlyHint": True}),
    tool("shout", "Write many lines to the log", {"lines": NUMBER, "per_second": NUMBER}, ["lines"]),
    tool("grow", "Hold more memory", {"mib": NUMBER}, ["mib"]),
    tool("shrink", "Give all memory back", {}),
    tool("nap", "Take so many seconds", {"seconds": {"type": "number"}}, ["seconds"]),
    tool(
        "fill_in",
        "A form with a field of each sort",
        {
            "name": {"type": "string", "minLength": 1},
            "size": {"type": "string", "enum": ["small", "large"]},
            "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
            "weight": {"type": "number"},
            "fresh": {"type": "boolean"},
            "labels": {"type": "array", "items": {"type": "string"}},
        },
        ["name"],
    ),
]
HOSTILE = [
    tool(
        "show_picture",
        f"Show a picture {HTML} {ANSI} {BIDI} [click](javascript:window.owned=1)",
        {"text": {"type": "string", "description": HTML, "default": HTML}, HTML: {"type": "string", "title": HTML}},
        title=f"Picture {HTML}",
    ),
    tool("&lt;b&gt;", f"\"'><svg/onload=window.owned=1> {{{{7*7}}}} ${{7*7}} {BIDI}", {"text": TEXT}),
]


def write(message):
    with OUT:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def log(text):
    sys.stderr.write(text + "\n")


def shout(lines, per_second=0):
    """In chunks of a hundredth of a second, so that ten thousand lines a second are ten thousand."""
    started, chunk = time.monotonic(), max(1, per_second // 100) if per_second else lines
    for first in range(0, lines, max(1, chunk)):
        count = min(chunk, lines - first)
        sys.stderr.write("".join(f"shout {first + number} of {lines}, the cloudberry is ripe\n" for number in range(count)))
        sys.stderr.flush()
        if per_second:
            time.sleep(max(0, started + (first + count) / per_second - time.monotonic()))


def call(name, arguments, is_hostile):
    if name == "say":
        log(f"said: {arguments['text']}")
        sys.stderr.flush()
        return arguments["text"]
    if name == "shout":
        shout(arguments["lines"], arguments.get("per_second", 0))
        return f"{arguments['lines']} lines"
    if name == "grow":
        HELD.append(bytearray(b"x" * (arguments["mib"] << 20)))
        return f"{sum(map(len, HELD)) >> 20} MiB held"
    if name == "shrink":
        HELD.clear()
        return "0 MiB held"
    if name == "nap":
        time.sleep(arguments["seconds"])
        return "rested"
    if is_hostile:
        log(f"{HTML} {ANSI} {BIDI}")
        sys.stderr.flush()
        return f"{HTML} {ANSI} {BIDI} {json.dumps(arguments)}"
    return json.dumps(arguments, sort_keys=True)


def answer(request, is_hostile):
    method, params = request["method"], request.get("params") or {}
    if method == "initialize":
        info = {"name": HTML if is_hostile else "chatty", "version": "1.0"}
        hello = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
        return {"result": hello | ({"instructions": f"{HTML} {ANSI} {BIDI}"} if is_hostile else {})}
    if method == "ping":
        return {"result": {}}
    if method == "tools/list":
        return {"result": {"tools": HOSTILE if is_hostile else TOOLS}}
    if method == "tools/call":
        try:
            text = call(params["name"], params.get("arguments") or {}, is_hostile)
        except (KeyError, TypeError, ValueError) as error:
            return {"result": {"content": [{"type": "text", "text": repr(error)}], "isError": True}}
        return {"result": {"content": [{"type": "text", "text": text}]}}
    return {"error": {"code": -32601, "message": f"no such method: {method}"}}


def main():
    is_hostile = "--hostile" in sys.argv[1:]
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request or "method" not in request:
            continue

        def work(request=request):
            write({"jsonrpc": "2.0", "id": request["id"]} | answer(request, is_hostile))

        if request["method"] == "tools/call":
            threading.Thread(target=work, daemon=True).start()
        else:
            work()


if __name__ == "__main__":
    main()
