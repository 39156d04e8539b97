"""Keys, scopes, rates and TLS"""

import json
import ssl
import subprocess
import time

import gateway
import sse
from api import Api, fine, problem
from verdicts import Skipped
from websocket import Closed, Refused, WebSocket

SCOPES = ["viewer", "caller", "operator", "admin"]
REFUSAL_S_MAX = 20
# A revoked or expired key is out within this time. Ours: the file of keys is read again within a second of a change.
KNOWN_S_MAX = 5
ALWAYS = ["--set", "http.require_key=always"]
CALL = {"tool": "chatty.say", "params": {"text": "x"}}
# What each scope is the first to be allowed.
ALLOWED = [
    ("viewer", "GET", "/api/v1/status", None),
    ("viewer", "GET", "/api/v1/find?q=echo", None),
    ("viewer", "POST", "/api/v1/routes/inspect", {"request": "echo"}),
    ("viewer", "GET", "/api/v1/servers/chatty/logs", None),
    ("viewer", "GET", "/api/v1/calls", None),
    ("caller", "POST", "/api/v1/call", CALL),
    ("caller", "POST", "/api/v1/execute", {"tool": "chatty.say", "params": {"text": "x"}}),
    ("caller", "POST", "/mcp/chatty.say", {"text": "x"}),
    ("operator", "POST", "/api/v1/servers/chatty/start", None),
    ("operator", "POST", "/api/v1/servers/misbehave/quarantine", {"why": "a check"}),
    ("operator", "GET", "/api/v1/audit", None),
    ("operator", "GET", "/api/v1/config", None),
    ("operator", "POST", "/api/v1/reload", None),
    ("operator", "POST", "/mcp/reload", None),
]


class Keys:
    """`mcporch keys` of a home."""

    def __init__(self, mcporch, home):
        self.mcporch, self.environment = mcporch, gateway.environment(home)

    def run(self, *args):
        command = [self.mcporch, "--json", "keys", *args]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=REFUSAL_S_MAX)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()[:300]}")
        return json.loads(done.stdout)

    def create(self, name, scope, *more):
        return self.run("create", name, "--scope", scope, *more)["key"]

    def listed(self):
        told = self.run("list")
        return told["keys"] if isinstance(told, dict) else told


def cases(verdicts, mcporch, servers, work):
    for address in ["0.0.0.0:0", "[::]:0"]:
        verdicts.check(f"{address} without keys does not start", lambda address=address: unkeyed(mcporch, work, servers, address))
    home = work / "keyed"
    keys = Keys(mcporch, home)
    given = {scope: keys.create(f"{scope}-key", scope) for scope in SCOPES}
    verdicts.check("a key of each scope, shown once", lambda: created(keys, given, home))
    with gateway.Serving(mcporch, home, servers, options=ALWAYS) as serving:
        verdicts.whole("keys", lambda: with_keys(verdicts, keys, given, serving))
    verdicts.check("behind a proxy on this machine nobody is the operator", lambda: proxied(mcporch, servers, work / "proxied"))
    verdicts.whole("rates", lambda: rates(verdicts, mcporch, servers, work / "rates"))
    verdicts.whole("0.0.0.0 with keys", lambda: network(verdicts, mcporch, servers, work / "network"))
    verdicts.whole("TLS", lambda: tls(verdicts, mcporch, servers, work / "tls"))


def unkeyed(mcporch, work, servers, address):
    home = work / "open"
    home.mkdir(exist_ok=True)
    registry = gateway.write_registry(home / "registry.json", servers)
    command = [mcporch, "--registry", registry, "serve", "--http", address]
    try:
        done = subprocess.run(command, env=gateway.environment(home), capture_output=True, text=True, timeout=REFUSAL_S_MAX)
    except subprocess.TimeoutExpired:
        return "it runs"
    return None if done.returncode != 0 and "mcporch keys create" in done.stderr else f"exit {done.returncode}: {done.stderr.strip()[:300]}"


def created(keys, given, home):
    listed = keys.listed()
    if sorted(key["name"] for key in listed) != sorted(f"{scope}-key" for scope in SCOPES):
        return f"listed {listed}"
    for path in (home / "mcporch").rglob("*"):
        if path.is_file() and any(key.split("_", 2)[2].encode() in path.read_bytes() for key in given.values()):
            return f"a key stands in {path.name}"
    return "a key is listed whole" if any(key in json.dumps(listed) for key in given.values()) else None


