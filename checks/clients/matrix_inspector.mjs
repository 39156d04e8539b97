// The matrix with the inspector's command line. job.mode: "legacy", "auto" or "modern". See features.mjs.
// Every request is a process of its own, which shows the result of the request and nothing else that came.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { NoWay, job as readJob, runFeatures, said } from "./features.mjs";

const job = readJob();
const entry = fileURLToPath(
  new URL("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", import.meta.url),
);
const target = job.transport === "http" ? ["--server-url", job.url, "--transport", "http"] : [];
const command = job.transport === "http" ? [] : ["--", ...job.command];

/** One run of the inspector; exit status 5 means "the tool answered with an error", which is an answer too. */
function inspect(method, ...options) {
  const own = ["--cli", "--quiet", "--format", "json", "--protocol-era", job.mode, "--connect-timeout", "30000"];
  const line = [entry, ...own, ...target, "--method", method, ...options, ...command];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, line, { timeout: 40_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error && error.code !== 5) return reject(new Error(`${method} exited with ${error.code}: ${stderr}`));
      try {
        resolve(JSON.parse(stdout).result);
      } catch {
        reject(new Error(`${method} printed no JSON: ${stdout} ${stderr}`));
      }
    });
  });
}

const noWay = (why) => () => Promise.reject(new NoWay(why));
const mute = noWay("the inspector's command line shows no notifications");

said((await inspect("initialize")).protocolVersion);
await runFeatures(job.features, {
  news: {},
  call: (name, params, options) => {
    if (options?.signal) return noWay("the inspector's command line cannot cancel a call")();
    if (options?.onprogress) return mute();
    if (name === "test_sampling") return noWay("the inspector's command line has no model")();
    if (/elicitation/.test(name)) return noWay("the inspector's command line cannot be asked by a server")();
    if (/roots/.test(name)) return noWay("the inspector's command line has no roots")();
    return inspect("tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(params));
  },
  tools: async () => (await inspect("tools/list")).tools.map(({ name }) => name),
  resources: async () => (await inspect("resources/list")).resources.map(({ uri }) => uri),
  templates: async () => (await inspect("resources/templates/list")).resourceTemplates.map((found) => found.uriTemplate),
  read: (uri) => inspect("resources/read", "--uri", uri),
  prompts: async () => (await inspect("prompts/list")).prompts.map(({ name }) => name),
  prompt: (name, params) => {
    const pairs = Object.entries(params).map(([key, value]) => `${key}=${value}`);
    return inspect("prompts/get", "--prompt-name", name, "--prompt-args", ...pairs);
  },
  complete: noWay("the inspector's command line has no completion/complete"),
  listen: mute,
  subscribe: mute,
  logged: mute,
});
