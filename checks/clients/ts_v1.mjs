// The official TypeScript SDK, version 1: knows the `initialize` era only.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { arguments_, check, connected, guarded, run } from "./checklist.mjs";

const { job, command, args } = arguments_();
const transport = new StdioClientTransport({ command, args, stderr: "inherit" });
// The client tells the negotiated version to its transport and to nobody else.
let version;
transport.setProtocolVersion = (negotiated) => (version = negotiated);
const client = new Client({ name: "mcporch-checks", version: "1" });

await guarded("connect", async () => {
  await client.connect(transport);
  connected(job, version);
  check("server name", client.getServerVersion()?.name === "mcporch", client.getServerVersion());
  await run(job, {
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: (name, params) => client.callTool({ name, arguments: params }),
  });
});
await client.close();