def with_keys(verdicts, keys, given, serving):
    bare = Api(serving.url)
    verdicts.check("no key: 401, and how to sign in", lambda: no_key(bare))
    wrong = given["admin"][:-3] + "abc"
    for name, key in [("a wrong secret", wrong), ("an unknown id", "mo_zzzzzzzz_" + "a" * 43), ("nonsense", "x"), ("a very long one", "mo_" + "x" * 8000)]:
        verdicts.check(f"{name}: 401", lambda key=key: problem(bare.with_key(key).get("/status"), "key-unknown", 401))
    verdicts.check("a wrong key is 401 even for /healthz and the page", lambda: wrong_everywhere(bare.with_key(wrong)))
    verdicts.check("/healthz and /readyz need none", lambda: open_paths(bare))
    verdicts.check("the key in the address is none", lambda: problem(bare.get(f"/status?key={given['admin']}"), "key-needed", 401))
    for least, method, path, body in ALLOWED:
        verdicts.check(f"scopes: {method} {path} from {least} on", lambda a=(method, path, body), least=least: scoped(bare, given, a, least))
    verdicts.check("scopes: /metrics", lambda: scoped_metrics(bare, given))
    verdicts.check("scopes: WebSocket, key in the header", lambda: ws_header(serving.url, given))
    verdicts.check("scopes: WebSocket, key in the first message", lambda: ws_first(serving.url, given))
    verdicts.check("scopes: WebSocket without a key", lambda: ws_none(serving.url))
    verdicts.check("scopes: events", lambda: events(serving.url, given))
    verdicts.check("scopes: what a viewer sees of calls has no parameters", lambda: viewer_detail(bare, given))
    verdicts.check("expiry: a key that is over", lambda: expired(keys, bare))
    verdicts.check("revoked while in use: requests, stream and WebSocket end", lambda: revoked(keys, bare))
    verdicts.check("revoked, while somebody guesses from the same address", lambda: revoked_beside_guesses(keys, bare))
    verdicts.check("no key, and messages that never end: memory", lambda: unfinished(serving))
    verdicts.check("made while it runs", lambda: made_later(keys, bare))
    verdicts.check("the audit says who", lambda: audited(bare, given))
    verdicts.check("no key on stderr", lambda: "there is" if any(key in serving.stderr() for key in given.values()) else None)
    panics = serving.stderr().count("panicked")
    verdicts.check("no panics", lambda: f"{panics} on stderr" if panics else None)


def no_key(api):
    reply = api.get("/status")
    how = reply.headers.get("www-authenticate") or ""
    return problem(reply, "key-needed", 401) or (None if how.lower().startswith("bearer") else f"WWW-Authenticate is {how!r}")


def wrong_everywhere(api):
    for path in ["/healthz", "/", "/metrics", "/api/v1/openapi.json"]:
        if wrong := problem(api.ask("GET", path, headers={"Accept": "*/*"}), "key-unknown", 401):
            return f"{path}: {wrong}"
    return None


def open_paths(api):
    for path in ["/healthz", "/readyz"]:
        # A proxy's own password is no key of ours.
        for headers in [None, {"Authorization": "Basic dXNlcjpwYXNz"}]:
            if (reply := api.ask("GET", path, headers=headers)).status != 200:
                return f"{path} {headers}: {reply}"
    return None


def scoped(bare, given, request, least):
    method, path, body = request
    for scope in SCOPES:
        reply = bare.with_key(given[scope]).ask(method, path, body)
        if SCOPES.index(scope) < SCOPES.index(least):
            if wrong := problem(reply, "scope-too-small", 403, [least]):
                return f"{scope}: {wrong}"
        elif reply.status not in (200, 202):
            return f"{scope}: {reply}"
    return None


def scoped_metrics(bare, given):
    without = bare.ask("GET", "/metrics", headers={"Accept": "*/*"})
    having = bare.with_key(given["viewer"]).ask("GET", "/metrics", headers={"Accept": "*/*"})
    return None if without.status == 401 and having.status == 200 else f"without a key {without.status}, with a viewer's {having.status}"


