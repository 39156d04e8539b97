"""Every verb over REST, and what all answers have in common"""

import json
import re
import time
import urllib.parse

from api import PROBLEM, fine, problem, quoted
from rest_world import MANY, ODD_NAME, text_of

READS = [
    "/find?q=echo+a+text",
    "/tools",
    "/tools/bench.echo_0",
    "/capabilities",
    "/servers",
    "/servers/bench",
    "/servers/bench/logs",
    "/history?range=10m",
    "/history?range=7d&server=bench",
    "/status",
    "/calls",
    "/calls/latency",
    "/audit",
    "/index",
    "/config",
    "/openapi.json",
]
STATES = "stopped dormant starting ready degraded stopping backoff crashed quarantined refused".split()


def cases(verdicts, api, serving):
    for path in READS:
        verdicts.check(f"GET {path}", lambda path=path: fine(api.get(path)) or has_request_id(api.get(path)))
    verdicts.check("GET /docs shows the document without asking anybody else", lambda: docs(api))
    for path in ["/healthz", "/readyz"]:
        verdicts.check(f"GET {path}", lambda path=path: ok_text(api.ask("GET", path)))
    verdicts.check("call: a tool answers, with its route", lambda: called(api))
    verdicts.check("call: also on a server of any name", lambda: called_odd(api))
    verdicts.check("execute: words decide", lambda: executed(api, {"request": "what time is it"}))
    verdicts.check("execute: a dry run runs nothing", lambda: executed(api, {"request": "send back a text", "dry_run": True}))
    verdicts.check("execute: a tool by name", lambda: executed(api, {"tool": "chatty.say", "params": {"text": "hi"}}, "done"))
    verdicts.check("find by POST is find by GET", lambda: same_find(api))
    verdicts.check("inspect: ranked tools, each with parts that make up its score", lambda: inspected(api))
    verdicts.check("servers: start, restart, stop, and what the states then are", lambda: steered(api))
    verdicts.check("servers: several at once", lambda: started_together(api))
    verdicts.check("servers: a name that is odd", lambda: odd_server(api))
    verdicts.check("logs: filtered, limited, since", lambda: logs(api))
    verdicts.check("quarantine, and back", lambda: quarantined(api))
    verdicts.check("calls: the newest first, and its detail", lambda: calls(api))
    verdicts.check("calls: secrets in parameters are hidden", lambda: redacted(api))
    verdicts.check("latency: counts beside their bounds", lambda: latency(api))
    verdicts.check("history: series as long as their steps", lambda: history(api))
    verdicts.check("index: rebuild, reload", lambda: fine(api.post("/index/rebuild")) or fine(api.post("/reload")))
    verdicts.check("audit: what was done above stands there", lambda: audited(api))
    verdicts.check("config: where each value comes from", lambda: config(api))
    verdicts.check("results: a large one is kept, and given in pages", lambda: large(api))
    verdicts.check(f"pages: {MANY} tools by sevens are those of one page", lambda: paged(api, "/tools?server=many", "tools", 7))
    verdicts.check("pages: calls by threes", lambda: paged_calls(api))
    verdicts.check("pages: a cursor of nobody's is 400", lambda: problem(api.get("/tools?cursor=nonsense"), "invalid-input", 400))
    for path in ["/tools", "/servers/bench", "/openapi.json", "/index"]:
        verdicts.check(f"ETag: 304 for {path}", lambda path=path: not_modified(api, path))
    verdicts.check("ETag: another body has another", lambda: other_etag(api))
    verdicts.check("request id: a plain one is taken, others are not", lambda: request_ids(api))
    for name in ["status", "find_tool", "list_capabilities", "get_orchestrator_status", "chatty.say", "chatty__say", "fill_in"]:
        verdicts.check(f"POST /mcp/{name}", lambda name=name: named(api, name))
    verdicts.check("HEAD is GET without a body", lambda: head(api))
    verdicts.check("security headers on all", lambda: guarded(api))


