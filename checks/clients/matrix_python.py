"""The matrix with the official Python SDK, version 1 or 2. job["mode"]: "legacy", "auto" or a protocol version (2 only).
See features.py.
"""

import asyncio

import mcp
from features import News, job as read_job, run_features, said
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from sdk_adapter import Adapter, elicited, environment, is_newer_sdk, note, roots, sampled, types, wire


def callbacks(news):
    async def on_elicitation(_context, params):
        return elicited(params)

    async def on_sampling(_context, _params):
        return sampled()

    async def on_roots(_context):
        return types.ListRootsResult(roots=roots())

    async def on_message(message):
        note(news, message)

    async def on_log(_params):
        news.logs += 1

    return {
        "sampling_callback": on_sampling,
        "elicitation_callback": on_elicitation,
        "list_roots_callback": on_roots,
        "logging_callback": on_log,
        "message_handler": on_message,
    }


def transport(job):
    if job["transport"] == "http":
        return streamable_http_client(job["url"])
    command, *arguments = job["command"]
    return stdio_client(StdioServerParameters(command=command, args=arguments, env=environment()))


async def main():
    job, news = read_job(), News()
    if is_newer_sdk():
        async with mcp.Client(transport(job), mode=job["mode"], **callbacks(news)) as client:
            said(client.protocol_version)
            await run_features(job["features"], Adapter(news, client.session, client.protocol_version, client))
    else:
        async with transport(job) as (read, write, *_), ClientSession(read, write, **callbacks(news)) as session:
            version = wire(await session.initialize())["protocolVersion"]
            said(version)
            await run_features(job["features"], Adapter(news, session, version))


asyncio.run(main())
