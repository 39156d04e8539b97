//! The members of a JSON object, in order, each value raw: enough to look at one of them or add one, without touching
//! the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members in the order they were written, duplicates kept.
#[derive(Debug, Default)]
pub struct Members<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn parse(object: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(object)
    }

    /// The first member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }

    /// The object again, with some members changed: `Some` stands behind the others in place of what had that name, `None`
    /// takes it out.
    #[must_use]
    pub fn with(&self, changed: &[(&str, Option<&str>)]) -> String {
        self.written(changed, "{", "}")
    }

    /// The same without the braces around it.
    #[must_use]
    pub fn bare_with(&self, changed: &[(&str, Option<&str>)]) -> String {
        self.written(changed, "", "")
    }

    fn written(&self, changed: &[(&str, Option<&str>)], before: &str, behind: &str) -> String {
        let len: usize = self.0.iter().map(|(key, value)| key.len() + value.get().len() + 6).sum();
        let added: usize = changed.iter().map(|(key, value)| key.len() + value.map_or(0, str::len) + 6).sum();
        let mut object = String::with_capacity(len + added + before.len() + behind.len());
        object.push_str(before);
        let start = object.len();
        for (key, value) in &self.0 {
            if !changed.iter().any(|(name, _)| name == key) {
                push_member(&mut object, start, key, value.get());
            }
        }
        for (key, value) in changed {
            if let Some(value) = value {
                push_member(&mut object, start, key, value);
            }
        }
        object.push_str(behind);
        object
    }
}

fn push_member(object: &mut String, start: usize, key: &str, value: &str) {
    if object.len() > start {
        object.push(',');
    }
    if key.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
        object.push('"');
        object.push_str(key);
        object.push('"');
    } else {
        object.push_str(&serde_json::to_string(key).expect("a string serialises"));
    }
    object.push(':');
    object.push_str(value);
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsMembers;
        impl<'de> Visitor<'de> for AsMembers {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(AsMembers)
    }
}

/// A key, borrowed where it has no escapes (`Cow`'s own `Deserialize` always copies).
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsKey;
        impl<'de> Visitor<'de> for AsKey {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AsKey)
    }
}
