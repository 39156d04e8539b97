//! Pieces of the OpenAPI document that are the same for all verbs, and the paths that are no verbs.

use serde_json::{Map, Value, json};

use crate::gateway::verbs::FaultKind;

use super::routes::Entry;

/// The groups, in the order of the page.
pub(super) fn tags() -> Value {
    json!([
        {"name": "routing", "description": "From a request in words to a tool, and running it."},
        {"name": "tools", "description": "What there is."},
        {"name": "servers", "description": "How servers are, and what they shall do."},
        {"name": "calls", "description": "What went on."},
        {"name": "results", "description": "Results that were too large to be handed over."},
        {"name": "mcporch", "description": "mcporch itself."},
        {"name": "older programs", "description": "Calls as older programs make them."}
    ])
}

/// A response for each status that a problem may have.
pub(super) fn problems(problem: &Value) -> Value {
    let mut responses = Map::new();
    for kind in FaultKind::ALL {
        let response = responses.entry(format!("Problem{}", kind.status())).or_insert_with(|| {
            json!({
                "description": "",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
                "content": {"application/problem+json": {"schema": problem, "examples": {}}}
            })
        });
        let before = response["description"].as_str().unwrap_or_default();
        let mark = if before.is_empty() { "" } else { "; or " };
        response["description"] = format!("{before}{mark}{} (`{}`)", kind.title(), kind.slug()).into();
        response["content"]["application/problem+json"]["examples"][kind.slug()] = json!({"value": {
            "type": format!("/problems/{}", kind.slug()),
            "title": kind.title(),
            "status": kind.status(),
            "detail": kind.title(),
            "instance": "/api/v1/find",
            "request_id": "5f3a1c02-7"
        }});
        let header = match kind.status() {
            401 => Some(("WWW-Authenticate", json!({"schema": {"type": "string"}}))),
            405 => Some(("Allow", json!({"schema": {"type": "string"}}))),
            429 => Some(("Retry-After", json!({"schema": {"type": "integer", "minimum": 0}}))),
            _ => None,
        };
        if let Some((name, header)) = header {
            response["headers"][name] = header;
        }
    }
    responses.into()
}

/// Headers that answers share.
pub(super) fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "The request's own `X-Request-Id`, or a new one.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128}
        },
        "ETag": {
            "description": "For `If-None-Match`: a client that has this answer already gets a 304.",
            "schema": {"type": "string"}
        }
    })
}

/// All answers of one operation.
pub(super) fn responses(output: &Value, is_get: bool) -> Value {
    let mut head = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
    if is_get {
        head["ETag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    let mut responses = json!({"200": {
        "description": "Done.",
        "headers": head,
        "content": {"application/json": {"schema": output}}
    }});
    if is_get {
        responses["304"] = json!({"description": "The client has it already."});
    }
    let mut statuses: Vec<u16> = FaultKind::ALL.iter().map(|kind| kind.status()).collect();
    statuses.dedup();
    for status in statuses.into_iter().filter(|status| !is_get || ![408, 415].contains(status)) {
        responses[status.to_string()] = json!({"$ref": format!("#/components/responses/Problem{status}")});
    }
    responses
}

/// The schema of a member as it stands in an address, where nothing is left out by `null`.
pub(super) fn plain(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(ways) = schema.get("anyOf").and_then(Value::as_array) {
        let mut way = ways.first().cloned().unwrap_or_default();
        if let (Some(way), Some(about)) = (way.as_object_mut(), schema.get("description")) {
            way.insert("description".to_owned(), about.clone());
        }
        schema = way;
    }
    if let Some(kinds) = schema.get("type").and_then(Value::as_array) {
        schema["type"] = kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
    }
    // One of several words, each with its own meaning.
    if let Some(ways) = schema.get("oneOf").and_then(Value::as_array) {
        let words: Vec<Value> = ways.iter().flat_map(words_of).collect();
        let about = schema.get("description").cloned().unwrap_or_default();
        schema = json!({"type": "string", "enum": words, "description": about});
    }
    schema
}

fn words_of(way: &Value) -> Vec<Value> {
    let several = way.get("enum").and_then(Value::as_array).cloned();
    several.unwrap_or_else(|| way.get("const").cloned().into_iter().collect())
}

/// Moves the description from the schema to the parameter.
pub(super) fn describe(parameter: &mut Value, mut schema: Value) {
    if let Some(about) = schema.as_object_mut().and_then(|schema| schema.remove("description")) {
        parameter["description"] = about;
    }
    parameter["schema"] = schema;
}

