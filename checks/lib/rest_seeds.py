"""The examples of the older documents, as they are written"""

import pathlib
import socket
import subprocess
import tempfile
import textwrap
import time

import gateway
from api import Api, fine
from rest_world import text_of
from verdicts import Skipped

CURL = "curl -X POST http://localhost:5050/mcp/get_orchestrator_status"
REQUESTS = """
    import requests

    response = requests.post('http://localhost:5050/mcp/orchestrate_task',
        json={
            "description": "Analyze this architecture decision",
            "strategy": "external_enhancement"
        }
    )
    print(response.json()['result'])
"""
# As it is written it sends before the connection is open, which every browser refuses; the first line mends that.
WEBSOCKET = """
    const ws = new WebSocket('ws://localhost:8765');
    const send = ws.send.bind(ws);
    ws.send = (text) => { ws.onopen = () => send(text); };
    ws.onmessage = (event) => { console.log(event.data); ws.close(); };
    ws.onerror = (event) => { console.log('error', event.message); process.exit(1); };
    ws.send(JSON.stringify({
        method: 'query_specific_model',
        params: {
            model: 'gemini_pro',
            description: 'What are React best practices?'
        }
    }));
"""
TIME_S_MAX = 30
PORTS_S_MAX = 30


def cases(verdicts, mcporch, units, servers, work):
    """Listens on S3's ports, so it needs them free."""
    wait_for_ports()
    try:
        serving = gateway.Serving(
            mcporch, work / "seeds", servers, address="127.0.0.1:5050", more=["--http", "127.0.0.1:8765", "--http", "127.0.0.1:0"]
        )
        with serving:
            api = Api("http://127.0.0.1:5050")
            verdicts.check("S3: curl as it is written", lambda: curl())
            verdicts.check("S3: curl, also by the other listener", lambda: curl(CURL.replace("5050", "8765")))
            verdicts.check("S3: Python requests as it is written", lambda: requests(units))
            verdicts.check("S3: a browser's WebSocket as it is written", lambda: websocket(units))
            verdicts.check("S1: discover_capabilities lists servers by name", lambda: capabilities(api))
            verdicts.check("S1: get_server_status says who runs", lambda: status(api))
            verdicts.check("S0: the API on port 8080 is the default", lambda: default_port(mcporch))
            verdicts.check("route_request's tool by its bare name", lambda: bare(api))
    except gateway.NotStarted as error:
        if "in use" in str(error):
            verdicts.skip(f"the older documents: their ports are taken ({str(error)[-120:]})")
        else:
            verdicts.check("S3's two ports", lambda: str(error))


def wait_for_ports():
    """Another run may have them for a moment."""
    end = time.monotonic() + PORTS_S_MAX
    for port in [5050, 8765]:
        while time.monotonic() < end:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    break
                except OSError:
                    time.sleep(0.5)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_S_MAX)
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stderr[-300:]} {done.stdout[-300:]}"


def curl(command=CURL):
    said = run([*command.split(), "-s"])
    return None if said.startswith('{"result":') and "uptime_s" in said else f"said {said[:300]}"


def requests(units):
    if "python" not in units:
        raise Skipped("requests is not installed")
    said = run([units["python"], "-c", textwrap.dedent(REQUESTS)])
    return None if "Analyze this architecture decision" in said and "external_enhancement" in said else f"said {said[:300]}"


def websocket(units):
    if "newer_node" not in units:
        raise Skipped("node 22 is not installed")
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "example.mjs"
        program.write_text(textwrap.dedent(WEBSOCKET))
        said = run([units["newer_node"], str(program)])
    return None if said.startswith('{"result":') and "React best practices" in said else f"said {said[:300]}"


def capabilities(api):
    reply = api.named("discover_capabilities")
    if wrong := fine(reply):
        return wrong
    servers = reply.json["result"].get("servers")
    return None if isinstance(servers, dict) and "models" in servers else f"servers is {str(servers)[:200]}"


def status(api):
    reply = api.named("get_server_status")
    if wrong := fine(reply):
        return wrong
    told = reply.json["result"]
    if not isinstance(told.get("servers"), dict) or told.get("orchestrator", {}).get("running") is None:
        return f"its loop is over `servers` by id, and asks `orchestrator.running`: {str(told)[:300]}"
    lacking = [name for name, one in told["servers"].items() if "status" not in one or "name" not in one]
    return f"{lacking} have no name or status" if lacking else None


def bare(api):
    reply = api.named("orchestrate_task", {"description": "Hello!"})
    return fine(reply) or (None if "Hello!" in text_of(reply.json["result"]) else f"got {reply}")


def default_port(mcporch):
    said = run([mcporch, "serve", "--help"])
    return None if "8080" in said else "serve --help does not name 8080"