def has_request_id(reply):
    return None if re.fullmatch(r"[\x21-\x7e]{1,128}", reply.headers.get("x-request-id") or "") else "no X-Request-Id"


def ok_text(reply):
    return None if reply.status == 200 else f"got {reply}"


def docs(api):
    page = api.get("/docs", headers={"Accept": "text/html"})
    text = page.body.decode()
    outside = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(https?:)?//[^"'\s)]+""", text)
    if page.status != 200 or page.type != "text/html" or outside:
        return f"{page.status} {page.type}, to others: {outside[:3]}"
    return None if page.headers.get("content-security-policy") else "no Content-Security-Policy"


def called(api):
    reply = api.post("/call", {"tool": "chatty.say", "params": {"text": "cloudberry"}})
    if wrong := fine(reply):
        return wrong
    told = reply.json
    if text_of(told["result"]) != "cloudberry" or told["route"].get("tool") != "say":
        return f"got {told}"
    return None


def called_odd(api):
    reply = api.post("/call", {"tool": f"{ODD_NAME}.say", "params": {"text": "odd"}})
    return fine(reply) or (None if text_of(reply.json["result"]) == "odd" else f"got {reply}")


OUTCOMES = "done dry_run needs_choice needs_params needs_confirmation no_match failed".split()


def executed(api, body, wanted=None):
    reply = api.post("/execute", body)
    if wrong := fine(reply):
        return wrong
    outcome = reply.json.get("outcome")
    if outcome not in OUTCOMES or (wanted and outcome != wanted):
        return f"outcome {outcome}: {reply}"
    return "it ran" if body.get("dry_run") and "result" in reply.json else None


def same_find(api):
    by_get = api.get("/find?" + urllib.parse.urlencode({"q": "send back a text", "limit": 3}))
    by_post = api.post("/find", {"query": "send back a text", "limit": 3})

    def timeless(told):
        return json.dumps({name: value for name, value in told.items() if "ms" not in name and name != "route_id"})

    if wrong := fine(by_get) or fine(by_post):
        return wrong
    return None if timeless(by_get.json) == timeless(by_post.json) else f"{by_get} is not {by_post}"


def inspected(api):
    reply = api.post("/routes/inspect", {"request": "send back a text"})
    if wrong := fine(reply):
        return wrong
    told = reply.json
    if told["decision"] not in ["run", "confirm", "choose", "none"] or not told["ranked"]:
        return f"got {reply}"
    best = told["ranked"][0]
    wrong = [name for name in ["tool", "server", "about", "score", "confidence", "effect", "parts"] if name not in best]
    if wrong or not 0 <= best["confidence"] <= 1 or not all(isinstance(part, (int, float)) for part in best["parts"].values()):
        return f"lacks {wrong}: {best}"
    total = sum(best["parts"].values())
    return None if abs(total - best["score"]) < 0.01 else f"parts sum to {total}, the score is {best['score']}"


def state(api, server):
    return api.get(f"/servers/{quoted(server)}").json


def wait_for_state(api, server, wanted, seconds=15):
    end = time.monotonic() + seconds
    while (found := state(api, server))["state"] not in wanted and time.monotonic() < end:
        time.sleep(0.05)
    return found


def steered(api):
    if wrong := fine(api.post("/servers/bench/start")):
        return f"start: {wrong}"
    first = wait_for_state(api, "bench", ["ready"])
    if wrong := fine(api.post("/servers/bench/restart")):
        return f"restart: {wrong}"
    second = wait_for_state(api, "bench", ["ready"])
    if wrong := fine(api.post("/servers/bench/stop")):
        return f"stop: {wrong}"
    third = wait_for_state(api, "bench", ["stopped"])
    states = [found["state"] for found in [first, second, third]]
    if states != ["ready", "ready", "stopped"] or first["pid"] == second["pid"] or third["pid"]:
        return f"states {states}, pids {[found['pid'] for found in [first, second, third]]}"
    called = api.post("/call", {"tool": "bench.echo_0", "params": {"text": "x"}})
    if wrong := problem(called, "server-off", 409):
        return f"a call to a stopped server: {wrong}"
    return fine(api.post("/servers/bench/start"))


