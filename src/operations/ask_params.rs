//! Asks a client's user for parameters that a call lacks, where the client can show a form: the form is made from the tool's
//! schema, and the answer is checked against it. Pure; whoever speaks with the client sends it. What looks like a secret is
//! never asked for in a form: the protocol forbids it, since the answer passes through the client.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::domain::Tool;

use super::check_params::problems_of;
use super::mend_params::mend;

/// Fields that a form has at most: nobody fills in more. A guess.
const FIELDS_MAX: usize = 12;
/// Longest description of a field, in characters.
const DESCRIPTION_CHARS_MAX: usize = 300;
/// Choices of one field at most; longer lists are no choice for a person. A guess.
const CHOICES_MAX: usize = 100;
/// References that are followed one after the other.
const REFERENCES_MAX: usize = 4;
/// The formats that the protocol knows in forms.
const FORMATS: &[&str] = &["email", "uri", "date", "date-time"];
/// Words of a name that make it a secret's.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "token",
    "tokens",
    "apikey",
    "credential",
    "credentials",
    "auth",
    "authorization",
    "authentication",
    "bearer",
    "jwt",
    "cookie",
    "otp",
    "totp",
    "pin",
    "cvv",
    "cvc",
    "ssn",
    "iban",
];
/// Words beside `tokens` that make it a count.
const COUNT_WORDS: &[&str] = &["max", "min", "count", "limit", "num", "number", "total"];
/// Phrases of a name or a description that make it a secret's.
const SECRET_PHRASES: &[&str] = &[
    "api key",
    "access key",
    "private key",
    "secret key",
    "signing key",
    "encryption key",
    "license key",
    "password",
    "passphrase",
    "access token",
    "auth token",
    "bearer token",
    "api token",
    "refresh token",
    "personal access",
    "credential",
    "secret",
    "card number",
    "credit card",
    "security code",
    "recovery code",
    "one time code",
    "verification code",
    "social security",
];

/// What to ask: the parts of `elicitation/create` in form mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// For the user: who wants what.
    pub message: String,
    /// `requestedSchema`: an object of texts, numbers, switches and choices.
    pub requested_schema: Value,
}

/// What the user did with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Filled it in: the `content`.
    Accepted(Value),
    /// Said no.
    Declined,
    /// Went away without a word, or the client answered something that nobody understands.
    Cancelled,
}

/// What a client's `elicitation/create` result says.
#[must_use]
pub fn reply(result: &Value) -> Reply {
    match result.get("action").and_then(Value::as_str) {
        Some("accept") => match result.get("content") {
            Some(content @ Value::Object(_)) => Reply::Accepted(content.clone()),
            _ => Reply::Cancelled,
        },
        Some("decline") => Reply::Declined,
        _ => Reply::Cancelled,
    }
}

/// The required parameters of the tool that `params` does not have; all of them when it is no object. Given `null` counts as
/// given.
#[must_use]
pub fn missing(tool: &Tool, params: &Value) -> Vec<String> {
    let outline = tool.input_schema.outline();
    outline.required.iter().filter(|name| params.get(&***name).is_none()).map(|name| name.to_string()).collect()
}

/// A form for these parameters. `None` when one of them cannot be asked for in a form: it is no single value, looks like a
/// secret, or its schema is not understood; or when there is nothing or too much to ask.
#[must_use]
pub fn form(tool: &Tool, params: &Value, missing: &[String]) -> Option<Form> {
    let schema = tool.input_schema.to_value();
    let properties = schema.get("properties")?.as_object()?;
    let asked: Vec<&String> = missing.iter().filter(|name| params.get(name.as_str()).is_none()).collect();
    if asked.is_empty() || asked.len() > FIELDS_MAX {
        return None;
    }
    let mut fields = Map::new();
    for name in &asked {
        fields.insert((*name).clone(), field(&schema, name, properties.get(name.as_str())?)?);
    }
    let titles: Vec<&str> = fields.values().filter_map(|field| field["title"].as_str()).collect();
    let (server, called) = (&tool.key.server, &tool.key.tool);
    let values = if titles.len() == 1 { "a value that was" } else { "values that were" };
    let message = format!("The tool {called} of the server {server} needs {values} not given: {}", titles.join(", "));
    let requested_schema = json!({"type": "object", "properties": fields, "required": asked});
    Some(Form { message, requested_schema })
}

