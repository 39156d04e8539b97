// The matrix with the official TypeScript SDK, version 2. job.mode: "legacy", "auto", or a protocol version to insist on.
// See features.mjs.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { elicited, job as readJob, nothingNew, roots, runFeatures, said, sampled } from "./features.mjs";

const job = readJob();
const [command, ...args] = job.command ?? [];
const mode = ["legacy", "auto"].includes(job.mode) ? job.mode : { pin: job.mode };
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };
const client = new Client({ name: "mcporch-checks", version: "1" }, { capabilities, versionNegotiation: { mode } });
const news = nothingNew();
client.setRequestHandler("elicitation/create", ({ params }) => elicited(params));
client.setRequestHandler("sampling/createMessage", sampled);
client.setRequestHandler("roots/list", roots);
client.setNotificationHandler("notifications/tools/list_changed", () => void (news.tools += 1));
client.setNotificationHandler("notifications/resources/updated", ({ params }) => void news.updated.push(params.uri));
client.setNotificationHandler("notifications/message", () => void (news.logs += 1));

await client.connect(
  job.transport === "http"
    ? new StreamableHTTPClientTransport(new URL(job.url))
    : new StdioClientTransport({ command, args, stderr: "inherit", env: process.env }),
);
const version = client.getNegotiatedProtocolVersion();
said(version);
const modern = version >= "2026";
const listen = async (filter) => {
  const subscription = await client.listen(filter);
  return () => subscription.close();
};
// Lists are asked for anew: this client may keep them as long as the server allows.
const fresh = { cacheMode: "bypass" };
await runFeatures(job.features, {
  news,
  call: (name, params, options) => client.callTool({ name, arguments: params }, options),
  tools: async () => (await client.listTools(undefined, fresh)).tools.map(({ name }) => name),
  resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
  templates: async () => (await client.listResourceTemplates()).resourceTemplates.map((found) => found.uriTemplate),
  read: (uri) => client.readResource({ uri }),
  prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
  prompt: (name, params) => client.getPrompt({ name, arguments: params }),
  complete: (name, argument, value) =>
    client.complete({ ref: { type: "ref/prompt", name }, argument: { name: argument, value } }),
  listen: async (filter) => (modern ? listen(filter) : undefined),
  subscribe: async (uri) => {
    if (modern) return listen({ resourceSubscriptions: [uri] });
    await client.subscribeResource({ uri });
    return () => client.unsubscribeResource({ uri });
  },
  logged: async (name, level) => {
    if (!modern) await client.setLoggingLevel(level);
    const _meta = modern ? { "io.modelcontextprotocol/logLevel": level } : undefined;
    return client.callTool({ name, arguments: {}, _meta });
  },
});
await client.close();
process.exit(0);