def started_together(api):
    reply = api.post("/servers/start", {"servers": ["bench", "chatty"]})
    if wrong := fine(reply):
        return wrong
    names = sorted(acted.get("server", "") for acted in reply.json["servers"])
    return None if names == ["bench", "chatty"] else f"got {reply}"


def odd_server(api):
    place = f"/servers/{quoted(ODD_NAME)}"
    for wrong in [fine(api.get(place)), fine(api.post(place + "/start")), fine(api.get(place + "/logs"))]:
        if wrong:
            return wrong
    return None if state(api, ODD_NAME)["server"] == ODD_NAME else "another server"


def logs(api):
    before = int(time.time() * 1000)
    api.post("/call", {"tool": "chatty.say", "params": {"text": "rowanberry needle"}})
    api.post("/call", {"tool": "chatty.shout", "params": {"lines": 300}})
    end = time.monotonic() + 5
    while time.monotonic() < end:
        reply = api.get(f"/servers/chatty/logs?contains=needle&since={before}")
        if reply.status == 200 and reply.json["lines"]:
            break
        time.sleep(0.05)
    if wrong := fine(reply):
        return wrong
    lines = reply.json["lines"]
    if len(lines) != 1 or "rowanberry needle" not in lines[0]["text"] or lines[0]["source"] != "stderr":
        return f"contains: {lines[:3]}"
    if not before - 1000 <= lines[0]["at"] <= int(time.time() * 1000) + 1000:
        return f"at {lines[0]['at']} is no moment of this check"
    few = api.get("/servers/chatty/logs?lines=10").json["lines"]
    later = api.get(f"/servers/chatty/logs?since={int(time.time() * 1000) + 60000}").json["lines"]
    if len(few) != 10 or "of 300" not in few[-1]["text"] or later:
        return f"lines=10 gave {len(few)}, the last {few[-1:]}; since tomorrow gave {len(later)}"
    return problem(api.get("/servers/chatty/logs?lines=0"), "invalid-input", 400, ["lines"])


def quarantined(api):
    if wrong := fine(api.post("/servers/misbehave/quarantine", {"why": "it misbehaves"})):
        return wrong
    found = wait_for_state(api, "misbehave", ["quarantined"], 5)
    if found["state"] != "quarantined":
        return f"state {found['state']}"
    api.post("/servers/misbehave/start")
    found = wait_for_state(api, "misbehave", ["ready"], 10)
    return None if found["state"] == "ready" else f"state {found['state']} after start"


def calls(api):
    api.post("/call", {"tool": "chatty.say", "params": {"text": "first"}})
    api.post("/call", {"tool": "misbehave.fail", "params": {}})
    listed = api.get("/calls?limit=2").json["calls"]
    if [line["tool"].rpartition(".")[2] for line in listed] != ["fail", "say"]:
        return f"got {listed}"
    newest = listed[0]
    if newest["outcome"] != "tool_error" or newest["surface"] != "rest" or newest["verb"] != "call" or newest["duration_ms"] < 0:
        return f"line {newest}"
    one = api.get("/calls?server=chatty&limit=1").json["calls"][0]
    detail = api.get(f"/calls/{one['id']}")
    if wrong := fine(detail):
        return wrong
    if "first" not in (detail.json.get("params") or ""):
        return f"detail {detail}"
    only = api.get("/calls?outcome=tool_error").json["calls"]
    if any(line["outcome"] != "tool_error" for line in only):
        return f"outcome=tool_error gave {only}"
    return problem(api.get("/calls/c99999999"), "not-found", 404)


