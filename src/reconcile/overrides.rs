//! What the operator knows better than a server, put in the place of what the server says. Applied where tools become
//! entries of the index; the catalog keeps what the servers said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::domain::{Effect, EffectSource, Hints, Tool, ToolKey};
use crate::index;

/// What the operator says about one tool, or about several of one server. What is not said stays as the server has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Override {
    /// `server.tool`; one with `*` at its end stands for all tools of the server that start so. Of several that fit a tool
    /// the longest counts, and one without `*` before all others; keywords and examples add up.
    pub pattern: String,
    /// Another name.
    pub alias: Option<String>,
    /// In place of the server's description.
    pub description: Option<String>,
    /// Further words that people use for it.
    pub keywords: Vec<String>,
    /// Further requests that it serves.
    pub examples: Vec<String>,
    /// Whether it is kept out of everything.
    pub hidden: Option<bool>,
    /// What it does to the world, whatever its annotations say.
    pub effect: Option<Effect>,
}

/// What the overrides came to.
#[derive(Debug, Clone, Default)]
pub struct Overruled {
    /// Tools that are kept out, each with the pattern of the override that says so.
    pub hidden: BTreeMap<ToolKey, String>,
    /// The tools that are changed, as their servers announced them.
    pub changed: BTreeMap<ToolKey, Arc<Tool>>,
    /// Aliases that other tools have as their names.
    pub clashes: Vec<AliasClash>,
    /// Patterns of overrides that fit no tool, since there is none such or its server was never listed.
    pub unused: Vec<String>,
}

/// An alias that another tool has as its name. The alias counts: the other one is called with its server's name before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasClash {
    /// The tool that has the alias.
    pub tool: ToolKey,
    /// The alias.
    pub alias: String,
    /// Whose own name it is.
    pub owner: ToolKey,
}

/// All overrides, in the order in which they count: the later the more.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrides {
    in_order: Vec<Override>,
}

impl Overrides {
    pub(super) fn new(mut overrides: Vec<Override>) -> Self {
        overrides.sort_by_key(|one| (!one.pattern.ends_with('*'), one.pattern.len()));
        Self { in_order: overrides }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    fn of<'a>(&'a self, key: &ToolKey) -> impl DoubleEndedIterator<Item = &'a Override> {
        self.in_order.iter().filter(|one| fits(&one.pattern, key))
    }

    /// The override that keeps the tool out, if one does.
    pub(super) fn hides(&self, key: &ToolKey) -> Option<&str> {
        let (says, pattern) = self.of(key).rev().find_map(|one| Some((one.hidden?, one.pattern.as_str())))?;
        says.then_some(pattern)
    }

    /// The alias of a tool, if it is given one.
    fn alias(&self, key: &ToolKey) -> Option<&str> {
        self.of(key).rev().find_map(|one| one.alias.as_deref()).filter(|alias| *alias != key.tool)
    }

    /// The tool and its hints as they are used; those of the server where nothing is said.
    pub(super) fn apply(&self, tool: &Arc<Tool>, hints: Arc<Hints>) -> (Arc<Tool>, Arc<Hints>) {
        let said: Vec<&Override> = self.of(&tool.key).collect();
        if said.is_empty() {
            return (tool.clone(), hints);
        }
        let mut changed = Tool::clone(tool);
        let mut hints = Hints::clone(&hints);
        for one in said {
            if let Some(description) = &one.description {
                changed.description.clone_from(description);
            }
            if let Some(effect) = one.effect {
                changed.effect = effect;
                changed.effect_source = EffectSource::Operator;
                changed.is_idempotent = effect == Effect::Read
                    || (tool.effect_source != EffectSource::Overruled && is_announced_idempotent(tool));
            }
            hints.keywords.extend(one.keywords.iter().cloned());
            hints.examples.extend(one.examples.iter().cloned());
        }
        // Given even if a tool is called so: else any server could take it over by naming one of its tools so.
        hints.aliases.extend(self.alias(&tool.key).map(str::to_owned));
        (Arc::new(changed), Arc::new(hints))
    }

    /// The aliases that one of the tools has as its name, in any spelling; `tools` are those in use.
    pub(super) fn clashes<'a>(&self, tools: impl Iterator<Item = &'a ToolKey> + Clone) -> Vec<AliasClash> {
        if !self.in_order.iter().any(|one| one.alias.is_some()) {
            return Vec::new();
        }
        let wanted: Vec<(&ToolKey, &str)> = tools.clone().filter_map(|key| Some((key, self.alias(key)?))).collect();
        let mut found = Vec::new();
        for (tool, alias) in wanted {
            let words = index::plain_words(alias);
            let owner = tools.clone().find(|key| *key != tool && index::plain_words(&key.tool) == words);
            found.extend(owner.map(|owner| AliasClash {
                tool: tool.clone(),
                alias: alias.to_owned(),
                owner: owner.clone(),
            }));
        }
        found
    }

    /// What it all comes to. `tools` are all that the registry lets through, `clashes` what [`Self::clashes`] gave.
    pub(super) fn report<'a>(&self, tools: impl Iterator<Item = &'a Arc<Tool>>, clashes: Vec<AliasClash>) -> Overruled {
        let mut overruled = Overruled { clashes, ..Overruled::default() };
        let mut unused: BTreeSet<&str> = self.in_order.iter().map(|one| one.pattern.as_str()).collect();
        for tool in tools {
            unused.retain(|pattern| !fits(pattern, &tool.key));
            if let Some(pattern) = self.hides(&tool.key) {
                overruled.hidden.insert(tool.key.clone(), pattern.to_owned());
            } else if self.of(&tool.key).next().is_some() {
                overruled.changed.insert(tool.key.clone(), tool.clone());
            }
        }
        overruled.unused = unused.into_iter().map(str::to_owned).collect();
        overruled
    }
}

fn fits(pattern: &str, key: &ToolKey) -> bool {
    let Some(name) = pattern.strip_prefix(key.server.as_str()).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    match name.strip_suffix('*') {
        Some(start) => key.tool.starts_with(start),
        None => name == key.tool,
    }
}

fn is_announced_idempotent(tool: &Tool) -> bool {
    let raw: Value = serde_json::from_str(&tool.raw).unwrap_or_default();
    raw["annotations"]["idempotentHint"].as_bool() == Some(true)
}