def ws_header(url, given):
    with WebSocket(url, headers={"Authorization": f"Bearer {given['viewer']}"}) as ws:
        seen, refused = ws.ask("status", number=1), ws.ask("call", CALL, number=2)
    if "result" not in seen or refused.get("error", {}).get("code") != "scope-too-small":
        return f"status {str(seen)[:100]}, call {str(refused)[:200]}"
    try:
        with WebSocket(url, headers={"Authorization": "Bearer wrong"}):
            return "a wrong key is let in"
    except Refused as refused:
        return None if refused.status == 401 else f"a wrong key: {refused}"


def ws_first(url, given):
    with WebSocket(url) as ws:
        before = ws.ask("status", number="before")
        signed = ws.ask("auth", {"key": given["caller"]}, number=0)
        after = ws.ask("call", CALL, number=1)
        more = ws.ask("reload", number=2)
    if before.get("error", {}).get("code") != "key-needed" or "result" not in signed or "result" not in after:
        return f"before {before}, auth {signed}, after {str(after)[:200]}"
    if more.get("error", {}).get("code") != "scope-too-small":
        return f"reload by a caller: {more}"
    with WebSocket(url) as ws:
        ws.send({"id": 0, "method": "auth", "params": {"key": "mo_wrong_wrong"}})
        try:
            got = ws.receive()
            return None if got.get("error", {}).get("code") == "key-unknown" else f"a wrong key: {got}"
        except Closed:
            return None


def ws_none(url):
    try:
        with WebSocket(url) as ws:
            for method in ["subscribe", "execute", "chatty.say", "status", "cancel"]:
                got = ws.ask(method, {}, number=method)
                if "result" in got:
                    return f"{method}: {got}"
    except (Refused, Closed):
        pass
    return None


def events(url, given):
    try:
        with sse.Events(url):
            return "no key is needed"
    except sse.Refused as refused:
        if refused.status != 401:
            return f"without a key: {refused}"
    try:
        with sse.Events(url, "audit", {"Authorization": f"Bearer {given['viewer']}"}) as stream:
            names = {name for name, _, _ in stream.events(2)}
            if "audit" in names:
                return "a viewer reads the audit"
    except sse.Refused as refused:
        if refused.status != 403:
            return f"audit for a viewer: {refused}"
    with sse.Events(url, None, {"Authorization": f"Bearer {given['viewer']}"}) as stream:
        Api(url, given["operator"]).post("/reload")
        names = {name for name, _, _ in stream.events(2)}
    return "a viewer's default topics have the audit" if "audit" in names else None


def viewer_detail(bare, given):
    bare.with_key(given["caller"]).post("/call", CALL)
    one = bare.with_key(given["viewer"]).get("/calls?limit=1").json["calls"][0]
    if one["who"] != "caller-key":
        return f"who is {one['who']}"
    return problem(bare.with_key(given["viewer"]).get(f"/calls/{one['id']}"), "scope-too-small", 403)


def until(tried, seconds=KNOWN_S_MAX):
    """Tries until nothing is wrong, or the time is over."""
    end = time.monotonic() + seconds
    while (wrong := tried()) and time.monotonic() < end:
        time.sleep(0.1)
    return wrong


def expired(keys, bare):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    key = keys.create("short", "viewer", "--expires", end)
    if wrong := until(lambda: fine(bare.with_key(key).get("/status")), 1.5):
        return f"while it is good: {wrong}"
    return until(lambda: problem(bare.with_key(key).get("/status"), "key-expired", 401))


def revoked(keys, bare):
    key = keys.create("gone", "caller")
    if wrong := until(lambda: fine(bare.with_key(key).get("/status"))):
        return wrong
    sent = {"Authorization": f"Bearer {key}"}
    with sse.Events(bare.url, "tick", sent) as stream, WebSocket(bare.url, headers=sent) as ws:
        keys.run("revoke", "gone")
        if wrong := until(lambda: problem(bare.with_key(key).get("/status"), "key-unknown", 401)):
            return f"a request: {wrong}"
        try:
            got = ws.ask("status", seconds=5)
            if "result" in got:
                return f"its WebSocket goes on: {str(got)[:200]}"
        except (Closed, OSError):
            pass
        started = time.monotonic()
        for _ in stream.events(8):
            pass
        return "its events go on" if time.monotonic() - started > 7.5 else None


