//! The dialogues: which tool, prompt or resource asks what, and what it makes of the answers.

use serde_json::{Map, Value, json};

use super::dialogue::{Dialogue, Next, Question, Step};
use super::forms;

/// The dialogue of a tool, if it has one.
pub(super) fn of_tool(name: &str) -> Option<Dialogue> {
    Some(match name {
        "test_sampling" => sampling,
        "test_elicitation" => elicitation,
        "test_elicitation_sep1034_defaults" => {
            |step| completed(step, form("values", "Please check these", forms::defaults()))
        }
        "test_elicitation_sep1330_enums" => |step| completed(step, form("choices", "Please choose", forms::choices())),
        "test_missing_capability" => |step| {
            let question = sample("greeting", "Say hello", 20);
            once(step, vec![question], None, |answers| said(&format!("sampled: {}", sampled(answers, "greeting"))))
        },
        "test_streaming_elicitation" => {
            |step| completed(step, form("name", "What is your name?", forms::one_text("name")))
        }
        "test_url_elicitation" => |step| completed(step, url("visit")),
        "test_input_required_result_elicitation" => |step| {
            let question = form("user_name", "What is your name?", forms::one_text("name"));
            once(step, vec![question], None, |answers| {
                said(&format!("Hello, {}!", given(answers, "user_name", "name")))
            })
        },
        "test_input_required_result_sampling" => |step| {
            let question = sample("capital_question", "What is the capital of France?", 100);
            once(step, vec![question], None, |answers| said(&sampled(answers, "capital_question")))
        },
        "test_input_required_result_list_roots" => |step| {
            once(step, vec![roots("client_roots")], None, |answers| said(&format!("roots: {}", root_uris(answers))))
        },
        "test_input_required_result_request_state" => |step| confirmed(step, "state-ok"),
        "test_input_required_result_tampered_state" => |step| confirmed(step, "the state came back as it was given"),
        "test_input_required_result_multiple_inputs" => multiple_inputs,
        "test_input_required_result_multi_round" => multi_round,
        "test_input_required_result_capabilities" => what_the_client_can,
        "confirm_delete" => confirm_delete,
        "multi_input" => multi_input,
        "test_tool_with_task" => |step| {
            let question = form("user_name", "What is your name?", forms::one_text("name"));
            let done = |answers: &Map<String, Value>| said(&format!("Hello, {}!", given(answers, "user_name", "name")));
            once(step, vec![question], Some(json!("name")), done)
        },
        _ => return None,
    })
}

/// The dialogue of `test_input_required_result_prompt`.
pub(super) fn prompt(step: &Step<'_>) -> Next {
    let question = form("user_context", "What context should the prompt use?", forms::one_text("context"));
    once(step, vec![question], None, |answers| {
        let text = format!("Answer in this context: {}", given(answers, "user_context", "context"));
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": text}}]})
    })
}

/// The dialogue of the resource `test://input-required`.
pub(super) fn resource(step: &Step<'_>) -> Next {
    let question = form("password", "What is the word?", forms::one_text("word"));
    once(step, vec![question], None, |answers| {
        let text = format!("The word is {}.", given(answers, "password", "word"));
        json!({"contents": [{"uri": "test://input-required", "mimeType": "text/plain", "text": text}]})
    })
}

fn sampling(step: &Step<'_>) -> Next {
    let prompt = step.arguments.get("prompt").and_then(Value::as_str).unwrap_or("Say something");
    let question = sample("answer", prompt, 100);
    once(step, vec![question], None, |answers| said(&format!("LLM response: {}", sampled(answers, "answer"))))
}

fn elicitation(step: &Step<'_>) -> Next {
    let message = step.arguments.get("message").and_then(Value::as_str).unwrap_or("Who are you?");
    once(step, vec![form("answer", message, forms::user())], None, |answers| {
        let answer = &answers["answer"];
        said(&format!("User response: action={}, content={}", action(answer), answer["content"]))
    })
}

/// Asks one thing, and tells what became of it.
fn completed(step: &Step<'_>, question: Question) -> Next {
    let key = question.key;
    once(step, vec![question], None, |answers| {
        let answer = &answers[key];
        said(&format!("Elicitation completed: action={}, content={}", action(answer), answer["content"]))
    })
}

fn confirmed(step: &Step<'_>, done: &str) -> Next {
    let question = form("confirm", "Please confirm", forms::one("ok", &json!({"type": "boolean"})));
    once(step, vec![question], Some(json!("confirm")), |answers| {
        said(&format!("{done}: {}", given(answers, "confirm", "ok")))
    })
}

fn multiple_inputs(step: &Step<'_>) -> Next {
    let questions = vec![
        form("user_name", "What is your name?", forms::one_text("name")),
        sample("greeting", "Generate a greeting", 50),
        roots("client_roots"),
    ];
    once(step, questions, Some(json!("all")), |answers| {
        let (greeting, name) = (sampled(answers, "greeting"), given(answers, "user_name", "name"));
        said(&format!("{greeting}, {name}; roots: {}", root_uris(answers)))
    })
}

