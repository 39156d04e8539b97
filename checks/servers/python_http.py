"""A small remote server of the official Python SDK, version 1 or 2, or one of FastMCP that wants a login.

    python_http.py sse|streamable-http|oauth PORT [EVENTS]

Its tools: `weigh` (reports progress), `ask` (asks the user), and with a login `forget` (its issuer forgets all logins). EVENTS is a
file that gets a line for each token that was issued, refreshed or revoked, with the token: a check looks for it on disk.
"""

import json
import sys
import time

TOKEN_S = 3  # A token is used up in a test's patience.


def tools(server, context, form):
    @server.tool()
    async def weigh(berries: int, ctx: context) -> str:
        """Weighs cloudberries, one after the other."""
        for berry in range(berries):
            await ctx.report_progress(berry + 1, berries)
        return f"{berries} berries weigh {berries * 2} grams"

    @server.tool()
    async def ask(ctx: context) -> str:
        """Asks the user for a name."""
        answer = await ctx.elicit(message="Whose berries?", **form)
        return f"answer: {answer}"


def official(way, port):
    try:
        from mcp.server.fastmcp import Context, FastMCP

        server = FastMCP("berries", host="127.0.0.1", port=port)
        where = {}
    except ImportError:
        from mcp.server import MCPServer
        from mcp.server.mcpserver import Context

        server = MCPServer("berries")
        where = {"host": "127.0.0.1", "port": port}
    from pydantic import BaseModel

    class Name(BaseModel):
        name: str

    # The SDK reads the hints of a function's module, where names of this function are not known.
    tools(server, Context, {"schema": Name})
    server.run(transport=way, **where)


def with_login(port, events):
    from fastmcp import Context, FastMCP
    from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
    from fastmcp.server.auth.providers import in_memory

    in_memory.DEFAULT_ACCESS_TOKEN_EXPIRY_SECONDS = TOKEN_S

    def note(event, token):
        with open(events, "a") as file:
            file.write(json.dumps({"event": event, "token": token}) + "\n")

    class Issuer(in_memory.InMemoryOAuthProvider):
        """The provider of the package, with notes of what it did."""

        async def exchange_authorization_code(self, client, code):
            issued = await super().exchange_authorization_code(client, code)
            note("issued", issued.access_token)
            note("issued", issued.refresh_token)
            return issued

        async def exchange_refresh_token(self, client, refresh_token, scopes):
            issued = await super().exchange_refresh_token(client, refresh_token, scopes)
            note("refreshed", issued.access_token)
            note("refreshed", issued.refresh_token)
            return issued

        async def load_access_token(self, token):
            # The package's own also forgets the refresh token of an access token that is used up.
            found = self.access_tokens.get(token)
            return found if found and (found.expires_at or 0) >= time.time() else None

        async def revoke_token(self, token):
            note("revoked", token.token)
            await super().revoke_token(token)

    issuer = Issuer(
        base_url=f"http://127.0.0.1:{port}",
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["berries"]),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=["berries"],
    )
    server = FastMCP("berries", auth=issuer)
    tools(server, Context, {"response_type": str})

    @server.tool()
    async def forget() -> str:
        """Makes the issuer forget all logins."""
        issuer.access_tokens.clear()
        issuer.refresh_tokens.clear()
        return "all logins are forgotten"

    server.run(transport="http", host="127.0.0.1", port=port, show_banner=False)


if sys.argv[1] == "oauth":
    with_login(int(sys.argv[2]), sys.argv[3])
else:
    official(sys.argv[1], int(sys.argv[2]))
