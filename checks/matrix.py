#!/usr/bin/env python3
"""The official clients of every era, through mcporch, to a child of every era: does each feature of the protocol work?

    matrix.py BIN [--only TEXT] [--stdio] [--direct] [--cache DIR] [--json FILE]

One table: a row for each client, way and child, a column for each feature. The ways are stdio (all in one process), daemon (stdio
through the daemon) and http (`serve --http`). `ok`; `FAIL`, told below the table; `-`, impossible, told in the notes below it.
The children are our fixture (`demo-server --conformance`) as a process that speaks the older revisions alone or 2026-07-28
alone, and as a remote server: a second mcporch that serves one which speaks both, over HTTP. The rows `four tools` and `direct`
go through the other profiles. `--stdio` leaves out HTTP, and with it the remote child. `--direct` leaves mcporch out, which shows
what the clients and the fixture can do at all.

Exit status 1 when a cell fails, 2 when mcporch does not start. What is not installed is named by a line `skipped: …`.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import gateway  # noqa: E402

FEATURES = [
    "call", "progress", "cancel", "list_changed", "elicitation", "sampling", "resources", "prompts",
    "roots", "url", "updates", "logging", "completion",
]  # fmt: skip
CHILDREN = ["legacy", "modern", "remote"]
# One: clients of one pipe are told apart by what is open on it, and the fixture's count of cancelled calls is everybody's.
RUNS_AT_ONCE = 1
# All features of one client: a second each where they work.
RUN_S_MAX = 150
MODERN = gateway.MODERN

# Client, how it is installed, program, and its modes.
CLIENTS = [
    ("TypeScript 1.x", "node", "matrix_ts_v1.mjs", ["legacy"]),
    ("TypeScript 2.x", "node", "matrix_ts_v2.mjs", ["legacy", "auto", MODERN]),
    ("Python 1.x", "python1", "matrix_python.py", ["legacy"]),
    ("Python 2.x", "python2", "matrix_python.py", ["legacy", "auto", MODERN]),
    ("FastMCP", "fastmcp", "matrix_fastmcp.py", ["legacy", "auto"]),
    ("inspector CLI", "newer_node", "matrix_inspector.mjs", ["legacy", "auto", "modern"]),
]

# What the specification rules out, by (era of the client, child, feature): why.
IMPOSSIBLE = {}


class World:
    """What is there to run: the programs, the registry of the children, and their addresses."""

    def __init__(self, mcporch, work, units, direct):
        self.mcporch, self.work, self.units, self.direct = mcporch, work, units, direct
        self.clients = work / "clients"
        self.clients.mkdir()
        for program in (gateway.HERE.parent / "clients").iterdir():
            if program.is_file():
                shutil.copy(program, self.clients)
        if "node_modules" in units:
            (self.clients / "node_modules").symlink_to(units["node_modules"])  # Modules are looked up from there.
        self.url, self.registry = None, None

    def command(self, profile, way="stdio"):
        """How a client starts what it talks to; without a profile that offers the four tools."""
        alone = ["--standalone"] if way == "stdio" else []
        return [self.mcporch, "--registry", self.registry, *alone, *(["--profile", profile] if profile else [])]


def run(world, client, mode, way, row, target, features):
    """One client once: [(feature, verdict, detail)]. `target` is what it starts (a list) or its address (a text)."""
    name, unit, program, _ = client
    home = world.work / f"{name}-{mode}-{way}-{row}".replace(" ", "_").lower()
    job = {"transport": "http" if way == "http" else "stdio", "mode": mode, "features": features}
    job |= {"url": target} if way == "http" else {"command": target}
    command = [world.units[unit], str(world.clients / program), json.dumps(job)]
    env = gateway.environment(home)
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=RUN_S_MAX)
        out, last = done.stdout, done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        (home / "stderr").write_text(done.stderr)
    except subprocess.TimeoutExpired as late:
        out, last = (late.stdout or b"").decode(), [f"took more than {RUN_S_MAX} s"]
    if way == "daemon":
        subprocess.run([world.mcporch, "--registry", world.registry, "daemon", "--stop"], env=env, capture_output=True)
    found, version = {}, None
    for line in out.splitlines():
        finding = json.loads(line) if line.startswith("{") else {}
        version = finding.get("version", version)
        if "feature" in finding:
            found[finding["feature"]] = finding["verdict"], finding["detail"]
    wanted = MODERN if mode != "legacy" else "2025"
    missing = ("FAIL", f"the client ended: {last[0][:300]}")
    if version and not version.startswith(wanted) and not (world.direct and mode == "auto" and row == "legacy"):
        missing = ("FAIL", f"negotiated {version}, wanted {wanted}")
        found = {}
    era = "modern" if (version or wanted) >= "2026" else "legacy"
    return [(feature, *judged(found.get(feature, missing), era, row, feature)) for feature in features]


def judged(verdict, era, child, feature):
    """A failure that the specification makes impossible to avoid is none."""
    why = IMPOSSIBLE.get((era, child, feature))
    return ("none", why) if why and verdict[0] == "FAIL" else verdict


def jobs(world):
    """(client, mode, way, row, target, features) of everything there is to run."""
    for client in CLIENTS:
        if client[1] not in world.units:
            continue
        for mode in client[3]:
            if world.direct:
                for era in ["legacy", "modern"]:
                    if (era == "legacy") == (mode == "legacy") or mode == "auto":
                        entry = gateway.fixture(world.mcporch, era)
                        yield client, mode, "stdio", era, [entry["command"], *entry["args"]], FEATURES
                continue
            for child in CHILDREN if world.url else CHILDREN[:2]:
                for way in ["stdio", "daemon"] if client[1] == "node" else ["stdio"]:
                    yield client, mode, way, child, world.command(f"s/{child}", way), FEATURES
                if world.url:
                    yield client, mode, "http", child, f"{world.url}/mcp/s/{child}", FEATURES
            for row, profile, path, feature in [
                ("four tools", None, "/mcp", "execute"),
                ("direct", "direct", "/mcp/direct", "direct"),
            ]:
                yield client, mode, "stdio", row, world.command(profile), [feature]
                if world.url:
                    yield client, mode, "http", row, f"{world.url}{path}", [feature]


def run_all(world, asked):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        for job in jobs(world):
            title = [job[0][0], job[1], job[2], job[3]]
            if asked.only.lower() in " ".join(title).lower():
                rows.append((title, pool.submit(run, world, *job)))
        return [(title, future.result()) for title, future in rows]


def report(rows):
    """Prints the table, what failed and the notes; gives how many cells failed."""
    notes, failed, table, ok = [], [], [], 0
    for title, findings in rows:
        cells = {}
        for feature, verdict, detail in findings:
            if verdict == "none":
                if detail not in notes:
                    notes.append(detail)
                cells[feature] = f"-{notes.index(detail) + 1}"
            else:
                cells[feature] = verdict
                ok += verdict == "ok"
                if verdict == "FAIL":
                    failed.append(f"{', '.join(title)}: {feature}: {' '.join(detail.split())}")
        shown = [cells.get(feature, "") for feature in FEATURES]
        only = [cells[feature] for feature in cells if feature not in FEATURES]
        if only:
            shown[0] = only[0]
        table.append([*title, *shown])
    gateway.print_table(["client", "mode", "over", "child", *FEATURES], table)
    for number, note in enumerate(notes, 1):
        print(f"  -{number}  {note}")
    for line in failed:
        print(f"  FAIL {line}")
    print(f"{ok} ok, {len(failed)} failed, {sum(len(found) for _, found in rows) - ok - len(failed)} impossible")
    return len(failed)


def main():
    parser = argparse.ArgumentParser(prog="matrix.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("--only", default="", help="only rows whose first four columns contain this")
    parser.add_argument("--stdio", action="store_true", help="no HTTP, and no remote child")
    parser.add_argument("--direct", action="store_true", help="clients straight to the fixture")
    parser.add_argument("--cache", default=gateway.default_cache(), help="where the clients are installed")
    parser.add_argument("--json", help="a file for the findings")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-matrix-"))
    world = World(mcporch, work, gateway.installed(asked.cache, "clients"), asked.direct)
    try:
        children = {era: gateway.fixture(mcporch, era) for era in ["legacy", "modern"]}
        if asked.direct or asked.stdio:
            world.registry = gateway.write_registry(work / "registry.json", children)
            rows = run_all(world, asked)
        else:
            with gateway.Serving(mcporch, work / "far", {"fixture": gateway.fixture(mcporch, "both")}) as far:
                children["remote"] = gateway.remote(f"{far.url}/mcp/s/fixture")
                world.registry = gateway.write_registry(work / "registry.json", children)
                with gateway.Serving(mcporch, work / "near", children) as near:
                    world.url = near.url
                    rows = run_all(world, asked)
    except gateway.NotStarted as error:
        print(error, file=sys.stderr)
        return 2
    if asked.json:
        pathlib.Path(asked.json).write_text(json.dumps(rows, indent=1))
    if report(rows) == 0:
        shutil.rmtree(work)
        return 0
    print(f"what was written is kept in {work}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
