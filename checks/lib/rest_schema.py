"""schemathesis against the OpenAPI document"""

import json
import re
import subprocess

import gateway
from api import Api
from verdicts import Skipped

CASES_MIN = 2000
# Both phases together give some 100 cases for each of thirty operations.
EXAMPLES = 100
RUN_S_MAX = 900
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
MORE_CHECKS = "negative_data_rejection,unsupported_method"
# Half of the names are real, else nothing but 404 would come. What a stopped server answers is checked elsewhere; here no
# server may be away, so nobody stops one that is called.
HOOKS = """
import random
import schemathesis

SERVERS = ["bench", "text", "many"]
TOOLS = ["bench.echo_0", "text.count_words", "text.change_case", "many.create_calendar_invoice_0"]
KNOWN = {"server": SERVERS, "tool": TOOLS}
STEERS = ("/start", "/stop", "/restart", "/quarantine")
chance = random.Random(7)


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.operation.path
    parameters = case.path_parameters
    for name, known in KNOWN.items():
        if not isinstance(parameters, dict) or name not in parameters:
            continue
        if path.endswith(STEERS):
            # Names that stood in answers are tried too; those must not be stopped.
            parameters[name] = "spare" if chance.random() < 0.5 else f"nobody{chance.randrange(99)}"
        elif chance.random() < 0.5:
            parameters[name] = chance.choice(known)
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("tool"), str) and chance.random() < 0.7:
        body["tool"] = chance.choice(TOOLS)
"""


def servers(mcporch):
    """Servers that always answer, whatever they are called with: names that stood in answers are tried too."""
    kinds = {"bench": "bench", "text": "text", "spare": "clock"}
    named = {name: gateway.demo(mcporch, kind) for name, kind in kinds.items()}
    return named | {"many": gateway.demo(mcporch, "custom", "--tool-count", 250)}


def cases(verdicts, serving, units, work, mcporch):
    # What stops all servers comes last, and with it alone.
    stop = ["--include-path", "/api/v1/servers/stop"]
    verdicts.check(
        f"{CASES_MIN} cases: no 5xx, no undocumented status, types and schemas as they are written",
        lambda: run(serving, units, work, CHECKS, "all", which=["--exclude-path", "/api/v1/servers/stop"]),
    )
    verdicts.check("what the document refuses is refused", lambda: run(serving, units, work, MORE_CHECKS, "refused", 30, has_hooks=False))
    verdicts.check("orders to stop: the same", lambda: run(serving, units, work, CHECKS, "stop", which=stop))
    verdicts.check("the document names all that is served", lambda: complete(Api(serving.url)))
    panics = serving.stderr().count("panicked")
    verdicts.check("no panics", lambda: f"{panics} on stderr" if panics else None)


def run(serving, units, work, checks, name, examples=EXAMPLES, which=(), has_hooks=True):
    if "python" not in units:
        raise Skipped("schemathesis is not installed")
    hooks = work / "schemathesis_hooks.py"
    # What a hook mends is no longer what should be refused.
    hooks.write_text(HOOKS if has_hooks else "")
    report = work / f"schemathesis-{name}.json"
    command = [units["python"], "-m", "schemathesis.cli", "run", f"{serving.url}/api/v1/openapi.json"]
    command += ["--phases", "examples,coverage,fuzzing", "--checks", checks, "--max-examples", str(examples), "--seed", "7"]
    command += ["--exclude-path-regex", "/events$", "--request-timeout", "20", "--workers", "1", "--no-shrink"]
    command += ["--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"]
    command += which
    command += ["--report", "json", "--report-json-path", str(report), "--no-color"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(work), "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "HOME": str(work)}
    done = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True, timeout=RUN_S_MAX)
    (work / f"schemathesis-{name}.txt").write_text(done.stdout + done.stderr)
    return judged(done, work / f"schemathesis-{name}.txt", CASES_MIN if name == "all" else 1)


def judged(done, log, cases_min):
    told = re.search(r"(\d[\d,]*) (?:test cases? )?generated", done.stdout) or re.search(r"Test cases:\s+(\d[\d,]*)", done.stdout)
    count = int(told.group(1).replace(",", "")) if told else 0
    print(f"       {count} cases")
    if done.returncode != 0:
        return f"exit {done.returncode}: {'; '.join(failures(done.stdout))[:500] or done.stderr[-300:]} (all of it in {log})"
    return f"only {count} cases" if count < cases_min else None


def failures(said):
    """Which operation failed in which way, each once."""
    found, operation = {}, "?"
    for line in said.splitlines():
        if heading := re.match(r"_{3,} (.+?) _{3,}$", line):
            operation = heading.group(1)
        elif kind := re.match(r"- (ST\d+ )?(.+)$", line):
            found.setdefault(f"{operation}: {kind.group(2)}", None)
    return list(found)


DOCUMENTED = """
    /find /execute /call /tools /tools/{tool} /capabilities /servers /servers/{server} /servers/{server}/start /servers/{server}/stop
    /servers/{server}/restart /servers/{server}/quarantine /servers/start /servers/{server}/logs /history /status /routes/inspect
    /routes/{route_id}/feedback /calls /calls/{id} /calls/latency /audit /index /index/rebuild /reload /config /results/{handle} /events
""".split()


def complete(api):
    document = api.get("/openapi.json").json
    if not document["openapi"].startswith("3.1"):
        return f"openapi is {document['openapi']}"
    paths = {path.removeprefix("/api/v1") for path in document["paths"]}
    shapes = {re.sub(r"\{\w+\}", "{}", path) for path in paths}
    lacking = [path for path in DOCUMENTED if re.sub(r"\{\w+\}", "{}", path) not in shapes]
    unnamed = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, what in methods.items()
        if isinstance(what, dict) and "responses" in what and not (what.get("operationId") and what.get("summary"))
    ]
    loose = json.dumps(document).count('"$ref": "http')
    return f"lacking {lacking}, without id or summary {unnamed[:5]}, refs to others {loose}" if lacking or unnamed or loose else None
