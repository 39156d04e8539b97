"""What every client written in Python does with mcporch. checklist.mjs is the same list for JavaScript, and says the
form of a job and of the lines printed here."""

import json
import re
import sys
import time

failed = False


def line(*fields):
    print("\t".join(re.sub(r"\s+", " ", str(field)) for field in fields), flush=True)


def check(name, ok, detail=""):
    """Prints one verdict; a failed one makes the client exit with 1, and the rest goes on."""
    global failed
    failed = failed or not ok
    line("check", name, "ok" if ok else "FAIL", str(detail)[:400])


def arguments():
    """Reads `JOB COMMAND [ARGS…]` from the command line."""
    job, command, *args = sys.argv[1:]
    return json.loads(job), command, args


def exit_status():
    return 1 if failed else 0


def connected(job, version):
    """Checks what was negotiated: `job["version"]` is a regular expression."""
    check("protocol version", re.search(job["version"], version or ""), f"{version}, wanted {job['version']}")


async def guarded(name, body):
    """Awaits `body` and turns an exception into a failed check, so that it is counted and named."""
    try:
        await body
    except Exception as error:  # noqa: BLE001  # Whatever a client raises is a finding.
        check(name, False, f"{type(error).__name__}: {error}")


async def run(job, list_names, call):
    """`list_names()` gives tool names; `call(name, arguments)` gives a CallToolResult as a dict with wire names."""
    await guarded("tools/list", check_names(job, list_names))
    for name, arguments_, expect in job["mentions"]:
        await guarded(name, check_mention(name, arguments_, expect, call))
    await guarded("params are asked for", check_lacking(job, call))
    done_by_words = []
    for request in job["requests"]:
        await guarded(request["say"], check_request(request, call, done_by_words))
    found = f"{len(done_by_words)} of {len(job['requests'])}, wanted {job['words_min']}"
    check("done by words", len(done_by_words) >= job["words_min"], found)


async def check_names(job, list_names):
    names = sorted(await list_names())
    check("tools/list", names == sorted(job["tools"]), " ".join(names))


async def check_mention(name, arguments_, expect, call):
    result = await call(name, arguments_)
    text = json.dumps(result)
    check(name, not result.get("isError") and re.search(expect, text), text)


async def check_lacking(job, call):
    outcome = read(await call("execute", {"request": job["lacking"]}))["outcome"]
    check("params are asked for", outcome in ("needs_params", "needs_choice"), outcome)


async def check_request(request, call, done_by_words):
    arguments_ = {"request": request["say"], "params": request["params"]}
    done, text = await attempt(call, arguments_, request, "words")
    if done:
        done_by_words.append(request["say"])
    else:
        done, text = await attempt(call, arguments_ | {"tool": request["tool"]}, request, "tool")
    check(request["say"], done, "" if done else text)


async def attempt(call, arguments_, request, how):
    started = time.monotonic()
    result = read(await call("execute", arguments_))
    outcome = result["outcome"]
    done = outcome == "done" and re.search(request["expect"], result["text"]) is not None
    if outcome == "done" and not done:
        outcome = "done, unexpected result"
    milliseconds = round((time.monotonic() - started) * 1000)
    line("row", request["say"], how, outcome, result["tool"], result["confidence"], milliseconds)
    return done, f"{outcome}: {result['text']}"


def read(result):
    """Outcome, tool, confidence and the child's own first text out of an answer of `execute`."""
    route = (result.get("_meta") or {}).get("mcporch/route") or {}
    told = result.get("structuredContent")
    told = told if isinstance(told, dict) else {}
    best = (told.get("candidates") or [told])[0]
    server = route.get("server", best.get("server"))
    tool = route.get("tool", best.get("tool"))
    texts = [item["text"] for item in result.get("content", []) if item.get("type") == "text"]
    return {
        "outcome": "failed" if result.get("isError") else route.get("outcome", told.get("outcome", "none given")),
        "tool": f"{server}.{tool}" if server else (tool or "-"),
        "confidence": route.get("confidence", told.get("confidence", best.get("confidence", "-"))),
        "text": texts[0] if texts else "",
    }
