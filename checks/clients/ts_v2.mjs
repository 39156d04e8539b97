// The official TypeScript SDK, version 2. job.era: "legacy", "auto", or a protocol version to insist on.
// In "auto" it first asks a second, short-lived process of the same command which era it speaks.
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { arguments_, check, connected, guarded, run } from "./checklist.mjs";

const { job, command, args } = arguments_();
const mode = ["legacy", "auto"].includes(job.era) ? job.era : { pin: job.era };
const client = new Client({ name: "mcporch-checks", version: "1" }, { versionNegotiation: { mode } });

await guarded("connect", async () => {
  await client.connect(new StdioClientTransport({ command, args, stderr: "inherit" }));
  connected(job, client.getNegotiatedProtocolVersion());
  check("server name", client.getServerVersion()?.name === "mcporch", client.getServerVersion());
  await run(job, {
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: (name, params) => client.callTool({ name, arguments: params }),
  });
});
await client.close();
