"""The REST surface of mcporch as a check sees it: requests, answers, problems. The standard library alone."""

import http.client
import json
import re
import ssl
import urllib.parse

ANSWER_S_MAX = 30
PROBLEM = "application/problem+json"


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def type(self):
        return (self.headers.get("content-type") or "").split(";")[0].strip()

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.type} {self.body[:300].decode(errors='replace')}"


class Api:
    """Where mcporch listens. Each request has a connection of its own. A header that is None is left out."""

    def __init__(self, url, key=None, authority=None):
        parts = urllib.parse.urlsplit(url)
        self.url, self.host, self.port, self.is_tls = url, parts.hostname, parts.port, parts.scheme == "https"
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.tls = ssl.create_default_context(cafile=authority) if self.is_tls else None

    def with_key(self, key):
        other = Api(self.url)
        other.tls, other.headers = self.tls, {"Authorization": f"Bearer {key}"}
        return other

    def connect(self):
        if self.is_tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=ANSWER_S_MAX, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S_MAX)

    def ask(self, method, path, body=None, headers=None, host=None):
        """`body` is bytes as they are, or anything else as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = {"Accept": "application/json", "Content-Type": "application/json" if body is not None else None}
        connection = self.connect()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or f"{self.host}:{self.port}")
            for name, value in (sent | self.headers | (headers or {})).items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            try:
                connection.endheaders(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # Whoever refuses a body need not read it; the answer may be there all the same.
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.ask("GET", f"/api/v1{path}", **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", f"/api/v1{path}", body, **more)

    def named(self, name, body=None, **more):
        """S3's way: `POST /mcp/NAME`."""
        return self.ask("POST", f"/mcp/{name}", body, **more)


def quoted(text):
    return urllib.parse.quote(text, safe="")


def fine(reply, status=200):
    """Nothing, when a JSON answer of this status came."""
    if reply.status != status or reply.type != "application/json":
        return f"got {reply}"
    reply.json  # noqa: B018  # It must be JSON.
    return None


def problem(reply, slug, status, names=()):
    """Nothing, when the answer is this problem (RFC 9457) and names these words; else what is wrong with it."""
    if reply.status != status:
        return f"wanted {status} {slug}, got {reply}"
    if reply.type != PROBLEM:
        return f"no {PROBLEM}: {reply}"
    told = reply.json
    wrong = []
    if told.get("type") != f"/problems/{slug}":
        wrong.append(f"type is {told.get('type')!r}, not /problems/{slug}")
    if told.get("status") != status:
        wrong.append("status differs from the answer's")
    for member in ["title", "detail", "instance", "request_id"]:
        if not isinstance(told.get(member), str) or not told[member]:
            wrong.append(f"{member} is {told.get(member)!r}")
    if told.get("request_id") != reply.headers.get("x-request-id"):
        wrong.append(f"request_id {told.get('request_id')!r} is not X-Request-Id {reply.headers.get('x-request-id')!r}")
    text = json.dumps(told, ensure_ascii=False)
    wrong += [f"{name!r} is not named" for name in names if name not in text]
    if re.search(r"panicked|src/|thread '", text):
        wrong.append("it shows our insides")
    return "; ".join(wrong + [text[:300]]) if wrong else None
