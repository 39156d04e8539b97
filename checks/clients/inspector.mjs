// The inspector's command line. job.era: "legacy", "auto" or "modern". Every call is a process of its own, so each one
// also starts and stops mcporch.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { arguments_, check, connected, guarded, run } from "./checklist.mjs";

const { job, command, args } = arguments_();
const entry = fileURLToPath(
  new URL("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", import.meta.url),
);

/** One run of the inspector; exit status 5 means "the tool answered with an error", which is an answer too. */
function inspect(method, options = []) {
  const own = ["--cli", "--quiet", "--format", "json", "--protocol-era", job.era, "--connect-timeout", "60000"];
  const line = [entry, ...own, "--method", method, ...options, "--", command, ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, line, { timeout: 90_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error && error.code !== 5) return reject(new Error(`${method} exited with ${error.code}: ${stderr}`));
      try {
        resolve(JSON.parse(stdout).result);
      } catch {
        reject(new Error(`${method} printed no JSON: ${stdout} ${stderr}`));
      }
    });
  });
}

await guarded("connect", async () => {
  const hello = await inspect("initialize");
  connected(job, hello.protocolVersion);
  check("server name", hello.serverInfo?.name === "mcporch", hello);
  await guarded("portable schemas", async () => {
    await inspect("tools/list", ["--strict"]);
    check("portable schemas", true);
  });
  await run(job, {
    list: async () => (await inspect("tools/list")).tools.map((tool) => tool.name),
    call: (name, params) =>
      inspect("tools/call", ["--tool-name", name, "--tool-args-json", JSON.stringify(params)]),
  });
});
