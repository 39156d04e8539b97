#!/usr/bin/env python3
"""mcporch to remote servers that nobody here wrote: streamable HTTP, the older HTTP+SSE, and one that wants a login.

    remote_servers.py BIN [--only TEXT] [--cache DIR]

server-everything (TypeScript SDK 1.x) and small servers of the Python SDK 1.x and 2.x listen on loopback, each in both
transports; a client of each era talks to each through mcporch (`--standalone --profile s/…`). FastMCP's server with its own
issuer is used through login, restart, refresh, revocation and logout. Exit status 1 when something failed; what is not
installed is named by a line `skipped: …`.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import gateway  # noqa: E402
from peer import Peer, RpcError  # noqa: E402

SERVERS = gateway.HERE.parent / "servers"
LISTENS_S_MAX = 30
LOGIN_S_MAX = 30
TOKEN_S = 3  # As in servers/python_http.py.


class Verdicts:
    def __init__(self, only):
        self.only, self.failed, self.count = only.lower(), 0, 0

    def check(self, name, tried):
        """`tried()` gives nothing when all is well, or what is wrong; what it raises is wrong too."""
        if self.only not in name.lower():
            return
        try:
            wrong = tried()
        except Exception as error:  # noqa: BLE001  # Whatever goes wrong is a finding.
            wrong = f"{type(error).__name__}: {error}"
        self.count += 1
        self.failed += bool(wrong)
        print(f"  {'FAIL' if wrong else 'ok  '} {name}{f'  ({str(wrong)[:300]})' if wrong else ''}", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def listening(command, log, port=None):
    """A server, until the end of the block; gives its port, which it says itself where none is given."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield wait_for_port(process, command, log, port)
    finally:
        process.kill()
        process.wait()


def wait_for_port(process, command, log, port):
    end = time.monotonic() + LISTENS_S_MAX
    while time.monotonic() < end and process.poll() is None:
        told = re.search(r"LISTENING (\d+)", log.read_text(errors="replace"))
        candidate = port or (told and int(told.group(1)))
        if candidate:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", candidate), 1):
                return candidate
        time.sleep(0.05)
    raise RuntimeError(f"{' '.join(map(str, command))} does not listen: {log.read_text(errors='replace')[-300:]}")


def text_of(result):
    return " ".join(part.get("text", "") for part in result.get("content", []))


def wanted(found, words):
    """Nothing, when the text has the words; else the text."""
    return None if re.search(words, found) else f"got {found[:200]!r}"