/// Something to try a path with.
pub(super) fn example(entry: &Entry, member: &str) -> Option<Value> {
    let example = match member {
        "server" => "demo",
        "tool" => "demo.echo",
        "handle" => "r_8f3a",
        "id" => "c1",
        "route_id" => "q1",
        _ => return None,
    };
    debug_assert!(entry.path_names().any(|name| name == member), "asked for members of the path alone");
    Some(example.into())
}

/// The paths that are no verbs.
pub(super) fn add_others(paths: &mut Map<String, Value>) {
    paths.insert("/mcp/{name}".to_owned(), by_name());
    for (path, id, summary) in [
        ("/healthz", "lives", "Whether the process answers; open to all"),
        ("/readyz", "is_ready", "Whether requests can be routed; open to all"),
    ] {
        let status = json!({"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]});
        let answers = answers_as("application/json", "It does.", &status);
        let look =
            json!({"operationId": id, "summary": summary, "tags": ["mcporch"], "security": [{}], "responses": answers});
        paths.insert(path.to_owned(), json!({"get": look}));
    }
    paths.insert("/api/v1/events".to_owned(), events());
    let text = "In the text format of Prometheus, or in OpenMetrics where that is accepted.";
    let metrics = json!({"get": {
        "operationId": "metrics",
        "summary": "The figures, for Prometheus",
        "tags": ["calls"],
        "x-scope": "viewer",
        "responses": answers_as("text/plain", text, &json!({"type": "string"}))
    }});
    paths.insert("/metrics".to_owned(), metrics);
}

fn by_name() -> Value {
    let result = json!({
        "type": "object",
        "properties": {
            "result": {"description": "What came of it."},
            "is_error": {"type": "boolean", "description": "There and true where the tool says that it failed."}
        },
        "required": ["result"]
    });
    let mut responses = responses(&result, false);
    // A name that is none here is an endpoint of MCP, which answers in its own way.
    let mcp = json!({"type": "object", "description": "Of `/mcp/direct`: an error of MCP."});
    for status in ["400", "404", "406"] {
        responses[status] = json!({
            "description": "As everywhere, but for `/mcp/direct`.",
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                "application/json": {"schema": mcp}
            }
        });
    }
    json!({"post": {
        "operationId": "run_by_name",
        "summary": "Runs a verb or a tool by its name, as older programs do",
        "description": "`name` is a verb (`find`, `execute`, …), a tool that MCP clients are shown (`find_tool`), a name of older \
                        programs (`get_server_status`), else a tool: `server.tool`, or a name that only one server has. The body \
                        are its arguments. Of a tool `result` is the text of its answer, where it is text alone, else its \
                        structured content, else the whole answer.",
        "tags": ["older programs"],
        "x-scope": "as the verb's",
        "parameters": [{
            "name": "name",
            "in": "path",
            "required": true,
            "description": "What to run.",
            "schema": {"type": "string", "minLength": 1, "not": {"const": "direct"}},
            "example": "get_orchestrator_status"
        }],
        "requestBody": {
            "required": false,
            "content": {"application/json": {"schema": {"type": "object"}, "example": {}}}
        },
        "responses": responses
    }})
}

fn events() -> Value {
    let text = "Each event has an id, the topic as its name, and JSON as its data.";
    json!({"get": {
        "operationId": "events",
        "summary": "What goes on, as server-sent events, until the client leaves",
        "description": "Needs the scope `viewer`; the topic `audit` needs `operator`.",
        "tags": ["calls"],
        "x-scope": "viewer",
        "parameters": [{
            "name": "topics",
            "in": "query",
            "required": false,
            "description": "Comma between them: `tick`, `servers`, `server`, `call`, `audit`, `catalog`, `log:SERVER`. All but logs \
                            when left out.",
            "schema": {"type": "string", "minLength": 1}
        }],
        "responses": answers_as("text/event-stream", text, &json!({"type": "string"}))
    }})
}

/// The answers of a look that has no tag, of another kind than JSON perhaps.
fn answers_as(kind: &str, about: &str, schema: &Value) -> Value {
    let mut answers = responses(schema, true);
    if let Some(answers) = answers.as_object_mut() {
        answers.remove("304");
    }
    answers["200"] = json!({
        "description": about,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        "content": {kind: {"schema": schema}}
    });
    answers
}
