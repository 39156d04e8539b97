// Makes the page from openapi.json. Everything is put in as text, never as HTML.
"use strict";

const KEY = "mcporch-docs-key";

function made(tag, props = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside.filter((one) => one !== undefined));
  return element;
}

function resolved(api, schema, depth = 0) {
  if (!schema || depth > 6) return schema;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return resolved(api, api.components.schemas[name], depth + 1);
  }
  return schema;
}

/** A JSON value that fits the schema, to start from: what is required, and examples where there are some. */
function sample(api, schema, depth = 0) {
  const whole = resolved(api, schema);
  if (!whole || depth > 4) return {};
  if (whole.examples && whole.examples.length) return whole.examples[0];
  if (whole.const !== undefined) return whole.const;
  if (whole.enum) return whole.enum[0];
  for (const way of ["anyOf", "oneOf"]) if (whole[way]) return sample(api, whole[way][0], depth + 1);
  const type = Array.isArray(whole.type) ? whole.type[0] : whole.type;
  if (type === "object") {
    const value = {};
    for (const name of whole.required || []) value[name] = sample(api, (whole.properties || {})[name], depth + 1);
    return value;
  }
  return { string: "", integer: whole.minimum || 0, number: 0, boolean: false, array: [] }[type] ?? {};
}

function field(parameter, id) {
  const input = made("input", {
    id, name: parameter.name, required: parameter.required, "data-in": parameter.in, autocomplete: "off",
    value: parameter.required && parameter.example !== undefined ? String(parameter.example) : undefined,
  });
  const label = made("label", { for: id }, parameter.name + (parameter.required ? " *" : ""));
  return made("div", { class: "field" }, label, input, made("small", {}, parameter.description || ""));
}

async function tryIt(method, path, form, shown) {
  shown.hidden = false;
  shown.textContent = "…";
  let address = path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("input[data-in]")) {
    if (input.dataset.in === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.append(input.name, input.value);
  }
  if ([...query].length) address += `?${query}`;
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers.Authorization = `Bearer ${key}`;
  const area = form.querySelector("textarea");
  const body = area && area.value.trim() ? area.value : undefined;
  if (body) headers["Content-Type"] = "application/json";
  const begun = performance.now();
  try {
    const response = await fetch(address, { method, headers, body });
    const text = await response.text();
    const took = (performance.now() - begun).toFixed(1);
    let told = text;
    try { told = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON, and shown as it is */ }
    const head = made("span", { class: response.ok ? "good" : "bad" }, `${response.status} ${response.statusText}`);
    shown.replaceChildren(head, ` · ${took} ms · ${response.headers.get("x-request-id") || ""}\n\n${told.slice(0, 200000)}`);
  } catch (fault) {
    shown.replaceChildren(made("span", { class: "bad" }, String(fault)));
  }
}

function operation(api, path, method, about, number) {
  const id = `op${number}`;
  const fields = (about.parameters || []).map((one, at) => field(one, `${id}-p${at}`));
  const content = about.requestBody && about.requestBody.content["application/json"];
  const area = content && made("textarea", { id: `${id}-body`, spellcheck: "false" });
  if (area) area.value = JSON.stringify(content.example ?? sample(api, content.schema), null, 2);
  const shown = made("pre", { hidden: true, tabindex: "0", "aria-live": "polite" });
  const form = made("form", {
    onsubmit: (event) => { event.preventDefault(); tryIt(method.toUpperCase(), path, form, shown); },
  }, ...fields, area && made("label", { for: `${id}-body` }, "Body"), area, made("button", { type: "submit" }, "Try it"));
  const statuses = Object.keys(about.responses).join(" ");
  const schema = about.responses["200"] && about.responses["200"].content;
  const answer = schema && resolved(api, Object.values(schema)[0].schema);
  return made("details", { "data-words": `${path} ${about.summary} ${about.operationId}`.toLowerCase() },
    made("summary", {}, made("span", { class: "method" }, method.toUpperCase()), made("span", { class: "path" }, path),
      made("span", { class: "words" }, about.summary), made("span", { class: "scope" }, about["x-scope"] || "open")),
    made("div", { class: "inside" }, about.description && made("p", {}, about.description), form, shown,
      made("p", {}, `Statuses: ${statuses}`),
      answer && made("details", {}, made("summary", {}, "Answer"), made("pre", { tabindex: "0" }, JSON.stringify(answer, null, 2)))));
}

async function begin() {
  const key = document.getElementById("key");
  key.value = sessionStorage.getItem(KEY) || "";
  key.addEventListener("input", () => sessionStorage.setItem(KEY, key.value));
  document.getElementById("key-form").addEventListener("submit", (event) => event.preventDefault());
  const api = await (await fetch("/api/v1/openapi.json")).json();
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const main = document.getElementById("operations");
  let number = 0;
  for (const tag of api.tags) {
    const section = made("section", {}, made("h2", {}, tag.name), made("p", {}, tag.description || ""));
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, about] of Object.entries(methods)) {
        if (about.tags && about.tags.includes(tag.name)) section.append(operation(api, path, method, about, number++));
      }
    }
    main.append(section);
  }
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const one of document.querySelectorAll("details[data-words]")) one.hidden = !one.dataset.words.includes(wanted);
  });
}

begin().catch((fault) => { document.getElementById("about").textContent = String(fault); });
