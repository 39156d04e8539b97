// The matrix with the official TypeScript SDK, version 1, which knows the `initialize` era only. See features.mjs.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as types from "@modelcontextprotocol/sdk/types.js";
import { elicited, job as readJob, nothingNew, roots, runFeatures, said, sampled } from "./features.mjs";

const job = readJob();
const [command, ...args] = job.command ?? [];
const transport =
  job.transport === "http"
    ? new StreamableHTTPClientTransport(new URL(job.url))
    : new StdioClientTransport({ command, args, stderr: "inherit", env: process.env });
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };
const client = new Client({ name: "mcporch-checks", version: "1" }, { capabilities });
const news = nothingNew();
client.setRequestHandler(types.ElicitRequestSchema, ({ params }) => elicited(params));
client.setRequestHandler(types.CreateMessageRequestSchema, sampled);
client.setRequestHandler(types.ListRootsRequestSchema, roots);
client.setNotificationHandler(types.ToolListChangedNotificationSchema, () => void (news.tools += 1));
client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, ({ params }) => void news.updated.push(params.uri));
client.setNotificationHandler(types.LoggingMessageNotificationSchema, () => void (news.logs += 1));
// The client tells the negotiated version to its transport and to nobody else.
let version;
const tell = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (negotiated) => {
  version = negotiated;
  tell?.(negotiated);
};

await client.connect(transport);
said(version);
await runFeatures(job.features, {
  news,
  call: (name, params, options) => client.callTool({ name, arguments: params }, undefined, options),
  tools: async () => (await client.listTools()).tools.map(({ name }) => name),
  resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
  templates: async () => (await client.listResourceTemplates()).resourceTemplates.map((found) => found.uriTemplate),
  read: (uri) => client.readResource({ uri }),
  prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
  prompt: (name, params) => client.getPrompt({ name, arguments: params }),
  complete: (name, argument, value) =>
    client.complete({ ref: { type: "ref/prompt", name }, argument: { name: argument, value } }),
  listen: async () => undefined, // In this era news come without being asked for.
  subscribe: async (uri) => {
    await client.subscribeResource({ uri });
    return () => client.unsubscribeResource({ uri });
  },
  logged: async (name, level) => {
    await client.setLoggingLevel(level);
    return client.callTool({ name, arguments: {} });
  },
});
await client.close();
process.exit(0);