def redacted(api):
    secret = "sk-proj-Zx9mQ2rT7vB4nL6kJ8hG1fD3sA5pO0iU"
    api.post("/call", {"tool": "chatty.fill_in", "params": {"name": "x", "password": "hunter2hunter2", "labels": [secret]}})
    newest = api.get("/calls?tool=fill_in&limit=1").json["calls"] or api.get("/calls?tool=chatty.fill_in&limit=1").json["calls"]
    if not newest:
        return "no such call in the list"
    detail = api.get(f"/calls/{newest[0]['id']}")
    left = [word for word in [secret, "hunter2"] if word in detail.body.decode()]
    return f"{left} is shown: {detail}" if left else None


def latency(api):
    reply = api.get("/calls/latency")
    told = reply.json
    if len(told["counts"]) != len(told["bounds_ms"]) + 1 or sum(told["counts"]) == 0:
        return f"got {reply}"
    return None if told["p50_ms"] <= told["p90_ms"] <= told["p99_ms"] else f"quantiles {told}"


def history(api):
    reply = api.get("/history?range=10m")
    told = reply.json
    if told["step_s"] != 1 or "*" not in told["series"]:
        return f"got {reply}"
    lengths = {len(values) for series in told["series"].values() for values in series.values()}
    newest = told["from"] + max(lengths)
    if len(lengths) != 1 or abs(newest - time.time()) > 10:
        return f"lengths {lengths}, ends {newest - time.time():.0f} s from now"
    if api.get("/history?range=7d").json["step_s"] != 60:
        return "7d is not by the minute"
    return problem(api.get("/history?range=3y"), "invalid-input", 400, ["range"])


def audited(api):
    wanted = ["restart", "quarantine", "stop", "reload", "call"]
    end = time.monotonic() + 5
    while True:  # Entries are written behind a queue.
        entries = api.get("/audit?limit=500").json["entries"]
        actions = {entry["action"] for entry in entries}
        lacking = [word for word in wanted if not any(word in action for action in actions)]
        if not lacking or time.monotonic() > end:
            break
        time.sleep(0.1)
    numbers = [entry["seq"] for entry in entries]
    if numbers != sorted(numbers, reverse=True) or len(set(numbers)) != len(numbers):
        return "not newest first, or numbers twice"
    if lacking:
        return f"{lacking} is not in {sorted(actions)}"
    return "a parameter's text is in it" if "rowanberry" in json.dumps(entries) else None


def config(api):
    reply = api.get("/config")
    settings = {one["key"]: one for one in reply.json["settings"]}
    if len(settings) < 50 or any(not one.get("origin") for one in settings.values()):
        return f"{len(settings)} settings; without origin: {[key for key, one in settings.items() if not one.get('origin')][:3]}"
    return None


def large(api):
    reply = api.post("/call", {"tool": "fixture.test_large_result", "params": {"bytes": 2_000_000}})
    if wrong := fine(reply):
        return wrong
    if len(reply.body) < 2_000_000:
        return f"of a call it should come whole, there are {len(reply.body)} bytes: {reply.body[-300:]}"
    reply = api.post("/execute", {"tool": "fixture.test_large_result", "params": {"bytes": 2_000_000}})
    handle = reply.json.get("handle")
    if not handle:
        return None if len(reply.body) > 2_000_000 else f"{len(reply.body)} bytes and no handle: {reply.body[-300:]}"
    return fine(api.get(f"/results/{handle}?limit=1000"))


def pages(api, path, items):
    cursor, all_of_them, count = None, [], 0
    while count < 500:
        reply = api.get(path + (f"&cursor={quoted(cursor)}" if cursor else ""))
        if wrong := fine(reply):
            raise ValueError(wrong)
        all_of_them += reply.json[items]
        count += 1
        cursor = reply.json.get("next_cursor")
        if not cursor:
            return all_of_them, count
    raise ValueError("the pages never end")


