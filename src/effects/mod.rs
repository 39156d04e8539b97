//! What a tool does to the world: what its server announced, what its name leaves no doubt about, and where neither says it
//! a guess by words. Pure; it must never make a tool look more harmless than it was announced to be.
//!
//! An announcement is a claim of a program that we did not write. A claim to do harm is believed. A claim to do none is
//! believed too, unless the tool's own name contradicts it: one that announces to read and is called `delete_file` counts
//! as destructive, and so does one that announces to read and to destroy. That stops careless servers, not lying ones, which would choose another name.

mod guess;
#[cfg(test)]
mod tests;
mod words;

use crate::domain::{Effect, EffectSource, InputSchema};

/// The hints of MCP's `ToolAnnotations` that say what a tool does; `None` where they are silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`. It means something only for a tool that changes something.
    pub destructive: Option<bool>,
}

/// What a tool does, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// What it does.
    pub effect: Effect,
    /// How that is known.
    pub source: EffectSource,
}

/// Judges a tool by what its server says of it. Some microseconds where a guess is needed, less where none is.
///
/// The specification's default for a silent `destructiveHint` is true, but most servers leave it out on harmless tools, so
/// silence is not taken as a threat; neither is it taken as a promise.
#[must_use]
pub fn judge(name: &str, description: &str, schema: &InputSchema, announced: Announced) -> Judged {
    let (effect, source) = match (announced.read_only, announced.destructive) {
        // It says both; the graver of the two is believed, and that it contradicts itself is kept.
        (Some(true), Some(true)) => (Effect::Destructive, EffectSource::Overruled),
        (Some(true), _) => (Effect::Read, EffectSource::Announced),
        (_, Some(true)) => (Effect::Destructive, EffectSource::Announced),
        // It speaks of what it changes: so it changes something.
        (_, Some(false)) => (Effect::Write, EffectSource::Announced),
        (Some(false), None) => {
            (guess::among_changes(name, description, &schema.outline().parameters), EffectSource::Guessed)
        }
        (None, None) => (guess::among_all(name, description, &schema.outline().parameters), EffectSource::Guessed),
    };
    let is_contradicted =
        source == EffectSource::Announced && effect != Effect::Destructive && guess::is_clearly_destructive(name);
    if is_contradicted {
        Judged { effect: Effect::Destructive, source: EffectSource::Overruled }
    } else {
        Judged { effect, source }
    }
}
