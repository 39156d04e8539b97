"""What every client of the matrix that is written in Python tries with our fixture behind mcporch. features.mjs is the same
list for JavaScript, and says the form of a job and of the lines printed here.
"""

import asyncio
import json
import re
import sys
import time

FEATURE_S_MAX = 15  # A feature takes a few round trips; on a busy machine each may take a second.
NEWS_S_MAX = 5  # A notification that comes later than this is taken for lost.
NAME_ASKED = "accept.*(cloudberry|anna@)"


class NoWay(Exception):
    """This client cannot do it, whatever the server does; the message says why."""


class Unexpected(Exception):
    """What came is not what the fixture gives."""


class News:
    """What came without being asked for."""

    def __init__(self):
        self.tools, self.updated, self.logs = 0, [], 0


def line(**finding):
    print(json.dumps(finding), flush=True)


def job():
    return json.loads(sys.argv[1])


def said(version):
    line(version=version)


def want(ok, what, found):
    if not ok:
        raise Unexpected(f"{what}: {str(found)[:300]}")


async def until(found, what):
    end = time.monotonic() + NEWS_S_MAX
    while not found():
        want(time.monotonic() < end, what, f"did not come within {NEWS_S_MAX} s")
        await asyncio.sleep(0.02)


def field_value(field):
    """A value that a person could have given for one field of a form."""
    if "default" in field:
        return field["default"]
    if "enum" in field:
        return field["enum"][0]
    known = {"email": "anna@example.org", "uri": "https://example.org/", "date": "2026-01-31"}
    text = known.get(field.get("format"), "cloudberry")
    return {"string": text, "boolean": True, "integer": 7, "number": 7.5}.get(field.get("type"))


def form_content(schema):
    return {name: field_value(field) for name, field in schema.get("properties", {}).items()}


MODEL_SAYS = "The model says cloudberry."
ROOT_URI, ROOT_NAME = "file:///cloudberries", "cloudberries"


# --- The features. `client` is an adapter: its results are plain dicts with the names of the wire. -----------------------


def text_of(result):
    return " ".join(part.get("text", "") for part in result.get("content", []))


async def says(client, tool, words, arguments=None):
    result = await client.call(tool, arguments or {})
    want(not result.get("isError") and re.search(words, text_of(result), re.S), f"{tool} gave", result)


async def cancelled(client):
    """How many calls the fixture saw being cancelled."""
    found = re.search(r"\d+", text_of(await client.call("test_last_cancelled", {})))
    return int(found.group(0)) if found else 0


async def call(client):
    names = await client.tools()
    want("test_simple_text" in names, "tools/list gave", names)
    await says(client, "test_simple_text", ".")
    failed = await client.call("test_error_handling", {})
    want(failed.get("isError") is True, "a failing tool gave", failed)


async def progress(client):
    seen = []
    await client.call("test_tool_with_progress", {}, on_progress=seen.append)
    want(seen == [0, 50, 100], "progress was", seen)


async def cancel(client):
    before = await cancelled(client)
    stepped = asyncio.Event()
    started = time.monotonic()
    await client.call_and_cancel("test_slow", {"seconds": 30, "steps": 150}, stepped)
    want(stepped.is_set(), "progress before the cancel", "none")
    want(time.monotonic() - started < 10, "a cancelled call took", time.monotonic() - started)
    after, end = before, time.monotonic() + NEWS_S_MAX
    while after == before and time.monotonic() < end:
        after = await cancelled(client)
    want(after == before + 1, "cancelled calls that the server saw", (before, after))


async def list_changed(client):
    before = await client.tools()
    async with client.listening(tools=True):
        count = client.news.tools
        await client.call("test_trigger_tool_change", {})
        await until(lambda: client.news.tools > count, "notifications/tools/list_changed")
        after = await client.tools()
    want(("test_added_tool" in before) != ("test_added_tool" in after), "the list stayed as it was", after)


async def elicitation(client):
    await says(client, "test_elicitation", NAME_ASKED, {"message": "Who are you?"})


async def sampling(client):
    await says(client, "test_sampling", MODEL_SAYS, {"prompt": "Which berry?"})


async def resources(client):
    uris = await client.resources()
    want("test://static-text" in uris, "resources/list gave", uris)
    templates = await client.templates()
    want("test://template/{id}/data" in templates, "resources/templates/list gave", templates)
    for uri, key, words in [
        ("test://static-text", "text", "static text"),
        ("test://template/77/data", "text", "77"),
        ("test://static-binary", "blob", ".{20}"),
    ]:
        found = (await client.read(uri))["contents"][0]
        want(re.search(words, found.get(key, "")), "resources/read gave", found)


async def prompts(client):
    names = await client.prompts()
    want("test_prompt_with_arguments" in names, "prompts/list gave", names)
    found = await client.prompt("test_prompt_with_arguments", {"arg1": "cloud", "arg2": "berry"})
    want(re.search("cloud.*berry", found["messages"][0]["content"]["text"], re.S), "prompts/get gave", found)


async def roots(client):
    await says(client, "test_input_required_result_list_roots", ROOT_URI)


async def url(client):
    await says(client, "test_url_elicitation", "accept")


async def updates(client):
    uri = "test://watched-resource"
    async with client.listening(uri=uri):
        await client.call("test_trigger_resource_update", {"uri": uri})
        await until(lambda: uri in client.news.updated, "notifications/resources/updated")


async def logging(client):
    await client.logged("test_tool_with_logging")
    await until(lambda: client.news.logs >= 3, "three of notifications/message")


async def completion(client):
    found = await client.complete("test_prompt_with_arguments", "arg1", "par")
    want("paris" in found["completion"]["values"], "completion/complete gave", found)


# The two that are not about one server: the four tools, and the tools of all servers.
async def execute(client):
    names = sorted(await client.tools())
    want(names == ["execute", "explain_tool", "fetch_result", "find_tool", "list_capabilities"], "tools/list gave", names)
    for server in ["modern", "legacy"]:
        said_so = {"request": "give me a text", "tool": f"{server}.test_simple_text"}
        await says(client, "execute", "simple text", said_so)


async def direct(client):
    names = await client.tools()
    want(all(len(name) <= 60 for name in names), "names of more than 60 characters", names)
    for server in ["modern", "legacy"]:
        await says(client, f"{server}__test_simple_text", "simple text")


FEATURES = {
    feature.__name__: feature
    for feature in [
        call, progress, cancel, list_changed, elicitation, sampling, resources, prompts,
        roots, url, updates, logging, completion, execute, direct,
    ]
}  # fmt: skip


async def run_features(wanted, client):
    """Tries them one after the other; what fails does not keep the others from being tried."""
    for name in wanted:
        try:
            async with asyncio.timeout(FEATURE_S_MAX):
                await FEATURES[name](client)
            line(feature=name, verdict="ok", detail="")
        except NoWay as error:
            line(feature=name, verdict="none", detail=str(error))
        except TimeoutError:
            line(feature=name, verdict="FAIL", detail=f"took more than {FEATURE_S_MAX} s")
        except Exception as error:  # noqa: BLE001  # Whatever a client raises is a finding.
            line(feature=name, verdict="FAIL", detail=f"{type(error).__name__}: {error}"[:400])
