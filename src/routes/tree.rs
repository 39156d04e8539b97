//! YAML text as a tree whose every value knows its line. JSON is YAML too.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;

use super::Fault;

/// What a text may come to at most. The file's length is bounded too; these keep a file whose aliases multiply from
/// growing beyond it, and are room for the most routes with every key.
const NODES_MAX: usize = 1_000_000;
const EVENTS_MAX: usize = 2_000_000;

/// A value and its line, from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: Node,
}

impl Node {
    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Null => "nothing",
            Shape::Bool(_) => "true or false",
            Shape::Number(_) => "a number",
            Shape::Text(_) => "a text",
            Shape::List(_) => "a list",
            Shape::Map(_) => "a mapping",
        }
    }

    /// As plain JSON. Recursion ends: the parser allows 64 levels.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.shape {
            Shape::Null => serde_json::Value::Null,
            Shape::Bool(value) => (*value).into(),
            Shape::Number(number) => number.clone().into(),
            Shape::Text(text) => text.clone().into(),
            Shape::List(items) => items.iter().map(Self::to_json).collect(),
            Shape::Map(members) => members.iter().map(|member| (member.key.clone(), member.value.to_json())).collect(),
        }
    }
}

/// Reads the one document of a text. `no` and `off` are texts, as in YAML 1.2: people write requests, not switches.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Fault> {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_nodes = NODES_MAX;
    budget.max_events = EVENTS_MAX;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options.strict_booleans = true;
    options.with_snippet = false;
    let root: Spanned<Shape> = serde_saphyr::from_str_with_options(text, options).map_err(|fault| {
        let (line, column) = fault.location().map_or((0, 0), |at| (whole(at.line()), whole(at.column())));
        let message = if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = &fault {
            format!("{key:?} stands there twice")
        } else {
            let told = fault.to_string().replace('\n', " ");
            told.strip_suffix(&format!(" at line {line}, column {column}")).unwrap_or(&told).to_owned()
        };
        let message = if column > 0 { format!("{message} (column {column})") } else { message };
        Fault { file: file.to_owned(), line, key: String::new(), message, help: String::new() }
    })?;
    Ok(root.into())
}

impl From<Spanned<Shape>> for Node {
    fn from(spanned: Spanned<Shape>) -> Self {
        Self { line: whole(spanned.referenced.line()), shape: spanned.value }
    }
}

fn whole(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape)
    }
}

struct AnyShape;

impl<'de> Visitor<'de> for AnyShape {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Shape, E> {
        // JSON has no word for infinity, and a tool takes JSON.
        Ok(Number::from_f64(value).map_or(Shape::Null, Shape::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Shape, E> {
        Ok(Shape::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Shape>>()? {
            list.push(item.into());
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value::<Spanned<Shape>>()?;
            members.push(Member { line: whole(key.referenced.line()), key: key.value, value: value.into() });
        }
        Ok(Shape::Map(members))
    }
}
