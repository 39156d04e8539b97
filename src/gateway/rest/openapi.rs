//! The OpenAPI document (3.1), made from the table of verbs: every path, member, body, answer and problem.

use std::sync::LazyLock;

use axum::response::Response;
use hyper::HeaderMap;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::gateway::verbs::HttpMethod;

use super::openapi_parts as parts;
use super::problem::Document;
use super::routes::{BASE, Entry};
use super::serve::tagged;

/// `GET /api/v1/openapi.json`.
pub(super) fn document(headers: &HeaderMap) -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| build().to_string());
    tagged(TEXT.clone(), headers, false)
}

/// The document. The same for every mcporch of one version.
pub(super) fn build() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<Document<'_>>();
    let mut paths = Map::new();
    for entry in Entry::all() {
        let item = paths.entry(format!("{BASE}{}", entry.path.path)).or_insert_with(|| json!({}));
        item[method(&entry)] = operation(&entry, &mut schemas);
    }
    parts::add_others(&mut paths);
    let schemas = schemas.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mcporch",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One entry in front of all your MCP servers: routes a request in words to the right tool.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "tags": parts::tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": parts::problems(&problem.to_value()),
            "headers": parts::headers(),
            "securitySchemes": {"key": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key, as `mcporch keys create` shows it once. Not needed on this machine, unless the settings say so."
            }}
        }
    })
}

fn method(entry: &Entry) -> &'static str {
    match entry.path.method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
    }
}

fn operation(entry: &Entry, schemas: &mut SchemaGenerator) -> Value {
    let verb = entry.verb;
    let output = (verb.output)(schemas).to_value();
    let mut operation = json!({
        "operationId": operation_id(entry),
        "summary": verb.summary,
        "description": format!("Needs the scope `{}`. The verb `{}`.", verb.scope, verb.name),
        "tags": [verb.tag],
        "x-scope": verb.scope.word(),
        "x-verb": verb.name,
        "responses": parts::responses(&output, entry.is_get()),
    });
    let mut parameters: Vec<Value> = entry.path_names().map(|name| path_parameter(entry, name)).collect();
    if entry.is_get() {
        parameters.extend(entry.other_members().map(|(member, _)| query_parameter(entry, member)));
    } else if let Some(body) = body(entry) {
        operation["requestBody"] = body;
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation
}

/// The name of the verb; of a second way with its method or what it is for.
fn operation_id(entry: &Entry) -> String {
    let is_first = entry.verb.paths.first().is_some_and(|first| std::ptr::eq(first, entry.path));
    let of_several =
        if entry.verb.paths.iter().any(|path| path.method != entry.path.method) { "by_post" } else { "several" };
    if is_first { entry.verb.name.to_owned() } else { format!("{}_{of_several}", entry.verb.name) }
}

fn path_parameter(entry: &Entry, member: &str) -> Value {
    let schema = parts::plain(entry.verb.shape().member(member));
    let mut parameter = json!({"name": member, "in": "path", "required": true});
    parts::describe(&mut parameter, schema);
    if let Some(example) = parts::example(entry, member) {
        parameter["example"] = example;
    }
    parameter
}

fn query_parameter(entry: &Entry, member: &str) -> Value {
    let shape = entry.verb.shape();
    let mut parameter = json!({"name": entry.query_name(member), "in": "query", "required": shape.is_required(member)});
    parts::describe(&mut parameter, parts::plain(shape.member(member)));
    parameter
}

/// What is taken as the body; `None` where that is nothing.
fn body(entry: &Entry) -> Option<Value> {
    let shape = entry.verb.shape();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (member, _) in entry.other_members() {
        properties.insert(member.to_owned(), shape.member(member).clone());
        if shape.is_required(member) {
            required.push(Value::from(member));
        }
    }
    if properties.is_empty() {
        return None;
    }
    let is_needed = !required.is_empty();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if is_needed {
        schema["required"] = required.into();
    }
    let mut content = json!({"schema": schema});
    if let Some(example) = shape.example() {
        content["example"] = example.clone();
    }
    Some(json!({"required": is_needed, "content": {"application/json": content}}))
}
