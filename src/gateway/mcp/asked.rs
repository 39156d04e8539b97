//! A request, taken apart as far as all methods need it.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::wire::Members;

use super::hello;

/// Keys of `_meta` that each hop sets for itself.
const HOP_KEYS: &[&str] = &[
    "progressToken",
    hello::META_VERSION,
    hello::META_CLIENT,
    hello::META_CAPABILITIES,
    hello::META_LOG_LEVEL,
    hello::META_SUBSCRIPTION,
];

/// A request.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Raw JSON.
    pub(super) id: &'a str,
    pub(super) method: &'a str,
    pub(super) params: Option<&'a RawValue>,
    /// The params, taken apart.
    members: Members<'a>,
    /// The version in `_meta`; a request that has one is modern.
    pub(super) version: Option<String>,
    /// Raw JSON.
    pub(super) progress_token: Option<String>,
    /// What the client can do, as a modern request says; raw JSON object.
    pub(super) capabilities: Option<Arc<str>>,
    /// From which level on it wants log messages, as a modern request says; raw JSON.
    pub(super) log_level: Option<Arc<str>>,
    /// Further members of `_meta`, raw and without braces.
    pub(super) meta: Option<Arc<str>>,
}

impl<'a> Asked<'a> {
    /// Reads `_meta`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(id: &'a str, method: &'a str, params: Option<&'a RawValue>) -> Result<Self, String> {
        let mut asked = Self {
            id,
            method,
            params,
            members: Members::default(),
            version: None,
            progress_token: None,
            capabilities: None,
            log_level: None,
            meta: None,
        };
        let Some(params) = params else { return Ok(asked) };
        asked.members = Members::parse(params.get()).map_err(|_| "params must be an object".to_owned())?;
        if has_twice(&asked.members) {
            return Err("params has a member twice".to_owned());
        }
        let Some(meta) = asked.members.member("_meta") else { return Ok(asked) };
        let meta = Members::parse(meta).map_err(|_| "params._meta must be an object".to_owned())?;
        if let Some(version) = meta.member(hello::META_VERSION) {
            let version = serde_json::from_str(version)
                .map_err(|_| format!("_meta[\"{}\"] must be a text", hello::META_VERSION))?;
            // One that is not spoken here is refused for that, and not for what it lacks.
            let is_spoken = hello::MODERN_VERSIONS.contains(&String::as_str(&version));
            asked.version = Some(version);
            if is_spoken {
                asked.read_modern(&meta)?;
            }
        }
        asked.progress_token = meta.member("progressToken").filter(|token| *token != "null").map(str::to_owned);
        let is_passed = |key: &str| !HOP_KEYS.contains(&key);
        if meta.0.iter().any(|(key, _)| is_passed(key)) {
            let hop: Vec<(&str, Option<&str>)> = HOP_KEYS.iter().map(|key| (*key, None)).collect();
            asked.meta = Some(meta.bare_with(&hop).into());
        }
        Ok(asked)
    }

    fn read_modern(&mut self, meta: &Members<'_>) -> Result<(), String> {
        let Some(capabilities) = meta.member(hello::META_CAPABILITIES) else {
            return Err(format!("_meta[\"{}\"] is missing", hello::META_CAPABILITIES));
        };
        if !capabilities.trim_start().starts_with('{') {
            return Err(format!("_meta[\"{}\"] must be an object", hello::META_CAPABILITIES));
        }
        self.capabilities = Some(capabilities.into());
        self.log_level = meta.member(hello::META_LOG_LEVEL).filter(|level| *level != "null").map(Into::into);
        Ok(())
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method
    }

    /// The revision that the request says in its `_meta`; one that does is of the stateless ones.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The value at a path below the params, parsed; `None` when there is nothing or `null`.
    #[must_use]
    pub fn value_at(&self, path: &[&str]) -> Option<Value> {
        let (first, path) = path.split_first()?;
        let mut raw = self.members.member(first)?;
        for name in path {
            raw = Members::parse(raw).ok()?.member(name)?;
        }
        serde_json::from_str(raw).ok().filter(|value: &Value| !value.is_null())
    }

    pub(super) fn is_modern(&self) -> bool {
        self.version.is_some()
    }

    /// The params' members, raw, without braces and without `_meta`, some of them changed.
    pub(super) fn members(&self, changed: &[(&str, Option<&str>)]) -> String {
        let mut all = vec![("_meta", None)];
        all.extend_from_slice(changed);
        self.members.bare_with(&all)
    }

    /// A member of the params, raw.
    pub(super) fn member(&self, name: &str) -> Option<&'a str> {
        self.members.member(name)
    }

    /// The same for the same question, however it is written: a hash of all that is asked, without what is answered.
    pub(super) fn digest(&self) -> String {
        let params = self.params.and_then(|params| serde_json::from_str::<Value>(params.get()).ok());
        let Some(Value::Object(mut params)) = params else { return String::new() };
        for added in ["_meta", "inputResponses", "requestState"] {
            params.shift_remove(added);
        }
        let mut hash = Sha256::new();
        feed(&mut hash, &Value::Object(params));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A member of the params that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.member(name)?).ok()
    }
}

/// Whether two members have one name: readers differ in which of them counts, and what was checked would not be what is done.
fn has_twice(members: &Members<'_>) -> bool {
    let mut seen = std::collections::HashSet::with_capacity(members.0.len());
    members.0.len() > 1 && !members.0.iter().all(|(name, _)| seen.insert(name))
}

/// Feeds a value with the members of its objects in the order of their names.
fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            hash.update(b"{");
            for name in names {
                hash.update(Value::from(name.as_str()).to_string());
                feed(hash, &members[name]);
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| feed(hash, item));
            hash.update(b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            hash.update(value.to_string());
            hash.update(b",");
        }
    }
}

/// What is between the braces.
pub(super) fn without_braces(object: &str) -> &str {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default()
}
