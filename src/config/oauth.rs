//! The `oauth` block of a registry entry: how mcporch presents itself to those who issue tokens for a remote server.

use std::path::Path;

use crate::secrets::{LateVariable, Place};

use super::json::{Data, Node};
use super::values::{At, object, text, texts};
use super::{Env, Fault, blocks, expand};

/// The keys; ours first, then those of other programs for the same things.
const KEYS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_metadata_url",
    "scopes",
    "redirect_port",
    "clientId",
    "clientSecret",
    "scope",
    "callbackPort",
];

/// How mcporch presents itself to the issuer of a server's tokens. Everything may be missing: most issuers need none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuth {
    /// The identity that the issuer gave the operator beforehand.
    pub client_id: Option<String>,
    /// The secret of that identity, read when it is used.
    pub client_secret: Option<LateVariable>,
    /// An `https` address of a document that describes this mcporch; its identity where the issuer can do that.
    pub client_metadata_url: Option<String>,
    /// Rights to ask for; empty: those that the server names.
    pub scopes: Vec<String>,
    /// The port that the browser comes back to; any free one when `None`.
    pub redirect_port: Option<u16>,
}

/// What the block is read with.
pub(super) struct Reading<'a> {
    pub(super) env: &'a dyn Env,
    /// The folder of the registry file.
    pub(super) folder: &'a Path,
    /// Gets what is odd.
    pub(super) odd: &'a mut Vec<Fault>,
    /// Gets what could be safer.
    pub(super) advice: &'a mut Vec<Fault>,
}

/// Reads the block; `true` is an empty one.
pub(super) fn oauth(at: &At<'_>, node: &Node, reading: &mut Reading<'_>) -> Result<OAuth, Fault> {
    let mut oauth = OAuth::default();
    if let Data::Bool(true) = node.data {
        return Ok(oauth);
    }
    for member in object(at, node, "an object, such as {\"client_id\": …}")? {
        let (at, value) = (at.under(&member.key), &member.value);
        match member.key.as_str() {
            "client_id" | "clientId" => oauth.client_id = Some(plain(&at, value, reading)?),
            "client_metadata_url" => oauth.client_metadata_url = Some(document(&at, value, reading)?),
            "client_secret" | "clientSecret" => oauth.client_secret = Some(secret(&at, value, reading)?),
            "scopes" | "scope" => {
                let words = texts(&at, value)?;
                oauth.scopes.extend(words.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned));
            }
            "redirect_port" | "callbackPort" => oauth.redirect_port = Some(blocks::port(&at, value)?),
            _ => reading.odd.push(blocks::unknown(&at, member, KEYS)),
        }
    }
    if oauth.client_secret.is_some() && oauth.client_id.is_none() {
        return Err(at.fault(
            node.line,
            "has `client_secret` without `client_id`",
            "write the identity that it belongs to",
        ));
    }
    Ok(oauth)
}

/// A text with its variables resolved, and not empty.
fn plain(at: &At<'_>, node: &Node, reading: &Reading<'_>) -> Result<String, Fault> {
    let resolved = expand::variables(&text(at, node)?, reading.env);
    let resolved = resolved.map_err(|unresolved| at.fault(node.line, unresolved.message(), unresolved.help()))?;
    if resolved.trim().is_empty() {
        return Err(at.fault(node.line, "is empty", "write it, or remove the key"));
    }
    Ok(resolved)
}

/// The address of a document that is an identity: `https`, with a path, as the standard has it.
fn document(at: &At<'_>, node: &Node, reading: &Reading<'_>) -> Result<String, Fault> {
    let url = plain(at, node, reading)?;
    let path = url.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
    if path.is_none_or(|(host, path)| host.is_empty() || path.is_empty()) || url.contains(['#', ' ']) {
        let help = "write an address such as https://example.com/mcporch.json";
        return Err(at.fault(node.line, "is no https address with a path", help));
    }
    Ok(url)
}

fn secret(at: &At<'_>, node: &Node, reading: &mut Reading<'_>) -> Result<LateVariable, Fault> {
    let written = text(at, node)?;
    let value = expand::template(&written, reading.env, reading.folder);
    let value = value.map_err(|unresolved| at.fault(node.line, unresolved.message(), unresolved.help()))?;
    if value.plain().is_some_and(str::is_empty) {
        return Err(at.fault(node.line, "is empty", "write it, or remove the key"));
    }
    if !written.contains("${") {
        let help = "put it into a file or the keyring and write ${file:PATH} or ${keyring:SERVICE/NAME}";
        reading.advice.push(at.fault(node.line, "a secret stands in the file", help));
    }
    let place = Place { file: at.file.to_owned(), line: node.line, key: at.key.clone() };
    Ok(LateVariable { name: "client_secret".to_owned(), value, place })
}
