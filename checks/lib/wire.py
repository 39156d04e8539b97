"""Raw HTTP towards mcporch, byte for byte as a check wants it, and what came back. The standard library alone."""

import http.client
import json
import socket
import urllib.parse

from gateway import LEGACY, MODERN

ANSWER_S_MAX = 20
META = "io.modelcontextprotocol/"
BOTH_TYPES = "application/json, text/event-stream"


class Answer:
    """Status, headers, and the JSON-RPC message that answers (of a body or the last one of an event stream)."""

    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body
        self.messages = list(messages_of(response.headers.get("content-type", ""), body))
        answers = [message for message in self.messages if isinstance(message, dict) and "method" not in message]
        self.message = answers[-1] if answers else None

    @property
    def code(self):
        """The code of a JSON-RPC error, or None."""
        return ((self.message or {}).get("error") or {}).get("code")

    @property
    def result(self):
        return (self.message or {}).get("result")

    def text(self):
        return " ".join(part.get("text", "") for part in (self.result or {}).get("content", []))

    def __str__(self):
        code = f", {self.code}" if self.code is not None else ""
        what = "" if code or self.result is None else ", result"
        return f"{self.status}{code}{what}"


def messages_of(content_type, body):
    lines = [body]
    if "event-stream" in content_type:
        lines = [line[5:] for line in body.splitlines() if line.startswith(b"data:")]
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue


class Place:
    """Where mcporch listens."""

    def __init__(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.headers = parts.hostname, parts.port, headers or {}

    def socket(self):
        return socket.create_connection((self.host, self.port), timeout=ANSWER_S_MAX)

    def send(self, method, path, body=None, headers=None, host=None):
        """One request on a connection of its own. A header that is None is left out; a list is sent once for each."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S_MAX)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or f"{self.host}:{self.port}")
            for name, value in (self.headers | (headers or {})).items():
                for one in value if isinstance(value, list) else [value]:
                    if one is not None:
                        connection.putheader(name, one)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response, read_answer(response))
        finally:
            connection.close()

    def raw(self, *parts):
        """Sends bytes as they are, and gives the status that came, or why none did."""
        with self.socket() as connection:
            try:
                for part in parts:
                    connection.sendall(part)
            except OSError:
                pass  # Whoever refuses a request need not read it to its end.
            return status_of(connection)


def status_of(connection):
    try:
        line = connection.recv(4096)
    except TimeoutError:
        return "no answer"
    except OSError:
        return "closed"
    return int(line.split()[1]) if line.startswith(b"HTTP/") else "closed"


def read_answer(response):
    """The body; of an event stream only up to the event that answers, for the stream may stay open."""
    if "event-stream" not in response.headers.get("content-type", ""):
        return response.read()
    body = b""
    for line in response:
        body += line
        if line.startswith(b"data:") and any("method" not in message for message in messages_of("event-stream", line)):
            break
    return body


def modern_params(params, capabilities=None, version=MODERN):
    own = {"protocolVersion": version, "clientCapabilities": capabilities or {}, "clientInfo": {"name": "bad", "version": "1"}}
    meta = {META + name: value for name, value in own.items()}
    return params | {"_meta": meta | params.get("_meta", {})}


def modern_headers(method, params, version=MODERN):
    headers = {"Content-Type": "application/json", "Accept": BOTH_TYPES, "MCP-Protocol-Version": version}
    headers["Mcp-Method"] = method
    name = params.get("uri") if method == "resources/read" else params.get("name")
    if name:
        headers["Mcp-Name"] = name
    return headers


def message(method, params, number=1):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


class Modern:
    """A client of 2026-07-28: each request stands alone."""

    def __init__(self, place, path, capabilities=None):
        self.place, self.path, self.capabilities = place, path, capabilities

    def ask(self, method, params=None, headers=None, number=1, version=MODERN, body_version=None, **more):
        params = params or {}
        whole = modern_params(params, self.capabilities, body_version or version)
        sent = modern_headers(method, params, version) | (headers or {})
        return self.place.send("POST", self.path, message(method, whole, number), sent, **more)

    def call(self, tool, arguments=None, **more):
        extra = {name: more.pop(name) for name in ["inputResponses", "requestState"] if name in more}
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}} | extra, **more)


class Legacy:
    """A client of 2025-11-25: `initialize` gives a session."""

    def __init__(self, place, path, version=LEGACY):
        self.place, self.path, self.session = place, path, None
        hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "bad", "version": "1"}}
        self.hello = self.ask("initialize", hello, headers={"MCP-Protocol-Version": None})
        self.session = self.hello.headers.get("mcp-session-id")
        if self.hello.result:
            note = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
            self.noted = place.send("POST", path, note, self.headers())

    def headers(self):
        own = {"Content-Type": "application/json", "Accept": BOTH_TYPES, "MCP-Protocol-Version": LEGACY}
        return own | ({"Mcp-Session-Id": self.session} if self.session else {})

    def ask(self, method, params=None, headers=None, number=1, **more):
        sent = self.headers() | (headers or {})
        return self.place.send("POST", self.path, message(method, params or {}, number), sent, **more)

    def call(self, tool, arguments=None, **more):
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}}, **more)