def paged(api, path, items, size):
    whole = api.get(f"{path}&limit=500").json[items]
    found, count = pages(api, f"{path}&limit={size}", items)
    if found != whole or count != -(-len(whole) // size):
        return f"{len(found)} in {count} pages, {len(whole)} in one"
    return None if len(whole) == MANY else f"{len(whole)} in all"


def paged_calls(api):
    """New calls arrive meanwhile; none is seen twice or left out."""
    whole = [line["id"] for line in api.get("/calls?limit=12").json["calls"]]
    first = api.get("/calls?limit=3").json
    api.post("/call", {"tool": "chatty.say", "params": {"text": "in between"}})
    second = api.get(f"/calls?limit=3&cursor={quoted(first['next_cursor'])}").json
    found = [line["id"] for line in first["calls"] + second["calls"]]
    return None if found == whole[:6] else f"{found} is not {whole[:6]}"


def not_modified(api, path):
    reply = api.get(path)
    etag = reply.headers.get("etag")
    if not etag or not etag.startswith('W/"'):
        return f"ETag is {etag!r}"
    again = api.get(path, headers={"If-None-Match": f'"other", {etag}'})
    if again.status != 304 or again.body:
        return f"{again.status} with {len(again.body)} bytes"
    if again.headers.get("etag") != etag or not again.headers.get("x-request-id"):
        return "the 304 lacks its ETag or its request id"
    other = api.get(path, headers={"If-None-Match": '"other"'})
    return None if other.status == 200 else f"another ETag: {other}"


def other_etag(api):
    before = api.get("/servers/chatty").headers.get("etag")
    api.post("/call", {"tool": "chatty.say", "params": {"text": "etag"}})
    reply = api.get("/servers/chatty", headers={"If-None-Match": before})
    return None if reply.status == 200 and reply.headers.get("etag") != before else f"got {reply.status}"


def request_ids(api):
    mine = "check-4711/a.b:c"
    if (got := api.get("/status", headers={"X-Request-Id": mine}).headers.get("x-request-id")) != mine:
        return f"{mine} became {got}"
    for bad in ["x" * 129, "with space", "", "tab\there"]:
        got = api.get("/status", headers={"X-Request-Id": bad}).headers.get("x-request-id")
        if not got or got == bad:
            return f"{bad[:20]!r} became {got!r}"
    two = {api.get("/status").headers.get("x-request-id") for _ in range(20)}
    return None if len(two) == 20 else "ids come twice"


def named(api, name):
    bodies = {"find_tool": {"query": "echo"}, "chatty.say": {"text": "hi"}, "chatty__say": {"text": "hi"}}
    bodies["fill_in"] = {"name": "x"}
    reply = api.named(name, bodies.get(name))
    if name == "fill_in":  # Two servers have it.
        return None if reply.status in (400, 404, 409) and reply.type == PROBLEM and "chatty" in reply.body.decode() else f"got {reply}"
    if wrong := fine(reply):
        return wrong
    return None if set(reply.json) == {"result"} else f"members {sorted(reply.json)}"


def head(api):
    by_get, by_head = api.get("/index"), api.ask("HEAD", "/api/v1/index")
    if by_head.status != 200 or by_head.body or by_head.headers.get("etag") != by_get.headers.get("etag"):
        return f"got {by_head.status}, {len(by_head.body)} bytes, ETag {by_head.headers.get('etag')}"
    return None


def guarded(api):
    for path, accept in [("/api/v1/status", "application/json"), ("/", "text/html"), ("/api/v1/nothing", "application/json")]:
        headers = api.ask("GET", path, headers={"Accept": accept}).headers
        if headers.get("x-content-type-options") != "nosniff":
            return f"{path}: no X-Content-Type-Options"
        if headers.get("referrer-policy") is None:
            return f"{path}: no Referrer-Policy"
    policy = api.ask("GET", "/", headers={"Accept": "text/html"}).headers.get("content-security-policy") or ""
    missing = [word for word in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] if word not in policy]
    loose = [word for word in ["unsafe-inline", "unsafe-eval", "*", "http:", "https:"] if word in policy]
    if "default-src 'self'" in policy:
        missing = [word for word in missing if "default-src" not in word]
    return f"missing {missing}, loose {loose}: {policy}" if missing or loose else None