/// The parameters with what the user filled in. What was given before stays as it is, and names that the tool does not know are
/// left out.
///
/// # Errors
/// What still does not fit the tool's schema, one line for each problem.
pub fn accept(tool: &Tool, params: &Value, content: &Value) -> Result<Value, Vec<String>> {
    let schema = tool.input_schema.to_value();
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut filled = Map::new();
    for (name, value) in content.as_object().into_iter().flatten() {
        let property = properties.and_then(|properties| properties.get(name));
        if let Some(property) = property.filter(|_| params.get(name).is_none()) {
            // A field that was left empty was not filled in.
            if !value.is_null() && value.as_str() != Some("") {
                filled.insert(name.clone(), chosen(plain(&schema, property), value));
            }
        }
    }
    let filled = Value::Object(filled);
    // Some clients give every field as a text.
    let filled = mend(&schema, &filled).map_or(filled, |(mended, _)| mended);
    let mut merged = params.as_object().cloned().unwrap_or_default();
    if let Value::Object(filled) = filled {
        merged.extend(filled);
    }
    let merged = Value::Object(merged);
    let validator: Option<Validator> = jsonschema::validator_for(&schema).ok();
    let problems = validator.map(|validator| problems_of(&validator, &merged)).unwrap_or_default();
    if problems.is_empty() { Ok(merged) } else { Err(problems) }
}

