//! Tools that answer at once with something fixed, or with what they were given.

use serde_json::{Value, json};

use super::request::Request;

/// A red dot as PNG.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";
/// Half a millisecond of silence as WAV.
const WAV: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQgAAAAAAAAAAAAAAA==";
/// Longest text of `test_large_result`, in bytes. Above the limits that clients set, so that these can be tested.
const BYTES_MAX: usize = 256 << 20;
/// What no program may change on its way: unknown fields on every level, an order of keys that is not the alphabet's,
/// numbers that fit no machine's, escapes that could be spelt otherwise, and a key that other results are known by.
const ODD: &str = r#"{"zeta":1,"content":[{"x-unknown":{"b":1,"a":[2,{"d":3,"c":4}]},"text":"odd \/ caf\u00e9 \ud83d\ude00 \u0000","type":"text","annotations":{"priority":0.50,"x-unknown":null,"audience":["user"]}}],"structuredContent":{"z":1,"big":18446744073709551617,"negative":-9223372036854775809,"precise":0.10000000000000000555,"whole":1.0,"power":1e2,"a":{"empty":{},"nothing":null,"list":[]},"":"no name"},"x-unknown":{"later":[1,2.50],"earlier":true},"messages":["not a prompt"],"isError":false}"#;

/// The result of a tool that answers at once, as JSON text; none when there is no such tool.
pub(super) fn of_tool(name: &str, request: &Request) -> Option<String> {
    let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    let content = match name {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image]),
        "test_audio_content" => json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => {
            json!([resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")])
        }
        "test_multiple_content_types" => {
            let mixed = resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#);
            json!([text("Multiple content types test:"), image, mixed])
        }
        "test_error_handling" => {
            let content = [text("This tool intentionally returns an error for testing")];
            return Some(json!({"content": content, "isError": true}).to_string());
        }
        "json_schema_2020_12_tool" | "test_x_mcp_header" => json!([text(request.raw_arguments())]),
        "greet" => {
            let arguments = request.arguments();
            let name = arguments.get("name").and_then(Value::as_str).unwrap_or("stranger");
            json!([text(&format!("Hello, {name}!"))])
        }
        "test_odd_json" => return Some(ODD.to_owned()),
        "test_echo_arguments" => return Some(echoed(request)),
        "test_large_result" => return Some(large(request)),
        _ => return None,
    };
    Some(json!({"content": content}).to_string())
}

/// The arguments, as the bytes that arrived: as text for reading, and as they are.
fn echoed(request: &Request) -> String {
    let raw = request.raw_arguments();
    format!(r#"{{"content":[{}],"structuredContent":{raw}}}"#, text(raw))
}

fn large(request: &Request) -> String {
    let asked = request.arguments().get("bytes").and_then(Value::as_u64).and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = asked.unwrap_or(1000);
    if bytes > BYTES_MAX {
        let fault = format!("argument \"bytes\" must be at most {BYTES_MAX}");
        return json!({"content": [text(&fault)], "isError": true}).to_string();
    }
    let (head, tail) = (r#"{"content":[{"type":"text","text":""#, r#""}]}"#);
    let mut result = String::with_capacity(head.len() + bytes + tail.len());
    result.push_str(head);
    result.extend("0123456789abcdefghijklmnopqrstuvwxyz ".chars().cycle().take(bytes));
    result.push_str(tail);
    result
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}
