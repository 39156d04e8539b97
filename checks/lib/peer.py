"""An MCP client on pipes, in either era, that plays the person behind it too: it fills in forms, and answers for a model.

It checks nothing. `Peer.request` gives the result as it came, after all that mcporch asked on the way was answered.
"""

import json
import queue
import subprocess
import sys
import threading

from gateway import LEGACY, MODERN

CAPABILITIES = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {"listChanged": True}}
CLIENT = {"name": "mcporch-checks", "version": "1"}
META = "io.modelcontextprotocol/"
# Rounds of input_required for one request; the suite's longest needs three.
ROUNDS_MAX = 8


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')} {error.get('message')}")
        self.code = error.get("code")


def field_value(schema):
    """A value that a person could have given for one field of a form: its default, or the least that fits."""
    if "default" in schema:
        return schema["default"]
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        return choices[0].get("const")
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [field_value(schema.get("items", {}))]
    if kind == "string":
        formats = {"email": "anna@example.org", "uri": "https://example.org/", "date": "2026-01-31"}
        return formats.get(schema.get("format"), "cloudberry".ljust(schema.get("minLength", 0), "y"))
    return {"boolean": True, "integer": 7, "number": 7.5}.get(kind)


def answer_for(method, params):
    """What the person, the model or the editor behind this client says."""
    if method == "elicitation/create":
        if params.get("mode") == "url":
            return {"action": "accept"}
        fields = params.get("requestedSchema", {}).get("properties", {})
        return {"action": "accept", "content": {name: field_value(field) for name, field in fields.items()}}
    if method == "sampling/createMessage":
        content = {"type": "text", "text": "The model says cloudberry."}
        return {"role": "assistant", "content": content, "model": "checks", "stopReason": "endTurn"}
    if method == "roots/list":
        return {"roots": [{"uri": "file:///cloudberries", "name": "cloudberries"}]}
    return None


class Peer:
    """One connection. A context manager; leaving it closes stdin and waits for the end of the process."""

    def __init__(self, command, version, env=None, capabilities=None, seconds_max=25):
        self.version = version
        self.modern = version >= MODERN
        self.capabilities = CAPABILITIES if capabilities is None else capabilities
        self.seconds_max = seconds_max
        self.asked = []  # Methods that mcporch asked us for, in order.
        self.notified = []
        self.answers = {}
        self.lock = threading.Lock()
        self.last_id = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        if not self.modern:
            hello = {"protocolVersion": self.version, "capabilities": self.capabilities, "clientInfo": CLIENT}
            self.server = self.ask("initialize", hello)
            self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        else:
            self.server = self.request("server/discover", {})
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def write(self, message):
        with self.lock:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "method" not in message:
                waiting = self.answers.get(message.get("id"))
                if waiting is None:
                    print(f"an answer to nothing: {line[:300]!r}", file=sys.stderr)
                else:
                    waiting.put(message)
            elif "id" in message:
                self.asked.append(message["method"])
                said = answer_for(message["method"], message.get("params", {}))
                if message["method"] == "ping":
                    said = {}
                answer = {"result": said} if said is not None else {"error": {"code": -32601, "message": "not known"}}
                self.write({"jsonrpc": "2.0", "id": message["id"]} | answer)
            else:
                self.notified.append(message)
        for waiting in list(self.answers.values()):
            waiting.put({"error": {"code": 0, "message": "mcporch closed its stdout"}})

    def ask(self, method, params):
        """One request and its answer."""
        with self.lock:
            self.last_id += 1
            number = self.last_id
            waiting = self.answers[number] = queue.Queue()
        self.write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            message = waiting.get(timeout=self.seconds_max)
        except queue.Empty:
            raise TimeoutError(f"no answer to {method} within {self.seconds_max} s") from None
        if "error" in message:
            raise RpcError(message["error"])
        return message["result"]

    def once(self, method, params):
        """One request and its answer, with what a request of this era carries."""
        if self.modern:
            own = {"protocolVersion": self.version, "clientCapabilities": self.capabilities, "clientInfo": CLIENT}
            meta = {META + name: value for name, value in own.items()} | params.get("_meta", {})
            params = params | {"_meta": meta}
        return self.ask(method, params)

    def request(self, method, params, between=None):
        """A request to its end: what the answer says is needed is given. `between` runs once before the first retry."""
        result = self.once(method, params)
        for _ in range(ROUNDS_MAX):
            if result.get("resultType") != "input_required":
                return result
            if between:
                between()
                between = None
            given = {}
            for key, wanted in result.get("inputRequests", {}).items():
                self.asked.append(wanted["method"])
                given[key] = answer_for(wanted["method"], wanted.get("params", {}))
            retry = params | {"inputResponses": given}
            if "requestState" in result:
                retry["requestState"] = result["requestState"]
            result = self.once(method, retry)
        raise RpcError({"code": 0, "message": f"still input_required after {ROUNDS_MAX} rounds"})

    def call(self, tool, arguments=None, **more):
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}}, **more)

    def tools(self):
        """All tools, of all pages."""
        tools, params = [], {}
        while True:
            page = self.request("tools/list", params)
            tools += page["tools"]
            if not page.get("nextCursor"):
                return tools
            params = {"cursor": page["nextCursor"]}


def era_of(version):
    return "modern" if version >= MODERN else "legacy"


__all__ = ["LEGACY", "MODERN", "Peer", "RpcError", "answer_for", "era_of", "field_value"]