fn multi_round(step: &Step<'_>) -> Next {
    let first = || form("step1", "Step 1: What is your name?", forms::one_text("name"));
    let second = || form("step2", "Step 2: What is your favorite color?", forms::one_text("color"));
    let name = step.state.and_then(|state| state["name"].as_str());
    match (step.state, name) {
        (Some(_), Some(name)) if step.answers.contains_key("step2") => {
            said_next(&format!("{name} likes {}", given(step.answers, "step2", "color")))
        }
        (Some(state), Some(_)) => Next::Ask(vec![second()], Some(state.clone())),
        (Some(_), None) if step.answers.contains_key("step1") => {
            let name = given(step.answers, "step1", "name");
            Next::Ask(vec![second()], Some(json!({"round": 2, "name": name})))
        }
        _ => Next::Ask(vec![first()], Some(json!({"round": 1}))),
    }
}

fn what_the_client_can(step: &Step<'_>) -> Next {
    let all = [
        form("user_name", "What is your name?", forms::one_text("name")),
        sample("greeting", "Generate a greeting", 50),
        roots("client_roots"),
    ];
    let can: Vec<Question> = all.into_iter().filter(|question| question.fits(step.capabilities)).collect();
    once(step, can, None, |answers| {
        let keys: Vec<&str> = answers.keys().map(String::as_str).collect();
        said(&format!("answered: {}", keys.join(", ")))
    })
}

fn confirm_delete(step: &Step<'_>) -> Next {
    let file = step.arguments.get("filename").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
    let question = form("confirm", &format!("Delete {file}?"), forms::one("confirm", &json!({"type": "boolean"})));
    once(step, vec![question], None, |answers| {
        let is_confirmed = answers["confirm"]["content"]["confirm"] == true;
        said(&if is_confirmed { format!("deleted {file} (not really)") } else { format!("kept {file}") })
    })
}

fn multi_input(step: &Step<'_>) -> Next {
    let questions = vec![
        form("first", "What is the first name?", forms::one_text("name")),
        form("second", "What is the second name?", forms::one_text("name")),
    ];
    once(step, questions, None, |answers| {
        said(&format!("{} and {}", given(answers, "first", "name"), given(answers, "second", "name")))
    })
}

/// Asks until everything was answered in one round, with the state if there is one to bring back.
fn once(
    step: &Step<'_>,
    questions: Vec<Question>,
    state: Option<Value>,
    done: impl FnOnce(&Map<String, Value>) -> Value,
) -> Next {
    let is_answered = questions.iter().all(|question| step.answers.contains_key(question.key));
    if is_answered && step.state == state.as_ref() {
        return Next::Done(done(step.answers));
    }
    Next::Ask(questions, state)
}

fn form(key: &'static str, message: &str, schema: Value) -> Question {
    let params = json!({"message": message, "requestedSchema": schema});
    Question { key, method: "elicitation/create", params }
}

fn url(key: &'static str) -> Question {
    let params =
        json!({"mode": "url", "message": "Please look at this page", "url": "https://example.com/mcporch/consent"});
    Question { key, method: "elicitation/create", params }
}

fn sample(key: &'static str, prompt: &str, tokens_max: u32) -> Question {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    Question { key, method: "sampling/createMessage", params: json!({"messages": [message], "maxTokens": tokens_max}) }
}

fn roots(key: &'static str) -> Question {
    Question { key, method: "roots/list", params: json!({}) }
}

fn action(answer: &Value) -> &str {
    answer["action"].as_str().unwrap_or("nothing")
}

/// A field of a filled form, as text; what was done with the form when it was not filled.
fn given(answers: &Map<String, Value>, key: &str, field: &str) -> String {
    let answer = answers.get(key).unwrap_or(&Value::Null);
    let value = &answer["content"][field];
    if value.is_null() {
        return format!("({})", action(answer));
    }
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text that a model gave; its content may be one block or a list of them.
fn sampled(answers: &Map<String, Value>, key: &str) -> String {
    let content = answers.get(key).map_or(&Value::Null, |answer| &answer["content"]);
    let first = content.get(0).unwrap_or(content);
    first["text"].as_str().unwrap_or("(no text)").to_owned()
}

fn root_uris(answers: &Map<String, Value>) -> String {
    let roots = answers.get("client_roots").and_then(|answer| answer["roots"].as_array());
    let uris: Vec<&str> = roots.into_iter().flatten().filter_map(|root| root["uri"].as_str()).collect();
    uris.join(", ")
}

/// A tool's result with one text.
fn said(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn said_next(text: &str) -> Next {
    Next::Done(said(text))
}