def revoked_beside_guesses(keys, bare):
    """Too many wrong keys slow their address down, which must not keep a revoked one alive."""
    key = keys.create("guessed-beside", "viewer")
    sent = {"Authorization": f"Bearer {key}"}
    if wrong := until(lambda: fine(bare.with_key(key).get("/status"))):
        return wrong
    with WebSocket(bare.url, headers=sent) as ws, WebSocket(bare.url) as guesser:
        try:
            for number in range(40):
                guesser.ask("auth", {"key": "mo_guess_" + "x" * 43}, number=number)
        except (Closed, OSError):
            pass
        keys.run("revoke", "guessed-beside")
        end = time.monotonic() + KNOWN_S_MAX
        while time.monotonic() < end:
            bare.with_key("mo_guess_" + "x" * 43).get("/status")  # He goes on guessing.
            try:
                if "error" in ws.ask("status", seconds=5):
                    return None
            except (Closed, OSError):
                return None
            time.sleep(0.5)
    return "its WebSocket goes on"


UNFINISHED = 20
UNFINISHED_KIB_MAX = 20 * 1024


def unfinished(serving):
    """Who has shown no key must not make us keep much of what he sends."""
    before, open_ones = serving.memory_kib(), []
    try:
        for _ in range(UNFINISHED):
            try:
                ws = WebSocket(serving.url)
                open_ones.append(ws)
                ws.socket.sendall(b"\x81\xff" + (15 << 20).to_bytes(8, "big") + b"\0\0\0\0" + b" " * (14 << 20))
            except (Refused, OSError):
                continue
        grown = serving.memory_kib() - before
        print(f"       {grown:+} KiB")
        return f"{grown} KiB more" if grown > UNFINISHED_KIB_MAX else None
    finally:
        for ws in open_ones:
            ws.__exit__()


