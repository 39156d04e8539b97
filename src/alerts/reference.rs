//! `${NAME}` in settings of targets: secrets stay out of the settings, which anybody may be shown.

use super::Error;

/// The text with every `${NAME}` replaced. Any other `$` stays.
pub(super) fn resolved(
    setting: &'static str,
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 2..start + length];
        let value = lookup(name).filter(|value| !value.is_empty());
        whole.push_str(&rest[..start]);
        whole.push_str(&value.ok_or_else(|| Error::NotSet { setting, name: name.to_owned() })?);
        rest = &rest[start + length + 1..];
    }
    whole.push_str(rest);
    Ok(whole)
}

/// The same for a secret, which must be one reference and nothing else; `None` when the text is empty.
pub(super) fn secret(
    setting: &'static str,
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_reference = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
    if !is_reference {
        return Err(Error::PlainSecret { setting });
    }
    resolved(setting, text, lookup).map(Some)
}
