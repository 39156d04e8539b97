//! What a tool wants to be called with.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// JSON Schema of a tool's arguments, as a part of the text it came in. A parsed tree takes ten times the memory of the
/// text, and most schemas of a large catalog are never asked for. Invariant: the text is a JSON object.
#[derive(Clone)]
pub struct InputSchema {
    whole: Arc<str>,
    at: Range<usize>,
}

/// One argument, as far as routing looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is for; empty when the schema does not say.
    pub description: Cow<'a, str>,
}

/// The arguments of a tool, read without building a tree.
#[derive(Debug, Clone, Default)]
pub struct Outline<'a> {
    /// In the schema's order.
    pub parameters: Vec<Parameter<'a>>,
    /// Names of those that a call must have.
    pub required: Vec<Cow<'a, str>>,
    /// Whether the schema says that it takes arguments that it does not name.
    pub takes_others: bool,
}

impl InputSchema {
    /// Lets every object through.
    #[must_use]
    pub fn any_object() -> Self {
        Self::from_text("{\"type\":\"object\"}")
    }

    /// Of a parsed schema; one that is no object lets every object through.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        if schema.is_object() { Self::from_text(&schema.to_string()) } else { Self::any_object() }
    }

    /// A part of a larger text. `None` when that part is no JSON object.
    #[must_use]
    pub fn within(whole: &Arc<str>, at: Range<usize>) -> Option<Self> {
        let text = whole.get(at.clone())?;
        text.starts_with('{').then(|| Self { whole: whole.clone(), at })
    }

    fn from_text(text: &str) -> Self {
        Self { whole: text.into(), at: 0..text.len() }
    }

    /// The schema as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.whole[self.at.clone()]
    }

    /// The schema as a tree.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|_| serde_json::json!({"type": "object"}))
    }

    /// What routing looks at; empty where the schema is not shaped as expected.
    #[must_use]
    pub fn outline(&self) -> Outline<'_> {
        let Ok(shape) = serde_json::from_str::<Shape<'_>>(self.text()) else {
            return Outline::default();
        };
        let parameters = shape.properties.map(|raw| parameters(raw.get())).unwrap_or_default();
        let required = shape.required.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let takes_others = shape.additional.is_some_and(|raw| raw.get() != "false");
        Outline { parameters, required, takes_others }
    }
}

impl PartialEq for InputSchema {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for InputSchema {}

impl fmt::Debug for InputSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[derive(serde::Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, default)]
    required: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "additionalProperties")]
    additional: Option<&'a RawValue>,
}

fn parameters(properties: &str) -> Vec<Parameter<'_>> {
    serde_json::from_str::<Parameters<'_>>(properties).map(|parameters| parameters.0).unwrap_or_default()
}

struct Parameters<'a>(Vec<Parameter<'a>>);

impl<'de> Deserialize<'de> for Parameters<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsParameters;
        impl<'de> Visitor<'de> for AsParameters {
            type Value = Parameters<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of schemas")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    let description = map.next_value::<Described<'de>>()?.0;
                    found.push(Parameter { name: name.0, description });
                }
                Ok(Parameters(found))
            }
        }
        deserializer.deserialize_map(AsParameters)
    }
}

/// The description of a schema; empty where there is none, or where the schema is `true` or a mistake.
struct Described<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Described<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Schema<'a> {
            #[serde(borrow, default)]
            description: Option<&'a RawValue>,
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let schema = serde_json::from_str::<Schema<'de>>(raw.get()).ok();
        let text = schema
            .and_then(|schema| schema.description)
            .and_then(|text| serde_json::from_str::<Text<'de>>(text.get()).ok());
        Ok(Self(text.map(|text| text.0).unwrap_or_default()))
    }
}

/// A text, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AsText)
    }
}
