//! Prompts, and what their arguments may be completed to.

use serde_json::{Map, Value, json};

use super::contents::PNG;

/// The prompt that asks for input.
pub(super) const ASKING: &str = "test_input_required_result_prompt";
/// Most values of one completion (MCP 2025-11-25, server/utilities/completion).
const VALUES_MAX: usize = 100;
const WORDS: [&str; 8] = ["paris", "park", "party", "passage", "pastry", "test1", "test2", "value"];

/// The list; `is_changed` adds one.
pub(super) fn list(is_changed: bool) -> Value {
    let argument = |name: &str, description: &str| json!({"name": name, "description": description, "required": true});
    let mut prompts = vec![
        json!({"name": "test_simple_prompt", "description": "One text."}),
        json!({
            "name": "test_prompt_with_arguments",
            "description": "A text with two arguments in it.",
            "arguments": [argument("arg1", "The first argument."), argument("arg2", "The second argument.")],
        }),
        json!({
            "name": "test_prompt_with_embedded_resource",
            "description": "A resource, and a request to process it.",
            "arguments": [argument("resourceUri", "Which resource to embed.")],
        }),
        json!({"name": "test_prompt_with_image", "description": "An image, and a request to analyse it."}),
        json!({"name": ASKING, "description": "Asks the user for context first."}),
    ];
    if is_changed {
        prompts.push(json!({"name": "test_added_prompt", "description": "Was added while the server ran."}));
    }
    json!({"prompts": prompts})
}

/// One prompt, or what is wrong with the request.
pub(super) fn get(name: &str, arguments: &Map<String, Value>) -> Result<Value, String> {
    let argument = |name: &str| {
        let given = arguments.get(name).and_then(Value::as_str);
        given.ok_or_else(|| format!("the prompt's argument {name:?} is missing: give a text"))
    };
    let contents = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1")?, argument("arg2")?);
            vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = argument("resourceUri")?;
            let body = "Embedded resource content for testing.";
            let resource = json!({"uri": uri, "mimeType": "text/plain", "text": body});
            let embedded = json!({"type": "resource", "resource": resource});
            vec![embedded, text("Please process the embedded resource above.")]
        }
        "test_prompt_with_image" => {
            let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
            vec![image, text("Please analyze the image above.")]
        }
        "test_added_prompt" => vec![text("This prompt was added while the server ran.")],
        _ => return Err(format!("unknown prompt {name:?}")),
    };
    let messages: Vec<Value> =
        contents.into_iter().map(|content| json!({"role": "user", "content": content})).collect();
    Ok(json!({"messages": messages}))
}

/// What an argument may be completed to, or what is wrong with the request.
pub(super) fn complete(reference: &Value, argument: &Value) -> Result<Value, String> {
    let of = reference["name"].as_str().or_else(|| reference["uri"].as_str()).unwrap_or_default();
    let is_known = match reference["type"].as_str() {
        Some("ref/prompt") => {
            list(true)["prompts"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == of))
        }
        Some("ref/resource") => of.starts_with("test://"),
        _ => false,
    };
    let (Some(_), Some(begun)) = (argument["name"].as_str(), argument["value"].as_str()) else {
        return Err("the argument needs a name and a value, both texts".to_owned());
    };
    if !is_known {
        return Err(format!("nothing is completed for {of:?}: give a prompt or a resource template of this server"));
    }
    let values: Vec<&str> = WORDS.into_iter().filter(|word| word.starts_with(begun)).take(VALUES_MAX).collect();
    Ok(json!({"completion": {"values": values, "total": values.len(), "hasMore": false}}))
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}
