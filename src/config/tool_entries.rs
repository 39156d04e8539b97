//! What a registry file says about single tools: `tools` and `tool_hints`.

use super::Fault;
use super::StaticTool;
use super::blocks::unknown;
use super::json::{Data, Node};
use super::values::{At, object, text, texts};
use crate::domain::Hints;

const TOOL_KEYS: &[&str] = &[
    "name",
    "description",
    "input_schema",
    "inputSchema",
    "parameters",
    "keywords",
    "tags",
    "categories",
    "category",
    "examples",
    "use_cases",
    "title",
    "annotations",
    "outputSchema",
];

/// `tools`: a list of names or objects, or an object from names to objects or descriptions. A tool that is wrong is left
/// out with a warning.
pub(super) fn tools(at: &At<'_>, node: &Node, odd: &mut Vec<Fault>) -> Result<Vec<StaticTool>, Fault> {
    let mut found: Vec<StaticTool> = Vec::new();
    let mut take = |tool: Result<Option<StaticTool>, Fault>, at: &At<'_>, line: usize, odd: &mut Vec<Fault>| match tool
    {
        Ok(Some(tool)) if found.iter().any(|known| known.name == tool.name) => {
            odd.push(at.fault(line, format!("tool `{}` is listed twice", tool.name), "list it once"));
        }
        Ok(tool) => found.extend(tool),
        Err(fault) => odd.push(fault),
    };
    if let Data::Object(members) = &node.data {
        for member in members {
            let at = at.under(&member.key);
            let tool = named(&at, &member.key, &member.value, odd).map(Some);
            take(tool, &at, member.line, odd);
        }
    } else if let Data::List(items) = &node.data {
        for (index, item) in items.iter().enumerate() {
            let at = at.item(index);
            let tool = unnamed(&at, item, odd);
            take(tool, &at, item.line, odd);
        }
    } else {
        return Err(at.wrong(node, "a list of tools"));
    }
    Ok(found)
}

/// `tool_hints`: an object from tool names to hints.
pub(super) fn tool_hints(at: &At<'_>, node: &Node, odd: &mut Vec<Fault>) -> Result<Vec<(String, Hints)>, Fault> {
    let mut found = Vec::new();
    for member in object(at, node, "an object from tool names to hints")? {
        let at = at.under(&member.key);
        let tool = named(&at, &member.key, &member.value, odd)?;
        found.push((tool.name.clone(), hints_of(&tool)));
    }
    Ok(found)
}

/// The tool's hints together with its description: the server may describe the tool in other words.
pub(super) fn hints_of(tool: &StaticTool) -> Hints {
    Hints { description: tool.description.clone(), ..tool.hints.clone() }
}

fn unnamed(at: &At<'_>, node: &Node, odd: &mut Vec<Fault>) -> Result<Option<StaticTool>, Fault> {
    match &node.data {
        // In some clients' files this stands for every tool.
        Data::Text(name) if name == "*" => Ok(None),
        Data::Text(name) => Ok(Some(bare(name))),
        Data::Object(members) => {
            let Some(member) = members.iter().find(|member| member.key == "name") else {
                return Err(at.fault(node.line, "`name` is missing", "give the tool its name"));
            };
            let name = text(&at.under("name"), &member.value)?;
            named(at, &name, node, odd).map(Some)
        }
        Data::Null | Data::Bool(_) | Data::Number(_) | Data::List(_) => {
            Err(at.wrong(node, "a tool's name or an object"))
        }
    }
}

fn named(at: &At<'_>, name: &str, node: &Node, odd: &mut Vec<Fault>) -> Result<StaticTool, Fault> {
    let mut tool = bare(name);
    if name.is_empty() {
        return Err(at.fault(node.line, "the tool's name is empty", "give the tool its name"));
    }
    if let Data::Text(description) = &node.data {
        tool.description.clone_from(description);
        return Ok(tool);
    }
    for member in object(at, node, "an object or a description")? {
        let (at, value) = (at.under(&member.key), &member.value);
        match member.key.as_str() {
            "description" => tool.description = text(&at, value)?,
            "input_schema" | "inputSchema" | "parameters" => {
                if value.members().is_none() {
                    return Err(at.wrong(value, "a JSON Schema, which is an object"));
                }
                tool.input_schema = Some(value.to_value());
            }
            "keywords" | "tags" => tool.hints.keywords.extend(texts(&at, value)?),
            "categories" | "category" => tool.hints.categories.extend(texts(&at, value)?),
            "examples" | "use_cases" => tool.hints.examples.extend(texts(&at, value)?),
            "name" | "title" | "annotations" | "outputSchema" => {}
            _ => odd.push(unknown(&at, member, TOOL_KEYS)),
        }
    }
    Ok(tool)
}

fn bare(name: &str) -> StaticTool {
    StaticTool { name: name.to_owned(), description: String::new(), input_schema: None, hints: Hints::default() }
}
