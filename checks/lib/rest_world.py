"""The servers that checks/rest.py puts behind mcporch, and their tools. The standard library alone."""

import json
import pathlib
import sys

import gateway

CHATTY = pathlib.Path(__file__).resolve().parent.parent / "servers" / "chatty.py"
# A server may be called anything; what is in an address is not always what is in a name.
ODD_NAME = "<b>a/b?c=d&e#f</b> ü"
MANY = 250

# The tools of S3's examples, until those that ask models of others are there.
S3_TOOLS = [
    {
        "name": "orchestrate_task",
        "description": "Get external model perspectives on any task",
        "inputSchema": {
            "type": "object",
            "properties": {"description": {"type": "string"}, "strategy": {"type": "string"}},
            "required": ["description"],
        },
    },
    {
        "name": "query_specific_model",
        "description": "Query one model directly",
        "inputSchema": {
            "type": "object",
            "properties": {"model": {"type": "string"}, "description": {"type": "string"}},
            "required": ["model", "description"],
        },
    },
]


def chatty(*args):
    return {"command": sys.executable, "args": [str(CHATTY), *args]}


def servers(mcporch, work):
    """The registry."""
    tools = work / "s3_tools.json"
    tools.write_text(json.dumps(S3_TOOLS))
    return {
        "bench": gateway.demo(mcporch, "bench"),
        "misbehave": gateway.demo(mcporch, "misbehave"),
        "many": gateway.demo(mcporch, "custom", "--tool-count", MANY),
        "models": gateway.demo(mcporch, "custom", "--tools", tools),
        "fixture": gateway.fixture(mcporch, "both"),
        "chatty": chatty(),
        "hostile": chatty("--hostile"),
        ODD_NAME: chatty(),
        "absent": {"command": "/nowhere/at/all"},
    }


def text_of(result):
    """The texts of a CallToolResult, or what stands in its place where names are called: the text itself."""
    if isinstance(result, str):
        return result
    return " ".join(part.get("text", "") for part in result.get("content", []))
