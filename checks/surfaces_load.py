#!/usr/bin/env python3
"""What the network surfaces cost: REST beside the same verbs over MCP, many connections, memory at rest. Linux; wants wrk.

    surfaces_load.py BIN [--seconds 4] [--rounds 3] [--cache DIR]

Prints tables for docs/benchmarks.md. REST and MCP take turns in one run, so their ratio means something on any machine; the other
figures want a release build and a quiet one. Exit status 1 when a limit is passed.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import gateway  # noqa: E402
import sse  # noqa: E402
from api import Api  # noqa: E402
from verdicts import Skipped, Verdicts  # noqa: E402
from wire import META, MODERN, modern_headers  # noqa: E402

CLIENTS = gateway.HERE.parent / "clients"
CONNECTIONS = 16
SOCKETS, STREAMS = 1000, 200
# All of ours come from one address, without a key, and so are one client.
STREAMS_SET = ["--set", "http.streams_per_client_max=2000"]
# The limits of this project.
CONNECTION_KIB_MAX = 40
IDLE_BYTES_MAX = 45_000_000
SLOWER_MAX = 0.10
REST_S = 10
# A verb over REST should be no dearer than over MCP, where the same request has more around it. The tenth is noise.
SLOWER_THAN_MCP_MAX = 0.10
QUERIES = [f"{verb} {thing}" for verb in ["send back", "echo", "repeat", "measure"] for thing in ["a text", "words", "a line", "number 3"]]
JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Case:
    """Requests for wrk: a path, headers, and bodies that take turns."""

    def __init__(self, name, path, bodies, headers=None):
        self.name, self.path, self.bodies, self.headers = name, path, bodies, headers or JSON
        self.runs = []

    def written(self, folder):
        lines = [self.path, *[f"{name}: {value}" for name, value in self.headers.items()], ""]
        lines += [body if isinstance(body, str) else json.dumps(body) for body in self.bodies]
        path = folder / (self.name.replace("/", "_").replace(" ", "_") + ".wrk")
        path.write_text("\n".join(lines) + "\n")
        return path

    def median(self, what):
        return statistics.median(what(run) for run in self.runs)


def mcp(name, path, tool, arguments):
    """The same over MCP, revision 2026-07-28, which needs no session."""
    meta = {META + "protocolVersion": MODERN, META + "clientCapabilities": {}, META + "clientInfo": {"name": "load", "version": "1"}}
    bodies = [
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": one, "_meta": meta}} for one in arguments
    ]
    return Case(name, path, bodies, modern_headers("tools/call", {"name": tool}))


def groups():
    text = {"text": "x" * 100}
    finds = [{"query": query, "limit": 5} for query in QUERIES]
    return {
        "find": [
            mcp("MCP find_tool", "/mcp", "find_tool", finds),
            Case("REST POST find", "/api/v1/find", finds),
        ],
        "call": [
            mcp("MCP execute", "/mcp", "execute", [{"tool": "bench.echo_0", "params": text}]),
            Case("REST call", "/api/v1/call", [{"tool": "bench.echo_0", "params": text}]),
            Case("POST /mcp/TOOL", "/mcp/bench.echo_0", [text]),
        ],
        "status": [Case("REST status", "/api/v1/status", ["-"]), Case("metrics", "/metrics", ["-"], {"Accept": "*/*"})],
    }


def main():
    parser = argparse.ArgumentParser(prog="surfaces_load.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("--seconds", type=float, default=4, help="length of one turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each; 0 measures no calls")
    parser.add_argument("--sockets", type=int, default=SOCKETS)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--only", default="", help="only the part whose name contains this: memory at rest, speed, many connections")
    parser.add_argument("--cache", default=gateway.default_cache(), help="where things are installed")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    units = gateway.installed(asked.cache, "surfaces")
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-load-"))
    servers = {"bench": gateway.demo(mcporch, "bench")}
    verdicts = Verdicts("")
    print(f"load of this machine: {pathlib.Path('/proc/loadavg').read_text().split()[0]}")
    for name, run in [("memory at rest", rest), ("speed", speed), ("many connections", crowd)]:
        if asked.only not in name:
            continue
        verdicts.section(name)
        with gateway.Serving(mcporch, work / name.replace(" ", "-"), servers, options=STREAMS_SET) as serving:
            verdicts.whole(name, lambda run=run, serving=serving: run(verdicts, serving, units, work, asked))
    status = verdicts.end()
    if status == 0:
        shutil.rmtree(work)
    return status


# --- Memory at rest ---------------------------------------------------------------------------------------------------


def rest(verdicts, serving, *_):
    api = Api(serving.url)
    rows = [["started", *memory(serving)]]
    page = api.ask("GET", "/", headers={"Accept": "text/html"}).body.decode()
    for asset in [part.split('"')[0] for part in page.split('="/assets/')[1:]]:
        api.ask("GET", f"/assets/{asset}", headers={"Accept": "*/*"})
    for path in ["/status", "/servers", "/history?range=10m", "/calls", "/audit", "/config", "/openapi.json", "/docs"]:
        api.get(path, headers={"Accept": "*/*"})
    api.ask("GET", "/metrics", headers={"Accept": "*/*"})
    with contextlib.suppress(sse.Refused), sse.Events(serving.url) as stream:
        list(stream.events(2))
    rows.append(["dashboard opened", *memory(serving)])
    time.sleep(REST_S)
    at_rest = serving.memory_kib()
    rows.append([f"{REST_S} s later", *memory(serving)])
    api.post("/find", {"query": "send back a text"})
    api.post("/call", {"tool": "bench.echo_0", "params": {"text": "x"}})
    rows.append(["after a find and a call", *memory(serving)])
    gateway.print_table(["`mcporch serve`", "KiB", "private"], rows)
    limit = IDLE_BYTES_MAX // 1024
    verdicts.check(f"at rest at most {limit} KiB", lambda: f"{at_rest} KiB" if at_rest > limit else None)


def memory(serving):
    return serving.memory_kib(), serving.memory_kib("RssAnon")


# --- Speed ------------------------------------------------------------------------------------------------------------


def run_wrk(units, serving, case, folder, seconds, connections=CONNECTIONS):
    if "wrk" not in units:
        raise Skipped("wrk is not installed")
    before = cpu_s(serving.process.pid)
    command = [units["wrk"], "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10", "-s", str(CLIENTS / "wrk.lua")]
    done = subprocess.run([*command, serving.url, "--", str(case.written(folder))], capture_output=True, text=True, timeout=seconds + 60)
    try:
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"wrk: {done.stdout[-300:]} {done.stderr[-300:]}") from None
    told["cpu_us"] = (cpu_s(serving.process.pid) - before) * 1e6 / max(1, told["requests"])
    told["per_s"] = told["requests"] * 1e6 / told["us"]
    return told


def cpu_s(pid):
    """Processor time of all threads of a process."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def one_answer(serving, case):
    """What the first of these requests is answered with, so that nobody measures refusals."""
    body = case.bodies[0]
    method, sent = ("GET", None) if body == "-" else ("POST", body)
    reply = Api(serving.url).ask(method, case.path, sent, headers=case.headers)
    return None if reply.status == 200 and b'"isError":true' not in reply.body else f"got {reply}"


