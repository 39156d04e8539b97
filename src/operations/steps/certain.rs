//! Which parameters of a step are beyond doubt: none needed, the one value that the words have, or the one result that
//! they speak of. Everything else is left to the caller, who can read. So is everything that may change something and takes
//! any parameter: words that were not understood ("the old ones") then cost more than a wrong answer.

use serde_json::{Map, Value};

use crate::domain::InputSchema;
use crate::router::StepText;

/// Parameters that take any text as such. `query` is not among them: who asks to "search it" means to search in it.
const FREE_TEXT: &[&str] = &["body", "content", "input", "markdown", "message", "note", "text"];

/// What is known of a step's parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parameters {
    /// All that is needed; an object.
    Known(Value),
    /// This one takes the text of the needed step's result; nothing else is needed.
    Result(String),
    /// Not known: names of required parameters without a value, or none where only optional ones are in question.
    Missing(Vec<String>),
}

/// Whether a tool may run with these parameters and nobody has looked at them. `is_known_read` as in [`Tool::is_known_read`].
///
/// [`Tool::is_known_read`]: crate::domain::Tool::is_known_read
pub(super) fn is_beyond_doubt(found: &Parameters, schema: &InputSchema, is_known_read: bool) -> bool {
    match found {
        Parameters::Missing(_) => false,
        Parameters::Known(_) | Parameters::Result(_) if is_known_read => true,
        Parameters::Known(_) => takes_nothing(schema),
        Parameters::Result(_) => false,
    }
}

/// The schema says that there is no parameter. One that says nothing, or what we do not read, counts as taking some.
fn takes_nothing(schema: &InputSchema) -> bool {
    const SILENT: &[&str] =
        &["$schema", "additionalProperties", "description", "properties", "required", "title", "type"];
    let schema = schema.to_value();
    let is_silent = schema.as_object().is_some_and(|parts| parts.keys().all(|name| SILENT.contains(&name.as_str())));
    let names_none = match schema.get("properties") {
        None => schema["additionalProperties"] == false,
        Some(properties) => properties.as_object().is_some_and(Map::is_empty),
    };
    let takes_no_others = matches!(schema["additionalProperties"], Value::Null | Value::Bool(false));
    is_silent && names_none && takes_no_others && schema["required"].as_array().is_none_or(Vec::is_empty)
}

/// Reads the parameters for a tool with this schema out of a step's words. Of a step that is in doubt itself no value is
/// proposed: it may be the very one that the words leave out.
pub(super) fn parameters(step: &StepText, schema: &InputSchema) -> Parameters {
    let outline = schema.outline();
    let required: Vec<&str> = outline.required.iter().map(AsRef::as_ref).collect();
    let missing = || Parameters::Missing(required.iter().map(|name| (*name).to_owned()).collect());
    let values = values(&step.text);
    match (required.as_slice(), values.as_slice(), step.needs.len()) {
        ([], [], 0) => Parameters::Known(Value::Object(Map::new())),
        ([name], [value], 0) if step.is_certain && is_text(schema, name) => {
            Parameters::Known(Value::Object(Map::from_iter([((*name).to_owned(), Value::from(*value))])))
        }
        ([name], [], 1) if step.takes_result && is_text(schema, name) && FREE_TEXT.contains(name) => {
            Parameters::Result((*name).to_owned())
        }
        _ => missing(),
    }
}

/// A string, and any string.
fn is_text(schema: &InputSchema, name: &str) -> bool {
    let schema = schema.to_value();
    let about = &schema["properties"][name];
    about["type"] == "string" && about.get("enum").is_none()
}

/// What in the words can only be a value: quotations, addresses, paths, numbers. A capitalised word may be one too, and
/// makes the words doubtful: it is given as a value of no use, so that there is one too many.
fn values(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    // Quotations first: what is inside them is no value of its own.
    while let Some((before, inside, behind)) = next_quotation(rest) {
        found.extend(plain_values(before, found.is_empty() && std::ptr::eq(before.as_ptr(), text.as_ptr())));
        found.push(inside);
        rest = behind;
    }
    found.extend(plain_values(rest, std::ptr::eq(rest.as_ptr(), text.as_ptr())));
    found
}

fn next_quotation(text: &str) -> Option<(&str, &str, &str)> {
    let mut previous = ' ';
    for (at, letter) in text.char_indices() {
        let closing = match letter {
            '"' | '`' => Some(letter),
            '\'' if previous.is_whitespace() => Some('\''),
            '“' => Some('”'),
            _ => None,
        };
        previous = letter;
        let start = at + letter.len_utf8();
        if let Some(closing) = closing
            && let Some(len) = text[start..].find(closing)
        {
            return Some((&text[..at], &text[start..start + len], &text[start + len + closing.len_utf8()..]));
        }
    }
    None
}

