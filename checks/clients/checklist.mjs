// What every client written in JavaScript does with mcporch. checklist.py is the same list for Python.
//
// job: { era, version, tools, words_min, requests: [{ say, params, tool, expect }] }, the first argument of each client.
// list() gives tool names; call(name, args) gives a CallToolResult. Both reject on a protocol error.
// Each finding is one line of tab-separated fields on stdout, read by real_servers.sh:
//   check NAME ok|FAIL DETAIL        row SAY HOW OUTCOME TOOL CONFIDENCE MILLISECONDS

const line = (...fields) => process.stdout.write(fields.map((f) => String(f).replace(/\s+/g, " ")).join("\t") + "\n");
const short = (value) => (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 400);

/** Prints one verdict; a failed one makes the client exit with 1, and the rest goes on. */
export function check(name, ok, detail = "") {
  line("check", name, ok ? "ok" : "FAIL", short(detail));
  if (!ok) process.exitCode = 1;
}

/** Reads `JOB COMMAND [ARGS…]` from the command line. */
export function arguments_() {
  const [job, command, ...args] = process.argv.slice(2);
  return { job: JSON.parse(job), command, args };
}

/** Runs `body` and turns a rejection into a failed check, so that it is counted and named. */
export async function guarded(name, body) {
  try {
    await body();
  } catch (error) {
    check(name, false, `${error?.name ?? "Error"}: ${error?.message ?? error}`);
  }
}

/** Checks what was negotiated: `job.version` is a regular expression. */
export function connected(job, version) {
  check("protocol version", new RegExp(job.version).test(version ?? ""), `${version}, wanted ${job.version}`);
}

export async function run(job, { list, call }) {
  await guarded("tools/list", async () => {
    const names = (await list()).sort().join(" ");
    check("tools/list", names === [...job.tools].sort().join(" "), names);
  });
  for (const [name, args, expect] of job.mentions) {
    await guarded(name, async () => {
      const result = await call(name, args);
      const text = JSON.stringify(result);
      check(name, !result.isError && new RegExp(expect).test(text), text);
    });
  }
  await guarded("params are asked for", async () => {
    const { outcome } = read(await call("execute", { request: job.lacking }));
    check("params are asked for", outcome === "needs_params" || outcome === "needs_choice", outcome);
  });

  let byWords = 0;
  for (const request of job.requests) {
    await guarded(request.say, async () => {
      const args = { request: request.say, params: request.params };
      const first = await attempt(call, args, request, "words");
      if (first.done) byWords += 1;
      const last = first.done ? first : await attempt(call, { ...args, tool: request.tool }, request, "tool");
      check(request.say, last.done, last.done ? "" : last.text);
    });
  }
  check("done by words", byWords >= job.words_min, `${byWords} of ${job.requests.length}, wanted ${job.words_min}`);
}

async function attempt(call, args, request, how) {
  const started = Date.now();
  const result = read(await call("execute", args));
  const done = result.outcome === "done" && new RegExp(request.expect).test(result.text);
  const outcome = result.outcome === "done" && !done ? "done, unexpected result" : result.outcome;
  line("row", request.say, how, outcome, result.tool, result.confidence, Date.now() - started);
  return { done, text: `${outcome}: ${result.text}` };
}

/** Outcome, tool, confidence and the child's own first text out of an answer of `execute`. */
function read(result) {
  const route = result._meta?.["mcporch/route"] ?? {};
  const told = result.structuredContent ?? {};
  const outcome = result.isError ? "failed" : (route.outcome ?? told.outcome ?? "none given");
  const best = told.candidates?.[0] ?? told;
  const server = route.server ?? best.server;
  const tool = route.tool ?? best.tool;
  return {
    outcome,
    tool: server ? `${server}.${tool}` : (tool ?? "-"),
    confidence: route.confidence ?? told.confidence ?? best.confidence ?? "-",
    text: result.content?.find((item) => item.type === "text")?.text ?? "",
  };
}
