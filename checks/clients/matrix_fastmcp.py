"""The matrix with FastMCP's client. job["mode"]: "legacy", "auto" or a protocol version. See features.py."""

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from features import News, job as read_job, run_features, said
from sdk_adapter import Adapter, elicited, environment, note, roots, sampled


def handlers(news):
    async def on_elicitation(_message, _type, params, _context):
        return elicited(params)

    async def on_sampling(_messages, _params, _context):
        return sampled()

    async def on_message(message):
        note(news, message)

    async def on_log(_message):
        news.logs += 1

    return {
        "elicitation_handler": on_elicitation,
        "sampling_handler": on_sampling,
        "message_handler": on_message,
        "log_handler": on_log,
        "roots": roots(),
    }


def transport(job):
    if job["transport"] == "http":
        return job["url"]
    command, *arguments = job["command"]
    # Without keep_alive=False the process would stay behind for the next connection.
    return StdioTransport(command, arguments, env=environment(), keep_alive=False)


async def main():
    job, news = read_job(), News()
    async with Client(transport(job), mode=job["mode"], **handlers(news)) as client:
        said(client.protocol_version)
        adapter = Adapter(news, client.session, client.protocol_version, client, suffix="_mcp")
        await run_features(job["features"], adapter)


asyncio.run(main())
