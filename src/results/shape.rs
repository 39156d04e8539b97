//! The shape of a JSON text in a few words: its keys, the lengths of its lists, the kinds of its values. Read as a stream, so a
//! large text costs no memory.

use std::fmt::Write;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Objects and lists below each other that are shown. A guess: a list of objects in an object is what results are.
const DEPTH_MAX: usize = 4;
/// Keys of one object that are shown.
const KEYS_MAX: usize = 24;
/// Characters of one key that are shown.
const KEY_CHARS_MAX: usize = 60;
/// Longest shape, in bytes.
const BYTES_MAX: usize = 1_500;
/// Texts from that many characters on are shown with their length.
const LONG_TEXT_CHARS: usize = 200;

/// The shape of a JSON text; `None` when it is no JSON. Of a list the first element stands for all.
pub(super) fn shape(json: &str) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let shape = Shape { depth: 0 }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    if shape.len() <= BYTES_MAX {
        return Some(shape);
    }
    let end = shape.char_indices().map(|(at, _)| at).take_while(|at| *at <= BYTES_MAX).last().unwrap_or_default();
    Some(format!("{}… (shortened)", &shape[..end]))
}

#[derive(Clone, Copy)]
struct Shape {
    depth: usize,
}

impl Shape {
    fn below(self) -> Self {
        Self { depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Shape {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".to_owned())
    }

    fn visit_bool<E>(self, _: bool) -> Result<String, E> {
        Ok("boolean".to_owned())
    }

    fn visit_i64<E>(self, _: i64) -> Result<String, E> {
        Ok("integer".to_owned())
    }

    fn visit_u64<E>(self, _: u64) -> Result<String, E> {
        Ok("integer".to_owned())
    }

    fn visit_f64<E>(self, _: f64) -> Result<String, E> {
        Ok("number".to_owned())
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        let chars = if text.len() < LONG_TEXT_CHARS { 0 } else { text.chars().count() };
        Ok(if chars < LONG_TEXT_CHARS { "text".to_owned() } else { format!("text of {chars} characters") })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<String, A::Error> {
        let mut len = 0_usize;
        let mut first = None;
        if self.depth < DEPTH_MAX {
            first = list.next_element_seed(self.below())?;
            len += usize::from(first.is_some());
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            len += 1;
        }
        Ok(match first {
            Some(first) => format!("[{len} × {first}]"),
            None => format!("[{len}]"),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        let mut shown = String::from("{");
        let mut keys = 0_usize;
        while let Some(key) = object.next_key::<String>()? {
            keys += 1;
            if keys > KEYS_MAX || self.depth >= DEPTH_MAX {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = object.next_value_seed(self.below())?;
            let comma = if keys > 1 { ", " } else { "" };
            let key: String = key.chars().take(KEY_CHARS_MAX).collect();
            let _infallible = write!(shown, "{comma}\"{key}\": {value}");
        }
        if self.depth >= DEPTH_MAX && keys > 0 {
            let _infallible = write!(shown, "{keys} keys");
        } else if keys > KEYS_MAX {
            let _infallible = write!(shown, ", … {} more keys", keys - KEYS_MAX);
        }
        shown.push('}');
        Ok(shown)
    }
}
