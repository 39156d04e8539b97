"""The official Python SDK. job["era"]: "legacy" (versions 1 and 2 of the SDK), "auto" or a protocol version (2 only)."""

import asyncio
import sys

from checklist import arguments, check, connected, exit_status, guarded, run
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

CALL_SECONDS_MAX = 60  # The SDK itself waits for ever.


def wire(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def talk(job, session):
    async def list_names():
        return [tool.name for tool in (await session.list_tools()).tools]

    async def call(name, arguments_):
        return wire(await asyncio.wait_for(session.call_tool(name, arguments_), CALL_SECONDS_MAX))

    await run(job, list_names, call)


async def legacy(job, server):
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        # The two versions of the SDK call the fields differently; on the wire they are the same.
        hello = wire(await session.initialize())
        connected(job, hello["protocolVersion"])
        check("server name", hello["serverInfo"]["name"] == "mcporch", hello["serverInfo"])
        await talk(job, session)


async def negotiated(job, server):
    from mcp import Client

    async with Client(server, mode=job["era"]) as client:
        connected(job, client.protocol_version)
        # Who insists on a version skips the hello, and has not been told a name.
        if job["era"] == "auto":
            name = client.server_info and client.server_info.name
            check("server name", name == "mcporch", name)
        await talk(job, client)


async def main():
    job, command, args = arguments()
    server = StdioServerParameters(command=command, args=args)
    await guarded("connect", (legacy if job["era"] == "legacy" else negotiated)(job, server))
    return exit_status()


sys.exit(asyncio.run(main()))