def speed(verdicts, serving, units, work, asked):
    rows = []
    for verb, cases in groups().items():
        good = []
        for case in cases:
            verdicts.check(f"{case.name} is answered", lambda case=case: one_answer(serving, case) or good.append(case))
        for case in good:
            run_wrk(units, serving, case, work, 1)  # Warm-up.
        for _ in range(asked.rounds):
            for case in good:
                case.runs.append(run_wrk(units, serving, case, work, max(1, round(asked.seconds))))
        for case in good:
            ratio = case.median(lambda run: run["per_s"]) / cases[0].median(lambda run: run["per_s"]) if cases[0].runs else float("nan")
            rows.append([verb, case.name, *figures(case), "" if verb == "status" else f"{ratio:.2f}"])
            failed = sum(run["failed"] for run in case.runs)
            verdicts.check(f"{case.name}: none fails", lambda failed=failed: f"{failed} failed" if failed else None)
            if verb != "status" and case is not cases[0]:
                verdicts.check(
                    f"{case.name} is no slower than {cases[0].name}",
                    lambda ratio=ratio: f"{ratio:.2f} of its throughput" if not ratio >= 1 - SLOWER_THAN_MCP_MAX else None,
                )
    gateway.print_table(["verb", f"{CONNECTIONS} connections", "per s", "p50 ms", "p99 ms", "CPU us", "ratio"], rows)


