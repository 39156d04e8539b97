"""Who may listen on the network, and who may call."""

import subprocess

import gateway
from bad_headers import answered, works
from wire import Modern, Place

KEY = "cloudberry-" + "0123456789abcdef" * 2
REFUSAL_S_MAX = 20


def cases(table, mcporch, work, servers, options):
    for address in ["0.0.0.0:0", "[::]:0"]:
        table.run(
            f"{address} without a key",
            "does not start, and says why",
            lambda address=address: unkeyed(mcporch, work, servers, options, address),
        )
    keys = work / "keys"
    keys.write_text(KEY + "\n")
    keys.chmod(0o600)
    keyed = [*options, "--set", f"http.bearer_key_file={keys}"]
    try:
        with gateway.Serving(mcporch, work / "keyed", servers, keyed) as serving:
            callers(table, serving)
    except gateway.NotStarted as error:
        table.case("a key from a file", "starts", str(error)[:200], False)


def unkeyed(mcporch, work, servers, options, address):
    registry = gateway.write_registry(work / "open.json", servers)
    command = [mcporch, "--registry", registry, *options, "serve", "--http", address]
    try:
        done = subprocess.run(
            command, env=gateway.environment(work / "open"), capture_output=True, text=True, timeout=REFUSAL_S_MAX
        )
    except subprocess.TimeoutExpired:
        return "it runs", False
    return f"exit {done.returncode}: {done.stderr.strip()[:120]}", done.returncode != 0 and "key" in done.stderr


def callers(table, serving):
    def ask(headers, path="/mcp/s/modern"):
        return Modern(Place(serving.url), path).ask("tools/list", headers=headers)

    for name, headers in [
        ("no key", {}),
        ("a wrong key", {"Authorization": "Bearer wrong"}),
        ("the key with a letter more", {"Authorization": f"Bearer {KEY}x"}),
        ("the key without Bearer", {"Authorization": KEY}),
        ("an empty key", {"Authorization": "Bearer "}),
        ("the key as a password", {"Authorization": f"Basic {KEY}"}),
        ("two keys", {"Authorization": ["Bearer wrong", f"Bearer {KEY}"]}),
    ]:
        table.run(name, "S 401", lambda headers=headers: answered((401, 400))(ask(headers)))
    table.run("no key: how to sign in", "S WWW-Authenticate", lambda: challenge(ask({})))
    table.run("the key in the address", "401", lambda: answered(401)(ask({}, f"/mcp/s/modern?access_token={KEY}")))
    table.run("the right key", "200, result", lambda: works(ask({"Authorization": f"Bearer {KEY}"})))
    table.run("the right key, bearer in small letters", "200, result", lambda: works(ask({"Authorization": f"bearer {KEY}"})))
    stderr = serving.stderr()
    table.run("keys on stderr", "none", lambda: (stderr.count(KEY), KEY not in stderr))


def challenge(answer):
    how = answer.headers.get("www-authenticate", "")
    return f"{answer.status}, {how[:80]}", answer.status == 401 and how.lower().startswith("bearer")