/// One field of a form; `None` when the parameter cannot be one.
fn field(root: &Value, name: &str, outer: &Value) -> Option<Value> {
    let inner = plain(root, outer);
    let said = |key: &str| inner.get(key).or_else(|| outer.get(key));
    let text = |key: &str| said(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let mut field = match choices(inner) {
        Some(choices) => json!({"type": "string", "enum": choices?}),
        None => typed(inner)?,
    };
    let can_be_secret = field.get("enum").is_none() && field["type"] != "boolean";
    let is_marked = text("format") == Some("password") || said("writeOnly") == Some(&Value::Bool(true));
    let title = text("title").map_or_else(|| titled(name), str::to_owned);
    let description =
        outer.get("description").and_then(Value::as_str).or_else(|| text("description")).unwrap_or_default();
    if can_be_secret && (is_marked || is_secret(name) || is_secret(&title) || names_secret(description)) {
        return None;
    }
    let members = field.as_object_mut()?;
    if let Some(default) = said("default") {
        let default = if members.contains_key("enum") { Value::from(shown(default)) } else { default.clone() };
        if fits(members, &default) {
            members.insert("default".to_owned(), default);
        }
    }
    members.insert("title".to_owned(), title.into());
    let mut description: String = description.trim().chars().take(DESCRIPTION_CHARS_MAX).collect();
    if let Some(pattern) = inner.get("pattern").and_then(Value::as_str).filter(|pattern| pattern.len() <= 100) {
        // The protocol has no patterns in forms.
        description = format!("{description} (pattern: {pattern})").trim().to_owned();
    }
    if !description.is_empty() {
        members.insert("description".to_owned(), description.into());
    }
    Some(field)
}

/// A text, a number or a switch with its bounds.
fn typed(schema: &Value) -> Option<Value> {
    let named: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    // Of several kinds a text can be typed in; it is read as what is wanted.
    let kind = ["string", "number", "integer", "boolean"].into_iter().find(|kind| named.contains(kind))?;
    let mut field = json!({"type": kind});
    let mut copy = |keys: &[&str]| {
        for key in keys {
            if let Some(value) = schema.get(*key).filter(|value| value.is_number()) {
                field[*key] = value.clone();
            }
        }
    };
    match kind {
        "string" => {
            copy(&["minLength", "maxLength"]);
            if let Some(format) = schema.get("format").and_then(Value::as_str).filter(|format| FORMATS.contains(format))
            {
                field["format"] = format.into();
            }
        }
        "number" | "integer" => copy(&["minimum", "maximum"]),
        _ => {}
    }
    Some(field)
}

/// The choices as texts: outer `None` when it is no choice, inner when it is one that a form cannot have.
#[expect(clippy::option_option, reason = "no choice and no possible choice are two things")]
fn choices(schema: &Value) -> Option<Option<Vec<String>>> {
    let values: Vec<&Value> = match (schema.get("enum"), schema.get("const"), schema.get("oneOf")) {
        (Some(Value::Array(values)), ..) => values.iter().filter(|value| !value.is_null()).collect(),
        (_, Some(value), _) => vec![value],
        (.., Some(Value::Array(options))) => {
            let constants: Vec<&Value> = options.iter().filter_map(|option| option.get("const")).collect();
            if constants.is_empty() || constants.len() != options.len() {
                return None;
            }
            constants
        }
        _ => return None,
    };
    let is_possible = !values.is_empty()
        && values.len() <= CHOICES_MAX
        && values.iter().all(|value| !value.is_object() && !value.is_array());
    Some(is_possible.then(|| values.into_iter().map(shown).collect()))
}

/// The choice that a text stands for, where the tool wants something else than texts.
fn chosen(schema: &Value, value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let values = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let options = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let all = values.iter().chain(schema.get("const")).chain(options.iter().filter_map(|option| option.get("const")));
    all.into_iter().find(|known| shown(known) == text).unwrap_or(value).clone()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn fits(field: &Map<String, Value>, default: &Value) -> bool {
    if let Some(choices) = field.get("enum").and_then(Value::as_array) {
        return choices.contains(default);
    }
    match field.get("type").and_then(Value::as_str) {
        Some("string") => default.is_string(),
        Some("number") => default.is_number(),
        Some("integer") => default.is_i64() || default.is_u64(),
        Some("boolean") => default.is_boolean(),
        _ => false,
    }
}

/// The schema behind references within the document, and the only one that is left of alternatives once `null` is out.
fn plain<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..REFERENCES_MAX {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#'));
        let alternatives = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema.get(*key)?.as_array());
        let only = alternatives.and_then(|all| {
            let mut real = all.iter().filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
            real.next().filter(|one| real.next().is_none() && one.get("const").is_none())
        });
        match reference.and_then(|at| root.pointer(at)).or(only) {
            Some(behind) => schema = behind,
            None => break,
        }
    }
    schema
}