/// `opens` when the text begins the step, whose first word is capitalised for another reason.
fn plain_values(text: &str, opens: bool) -> Vec<&str> {
    let mut found = Vec::new();
    for (place, token) in text.split_whitespace().enumerate() {
        let bare = token.trim_matches(|mark: char| matches!(mark, ',' | ';' | ':' | '!' | '?' | '(' | ')'));
        let bare = bare.trim_end_matches('.');
        let is_first = opens && place == 0;
        let mut letters = bare.chars();
        let is_number = letters.next().is_some_and(char::is_numeric);
        let is_address = bare.len() > 1 && bare.contains(['/', '\\', '@', '_']);
        let is_file = bare.rsplit_once('.').is_some_and(|(name, end)| {
            !name.is_empty() && (1..=5).contains(&end.len()) && end.chars().all(|letter| letter.is_ascii_alphanumeric())
        });
        let is_name = !is_first && bare.chars().next().is_some_and(char::is_uppercase);
        if is_number || is_address || is_file || is_name {
            found.push(bare);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, needs: &[usize], properties: &Value, required: &Value, expected: &Parameters) {
        let takes_result = text.contains(" it") || text.contains("result");
        let step = StepText { text: text.to_owned(), needs: needs.to_vec(), takes_result, is_certain: true };
        let schema = InputSchema::of(&json!({"properties": properties, "required": required}));
        assert_eq!(parameters(&step, &schema), *expected, "{text}");
    }

    fn known(value: Value) -> Parameters {
        Parameters::Known(value)
    }

    fn missing(names: &[&str]) -> Parameters {
        Parameters::Missing(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_only_value_goes_into_the_only_text() {
        let path = json!({"path": {"type": "string"}, "limit": {"type": "integer"}});
        let needed = json!(["path"]);
        check("read a.txt", &[], &path, &needed, &known(json!({"path": "a.txt"})));
        check("Read the file 'my notes'.", &[], &path, &needed, &known(json!({"path": "my notes"})));
        check("look into /tmp/x?", &[], &path, &needed, &known(json!({"path": "/tmp/x"})));
        check("read the file", &[], &path, &needed, &missing(&["path"]));
        check("read a.txt and b.txt", &[], &path, &needed, &missing(&["path"]));
        check("read the first 3 lines of a.txt", &[], &path, &needed, &missing(&["path"]));
        check("read Anna's copy of a.txt", &[], &path, &needed, &missing(&["path"]));
        check("read a.txt", &[], &json!({"path": {"type": "integer"}}), &needed, &missing(&["path"]));
        check("read a.txt", &[], &json!({"path": {"type": "string", "enum": ["x"]}}), &needed, &missing(&["path"]));
        check("read a.txt", &[], &json!({}), &needed, &missing(&["path"]));
        check("read a.txt", &[], &path, &json!(["path", "limit"]), &missing(&["path", "limit"]));
    }

    #[test]
    fn nothing_is_needed_where_nothing_is_said() {
        check("list the files", &[], &json!({}), &json!([]), &known(json!({})));
        check("list the files in /tmp", &[], &json!({"path": {"type": "string"}}), &json!([]), &missing(&[]));
        check("list the mails of Anna", &[], &json!({}), &json!([]), &missing(&[]));
        check("show it", &[0], &json!({}), &json!([]), &missing(&[]));
    }

    #[test]
    fn what_may_change_something_runs_unseen_only_without_parameters() {
        let check = |schema: Value, found: Parameters, expected: [bool; 2]| {
            let schema = InputSchema::of(&schema);
            let both = [true, false].map(|is_known_read| is_beyond_doubt(&found, &schema, is_known_read));
            assert_eq!(both, expected, "{schema:?} {found:?}");
        };
        let nothing = || known(json!({}));
        check(json!({"type": "object", "properties": {}}), nothing(), [true, true]);
        check(json!({"properties": {}, "required": [], "additionalProperties": false}), nothing(), [true, true]);
        check(json!({"type": "object", "additionalProperties": false}), nothing(), [true, true]);
        // All of them optional, some of them unnamed, or nobody says.
        check(json!({"properties": {"filter": {"type": "string"}}}), nothing(), [true, false]);
        check(json!({"properties": {}, "additionalProperties": true}), nothing(), [true, false]);
        check(json!({"properties": {}, "patternProperties": {"^x": {}}}), nothing(), [true, false]);
        check(json!({"type": "object"}), nothing(), [true, false]);
        check(json!({"$ref": "#/$defs/x"}), nothing(), [true, false]);
        let path = || json!({"properties": {"path": {"type": "string"}}, "required": ["path"]});
        check(path(), known(json!({"path": "a.txt"})), [true, false]);
        check(path(), Parameters::Result("path".to_owned()), [true, false]);
        check(path(), missing(&["path"]), [false, false]);
    }

    #[test]
    fn of_a_step_in_doubt_no_value_is_proposed() {
        let step = StepText {
            text: "delete all but a.txt".to_owned(),
            needs: Vec::new(),
            takes_result: false,
            is_certain: false,
        };
        let schema = InputSchema::of(&json!({"properties": {"path": {"type": "string"}}, "required": ["path"]}));
        assert_eq!(parameters(&step, &schema), missing(&["path"]));
    }

    #[test]
    fn one_result_goes_into_a_free_text() {
        let text = json!({"text": {"type": "string"}});
        let needed = json!(["text"]);
        check("count the words of it", &[0], &text, &needed, &Parameters::Result("text".to_owned()));
        check(
            "count the words of its title",
            &[0],
            &json!({"id": {"type": "string"}}),
            &json!(["id"]),
            &missing(&["id"]),
        );
        check("find 'x' in the result", &[0], &text, &needed, &missing(&["text"]));
        check("compare the results", &[0, 1], &text, &needed, &missing(&["text"]));
        check("put the first line down", &[0], &text, &needed, &missing(&["text"]));
    }
}
