//! JSON with comments and trailing commas, read into a tree whose every node knows its line.

use std::path::Path;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::Fault;

/// A value and the line it begins on.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) data: Data,
}

/// What a node holds. A number keeps its spelling.
#[derive(Debug, Clone)]
pub(super) enum Data {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// One key of an object, in file order; a key written twice is there twice.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

/// Reads a whole text. Comments and trailing commas are allowed; everything else is strict JSON, because a file that only
/// mcporch can read would fail in the client it came from.
pub(super) fn parse(file: &Path, text: &str) -> Result<Node, Fault> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let help = "write JSON; comments and trailing commas are allowed";
    match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(result) => match result.value {
            Some(value) => Ok(node(&value, &Lines::of(text))),
            None => Err(Fault::new(file, 1, "", "the file is empty", r#"write at least {"mcpServers": {}}"#)),
        },
        Err(error) => {
            let message = format!("{} (column {})", lower_first(&error.kind().to_string()), error.column_display());
            Err(Fault::new(file, error.line_display(), "", message, help))
        }
    }
}

impl Node {
    /// The kind of value, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Object(_) => "an object",
        }
    }

    /// The members, when it is an object.
    pub(super) fn members(&self) -> Option<&[Member]> {
        if let Data::Object(members) = &self.data { Some(members) } else { None }
    }

    /// The same without lines. Of a key written twice, the last value counts, as everywhere in JSON.
    pub(super) fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(it) => Value::Bool(*it),
            Data::Number(it) => serde_json::from_str(it).unwrap_or(Value::Null),
            Data::Text(it) => Value::String(it.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Data::Object(members) => {
                Value::Object(members.iter().map(|member| (member.key.clone(), member.value.to_value())).collect())
            }
        }
    }
}

/// Where lines begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, of a byte.
    pub(super) fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

/// The same text with its first letter small, to stand in the middle of a message.
pub(super) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn node(value: &ast::Value<'_>, lines: &Lines) -> Node {
    let data = match value {
        ast::Value::NullKeyword(_) => Data::Null,
        ast::Value::BooleanLit(it) => Data::Bool(it.value),
        ast::Value::NumberLit(it) => Data::Number(it.value.to_owned()),
        ast::Value::StringLit(it) => Data::Text(it.value.to_string()),
        ast::Value::Array(it) => Data::List(it.elements.iter().map(|item| node(item, lines)).collect()),
        ast::Value::Object(it) => Data::Object(it.properties.iter().map(|property| member(property, lines)).collect()),
    };
    Node { line: lines.at(value.range().start), data }
}

fn member(property: &ast::ObjectProp<'_>, lines: &Lines) -> Member {
    Member {
        key: property.name.as_str().to_owned(),
        line: lines.at(property.range.start),
        value: node(&property.value, lines),
    }
}
