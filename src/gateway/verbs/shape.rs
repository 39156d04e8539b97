//! What a verb takes, as a JSON schema: checked before anything else happens, so that what the documents promise is what counts,
//! and every place that is wrong is named at once.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::domain::did_you_mean;

use super::fault::{Fault, Wrong};

/// Places that are named at once: enough to mend a request, few enough to read.
pub(in crate::gateway) const ERRORS_MAX: usize = 10;
/// Members of an input that are looked at by the validator, which keeps a copy of each name that it does not know. No verb has so many.
const MEMBERS_MAX: usize = 1000;
/// Longest name that is repeated, in characters.
const NAME_CHARS_MAX: usize = 60;

/// The compiled schema of an input.
#[derive(Debug)]
pub struct Shape {
    schema: Value,
    validator: Validator,
}

/// What a member of an input is, for texts that stand for it in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A text, or what is none of the others.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// Several texts.
    List,
}

impl Shape {
    /// Of an input of ours, whose schema is sound by construction.
    pub(super) fn of(input: fn(&mut SchemaGenerator) -> Schema) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let schema = input(&mut settings.into_generator()).to_value();
        let validator = jsonschema::validator_for(&schema).expect("a derived schema is a schema");
        Self { schema, validator }
    }

    /// The members that an input may have, with what they are.
    pub fn members(&self) -> impl Iterator<Item = (&str, MemberKind)> {
        let members = self.schema.get("properties").and_then(Value::as_object);
        members.into_iter().flatten().map(|(name, schema)| (name.as_str(), kind_of(schema)))
    }

    /// The schema of one member; `null` where there is none of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> &Value {
        &self.schema["properties"][name]
    }

    /// An input to start from.
    #[must_use]
    pub fn example(&self) -> Option<&Value> {
        self.schema.get("examples")?.get(0)
    }

    /// Whether an input without this member is none.
    #[must_use]
    pub fn is_required(&self, member: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|name| name == member))
    }

    /// Whether the input fits.
    ///
    /// # Errors
    /// Each place that does not, up to ten.
    pub fn check(&self, input: &Value) -> Result<(), Fault> {
        if let Some(members) = input.as_object().filter(|members| members.len() > MEMBERS_MAX) {
            let known: Vec<&str> = self.members().map(|(name, _)| name).collect();
            let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
            return Err(Fault::invalid(unknown.take(ERRORS_MAX).map(|name| self.unknown("", name)).collect()));
        }
        if self.validator.is_valid(input) {
            return Ok(());
        }
        let mut errors = Vec::new();
        for fault in self.validator.iter_errors(input) {
            let place = fault.instance_path().to_string();
            if let ValidationErrorKind::AdditionalProperties { unexpected } = fault.kind() {
                // No more than are told: each costs a search for what is meant.
                let room = ERRORS_MAX - errors.len();
                errors.extend(unexpected.iter().take(room).map(|name| self.unknown(&place, name)));
            } else if let ValidationErrorKind::Required { property } = fault.kind() {
                let name = property.as_str().unwrap_or_default();
                errors.push(Wrong { place: format!("{place}/{name}"), what: "is missing".to_owned() });
            } else if let Some(words) = words_of(self.member(place.trim_start_matches('/'))) {
                errors.push(Wrong { place, what: format!("write one of {}", words.join(", ")) });
            } else {
                // The value itself is the caller's, and may be long.
                errors.push(Wrong { place, what: fault.masked_with("this").to_string() });
            }
            if errors.len() >= ERRORS_MAX {
                break;
            }
        }
        Err(Fault::invalid(errors))
    }

    fn unknown(&self, place: &str, name: &str) -> Wrong {
        let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
        let known = self.members().map(|(name, _)| name);
        let help = did_you_mean(&shown, known).unwrap_or_else(|| {
            let all: Vec<&str> = self.members().map(|(name, _)| name).collect();
            if all.is_empty() { "nothing is taken here".to_owned() } else { format!("there are {}", all.join(", ")) }
        });
        Wrong { place: format!("{place}/{shown}"), what: format!("is not known; {help}") }
    }
}

/// The words of which a member is one; `None` where it may be anything else.
fn words_of(schema: &Value) -> Option<Vec<String>> {
    let word = |value: &Value| value.as_str().map(|word| format!("`{word}`"));
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().filter(|value| !value.is_null()).map(word).collect();
    }
    if let Some(only) = schema.get("const") {
        return word(only).map(|only| vec![only]);
    }
    let ways = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array())?;
    let ways = ways.iter().filter(|way| way.get("type").and_then(Value::as_str) != Some("null"));
    ways.map(words_of).collect::<Option<Vec<_>>>().map(|all| all.concat())
}

fn kind_of(schema: &Value) -> MemberKind {
    let kinds = |value: &Value| match value {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let kinds = schema.get("type").map(kinds).unwrap_or_default();
    let is = |wanted: &str| kinds.iter().any(|kind| kind == wanted);
    match () {
        () if is("integer") => MemberKind::Integer,
        () if is("boolean") => MemberKind::Boolean,
        () if is("array") => MemberKind::List,
        () => MemberKind::Text,
    }
}

/// Texts of an address as the members that they stand for. What is no number stays a text, and the schema says so.
pub fn typed(kind: MemberKind, text: &str) -> Value {
    match kind {
        MemberKind::Text => Value::from(text),
        MemberKind::Integer => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        MemberKind::Boolean => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::from(text),
        },
        MemberKind::List => Value::from(text.split(',').collect::<Vec<_>>()),
    }
}

/// An input of a verb: an object, or nothing.
///
/// # Errors
/// When it is anything else.
pub(super) fn object(input: Value) -> Result<Value, Fault> {
    match input {
        Value::Object(_) => Ok(input),
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Fault::invalid_at("", "parameters are an object"))
        }
    }
}