def progress_of(peer, tool, arguments, words):
    """A call that must report its progress, and end in these words."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "berries"}}
    found = text_of(peer.request("tools/call", params))
    seen = [note["params"] for note in peer.notified if note["method"] == "notifications/progress"]
    if not seen or any(note["progressToken"] != "berries" for note in seen):
        return f"progress was {seen}"
    return wanted(found, words)


def talk_to_everything(verdicts, name, peer):
    verdicts.check(f"{name}: tools", lambda: None if len(peer.tools()) > 10 else "too few")
    verdicts.check(f"{name}: call", lambda: wanted(text_of(peer.call("echo", {"message": "cloudberry"})), "cloudberry"))
    long = "trigger-long-running-operation", {"duration": 0.5, "steps": 4}, "completed"
    verdicts.check(f"{name}: progress", lambda: progress_of(peer, *long))
    verdicts.check(f"{name}: elicitation", lambda: wanted(text_of(peer.call("trigger-elicitation-request")), "cloudberry"))
    sample = "trigger-sampling-request", {"prompt": "Which berry?", "maxTokens": 10}
    verdicts.check(f"{name}: sampling", lambda: wanted(text_of(peer.call(*sample)), "model says cloudberry"))
    verdicts.check(f"{name}: resources", lambda: read_one(peer))
    verdicts.check(f"{name}: prompts", lambda: None if peer.request("prompts/list", {})["prompts"] else "none")


def read_one(peer):
    resources = peer.request("resources/list", {})["resources"]
    contents = peer.request("resources/read", {"uri": resources[0]["uri"]})["contents"]
    return None if contents[0].get("text") or contents[0].get("blob") else f"got {contents}"


def talk_to_berries(verdicts, name, peer):
    verdicts.check(f"{name}: tools", lambda: None if len(peer.tools()) == 2 else "not two")
    verdicts.check(f"{name}: progress", lambda: progress_of(peer, "weigh", {"berries": 3}, "weigh 6 grams"))
    verdicts.check(f"{name}: elicitation", lambda: wanted(text_of(peer.call("ask")), "cloudberry"))


def everything(units, way):
    entry = pathlib.Path(units["node_modules"]) / "@modelcontextprotocol/server-everything/dist/index.js"
    return [units["node"], "-r", str(SERVERS / "loopback.cjs"), str(entry), way]


def transports(verdicts, mcporch, units, work):
    """Every server in both transports, with a client of each era."""
    candidates = []
    if "node_modules" in units:
        candidates += [
            ("everything, http", "http", "/mcp", lambda _: everything(units, "streamableHttp"), talk_to_everything),
            ("everything, sse", "sse", "/sse", lambda _: everything(units, "sse"), talk_to_everything),
        ]
    for unit in ["python1", "python2"]:
        for way, kind, path in [("streamable-http", "http", "/mcp"), ("sse", "sse", "/sse")]:
            if unit in units:
                program = [units[unit], str(SERVERS / "python_http.py"), way]
                candidates.append(
                    (f"{unit}, {kind}", kind, path, lambda port, program=program: [*program, str(port)], talk_to_berries)
                )
    for name, kind, path, command, talk in candidates:
        print(f"\n== {name}")
        fixed = None if "everything" in name else free_port()
        with listening(command(fixed), work / f"{name}.log", fixed) as port:
            home = work / name.replace(", ", "-")
            env = gateway.environment(home)
            entry = {"type": kind, "url": f"http://127.0.0.1:{port}{path}"}
            registry = gateway.write_registry(home / "registry.json", {"far": entry})
            for version in [gateway.LEGACY, gateway.MODERN]:
                command_line = [mcporch, "--registry", registry, "--standalone", "--profile", "s/far"]
                connect_and_talk(verdicts, f"{name}, {version}", command_line, version, env, talk)


def connect_and_talk(verdicts, name, command, version, env, talk):
    try:
        with Peer(command, version, env=env) as peer:
            talk(verdicts, name, peer)
    except (RpcError, TimeoutError, OSError) as error:
        refused = str(error)
        verdicts.check(f"{name}: connect", lambda: refused)


class Login:
    """mcporch and a server that wants a login; every call is a process of its own, so that each is a restart."""

    def __init__(self, mcporch, home, port, events):
        self.home, self.events = home, events
        self.env = gateway.environment(home)
        entry = {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}
        registry = gateway.write_registry(home / "registry.json", {"berries": entry})
        self.base = [mcporch, "--registry", registry]

    def auth(self, *arguments):
        done = subprocess.run([*self.base, "auth", *arguments], env=self.env, capture_output=True, text=True, timeout=LOGIN_S_MAX)
        return done.returncode, done.stdout + done.stderr

    def peer(self):
        return Peer([*self.base, "--standalone", "--profile", "s/berries"], gateway.LEGACY, env=self.env)

    def call(self, tool="weigh", arguments=None):
        """What a call says, whether it works or not."""
        try:
            with self.peer() as peer:
                return text_of(peer.call(tool, {"berries": 3} if arguments is None else arguments))
        except RpcError as error:
            return str(error)

    def noted(self, event):
        lines = self.events.read_text().splitlines() if self.events.exists() else []
        return [found["token"] for found in map(json.loads, lines) if found["event"] == event]

    def logged_in(self):
        code, said = self.auth("login", "--follow", "berries")
        return None if code == 0 else f"exit {code}: {said}"

    def status(self, code):
        found, said = self.auth("status", "berries")
        return None if found == code else f"exit {found}, wanted {code}: {said}"

    def refreshed(self):
        """Longer than a token lasts in one session, and then once more after a restart."""
        before = len(self.noted("refreshed"))
        with self.peer() as peer:
            peer.call("weigh", {"berries": 3})
            time.sleep(TOKEN_S + 1)
            found = text_of(peer.call("weigh", {"berries": 3}))
        return wanted(found, "6 grams") or (None if len(self.noted("refreshed")) > before else "nothing was refreshed")

    def asleep(self):
        time.sleep(TOKEN_S + 1)
        return wanted(self.call(), "6 grams")

    def on_disk(self):
        """Tokens that stand in any file as they are."""
        tokens = {token.encode() for event in ["issued", "refreshed"] for token in self.noted(event)}
        files = [path for path in self.home.rglob("*") if path.is_file()]
        found = [str(path) for path in files if any(token in path.read_bytes() for token in tokens)]
        return f"tokens stand in {found}" if found else (None if tokens else "no token was ever issued")

    def revoked(self):
        code, said = self.auth("logout", "berries")
        return None if code == 0 and self.noted("revoked") else f"exit {code}, {len(self.noted('revoked'))} revoked: {said}"


def login(verdicts, mcporch, units, work):
    """A server that wants a login, from the first refusal to the logout."""
    print("\n== FastMCP with its own issuer")
    port, events = free_port(), work / "events"
    command = [units["fastmcp"], str(SERVERS / "python_http.py"), "oauth", str(port), str(events)]
    asks = "mcporch auth login berries"
    with listening(command, work / "oauth.log", port):
        user = Login(mcporch, work / "login", port, events)
        verdicts.check("login: a call without one says what to do", lambda: wanted(user.call(), asks))
        verdicts.check("login: status before (exit 3)", lambda: user.status(3))
        verdicts.check("login: log in", user.logged_in)
        verdicts.check("login: status after (exit 0)", lambda: user.status(0))
        verdicts.check("login: a call", lambda: wanted(user.call(), "6 grams"))
        verdicts.check("login: a token is refreshed in a session", user.refreshed)
        verdicts.check("login: a token is refreshed after a restart", user.asleep)
        verdicts.check("login: no token stands on disk", user.on_disk)
        verdicts.check("login: the issuer forgets all logins", lambda: wanted(user.call("forget", {}), "forgotten"))
        verdicts.check("login: a call then says what to do", lambda: wanted(user.call(), asks))
        verdicts.check("login: log in again", user.logged_in)
        verdicts.check("login: a call after that", lambda: wanted(user.call(), "6 grams"))
        verdicts.check("login: log out, and the issuer revokes", user.revoked)
        verdicts.check("login: a call after the logout says what to do", lambda: wanted(user.call(), asks))


def main():
    parser = argparse.ArgumentParser(prog="remote_servers.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mcporch", metavar="BIN")
    parser.add_argument("--only", default="", help="only checks whose name contains this")
    parser.add_argument("--cache", default=gateway.default_cache(), help="where the servers are installed")
    asked = parser.parse_args()
    mcporch = gateway.binary(asked.mcporch)
    work = pathlib.Path(tempfile.mkdtemp(prefix="mcporch-remote-"))
    units = gateway.installed(asked.cache, "clients")
    verdicts = Verdicts(asked.only)
    transports(verdicts, mcporch, units, work)
    if "fastmcp" in units:
        login(verdicts, mcporch, units, work)
    print(f"\n{verdicts.count - verdicts.failed} passed, {verdicts.failed} failed")
    if verdicts.failed == 0:
        shutil.rmtree(work)
        return 0
    print(f"what was written is kept in {work}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