def proxied(mcporch, servers, home):
    """A proxy that passes requests of others on to loopback says so in its headers."""
    with gateway.Serving(mcporch, home, servers, options=["--set", 'http.allowed_hosts=["mcp.example"]']) as serving:
        api = Api(serving.url)
        for headers in [{"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}]:
            if api.get("/config", headers=headers).status == 200:
                return f"the settings are shown to {headers}"
        if api.get("/config", host="mcp.example").status == 200:
            return "the settings are shown to who came by the name of a proxy"
    return None


def made_later(keys, bare):
    key = keys.create("later", "viewer")
    return until(lambda: fine(bare.with_key(key).get("/status")))


def audited(bare, given):
    entries = bare.with_key(given["operator"]).get("/audit?limit=500").json["entries"]
    who = {entry.get("who") for entry in entries}
    lacking = {"caller-key", "operator-key", "admin-key"} - who
    return f"{lacking} are not among {who}" if lacking else None


RATE = ["--set", "http.requests_per_s=5", "--set", "http.requests_burst=10"]


def rates(verdicts, mcporch, servers, home):
    keys = Keys(mcporch, home)
    keys_made = [keys.create(name, "caller") for name in ["busy", "calm"]]
    with gateway.Serving(mcporch, home, servers, options=[*ALWAYS, *RATE]) as serving:
        busy, calm = [Api(serving.url, key) for key in keys_made]
        verdicts.check("rate: too many of one key are 429, with Retry-After", lambda: too_many(busy))
        verdicts.check("rate: another key is not held back", lambda: fine(calm.get("/status")))
        verdicts.check("rate: after Retry-After it goes on", lambda: until(lambda: fine(busy.get("/status"))))
        verdicts.check("rate: also over WebSocket", lambda: ws_rate(serving.url, keys_made[0]))


def too_many(api):
    replies = [api.get("/status") for _ in range(40)]
    refused = [reply for reply in replies if reply.status == 429]
    if not refused or replies[0].status != 200:
        return f"statuses {[reply.status for reply in replies]}"
    after = refused[0].headers.get("retry-after") or ""
    return problem(refused[0], "too-many-requests", 429) or (None if after.isdigit() and int(after) >= 1 else f"Retry-After is {after!r}")


def ws_rate(url, key):
    time.sleep(3)
    with WebSocket(url, headers={"Authorization": f"Bearer {key}"}) as ws:
        for number in range(60):
            ws.send({"id": number, "method": "status"})
        got = [ws.receive() for _ in range(60)]
    codes = [one["error"]["code"] for one in got if "error" in one]
    return None if codes and set(codes) == {"too-many-requests"} else f"{len(codes)} refusals: {set(codes)}"


def network(verdicts, mcporch, servers, home):
    keys = Keys(mcporch, home)
    key = keys.create("far", "admin")
    with gateway.Serving(mcporch, home, servers, address="0.0.0.0:0") as serving:
        url = serving.url.replace("0.0.0.0", "127.0.0.1")
        bare, far = Api(url), Api(url, key)
        verdicts.check("0.0.0.0 with keys: no key is 401", lambda: problem(bare.get("/status"), "key-needed", 401))
        verdicts.check("0.0.0.0 with keys: the key works", lambda: fine(far.get("/status")))
        verdicts.check("0.0.0.0 with keys: /metrics is not open", lambda: metrics_closed(bare))
        verdicts.check("0.0.0.0 with keys: the page itself is there, so that one can sign in", lambda: page(bare))


def metrics_closed(bare):
    reply = bare.ask("GET", "/metrics", headers={"Accept": "*/*"})
    return None if reply.status in (401, 404) else f"got {reply.status}"


def page(bare):
    reply = bare.ask("GET", "/", headers={"Accept": "text/html"})
    return None if reply.status == 200 and reply.type == "text/html" else f"got {reply}"


def tls(verdicts, mcporch, servers, home):
    home.mkdir(parents=True, exist_ok=True)
    certificate, key = home / "cert.pem", home / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(make, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skipped(f"openssl makes no certificate: {error}") from error
    more = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    with gateway.Serving(mcporch, home, servers, more=more) as serving:
        api = Api(serving.url, authority=certificate)
        verdicts.check("TLS: the address says https", lambda: None if serving.url.startswith("https:") else serving.url)
        verdicts.check("TLS: requests", lambda: fine(api.get("/status")))
        verdicts.check("TLS: who does not trust it goes away", lambda: untrusting(serving.url))
        verdicts.check("TLS: plain text is not answered with anything of ours", lambda: plain(api))
        verdicts.check("TLS: 1.1 is refused", lambda: old(api, certificate))
        verdicts.check("TLS: WebSocket", lambda: secure_socket(serving.url, certificate))
        verdicts.check("TLS: Strict-Transport-Security", lambda: strict(api))
    verdicts.check("TLS: a key that is not the certificate's does not start", lambda: mismatched(mcporch, servers, home, certificate))


def untrusting(url):
    try:
        Api(url).get("/status")
    except ssl.SSLCertVerificationError:
        return None
    return "it is trusted"


def plain(api):
    plain_api = Api(f"http://{api.host}:{api.port}")
    try:
        reply = plain_api.get("/status")
    except OSError:
        return None
    except Exception as error:  # noqa: BLE001  # What came is no HTTP, as it should be.
        return None if "BadStatusLine" in type(error).__name__ or "RemoteDisconnected" in type(error).__name__ else str(error)
    return None if reply.status == 400 else f"got {reply}"


def old(api, certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    api = Api(api.url, authority=certificate)
    api.tls = context
    try:
        api.get("/status")
    except OSError:
        return None
    return "it is taken"


def secure_socket(url, certificate):
    with WebSocket(url, tls=ssl.create_default_context(cafile=certificate)) as ws:
        return None if "result" in ws.ask("status") else "no result"


def strict(api):
    found = api.get("/status").headers.get("strict-transport-security")
    # On an address without a name it means nothing, and on localhost it would lock out others; so none is fine too.
    return None if found is None or "max-age" in found else f"got {found}"


def mismatched(mcporch, servers, home, certificate):
    other = home / "other.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(other)], check=True, capture_output=True)
    registry = gateway.write_registry(home / "registry.json", servers)
    command = [mcporch, "--registry", registry, "serve", "--http", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key", str(other)]
    try:
        done = subprocess.run(command, env=gateway.environment(home / "mismatched"), capture_output=True, text=True, timeout=REFUSAL_S_MAX)
    except subprocess.TimeoutExpired:
        return "it runs"
    return None if done.returncode != 0 and done.stderr.strip() else f"exit {done.returncode}: {done.stderr[:200]}"
