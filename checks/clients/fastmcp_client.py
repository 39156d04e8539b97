"""FastMCP's client. job["era"]: "legacy", "auto" or a protocol version."""

import asyncio
import sys

from checklist import arguments, check, connected, exit_status, guarded, run
from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def talk(job, command, args):
    # Without keep_alive=False the process would stay behind for the next connection.
    async with Client(StdioTransport(command, args, keep_alive=False), mode=job["era"], timeout=60) as client:

        async def list_names():
            return [tool.name for tool in await client.list_tools()]

        async def call(name, arguments_):
            result = await client.call_tool_mcp(name, arguments_)
            return result.model_dump(mode="json", by_alias=True, exclude_none=True)

        name = client.server_info.name if client.server_info else None
        connected(job, client.protocol_version)
        check("server name", name == "mcporch", name)
        await run(job, list_names, call)


async def main():
    job, command, args = arguments()
    await guarded("connect", talk(job, command, args))
    return exit_status()


sys.exit(asyncio.run(main()))
