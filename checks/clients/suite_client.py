"""What the official suite starts as "the client": mcporch with the suite's server in its registry, and a person before it.

    suite_client.py URL

The suite says in its environment variables which scenario it is; ours say which mcporch (CHECKS_MCPORCH) and where it may
write (CHECKS_WORK). mcporch runs on pipes, with the suite's server as it is (`--profile s/suite`).
"""

import json
import os
import pathlib
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway  # noqa: E402
from peer import Peer, RpcError  # noqa: E402

# The suite's address of a client metadata document; a server of its own stands for whoever fetches it.
CLIENT_METADATA = "https://conformance-test.local/client-metadata.json"
LOGIN_S_MAX = 30
# A person signs in at the start, and once more when a call wants more than was granted. The suite allows three.
LOGINS_MAX = 3


class Session:
    """mcporch, its registry with the one server, and where it writes."""

    def __init__(self, url, scenario, context, version):
        self.mcporch = os.environ["CHECKS_MCPORCH"]
        home = pathlib.Path(os.environ["CHECKS_WORK"])
        self.environment = gateway.environment(home)
        self.version = version
        auth = scenario.startswith("auth/")
        entry = gateway.remote(url, **({"oauth": oauth_block(context)} if auth else {}))
        registry = gateway.write_registry(home / "registry.json", {"suite": entry})
        self.base = [self.mcporch, "--registry", registry]

    def peer(self):
        command = [*self.base, "--standalone", "--profile", "s/suite"]
        return Peer(command, self.version, env=self.environment)

    def login(self):
        """Signs in as a person would, with a browser that follows every redirect by itself."""
        command = [*self.base, "auth", "login", "--follow", "suite"]
        done = subprocess.run(command, env=self.environment, timeout=LOGIN_S_MAX, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RpcError({"code": 0, "message": f"mcporch auth login exited with {done.returncode}"})


def oauth_block(context):
    """The entry's `oauth`: what was registered beforehand, or where the document is that describes us."""
    if "client_id" in context:
        return {"client_id": context["client_id"], "client_secret": context["client_secret"]}
    return {"client_metadata_url": CLIENT_METADATA}


def list_and_call(session, arguments):
    """Lists the tools, and calls the first one with `arguments`."""
    with session.peer() as peer:
        tools = peer.tools()
        if tools:
            peer.call(tools[0]["name"], arguments)


def listed_only(session):
    with session.peer() as peer:
        peer.tools()


def one_tool(name):
    def run(session):
        with session.peer() as peer:
            peer.tools()
            peer.call(name)

    return run


def multi_round(session):
    with session.peer() as peer:
        peer.tools()
        peer.call("test_mrtr_echo_state", between=lambda: peer.call("test_mrtr_unrelated"))
        peer.call("test_mrtr_no_state")
        peer.call("test_mrtr_no_result_type")


def standard_headers(session):
    """Every sort of request that has a header of its own."""
    with session.peer() as peer:
        for tool in peer.tools():
            peer.call(tool["name"])
        for resource in peer.request("resources/list", {})["resources"]:
            peer.request("resources/read", {"uri": resource["uri"]})
        for prompt in peer.request("prompts/list", {})["prompts"]:
            peer.request("prompts/get", {"name": prompt["name"]})


def told_calls(session, context):
    """The calls that the suite lists."""
    with session.peer() as peer:
        peer.tools()
        for call in context["toolCalls"]:
            peer.call(call["name"], call["arguments"])


def valid_tools(session):
    """Calls whatever mcporch lists, with a text for every parameter."""
    with session.peer() as peer:
        for tool in peer.tools():
            wanted = tool["inputSchema"].get("properties", {})
            peer.call(tool["name"], {name: "cloudberry" for name in wanted})


def preserved_schema(session):
    with session.peer() as peer:
        schemas = {tool["name"]: tool["inputSchema"] for tool in peer.tools()}
        peer.call("json_schema_echo", {"schema": schemas["json_schema_2020_12_tool"]})


def signed_in(session):
    """Lists and calls, and signs in whenever that is refused: what a person does, and what the server then said is known."""
    for _ in range(LOGINS_MAX):
        try:
            return list_and_call(session, {})
        except RpcError as refused:
            print(f"refused: {refused}", file=sys.stderr)
            session.login()
    return list_and_call(session, {})


def run(scenario, session, context):
    if scenario.startswith("auth/"):
        signed_in(session)
    elif scenario == "http-custom-headers":
        told_calls(session, context)
    else:
        {
            "initialize": listed_only,
            "request-metadata": listed_only,
            "json-schema-ref-no-deref": listed_only,
            "elicitation-sep1034-client-defaults": one_tool("test_client_elicitation_defaults"),
            "sse-retry": one_tool("test_reconnection"),
            "sep-2322-client-request-state": multi_round,
            "http-standard-headers": standard_headers,
            "http-invalid-tool-headers": valid_tools,
            "json-schema-2020-12-preservation": preserved_schema,
            "tools_call": lambda session: list_and_call(session, {"a": 2, "b": 3}),
        }[scenario](session)


def main():
    url = sys.argv[-1]
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    assert urllib.parse.urlsplit(url).hostname in ("localhost", "127.0.0.1"), url
    session = Session(url, scenario, context, os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"])
    try:
        run(scenario, session, context)
    except (RpcError, TimeoutError, KeyError, subprocess.TimeoutExpired) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
