// What every client of the matrix that is written in JavaScript tries with our fixture behind mcporch. features.py is the
// same list for Python.
//
// job, the first argument of each client: { transport: "stdio" | "http", command: [...], url, mode, features: [...] }.
// Each finding is one line of JSON on stdout, read by matrix.py:
//   {"version": "2025-11-25"}        {"feature": "call", "verdict": "ok" | "FAIL" | "none", "detail": "…"}
// "none" says that this client offers no way to do it.

const FEATURE_MS_MAX = 15_000; // A feature takes a few round trips; on a busy machine each may take a second.
const NEWS_MS_MAX = 5_000; // A notification that comes later than this is taken for lost.

const line = (finding) => process.stdout.write(JSON.stringify(finding) + "\n");
export const job = () => JSON.parse(process.argv[2]);
export const said = (version) => line({ version });

/** This client cannot do it, whatever the server does; the message says why. */
export class NoWay extends Error {}

/** Waits until `found()` is true. */
export async function until(found, what) {
  for (const end = Date.now() + NEWS_MS_MAX; !found(); ) {
    if (Date.now() > end) throw new Error(`${what} did not come within ${NEWS_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function want(ok, what, found) {
  if (!ok) throw new Error(`${what}: ${JSON.stringify(found)?.slice(0, 300)}`);
}

// --- The person, the model and the editor behind the client ----------------------------------------------------------

/** A value that a person could have given for one field of a form. */
function fieldValue(field) {
  if ("default" in field) return field.default;
  const known = { email: "anna@example.org", uri: "https://example.org/", date: "2026-01-31" };
  const values = { string: known[field.format] ?? "cloudberry", boolean: true, integer: 7, number: 7.5 };
  return (field.oneOf ?? field.anyOf)?.[0].const ?? field.enum?.[0] ?? values[field.type];
}

export function elicited({ mode, requestedSchema }) {
  if (mode === "url") return { action: "accept" };
  const fields = Object.entries(requestedSchema.properties).map(([name, field]) => [name, fieldValue(field)]);
  return { action: "accept", content: Object.fromEntries(fields) };
}

export const sampled = () => ({
  role: "assistant",
  content: { type: "text", text: "The model says cloudberry." },
  model: "checks",
  stopReason: "endTurn",
});

export const roots = () => ({ roots: [{ uri: "file:///cloudberries", name: "cloudberries" }] });

// --- The features ----------------------------------------------------------------------------------------------------

const textOf = (result) => (result.content ?? []).map((part) => part.text ?? "").join(" ");

async function says(client, tool, words, args = {}) {
  const result = await client.call(tool, args);
  want(!result.isError && words.test(textOf(result)), `${tool} gave`, result);
}

/** How many calls the fixture saw being cancelled. */
async function cancelled(client) {
  return Number(/\d+/.exec(textOf(await client.call("test_last_cancelled", {})))?.[0] ?? 0);
}

const features = {
  async call(client) {
    const names = await client.tools();
    want(names.includes("test_simple_text"), "tools/list gave", names);
    await says(client, "test_simple_text", /./);
    const failed = await client.call("test_error_handling", {}).catch((error) => ({ error: String(error) }));
    want(failed.isError === true, "a failing tool gave", failed);
  },
  async progress(client) {
    const seen = [];
    await client.call("test_tool_with_progress", {}, { onprogress: ({ progress }) => seen.push(progress) });
    // Both versions of the SDK forget a call when its answer is read, and with it what came last in the same read.
    want(["0,50,100", "0,50"].includes(seen.join()), "progress was", seen);
  },
  async cancel(client) {
    const stop = new AbortController();
    let steps = 0;
    const onprogress = () => {
      steps += 1;
      stop.abort(new Error("enough"));
    };
    const before = await cancelled(client);
    const started = Date.now();
    const result = await client
      .call("test_slow", { seconds: 30, steps: 150 }, { onprogress, signal: stop.signal })
      .catch((error) => {
        if (error instanceof NoWay) throw error;
      });
    want(result === undefined, "a cancelled call gave", result);
    want(steps > 0, "progress before the cancel", steps);
    want(Date.now() - started < 10_000, "a cancelled call took ms", Date.now() - started);
    let after = before;
    for (const end = Date.now() + NEWS_MS_MAX; after === before && Date.now() < end; ) after = await cancelled(client);
    want(after === before + 1, "cancelled calls that the server saw", { before, after });
  },
  async list_changed(client) {
    const close = await client.listen({ toolsListChanged: true });
    const before = await client.tools();
    const count = client.news.tools;
    await client.call("test_trigger_tool_change", {});
    await until(() => client.news.tools > count, "notifications/tools/list_changed");
    const after = await client.tools();
    want(before.includes("test_added_tool") !== after.includes("test_added_tool"), "the list stayed as it was", after);
    await close?.();
  },
  async elicitation(client) {
    await says(client, "test_elicitation", /accept.*(cloudberry|anna@)/, { message: "Who are you?" });
  },
  async sampling(client) {
    await says(client, "test_sampling", /The model says cloudberry/, { prompt: "Which berry?" });
  },
  async resources(client) {
    const uris = await client.resources();
    want(uris.includes("test://static-text"), "resources/list gave", uris);
    const templates = await client.templates();
    want(templates.includes("test://template/{id}/data"), "resources/templates/list gave", templates);
    const [text] = (await client.read("test://static-text")).contents;
    want(/static text/.test(text.text), "resources/read gave", text);
    const [filled] = (await client.read("test://template/77/data")).contents;
    want(/77/.test(filled.text), "resources/read of a template gave", filled);
    const [image] = (await client.read("test://static-binary")).contents;
    want(image.blob?.length > 20, "resources/read of an image gave", image);
  },
  async prompts(client) {
    const names = await client.prompts();
    want(names.includes("test_prompt_with_arguments"), "prompts/list gave", names);
    const { messages } = await client.prompt("test_prompt_with_arguments", { arg1: "cloud", arg2: "berry" });
    want(/cloud[\s\S]*berry/.test(messages[0].content.text), "prompts/get gave", messages);
  },
  async roots(client) {
    await says(client, "test_input_required_result_list_roots", /file:\/\/\/cloudberries/);
  },
  async url(client) {
    await says(client, "test_url_elicitation", /accept/);
  },
  async updates(client) {
    const close = await client.subscribe("test://watched-resource");
    await client.call("test_trigger_resource_update", { uri: "test://watched-resource" });
    await until(() => client.news.updated.includes("test://watched-resource"), "notifications/resources/updated");
    await close?.();
  },
  async logging(client) {
    await client.logged("test_tool_with_logging", "info");
    await until(() => client.news.logs >= 3, "three of notifications/message");
  },
  async completion(client) {
    const { completion } = await client.complete("test_prompt_with_arguments", "arg1", "par");
    want(completion.values.includes("paris"), "completion/complete gave", completion);
  },
  // The two that are not about one server: the four tools, and the tools of all servers.
  async execute(client) {
    const names = (await client.tools()).sort().join();
    want(names === "execute,explain_tool,fetch_result,find_tool,list_capabilities", "tools/list gave", names);
    await says(client, "execute", /simple text/, { request: "give me a text", tool: "modern.test_simple_text" });
    await says(client, "execute", /simple text/, { request: "give me a text", tool: "legacy.test_simple_text" });
  },
  async direct(client) {
    const names = await client.tools();
    want(!names.some((name) => name.length > 60), "names of more than 60 characters", names);
    await says(client, "modern__test_simple_text", /simple text/);
    await says(client, "legacy__test_simple_text", /simple text/);
  },
};

/** Tries `wanted` one after the other; what fails does not keep the others from being tried. */
export async function runFeatures(wanted, client) {
  for (const feature of wanted) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took more than ${FEATURE_MS_MAX} ms`)), FEATURE_MS_MAX);
    });
    try {
      await Promise.race([features[feature](client), late]);
      line({ feature, verdict: "ok", detail: "" });
    } catch (error) {
      const verdict = error instanceof NoWay ? "none" : "FAIL";
      line({ feature, verdict, detail: String(error?.message ?? error).slice(0, 400) });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What came without being asked for. */
export const nothingNew = () => ({ tools: 0, updated: [], logs: 0 });
