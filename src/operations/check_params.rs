//! Parameters against the tool's schema, before anything is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

use crate::domain::{Tool, ToolKey};

/// Problems that are told at once: enough to mend a call, few enough to read.
const PROBLEMS_MAX: usize = 5;
/// Compiled schemas that are kept; then all are dropped and made again as needed.
const VALIDATORS_MAX: usize = 256;
/// Longest description of one problem, in characters: some repeat the whole value.
const PROBLEM_CHARS_MAX: usize = 240;

/// Compiled schemas by tool.
#[derive(Debug, Default)]
pub(super) struct Validators {
    compiled: Mutex<HashMap<ToolKey, Compiled>>,
}

/// A tool, and its schema where that can be compiled.
type Compiled = (Arc<Tool>, Option<Arc<Validator>>);

impl Validators {
    /// What is wrong with `params`; empty when nothing is. A schema that cannot be compiled lets everything through:
    /// its server will know better.
    pub(super) fn problems(&self, tool: &Arc<Tool>, params: &Value) -> Vec<String> {
        let Some(validator) = self.validator(tool) else { return Vec::new() };
        problems_of(&validator, params)
    }

    fn validator(&self, tool: &Arc<Tool>) -> Option<Arc<Validator>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, validator)) = compiled.get(&tool.key)
            && (Arc::ptr_eq(known, tool) || known.input_schema == tool.input_schema)
        {
            return validator.clone();
        }
        if compiled.len() >= VALIDATORS_MAX {
            compiled.clear();
        }
        // References to other documents are not followed: nothing is fetched because a server said so.
        let validator = jsonschema::validator_for(&tool.input_schema.to_value()).map(Arc::new);
        if let Err(fault) = &validator {
            tracing::debug!(tool.key = %tool.key, error = %fault, "an input schema that cannot be used; parameters pass unchecked");
        }
        let validator = validator.ok();
        compiled.insert(tool.key.clone(), (tool.clone(), validator.clone()));
        validator
    }
}

/// What a compiled schema finds wrong with `params`; empty when nothing is.
pub(super) fn problems_of(validator: &Validator, params: &Value) -> Vec<String> {
    if validator.is_valid(params) {
        return Vec::new();
    }
    validator.iter_errors(params).take(PROBLEMS_MAX).map(|fault| describe(&fault)).collect()
}

fn describe(fault: &jsonschema::ValidationError<'_>) -> String {
    let path = fault.instance_path().to_string();
    let text = if path.is_empty() { fault.to_string() } else { format!("{}: {fault}", path.trim_start_matches('/')) };
    if text.chars().count() > PROBLEM_CHARS_MAX {
        let cut: String = text.chars().take(PROBLEM_CHARS_MAX).collect();
        format!("{cut}…")
    } else {
        text
    }
}
