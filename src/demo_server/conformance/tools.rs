//! The tools as they are listed: the same ones in both eras.

use serde_json::Value;

use crate::demo_server::listing::plain_tool;

/// Adds a tool to the list, or takes it away again.
pub(in crate::demo_server) const CHANGE_TOOLS: &str = "test_trigger_tool_change";
/// The tool that [`CHANGE_TOOLS`] adds.
const ADDED: &str = "test_added_tool";

const NONE: &str = "{}";
const NAME: &str = r#"{"name":{"type":"string","description":"Whom to greet."}}"#;
const SLOW: &str = r#"{"seconds":{"type":"number","minimum":0,"maximum":3600,"default":0.5,"description":"Time to take, in seconds."},"steps":{"type":"integer","minimum":1,"default":1,"description":"Progress notifications to send on the way."}}"#;
const COMPUTE: &str = r#"{"seconds":{"type":"number","minimum":0,"maximum":3600,"default":0.5,"description":"Time to take, in seconds."},"label":{"type":"string","description":"What to call the result."}}"#;
const HEADERS: &str = r#"{"region":{"type":"string","description":"Goes into a header.","x-mcp-header":"Region"},"priority":{"type":"integer","description":"Goes into a header.","x-mcp-header":"Priority"},"verbose":{"type":"boolean","description":"Goes into a header.","x-mcp-header":"Verbose"},"note":{"type":"string","description":"Stays in the body."}}"#;
const BYTES: &str = r#"{"bytes":{"type":"integer","minimum":0,"maximum":268435456,"default":1000,"description":"Length of the text."}}"#;
const URI: &str = r#"{"uri":{"type":"string","default":"test://watched-resource","description":"Which resource."}}"#;
const PROMPT: &str = r#"{"prompt":{"type":"string","description":"What to ask the model."}}"#;
const MESSAGE: &str = r#"{"message":{"type":"string","description":"What to ask the user."}}"#;
const FILE: &str = r#"{"filename":{"type":"string","description":"Which file. Nothing is really deleted."}}"#;

/// Names, descriptions and properties of the tools whose schemas have nothing special.
const PLAIN: &[(&str, &str, &str)] = &[
    ("test_simple_text", "Gives a text.", NONE),
    ("test_image_content", "Gives an image.", NONE),
    ("test_audio_content", "Gives a sound.", NONE),
    ("test_embedded_resource", "Gives an embedded resource.", NONE),
    ("test_multiple_content_types", "Gives a text, an image and a resource.", NONE),
    ("test_tool_with_logging", "Logs three messages at level info while it runs.", NONE),
    ("test_tool_with_progress", "Reports its progress three times while it runs.", NONE),
    ("test_error_handling", "Always fails with a tool error.", NONE),
    ("test_reconnection", "Takes a moment, in which the connection may be cut and made again.", NONE),
    ("test_sampling", "Asks the client's model.", PROMPT),
    ("test_elicitation", "Asks the client's user for a name and an address.", MESSAGE),
    ("test_elicitation_sep1034_defaults", "Asks the user with a form whose fields have defaults.", NONE),
    ("test_elicitation_sep1330_enums", "Asks the user with a form of choices.", NONE),
    ("test_url_elicitation", "Asks the user to visit a page, and tells when that is done.", NONE),
    ("test_url_elicitation_required", "Refuses to work until the user has visited a page.", NONE),
    ("test_missing_capability", "Needs the client's model, and refuses to work without.", NONE),
    ("test_streaming_elicitation", "Asks the user while the answer is a stream.", NONE),
    ("test_logging_tool", "Logs one message at each level.", NONE),
    (CHANGE_TOOLS, "Adds a tool to the list, or takes it away again.", NONE),
    ("test_trigger_prompt_change", "Adds a prompt to the list, or takes it away again.", NONE),
    ("test_trigger_resource_change", "Adds a resource to the list, or takes it away again.", NONE),
    ("test_trigger_resource_update", "Changes a resource, and tells whoever watches it.", URI),
    ("test_input_required_result_elicitation", "Asks the user for a name.", NONE),
    ("test_input_required_result_sampling", "Asks the client's model for a capital.", NONE),
    ("test_input_required_result_list_roots", "Asks the client for its roots.", NONE),
    ("test_input_required_result_request_state", "Asks the user to confirm, and wants its state back.", NONE),
    ("test_input_required_result_multiple_inputs", "Asks the user, the model and the client at once.", NONE),
    ("test_input_required_result_multi_round", "Asks the user twice, one after the other.", NONE),
    ("test_input_required_result_tampered_state", "Asks the user to confirm, and refuses a changed state.", NONE),
    ("test_input_required_result_capabilities", "Asks whatever the client can be asked.", NONE),
    ("greet", "Greets at once.", NAME),
    ("slow_compute", "Takes its time, as a task where the client takes tasks.", COMPUTE),
    ("failing_job", "A task that always fails with a tool error.", NONE),
    ("protocol_error_job", "A task that always fails with a protocol error.", NONE),
    ("confirm_delete", "A task that asks the user to confirm.", FILE),
    ("multi_input", "A task that asks the user two things at once.", NONE),
    ("test_tool_with_task", "Asks the user for a name, and goes on as a task.", NONE),
    ("test_x_mcp_header", "Gives back its arguments, some of which are mirrored into headers.", HEADERS),
    ("test_slow", "Takes its time, reports progress and can be cancelled.", SLOW),
    ("test_last_cancelled", "Tells how many calls were cancelled, and which one last.", NONE),
    ("test_large_result", "Gives a text of any length.", BYTES),
];

/// Tools with more in them than [`PLAIN`] can say. The first one is what the suite looks for (SEP-1613, SEP-2106).
const SPECIAL: &[(&str, &str)] = &[
    (
        "json_schema_2020_12_tool",
        r##"{"name":"json_schema_2020_12_tool","description":"Gives back its arguments; its schema uses much of JSON Schema 2020-12.","inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},"properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},"allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],"if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false}}"##,
    ),
    (
        "test_odd_json",
        r#"{"x-unknown":{"z":18446744073709551617,"a":0.50},"name":"test_odd_json","title":"Odd JSON","description":"Gives a result that no program on the way may change.","inputSchema":{"type":"object","properties":{},"x-unknown":[1.0,null]},"annotations":{"x-unknown":"stays","readOnlyHint":true,"title":"Odd JSON"},"_meta":{"example.com/unknown":{"b":1,"a":2}}}"#,
    ),
    (
        "test_echo_arguments",
        r#"{"name":"test_echo_arguments","description":"Gives back its arguments as the bytes that arrived.","inputSchema":{"type":"object"}}"#,
    ),
];

/// Names and tool objects (JSON text), in the order in which they are listed.
pub(in crate::demo_server) fn all() -> Vec<(String, String)> {
    let plain = PLAIN
        .iter()
        .map(|(name, description, properties)| ((*name).to_owned(), plain_tool(name, description, properties)));
    plain.chain(SPECIAL.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned()))).collect()
}

/// The tool that comes and goes.
pub(in crate::demo_server) fn added() -> (&'static str, String) {
    (ADDED, plain_tool(ADDED, "Was added while the server ran.", NONE))
}

/// The result of a tool that only does something beside.
pub(super) fn did(what: &str) -> Value {
    serde_json::json!({"content": [{"type": "text", "text": what}]})
}
