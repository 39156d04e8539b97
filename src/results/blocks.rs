//! The parts of a tool's result, looked at without building trees.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::Members;

/// One block of a result's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Block {
    /// From 1.
    pub number: usize,
    /// `text`, `image`, `audio`, `resource`, or what the server called it.
    pub kind: String,
    /// Its media type, if it says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Bytes as it came: base64 counts as it is written.
    pub bytes: usize,
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, kind, mime_type, bytes } = self;
        let mime_type = mime_type.as_ref().map_or_else(String::new, |kind| format!(" {kind}"));
        write!(f, "{number} {kind}{mime_type} ({bytes} bytes)")
    }
}

/// What a raw result is, before anything is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Bytes that a model would have to read: all but the data of pictures, sounds and binary resources.
    pub text_bytes: usize,
    /// The bytes of that data.
    pub media_bytes: usize,
    /// It is the end of a call, and not a question back or the promise of a later result.
    pub is_final: bool,
}

/// Looks through a raw result. Takes about as long as reading it once.
#[must_use]
pub fn reading(raw: &str) -> Reading {
    let whole = |is_final| Reading { text_bytes: raw.len(), media_bytes: 0, is_final };
    let Ok(members) = Members::parse(raw) else { return whole(true) };
    let is_complete = members.member("resultType").is_none_or(|kind| kind.trim() == "\"complete\"");
    if !is_complete || members.member("content").is_none() && members.member("structuredContent").is_none() {
        return whole(false);
    }
    let mut media_bytes = 0;
    if let Some(content) = members.member("content") {
        for_each(content, &mut |block| {
            media_bytes += RawBlock::of(block).and_then(|block| block.media().map(str::len)).unwrap_or_default();
        });
    }
    Reading { text_bytes: raw.len() - media_bytes, media_bytes, is_final: true }
}

/// A block as it came.
#[derive(Deserialize)]
pub(super) struct RawBlock<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "mimeType")]
    mime_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    blob: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "mimeType")]
    mime_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uri: Option<Cow<'a, str>>,
}

impl<'a> RawBlock<'a> {
    pub(super) fn of(raw: &'a str) -> Option<Self> {
        raw.starts_with('{').then(|| serde_json::from_str(raw).ok()).flatten()
    }

    fn resource(&self) -> Option<Resource<'a>> {
        serde_json::from_str(self.resource?.get()).ok()
    }

    /// The literal of its text, if it is or holds a text.
    pub(super) fn text(&self) -> Option<&'a str> {
        let literal = match &*self.kind {
            "text" => self.text,
            "resource" => self.resource()?.text,
            _ => None,
        };
        literal.map(RawValue::get).filter(|literal| literal.starts_with('"'))
    }

    /// The literal of its data, if it is a picture, a sound or a binary resource.
    pub(super) fn media(&self) -> Option<&'a str> {
        let literal = match &*self.kind {
            "image" | "audio" => self.data,
            "resource" => self.resource()?.blob,
            _ => None,
        };
        literal.map(RawValue::get).filter(|literal| literal.starts_with('"'))
    }

    pub(super) fn mime_type(&self) -> Option<String> {
        let own = self.mime_type.as_deref().map(str::to_owned);
        own.or_else(|| self.resource()?.mime_type.map(Cow::into_owned)).map(|kind| kind.chars().take(100).collect())
    }

    /// Where a resource comes from.
    pub(super) fn uri(&self) -> Option<String> {
        self.resource()?.uri.map(|uri| uri.chars().take(300).collect())
    }
}

/// Hands over the elements of a raw list one after the other; false when it is no list. What is no JSON ends it.
pub(super) fn for_each(list: &str, take: &mut dyn FnMut(&str)) -> bool {
    struct Each<'t>(&'t mut dyn FnMut(&str));
    impl<'de> Visitor<'de> for Each<'_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(element) = list.next_element::<&RawValue>()? {
                (self.0)(element.get());
            }
            Ok(())
        }
    }
    impl<'de> DeserializeSeed<'de> for Each<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }
    Each(take).deserialize(&mut serde_json::Deserializer::from_str(list)).is_ok()
}