def figures(case):
    return [
        f"{case.median(lambda run: run['per_s']):.0f}",
        f"{case.median(lambda run: run['p50_us']) / 1000:.2f}",
        f"{case.median(lambda run: run['p99_us']) / 1000:.2f}",
        f"{case.median(lambda run: run['cpu_us']):.1f}",
    ]


# --- Many connections -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def attached(serving, sockets, streams, topics):
    """Opens them in another process, and gives a function that ends them and says what they read."""
    host, port = serving.url.removeprefix("http://").split(":")
    command = [sys.executable, str(CLIENTS / "open_many.py"), host, port, str(sockets), str(streams), *([topics] if topics else [])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        first = process.stdout.readline()
        if not first.startswith("open"):
            raise RuntimeError(process.communicate()[1][-300:])
        yield lambda: process.communicate()[0].split()
    finally:
        process.kill()
        process.wait()


def settled(serving):
    """Private memory, once it has stopped to grow; pages of the program come and go by themselves."""
    last = serving.memory_kib("RssAnon")
    for _ in range(20):
        time.sleep(0.5)
        now = serving.memory_kib("RssAnon")
        if abs(now - last) < 50:
            return now
        last = now
    return last


def crowd(verdicts, serving, units, work, asked):
    text = {"text": "x" * 100}
    case = Case("call", "/api/v1/call", [{"tool": "bench.echo_0", "params": text}])
    api = Api(serving.url)
    for _ in range(200):
        api.post("/call", case.bodies[0])
    rows = []
    for name, sockets, streams, topics in [
        ("WebSockets, nothing subscribed", asked.sockets, 0, ""),
        ("WebSockets, subscribed to states", asked.sockets, 0, "server,catalog"),
        ("event streams, as the dashboard has them", 0, asked.streams, ""),
    ]:
        rows.append(one_crowd(verdicts, serving, name, sockets, streams, topics))
    gateway.print_table(["open connections", "count", "KiB before", "KiB with them", "KiB each"], rows)
    if asked.rounds > 0:
        beside(verdicts, serving, units, work, asked, case)


def one_crowd(verdicts, serving, name, sockets, streams, topics):
    before = settled(serving)
    with attached(serving, sockets, streams, topics) as end:
        time.sleep(3)
        with_them = settled(serving)
        _, read, _, closed = end()
    each = (with_them - before) / (sockets + streams)
    verdicts.check(f"{name}: at most {CONNECTION_KIB_MAX} KiB each", lambda: f"{each:.1f} KiB" if each > CONNECTION_KIB_MAX else None)
    verdicts.check(f"{name}: all stay open", lambda: f"{closed} were closed" if closed != "0" else None)
    verdicts.check(f"{name}: they are told something", lambda: "nothing was read" if streams and read == "0" else None)
    return [name, sockets + streams, before, with_them, f"{each:.1f}"]


def beside(verdicts, serving, units, work, asked, case):
    """Calls with and without everybody attached, in turns."""
    alone, crowded, seconds = Case("alone", "", []), Case("beside them", "", []), max(1, round(asked.seconds))
    run_wrk(units, serving, case, work, 1)
    for _ in range(asked.rounds):
        alone.runs.append(run_wrk(units, serving, case, work, seconds))
        with attached(serving, asked.sockets, asked.streams, "server,catalog"):
            time.sleep(1)
            crowded.runs.append(run_wrk(units, serving, case, work, seconds))
        time.sleep(1)
    gateway.print_table(
        ["calls, 16 connections", "per s", "p50 ms", "p99 ms", "CPU us"], [[one.name, *figures(one)] for one in [alone, crowded]]
    )
    slower = 1 - crowded.median(lambda run: run["per_s"]) / alone.median(lambda run: run["per_s"])
    dearer = crowded.median(lambda run: run["cpu_us"]) / alone.median(lambda run: run["cpu_us"]) - 1
    everybody = f"{asked.sockets} WebSockets and {asked.streams} event streams attached"
    verdicts.check(
        f"{everybody}: calls at most {SLOWER_MAX:.0%} slower",
        lambda: f"{slower:.0%} fewer per second, {dearer:.0%} more processor time each" if slower > SLOWER_MAX else None,
    )


if __name__ == "__main__":
    sys.exit(main())
