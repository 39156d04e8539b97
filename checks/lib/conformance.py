"""Runs the official suite: its server scenarios against `mcporch serve --http` in front of our fixture, its client
scenarios with mcporch as the client. Started by conformance.sh, which says how.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import gateway

ROOT = gateway.HERE.parent
REVISIONS = [gateway.LEGACY, gateway.MODERN]
ERAS = ["both", "legacy", "modern"]
# The suite starts all its client scenarios at once when asked for a set; two cores would rather have a few.
CLIENTS_AT_ONCE = 4
CLIENT_MS_MAX = 60_000
SUITE_S_MAX = 300


class Suite:
    """The installed suite and its node."""

    def __init__(self, node, folder):
        self.command = [node, f"{folder}/dist/index.js"]

    def run(self, *args, env=None):
        return subprocess.run([*self.command, *args], capture_output=True, text=True, env=env, timeout=SUITE_S_MAX)

    def scenarios(self, revision):
        """The required scenarios of a revision: {"server": [...], "client": [...]}."""
        found, side = {"server": [], "client": []}, None
        for line in self.run("list", "--requirements", revision).stdout.splitlines():
            if heading := re.match(r"(Server|Client) scenarios", line):
                side = heading.group(1).lower()
            elif side and (item := re.match(r"\s+- (\S+)$", line)):
                found[side].append(item.group(1))
            elif line.strip() and not line.startswith(" "):
                side = None
        if not found["server"] or not found["client"]:
            sys.exit(f"the suite knows no requirements of {revision}: it has {REVISIONS}")
        return found


def verdict_of(folder):
    """What a run wrote below `folder`: ("ok" or "FAIL", detail, checks that failed). A warning is a failure: it is a SHOULD that
    was not done."""
    written = sorted(folder.rglob("checks.json"))
    if not written:
        return "FAIL", "it did not run to its end", {"-"}
    checks = json.loads(written[-1].read_text())
    bad = [check for check in checks if check["status"] in ("FAILURE", "WARNING")]
    good = sum(check["status"] == "SUCCESS" for check in checks)
    if not bad:
        return "ok", f"{good}", set()
    told = [f"{check['id']}: {check.get('errorMessage') or check.get('description')}" for check in bad]
    return "FAIL", f"{len(bad)} of {len(bad) + good}: " + "; ".join(told), {check["id"] for check in bad}


def server_side(suite, mcporch, work, revisions, only):
    """{(revision, scenario): {era: verdict}}."""
    verdicts, beside = {}, {}
    servers = {era: gateway.fixture(mcporch, era) for era in ERAS}
    with gateway.Serving(mcporch, work / "mcporch", servers) as serving:
        for revision in revisions:
            for era in ERAS:
                out = work / f"server-{revision}-{era}"
                url = f"{serving.url}/mcp/s/{era}"
                which = ["--scenario", only, "--spec-version", revision] if only else ["--requirements", revision]
                done = suite.run("server", "--url", url, *which, "-o", str(out))
                out.mkdir(exist_ok=True)
                (out / "suite.log").write_text(done.stdout + done.stderr)
                ran = {re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", folder.name): folder for folder in out.glob("server-*")}
                required = [name for name in suite.scenarios(revision)["server"] if only in (None, name)]
                for scenario in required:
                    verdict = verdict_of(ran.pop(scenario, out / "nothing"))
                    verdicts.setdefault((revision, scenario), {})[era] = verdict
                beside[revision, era] = {name: verdict_of(folder)[0] for name, folder in ran.items()}
    report_beside(beside)
    return verdicts


def report_beside(beside):
    """What the suite runs and does not require: extensions, and what its own fixture cannot pass yet."""
    print("\n== server scenarios that are not required")
    for (revision, era), verdicts in beside.items():
        bad = sorted(name for name, verdict in verdicts.items() if verdict != "ok")
        failing = f"; not: {', '.join(bad)}" if bad else ""
        print(f"{revision}, child: {era}: {len(verdicts) - len(bad)} of {len(verdicts)} pass{failing}")


def client_side(suite, mcporch, work, revisions, only):
    """{(revision, scenario): {"-": verdict}}."""
    driver = " ".join(shlex.quote(part) for part in [sys.executable, str(ROOT / "clients" / "suite_client.py")])

    def run(revision, scenario):
        out = work / f"client-{revision}" / scenario.replace("/", "-")
        out.mkdir(parents=True)
        env = os.environ | {"CHECKS_MCPORCH": mcporch, "CHECKS_WORK": str(out / "work")}
        which = ["--scenario", scenario, "--spec-version", revision, "--force", "--timeout", str(CLIENT_MS_MAX)]
        done = suite.run("client", "--command", driver, *which, "-o", str(out), env=env)
        (out / "suite.log").write_text(done.stdout + done.stderr)
        verdict, detail, bad = verdict_of(out)
        if verdict == "ok" and done.returncode != 0:
            return "FAIL", "mcporch or its driver failed: " + last_line(out), {"-"}
        if verdict == "FAIL":
            detail += f" | driver: {last_line(out)}"
        return verdict, detail, bad

    jobs = {}
    with concurrent.futures.ThreadPoolExecutor(CLIENTS_AT_ONCE) as pool:
        for revision in revisions:
            for scenario in suite.scenarios(revision)["client"]:
                if only in (None, scenario):
                    jobs[revision, scenario] = pool.submit(run, revision, scenario)
        return {key: {"-": job.result()} for key, job in jobs.items()}


def last_line(folder):
    for written in sorted(folder.rglob("stderr.txt")):
        lines = written.read_text().strip().splitlines()
        if lines:
            return lines[-1][:300]
    return "it said nothing"


def expected_failures():
    """{(side, revision, era, scenario): checks} of expected_failures.txt."""
    expected = {}
    for number, line in enumerate((ROOT / "expected_failures.txt").read_text().splitlines(), 1):
        fields, _, why = line.partition("#")
        if fields.split():
            if len(fields.split()) != 5 or not why.strip():
                sys.exit(f"expected_failures.txt:{number}: five fields and a reason after '#' are wanted")
            *cell, check = fields.split()
            expected.setdefault(tuple(cell), set()).add(check)
    return expected


def report(side, verdicts, expected):
    """Prints the table and what failed; gives how many cells are not as they should be."""
    eras = ERAS if side == "server" else ["-"]
    rows, unexpected = [], []
    for (revision, scenario), by_era in verdicts.items():
        cells = []
        for era in eras:
            verdict, detail, bad = by_era[era]
            known = expected.get((side, revision, era, scenario), set())
            if known - bad:
                verdict = "PASSES"
                unexpected.append(
                    f"{revision} {scenario} ({era}): {known - bad} no longer fails; it stands in expected_failures.txt"
                )
            elif known and known == bad:
                verdict = "known"
            elif verdict == "FAIL":
                unexpected.append(f"{revision} {scenario} ({era}): {detail}")
            cells.append(f"{verdict} {detail}" if verdict == "ok" else verdict)
        rows.append([revision, scenario, *cells])
    names = ["child: " + era for era in eras] if side == "server" else ["mcporch"]
    print(f"\n== {side} scenarios (ok and how many checks)")
    gateway.print_table(["revision", "scenario", *names], rows)
    for line in unexpected:
        print(f"  FAIL {line[:900]}")
    cells = len(rows) * len(eras)
    print(f"{side}: {cells - len(unexpected)} of {cells} as they should be")
    return len(unexpected)


def main():
    parser = argparse.ArgumentParser(prog="conformance.sh", description=__doc__)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("revisions", metavar="REVISION", nargs="*", default=REVISIONS)
    parser.add_argument("--only", choices=["server", "client"], help="one side alone")
    parser.add_argument("--scenario", help="one scenario alone")
    parser.add_argument("--cache", default=gateway.default_cache(), help="where the suite is installed")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    units = gateway.installed(asked.cache, "suite")
    if "suite" not in units or "newer_node" not in units:
        print("skipped: the official suite is not installed")
        return 0
    suite = Suite(units["newer_node"], units["suite"])
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-conformance-"))
    failed, expected = 0, expected_failures()
    try:
        for side, run in {"server": server_side, "client": client_side}.items():
            if asked.only in (None, side):
                failed += report(side, run(suite, mcporch, work, asked.revisions, asked.scenario), expected)
    except gateway.NotStarted as error:
        print(error, file=sys.stderr)
        failed = None
    if failed == 0:
        shutil.rmtree(work)
        return 0
    print(f"what was written is kept in {work}", file=sys.stderr)
    return 2 if failed is None else 1


if __name__ == "__main__":
    sys.exit(main())