/// A name as people write: `repoPath` and `repo_path` are `Repo path`.
fn titled(name: &str) -> String {
    let spaced = words(name).join(" ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(|| name.to_owned(), |first| first.to_uppercase().chain(letters).collect())
}

/// The words of an identifier, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let starts = !letter.is_alphanumeric() || (letter.is_uppercase() && was_small);
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_small = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_secret(name: &str) -> bool {
    let words = words(name);
    let has = |listed: &[&str]| words.iter().any(|word| listed.contains(&word.as_str()));
    if words.iter().any(|word| word == "tokens") && has(COUNT_WORDS) {
        return false;
    }
    has(SECRET_WORDS) || names_secret(name)
}

fn names_secret(text: &str) -> bool {
    let text = words(text).join(" ");
    SECRET_PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Effect, EffectSource, InputSchema, ServerName, ToolKey};

    fn tool(schema: &Value) -> Tool {
        Tool {
            key: ToolKey { server: ServerName::parse("mail").unwrap(), tool: "send".to_owned() },
            title: String::new(),
            description: String::new(),
            input_schema: InputSchema::of(schema),
            effect: Effect::Write,
            effect_source: EffectSource::Announced,
            is_idempotent: false,
            raw: "{}".into(),
        }
    }

    /// The field that the only parameter `name`, of this schema, becomes.
    fn check(name: &str, property: Value, expected: Option<Value>) {
        let schema = json!({"type": "object", "properties": {name: property}, "required": [name],
            "$defs": {"Level": {"type": "string", "enum": ["low", "high"], "title": "Level"}}});
        let form = form(&tool(&schema), &json!({}), &[name.to_owned()]);
        assert_eq!(form.map(|form| form.requested_schema["properties"][name].clone()), expected, "{schema}");
    }

    #[test]
    fn single_values_become_fields_with_what_the_schema_says_of_them() {
        check(
            "subject",
            json!({"type": "string", "description": "What it is about", "minLength": 1, "maxLength": 80, "examples": ["x"]}),
            Some(
                json!({"type": "string", "minLength": 1, "maxLength": 80, "title": "Subject", "description": "What it is about"}),
            ),
        );
        check(
            "sendAt",
            json!({"type": "string", "format": "date-time"}),
            Some(json!({"type": "string", "format": "date-time", "title": "Send at"})),
        );
        check(
            "host",
            json!({"type": "string", "format": "hostname"}),
            Some(json!({"type": "string", "title": "Host"})),
        );
        check(
            "zip",
            json!({"type": "string", "pattern": "^\\d+$"}),
            Some(json!({"type": "string", "title": "Zip", "description": "(pattern: ^\\d+$)"})),
        );
        check(
            "max_count",
            json!({"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "title": "How many"}),
            Some(json!({"type": "integer", "minimum": 1, "maximum": 9, "default": 3, "title": "How many"})),
        );
        check(
            "ratio",
            json!({"type": ["number", "null"], "default": "x"}),
            Some(json!({"type": "number", "title": "Ratio"})),
        );
        check(
            "force",
            json!({"type": "boolean", "default": false}),
            Some(json!({"type": "boolean", "default": false, "title": "Force"})),
        );
        check("either", json!({"type": ["integer", "string"]}), Some(json!({"type": "string", "title": "Either"})));
        check(
            "maybe",
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            Some(json!({"type": "integer", "title": "Maybe"})),
        );
    }

    #[test]
    fn choices_become_choices_of_texts() {
        check(
            "to",
            json!({"enum": ["a", "b", null], "default": "b"}),
            Some(json!({"type": "string", "enum": ["a", "b"], "default": "b", "title": "To"})),
        );
        check(
            "size",
            json!({"type": "integer", "enum": [1, 2]}),
            Some(json!({"type": "string", "enum": ["1", "2"], "title": "Size"})),
        );
        check(
            "level",
            json!({"$ref": "#/$defs/Level"}),
            Some(json!({"type": "string", "enum": ["low", "high"], "title": "Level"})),
        );
        check(
            "level",
            json!({"allOf": [{"$ref": "#/$defs/Level"}], "default": "low"}),
            Some(json!({"type": "string", "enum": ["low", "high"], "default": "low", "title": "Level"})),
        );
        check(
            "mode",
            json!({"oneOf": [{"const": "x", "title": "X"}, {"const": "y"}]}),
            Some(json!({"type": "string", "enum": ["x", "y"], "title": "Mode"})),
        );
        check("kind", json!({"const": "only"}), Some(json!({"type": "string", "enum": ["only"], "title": "Kind"})));
        check("odd", json!({"enum": [{"a": 1}]}), None);
        check("long", json!({"enum": (0..101).collect::<Vec<_>>()}), None);
    }

    #[test]
    fn what_is_no_single_value_or_a_secret_is_not_asked_for() {
        for schema in
            [json!({"type": "array", "items": {"type": "string"}}), json!({"type": "object"}), json!({}), json!(true)]
        {
            check("x", schema, None);
        }
        for name in [
            "password",
            "apiKey",
            "api_key",
            "API-KEY",
            "token",
            "accessToken",
            "client_secret",
            "authorization",
            "private_key",
            "PIN",
            "cookie",
            "credit_card",
            "tokens",
        ] {
            check(name, json!({"type": "string"}), None);
        }
        check("key", json!({"type": "string", "description": "Your API key for the service"}), None);
        check("value", json!({"type": "string", "format": "password"}), None);
        check("value", json!({"type": "string", "writeOnly": true}), None);
        check("value", json!({"type": "string", "title": "Access token"}), None);
        for (name, schema) in [
            ("max_tokens", json!({"type": "integer"})),
            ("issue_key", json!({"type": "string"})),
            ("author", json!({"type": "string"})),
            ("pin", json!({"type": "boolean"})),
            ("token_type", json!({"enum": ["a"]})),
            ("keyboard", json!({"type": "string"})),
        ] {
            let schema = json!({"properties": {name: schema}, "required": [name]});
            assert!(form(&tool(&schema), &json!({}), &[name.to_owned()]).is_some(), "{name}");
        }
    }

    #[test]
    fn a_form_asks_for_what_is_missing_and_says_who_wants_it() {
        let schema = json!({"properties": {"to": {"type": "string"}, "subject": {"type": "string"}, "body": {"type": "array"}}, "required": ["to", "subject"]});
        let asking = tool(&schema);
        let params = json!({"to": "a@b.c"});
        assert_eq!(missing(&asking, &params), ["subject"]);
        let asked = form(&asking, &params, &missing(&asking, &params)).unwrap();
        assert_eq!(asked.message, "The tool send of the server mail needs a value that was not given: Subject");
        assert_eq!(
            asked.requested_schema,
            json!({"type": "object", "properties": {"subject": {"type": "string", "title": "Subject"}}, "required": ["subject"]})
        );
        let both = form(&asking, &json!({}), &missing(&asking, &json!({}))).unwrap();
        assert!(both.message.ends_with("values that were not given: To, Subject"), "{}", both.message);
        for names in [vec![], vec!["to".to_owned(), "unknown".to_owned()], vec!["to".to_owned(), "body".to_owned()]] {
            assert_eq!(form(&asking, &json!({}), &names), None, "{names:?}");
        }
        let many: Map<String, Value> =
            (0..13).map(|number| (format!("p{number}"), json!({"type": "string"}))).collect();
        let names: Vec<String> = many.keys().cloned().collect();
        assert_eq!(form(&tool(&json!({"properties": many})), &json!({}), &names), None);
    }

    #[test]
    fn what_was_filled_in_is_added_read_and_checked() {
        let schema = json!({"properties": {
            "to": {"type": "string"}, "count": {"type": "integer", "minimum": 1}, "size": {"enum": [1, 2]}, "loud": {"type": "boolean"}},
            "required": ["to", "count"]});
        let check = |params: Value, content: Value, expected: Result<Value, &str>| match (
            accept(&tool(&schema), &params, &content),
            expected,
        ) {
            (Ok(merged), Ok(expected)) => assert_eq!(merged, expected),
            (Err(problems), Err(expected)) => {
                assert!(problems.iter().any(|one| one.contains(expected)), "{problems:?}")
            }
            (got, expected) => panic!("{got:?} in place of {expected:?}"),
        };
        check(json!({"to": "a"}), json!({"count": 2}), Ok(json!({"to": "a", "count": 2})));
        check(
            json!({"to": "a"}),
            json!({"count": "2", "size": "1", "loud": "true"}),
            Ok(json!({"to": "a", "count": 2, "size": 1, "loud": true})),
        );
        check(
            json!({"to": "a"}),
            json!({"count": 2, "to": "mallory", "unknown": 1}),
            Ok(json!({"to": "a", "count": 2})),
        );
        check(json!({"to": "a"}), json!({"count": 0}), Err("count"));
        check(json!({"to": "a"}), json!({}), Err("count"));
        check(json!({"count": 1}), json!({"to": ""}), Err("to"));
        check(json!({"count": 1}), json!(null), Err("to"));
    }

    #[test]
    fn replies_are_read_for_what_they_are() {
        assert_eq!(reply(&json!({"action": "accept", "content": {"a": 1}})), Reply::Accepted(json!({"a": 1})));
        assert_eq!(reply(&json!({"action": "decline"})), Reply::Declined);
        for odd in [json!({"action": "cancel"}), json!({"action": "accept"}), json!({}), json!(7)] {
            assert_eq!(reply(&odd), Reply::Cancelled, "{odd}");
        }
    }
}
