"""What the Python clients of the matrix have in common: answers of the person behind them, and the adapter that features.py
asks for, around a session of the official SDK, version 1 or 2.
"""

import asyncio
import contextlib
import os
import warnings

import mcp
from features import MODEL_SAYS, ROOT_NAME, ROOT_URI, form_content

try:
    import mcp_types as types
except ImportError:
    from mcp import types

# Sampling, roots and logging are deprecated in the newest revision, and both versions say so on stderr.
warnings.simplefilter("ignore")
LOG_LEVEL = "io.modelcontextprotocol/logLevel"


def wire(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def is_newer_sdk():
    return hasattr(mcp, "Client")


def address(uri):
    """A resource's address, as this version of the SDK wants it."""
    if is_newer_sdk():
        return uri
    from pydantic import AnyUrl

    return AnyUrl(uri)


def environment():
    return dict(os.environ)


def elicited(params):
    if getattr(params, "mode", "form") == "url":
        return types.ElicitResult(action="accept")
    return types.ElicitResult(action="accept", content=form_content(wire(params)["requestedSchema"]))


def sampled():
    content = types.TextContent(type="text", text=MODEL_SAYS)
    return types.CreateMessageResult(role="assistant", content=content, model="checks", stopReason="endTurn")


def roots():
    return [types.Root(uri=ROOT_URI, name=ROOT_NAME)]


def note(news, message):
    """Counts a notification that came by itself."""
    found = getattr(message, "root", message)
    kind = type(found).__name__
    if kind == "ToolListChangedNotification":
        news.tools += 1
    elif kind == "ResourceUpdatedNotification":
        news.updated.append(str(found.params.uri))


class Adapter:
    """`session` is the SDK's ClientSession; `verbs` has the requests, `suffix` is what their names end in."""

    def __init__(self, news, session, version, verbs=None, suffix=""):
        self.news, self.session, self.suffix = news, session, suffix
        self.verbs = verbs or session
        self.modern = version >= "2026"

    def verb(self, name):
        return getattr(self.verbs, name + self.suffix)

    async def call(self, name, arguments, on_progress=None, **more):
        async def stepped(progress, _total, _message):
            on_progress(progress)

        progress = "progress_handler" if self.suffix else "progress_callback"
        extra = more | ({progress: stepped} if on_progress else {})
        return wire(await self.verb("call_tool")(name, arguments, **extra))

    async def call_and_cancel(self, name, arguments, stepped):
        task = asyncio.create_task(self.call(name, arguments, on_progress=lambda _: stepped.set()))
        await stepped.wait()
        if not is_newer_sdk():
            # This version forgets a cancelled call without a word to the server, so the word is sent here.
            params = types.CancelledNotificationParams(requestId=self.session._request_id - 1, reason="enough")
            cancelled = types.CancelledNotification(method="notifications/cancelled", params=params)
            await self.session.send_notification(types.ClientNotification(cancelled))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def tools(self):
        # Asked of the session: the newer clients may keep a list as long as the server allows.
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def resources(self):
        return [found["uri"] for found in wire(await self.verb("list_resources")())["resources"]]

    async def templates(self):
        found = wire(await self.verb("list_resource_templates")())
        return [template["uriTemplate"] for template in found["resourceTemplates"]]

    async def read(self, uri):
        return wire(await self.verb("read_resource")(address(uri)))

    async def prompts(self):
        return [prompt.name for prompt in (await self.verb("list_prompts")()).prompts]

    async def prompt(self, name, arguments):
        return wire(await self.verb("get_prompt")(name, arguments))

    async def complete(self, name, argument, value):
        reference = types.PromptReference(type="ref/prompt", name=name)
        return wire(await self.verb("complete")(reference, {"name": argument, "value": value}))

    @contextlib.asynccontextmanager
    async def listening(self, tools=False, uri=None):
        if not self.modern:
            if uri:
                await self.session.subscribe_resource(address(uri))
            yield
            return
        from mcp.client.subscriptions import listen

        uris = [uri] if uri else []
        async with listen(self.session, tools_list_changed=tools, resource_subscriptions=uris) as subscription:
            follower = asyncio.create_task(self.follow(subscription))
            yield
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)

    async def follow(self, subscription):
        """What a subscription says, in the places where older news are counted too."""
        async for event in subscription:
            if type(event).__name__ == "ToolsListChanged":
                self.news.tools += 1
            elif type(event).__name__ == "ResourceUpdated":
                self.news.updated.append(str(event.uri))

    async def logged(self, tool):
        if self.modern:
            await self.call(tool, {}, meta={LOG_LEVEL: "info"})
        else:
            await self.session.set_logging_level("info")
            await self.call(tool, {})
