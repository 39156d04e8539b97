#!/usr/bin/env python3
"""A real Prometheus scrapes mcporch as ops/ says, and every metric that ops/ names is there. Linux; Prometheus from Debian.

    metrics.py BIN [--ops FOLDER] [--only TEXT] [--cache DIR]

Checks `promtool check metrics`, `check config` and `check rules`, the rules' own tests where there are any, that Prometheus finds
the target up and evaluates every expression of the rules and of the Grafana dashboard without a fault, and that no name in them
is missing in what mcporch gives. Exit status 1 when something failed; without Prometheus it says `skipped: …`.
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import gateway  # noqa: E402
import rest_world  # noqa: E402
import sse  # noqa: E402
from api import Api  # noqa: E402
from rest_keys import ALWAYS, Keys  # noqa: E402
from verdicts import Verdicts  # noqa: E402
from websocket import WebSocket  # noqa: E402

OPS = gateway.HERE.parent.parent / "ops"
UP_S_MAX = 30
SCRAPES_S = 8
MEASURED_S_MAX = 20
# Labels whose values come from outside must not make the number of series grow without end.
SERIES_MAX = 3000
# What every Prometheus knows of a target by itself.
OWN = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
# What S0 asks for, by words of which one must be in a metric's name.
WANTED = {
    "active servers": r"server.*(state|running|ready|active)|servers",
    "execution times": r"call.*duration.*seconds",
    "error rates": r"(error|failed|failure)|calls?_total",
    "memory": r"memory.*bytes|resident",
    "processor": r"cpu",
    "pool": r"in_flight|waiting|instances",
    "routing decisions": r"(route|routing|decision)",
    "confidence": r"confidence",
    "latency by stage": r"(stage|embed|rank).*seconds",
    "clients": r"client|connection|session",
}
# Words of PromQL that are no metric: functions, keywords and aggregations.
PROMQL = set(
    """sum avg min max count by without on ignoring group_left group_right and or unless rate irate increase delta deriv histogram_quantile
    topk bottomk quantile stddev abs ceil floor round clamp clamp_min clamp_max label_replace label_join absent absent_over_time
    avg_over_time max_over_time min_over_time sum_over_time count_over_time changes resets time vector scalar offset bool sort sort_desc
    predict_linear last_over_time present_over_time group count_values inf nan le""".split()
)


def main():
    parser = argparse.ArgumentParser(prog="metrics.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("--ops", type=pathlib.Path, default=OPS, help="the folder with Prometheus' and Grafana's files")
    parser.add_argument("--only", default="", help="only checks whose name contains this")
    parser.add_argument("--cache", default=gateway.default_cache(), help="where Prometheus is unpacked")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    units = gateway.installed(asked.cache, "surfaces")
    verdicts = Verdicts(asked.only)
    if "prometheus" not in units:
        verdicts.skip("everything: there is no Prometheus")
        return verdicts.end()
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-metrics-"))
    keys = Keys(mcporch, work / "mcporch")
    key_file = work / "mcporch.key"
    key_file.write_text(keys.create("prometheus", "viewer"))
    operator = keys.create("operator", "operator")
    with gateway.Serving(mcporch, work / "mcporch", rest_world.servers(mcporch, work), options=ALWAYS) as serving:
        api = Api(serving.url, operator)
        program = pathlib.Path(units["prometheus"])
        verdicts.whole("metrics", lambda: cases(verdicts, serving, api, program, asked.ops.resolve(), work, key_file))
    status = verdicts.end()
    if status == 0:
        shutil.rmtree(work)
    else:
        print(f"what was written is kept in {work}", file=sys.stderr)
    return status


def cases(verdicts, serving, api, prometheus, ops, work, key_file):
    promtool = shutil.which("promtool", path=str(prometheus.parent)) or "promtool"
    live_a_little(api)
    text = scrape(api)
    names = names_of(text)
    verdicts.section("What mcporch gives")
    verdicts.check("promtool check metrics", lambda: tool([promtool, "check", "metrics"], text))
    verdicts.check("content type", lambda: content_type(api))
    verdicts.check("as OpenMetrics, where that is asked for", lambda: open_metrics(api))
    for what, words in WANTED.items():
        verdicts.check(f"there is something about {what}", lambda words=words: None if any(re.search(words, name) for name in names) else sorted(names))
    verdicts.check("names begin alike and end in their unit", lambda: badly_named(text))
    verdicts.check("a server of any name does not break a label", lambda: odd_labels(text))
    verdicts.check("labels from outside are bounded", lambda: bounded(api))
    verdicts.check("counters only grow", lambda: monotone(text, api))
    verdicts.section("ops/")
    files = sorted(ops.rglob("*")) if ops.is_dir() else []
    rules = [path for path in files if path.suffix in (".yml", ".yaml") and re.search(r"^groups:", path.read_text(), re.M)]
    tests = [path for path in files if path.suffix in (".yml", ".yaml") and re.search(r"^rule_files:[\s\S]*^tests:", path.read_text(), re.M)]
    configs = [path for path in files if path.suffix in (".yml", ".yaml") and "scrape_configs:" in path.read_text()]
    boards = [path for path in files if path.suffix == ".json" and '"panels"' in path.read_text()]
    verdicts.check("it has a config, rules and a dashboard", lambda: None if configs and rules and boards else f"in {ops}: {[p.name for p in files]}")
    for path in rules:
        verdicts.check(f"promtool check rules {path.name}", lambda path=path: tool([promtool, "check", "rules", str(path)]))
    for path in tests:
        verdicts.check(f"promtool test rules {path.name}", lambda path=path: tool([promtool, "test", "rules", str(path)]))
    for path in configs:
        verdicts.check(f"promtool check config {path.name}", lambda path=path: tool([promtool, "check", "config", "--syntax-only", str(path)]))
    expressions = {path: expressions_of(path) for path in rules + boards}
    for path, found in expressions.items():
        verdicts.check(f"{path.name}: every metric of its {len(found)} expressions is given", lambda path=path, found=found: unknown(found, api, path))
    verdicts.section("A real Prometheus")
    if configs:
        verdicts.whole("Prometheus", lambda: with_prometheus(verdicts, serving, api, prometheus, own_config(configs[0], serving, rules, work, key_file), expressions, work))


def live_a_little(api):
    """Every metric should have been counted once."""
    for body in [{"request": "send back a text"}, {"request": "what time is it in Tokyo"}, {"tool": "misbehave.fail"}]:
        api.post("/execute", body)
    for tool in ["chatty.say", "misbehave.fail", "misbehave.crash", "absent.anything"]:
        api.post("/call", {"tool": tool, "params": {"text": "x"} if tool.endswith("say") else {}})
    api.post("/find", {"query": "send back a text"})
    api.post("/servers/bench/restart")
    api.post(f"/servers/{urllib.parse.quote(rest_world.ODD_NAME, safe='')}/start")
    api.get("/nothing")
    with contextlib.suppress(Exception), WebSocket(api.url, headers=api.headers) as ws, sse.Events(api.url, headers=api.headers) as stream:
        ws.ask("status")
        list(stream.events(1.2))


def scrape(api):
    reply = api.ask("GET", "/metrics", headers={"Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"})
    if reply.status != 200:
        raise ValueError(f"/metrics: {reply}")
    return reply.body.decode()


def names_of(text):
    """The names of all samples, those of histograms as they are asked for (_bucket, _sum, _count)."""
    return {re.match(r"[a-zA-Z_:][\w:]*", line).group(0) for line in text.splitlines() if line and not line.startswith("#")}


def tool(command, given=None):
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    said = (done.stdout + done.stderr).strip()
    return None if done.returncode == 0 else f"exit {done.returncode}: {said[:500]}"


def content_type(api):
    found = api.ask("GET", "/metrics", headers={"Accept": "*/*"}).headers.get("content-type") or ""
    return None if re.match(r"text/plain; *version=0\.0\.4|application/openmetrics-text; *version=1\.0\.0", found) else f"{found!r}"


def open_metrics(api):
    reply = api.ask("GET", "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    if "openmetrics" not in (reply.headers.get("content-type") or ""):
        return None  # Nobody has to.
    return None if reply.body.endswith(b"# EOF\n") else "it does not end in # EOF"


def badly_named(text):
    families = re.findall(r"^# TYPE (\S+) (\w+)", text, re.M)
    wrong = [name for name, _ in families if not name.startswith(("mcporch_", "process_"))]
    wrong += [name for name, kind in families if kind == "counter" and not name.endswith("_total")]
    wrong += [name for name, kind in families if kind == "histogram" and not re.search(r"_(seconds|bytes|ratio|confidence)$", name)]
    wrong += [name for name, _ in families if re.search(r"(_ms|_millis|_kib|_mib|_percent)(_|$)", name)]
    return wrong or None


def odd_labels(text):
    return None if rest_world.ODD_NAME in text else "the server is in no label"


def series(text):
    return sum(1 for line in text.splitlines() if line and not line.startswith("#"))


def bounded(api):
    """Names that nobody has must not become labels."""
    before = series(scrape(api))
    for number in range(200):
        api.post("/call", {"tool": f"nobody{number}.nothing{number}"})
        api.named(f"invented_{number}", {})
        api.get(f"/invented/{number}")
    for number in range(250):
        api.post("/call", {"tool": f"many.list_calendar_invoice_{number}"})
    text = scrape(api)
    after = series(text)
    if "invented" in text or "nobody7" in text:
        return "names that nobody has are in it"
    return f"{before} series became {after}" if after > SERIES_MAX else None


def monotone(before, api):
    """No counter of the first scrape is smaller or gone in a later one."""
    def counters(text):
        kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)", text, re.M))
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line and not line.startswith("#") and kinds.get(re.match(r"[\w:]+", line).group(0)) == "counter"
        }

    later = counters(scrape(api))
    wrong = [name for name, value in counters(before).items() if later.get(name, -1) < value]
    return wrong[:5] or None


def expressions_of(path):
    """Of rules: what follows `expr:`, also over several lines; of a dashboard: every `expr`, and the queries of its variables."""
    text = path.read_text()
    if path.suffix == ".json":
        found = []

        def walk(node):
            if isinstance(node, dict):
                for key, value in node.items():
                    if key in ("expr", "query", "definition") and isinstance(value, str) and value:
                        found.append(value)
                    walk(value)
            if isinstance(node, list):
                for one in node:
                    walk(one)

        walk(json.loads(text))
        # `datasource`, `prometheus` and the like are a variable's query too.
        return [one for one in found if re.search(r"mcporch|\(", one)]
    found = []
    for match in re.finditer(r"^( *)(?:- )?expr: *(\|-?|>-?)? *(.*)$((?:\n(?:\1 +.*|\s*))*)", text, re.M):
        block = match.group(4) if match.group(2) else match.group(3)
        found.append(" ".join(line.split("#")[0].strip() for line in block.splitlines()).strip().strip("'\""))
    return found


def metrics_in(expression):
    recorded = re.sub(r'"[^"]*"', '""', expression)
    recorded = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\$\{?\w+\}?", "", recorded)
    recorded = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", recorded)
    recorded = re.sub(r"label_values\(([^,)]+)[^)]*\)", r"\1", recorded)
    words = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*", recorded)
    return {word for word in words if word.lower() not in PROMQL and word not in ("label_values", "query_result")}


def unknown(expressions, api, path):
    """What the processes of servers use is looked at now and then, so it may take a moment to be there."""
    records = set(re.findall(r"record: *(\S+)", path.read_text()))
    used = set().union(*[metrics_in(expression) for expression in expressions]) if expressions else set()
    if not used:
        return "it names none"
    end = time.monotonic() + MEASURED_S_MAX
    while (lacking := used - names_of(scrape(api)) - OWN - records) and time.monotonic() < end:
        time.sleep(0.5)
    return sorted(lacking) or None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_config(config, serving, rules, work, key_file):
    """The config of ops/ with our target and our key in the place of its own, quick, and with the rules where they lie."""
    text = config.read_text()
    text = re.sub(r"targets: *\[[^\]]*\]|targets:\s*(?:\n\s+- .*)+", f'targets: ["{serving.url.removeprefix("http://")}"]', text)
    text = re.sub(r"(scrape_interval|evaluation_interval): *\S+", r"\1: 1s", text)
    text = re.sub(r"scrape_timeout: *\S+", "scrape_timeout: 1s", text)
    text = re.sub(r"rule_files:.*(?:\n\s*- .*)*", "rule_files: " + json.dumps([str(path) for path in rules]), text)
    text = re.sub(r"credentials_file: *\S+", f"credentials_file: {key_file}", text)
    path = work / "prometheus.yml"
    path.write_text(text)
    return path


class Prometheus:
    def __init__(self, program, config, work):
        self.url = f"http://127.0.0.1:{free_port()}"
        command = [str(program), f"--config.file={config}", f"--storage.tsdb.path={work / 'tsdb'}"]
        self.log = work / "prometheus.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*command, f"--web.listen-address={self.url[7:]}"], stdout=log, stderr=log)

    def ask(self, path, **query):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def __enter__(self):
        end = time.monotonic() + UP_S_MAX
        while True:
            with contextlib.suppress(OSError):
                self.ask("targets")
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Prometheus does not start: {self.log.read_text()[-400:]}")
            time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def with_prometheus(verdicts, serving, api, program, config, expressions, work):
    with Prometheus(program, config, work) as prometheus:
        verdicts.check("the target is up", lambda: up(prometheus))
        end = time.monotonic() + SCRAPES_S
        while time.monotonic() < end:
            api.post("/call", {"tool": "chatty.say", "params": {"text": "x"}})
            api.post("/find", {"query": "send back a text"})
            time.sleep(0.1)
        verdicts.check("every rule is evaluated without a fault", lambda: rules_healthy(prometheus))
        for path, found in expressions.items():
            verdicts.check(f"{path.name}: every expression can be asked", lambda found=found: asked_all(prometheus, found))
        verdicts.check("a rate of calls is seen", lambda: rate_seen(prometheus, api))
        verdicts.check("nothing fires that should not", lambda: firing(prometheus))


def up(prometheus):
    end = time.monotonic() + UP_S_MAX
    while True:
        targets = prometheus.ask("targets")["activeTargets"]
        if targets and all(target["health"] == "up" for target in targets):
            return None
        if time.monotonic() > end:
            return [(target["scrapeUrl"], target["health"], target["lastError"]) for target in targets] or "no targets"
        time.sleep(0.3)


def rules_healthy(prometheus):
    found = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    wrong = [(rule["name"], rule["health"], rule.get("lastError")) for rule in found if rule["health"] != "ok"]
    return wrong or (None if found else "no rules")


def asked_all(prometheus, found):
    wrong, empty = [], 0
    for expression in found:
        plain = re.sub(r"\$\{?__(rate_)?interval\}?|\$\{?__range\}?", "5s", expression)
        plain = re.sub(r"\$\{?\w+(:\w+)?\}?", ".*", plain)
        if match := re.match(r"label_values\(([^,]+),.*\)$|query_result\((.*)\)$", plain):
            plain = match.group(1) or match.group(2)
        elif plain.startswith("label_values("):
            continue
        try:
            empty += not prometheus.ask("query", query=plain)["result"]
        except urllib.error.HTTPError as error:
            wrong.append((expression, error.read().decode()[:200]))
    print(f"       {len(found) - empty - len(wrong)} of {len(found)} have values now")
    return wrong or None


def rate_seen(prometheus, api):
    counters = [name for name in names_of(scrape(api)) if re.search(r"calls?_total$", name)]
    for name in counters:
        result = prometheus.ask("query", query=f"sum(rate({name}[5s]))")["result"]
        if result and float(result[0]["value"][1]) > 1:
            return None
    return f"none of {counters} grows"


def firing(prometheus):
    """One server cannot start and one was made to crash; other alerts are false alarms. Lists them, fails for a target that is down."""
    alerts = [alert["labels"].get("alertname") for alert in prometheus.ask("alerts")["alerts"] if alert["state"] == "firing"]
    print(f"       firing: {sorted(set(alerts))}")
    return [alert for alert in alerts if alert and re.search(r"(?i)mcporch.*down|target", alert) and "server" not in alert.lower()] or None


if __name__ == "__main__":
    sys.exit(main())
