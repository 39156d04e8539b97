//! Resources and their template.

use serde_json::{Value, json};

use super::contents::PNG;

/// The resource that changes when a tool is told to change it.
pub(super) const WATCHED: &str = "test://watched-resource";
/// The resource that asks for input.
pub(super) const ASKING: &str = "test://input-required";

/// The resource that comes and goes.
pub(super) const ADDED: &str = "test://added";

/// The list; `is_changed` adds one.
pub(super) fn list(is_changed: bool) -> Value {
    let resource = |uri: &str, name: &str, description: &str, mime_type: &str| json!({"uri": uri, "name": name, "description": description, "mimeType": mime_type});
    let mut resources = vec![
        resource("test://static-text", "static-text", "A text that never changes.", "text/plain"),
        resource("test://static-binary", "static-binary", "An image that never changes.", "image/png"),
        resource(WATCHED, "watched-resource", "A text that can be watched.", "text/plain"),
        resource("test://example-resource", "example-resource", "A text to embed.", "text/plain"),
        resource(ASKING, "input-required", "A text that is given for a word.", "text/plain"),
    ];
    if is_changed {
        resources.push(resource(ADDED, "added", "Was added while the server ran.", "text/plain"));
    }
    json!({"resources": resources})
}

/// The list of templates.
pub(super) fn templates() -> Value {
    json!({"resourceTemplates": [{
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "Data of any id.",
        "mimeType": "application/json",
    }]})
}

/// One resource; none when there is no such one. `version` counts the changes of the watched one.
pub(super) fn read(uri: &str, version: u64) -> Option<Value> {
    let (mime_type, key, body) = match uri {
        "test://static-text" => ("text/plain", "text", "This is the content of the static text resource.".to_owned()),
        "test://static-binary" => ("image/png", "blob", PNG.to_owned()),
        "test://example-resource" => ("text/plain", "text", "This is an example resource.".to_owned()),
        ADDED => ("text/plain", "text", "This resource was added while the server ran.".to_owned()),
        WATCHED => ("text/plain", "text", format!("This resource was changed {version} times.")),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            ("application/json", "text", data.to_string())
        }
    };
    Some(json!({"contents": [{"uri": uri, "mimeType": mime_type, key: body}]}))
}
