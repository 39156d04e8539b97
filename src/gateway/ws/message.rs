//! What the messages of both sides look like.

use hyper::body::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::gateway::verbs::{Fault, Named};

use super::frames;

/// Longest id, in bytes. A guess: twice the longest that is made of known parts.
const ID_BYTES_MAX: usize = 256;

/// A request of a client.
#[derive(Debug)]
pub(super) struct Request {
    /// Raw JSON of a text or a number; `None` is answered in the order of asking.
    pub(super) id: Option<Box<str>>,
    /// A verb, a tool, or a word of the connection itself.
    pub(super) method: String,
    /// An empty object when there were none.
    pub(super) params: Value,
    /// Whether he wants to hear of progress.
    pub(super) is_streamed: bool,
}

/// What cannot be understood, and whose it is as far as that can be seen.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) id: Option<Box<str>>,
    pub(super) fault: Fault,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default)]
    params: Option<Value>,
    #[serde(default)]
    stream: Option<bool>,
    /// Libraries of JSON-RPC send it.
    #[serde(default, rename = "jsonrpc")]
    _version: Option<IgnoredAny>,
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Unread`].
    pub(super) fn read(text: &str) -> Result<Self, Unread> {
        let written: Written<'_> = serde_json::from_str(text).map_err(|fault| {
            let what = format!("{fault}; a message is {{\"id\"?, \"method\", \"params\"?, \"stream\"?}}");
            Unread { id: id_of(text), fault: Fault::invalid_at("", what) }
        })?;
        let id = match written.id.map(RawValue::get) {
            None | Some("null") => None,
            Some(raw) if is_id(raw) => Some(raw.into()),
            Some(_) => {
                let what = format!("write a text or a number, at most {ID_BYTES_MAX} bytes");
                return Err(Unread { id: None, fault: Fault::invalid_at("/id", what) });
            }
        };
        let params = written.params.filter(|params| !params.is_null()).unwrap_or_else(|| json!({}));
        Ok(Self { id, method: written.method, params, is_streamed: written.stream.unwrap_or(false) })
    }
}

fn is_id(raw: &str) -> bool {
    raw.len() <= ID_BYTES_MAX && raw.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

/// The id of a message in which something else is wrong.
fn id_of(text: &str) -> Option<Box<str>> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let found: Id<'_> = serde_json::from_str(text).ok()?;
    Some(found.id.get()).filter(|raw| is_id(raw)).map(Into::into)
}

/// What a verb or a tool gave.
pub(super) fn named(id: Option<&str>, named: Named) -> Bytes {
    let end = if named.is_error { ",\"is_error\":true}" } else { "}" };
    answer(id, "\"result\":", named.result.as_str(), end)
}

/// What a word of the connection itself comes to.
pub(super) fn result(id: Option<&str>, result: &Value) -> Bytes {
    answer(id, "\"result\":", &result.to_string(), "}")
}

/// Why there is no result.
pub(super) fn error(id: Option<&str>, fault: &Fault) -> Bytes {
    let mut error = json!({
        "code": fault.kind.slug(),
        "message": fault.detail,
        "status": fault.kind.status(),
    });
    if !fault.errors.is_empty() {
        error["errors"] = json!(fault.errors);
    }
    if let Some(seconds) = fault.retry_after_s {
        error["retry_after_s"] = json!(seconds);
    }
    answer(id, "\"error\":", &error.to_string(), "}")
}

/// The client took his request back: it has an answer all the same, so that each has one.
pub(super) fn cancelled(id: Option<&str>) -> Bytes {
    let error = json!({"code": "cancelled", "message": "the request was taken back", "status": 499});
    answer(id, "\"error\":", &error.to_string(), "}")
}

/// Something that is told of a request before its answer; `raw` is JSON.
pub(super) fn meanwhile(id: &str, member: &str, raw: &str) -> Bytes {
    frames::text(&["{\"id\":", id, ",\"", member, "\":", raw, "}"])
}

/// An event; `data` is JSON.
pub(super) fn event(topic: &str, data: &str) -> Bytes {
    frames::text(&["{\"method\":\"event\",\"params\":{\"topic\":\"", topic, "\",\"data\":", data, "}}"])
}

fn answer(id: Option<&str>, member: &str, raw: &str, end: &str) -> Bytes {
    match id {
        Some(id) => frames::text(&["{\"id\":", id, ",", member, raw, end]),
        None => frames::text(&["{", member, raw, end]),
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    /// Id, method, parameters and whether it is streamed; else the id and a part of what is said.
    type Expected<'a> = Result<(Option<&'a str>, &'a str, &'a str, bool), (Option<&'a str>, &'a str)>;

    fn check(text: &str, expected: Expected<'_>) {
        let read = Request::read(text);
        match (&read, expected) {
            (Ok(read), Ok(expected)) => {
                let params = read.params.to_string();
                assert_eq!((read.id.as_deref(), read.method.as_str(), params.as_str(), read.is_streamed), expected);
            }
            (Err(unread), Err((id, part))) => {
                assert_eq!(unread.id.as_deref(), id, "{text}");
                assert!(unread.fault.detail.contains(part), "{text}: {}", unread.fault.detail);
            }
            _ => panic!("{text}: {read:?}"),
        }
    }

    #[test]
    fn a_message_is_read_with_and_without_an_id() {
        check(r#"{"method":"status"}"#, Ok((None, "status", "{}", false)));
        let whole = r#"{"jsonrpc":"2.0","id":"a\"b","method":"find","params":{"q":1},"stream":true}"#;
        check(whole, Ok((Some(r#""a\"b""#), "find", r#"{"q":1}"#, true)));
        check(r#"{"id":-7.5,"method":"x","params":null}"#, Ok((Some("-7.5"), "x", "{}", false)));
        check(r#"{"id":null,"method":"x"}"#, Ok((None, "x", "{}", false)));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_id_where_that_can() {
        check("{", Err((None, "EOF")));
        check(r#"{"id":1,"method":2}"#, Err((Some("1"), "invalid type")));
        check(r#"{"id":1,"method":"x","parms":{}}"#, Err((Some("1"), "unknown field `parms`")));
        check(r#"{"id":1,"params":{}}"#, Err((Some("1"), "missing field `method`")));
        check(r#"{"id":[1],"method":"x"}"#, Err((None, "a text or a number")));
        check(&format!(r#"{{"id":"{}","method":"x"}}"#, "i".repeat(300)), Err((None, "at most")));
        check("[]", Err((None, "invalid")));
        check(&format!(r#"{{"method":"x","params":{}}}"#, "[".repeat(9000)), Err((None, "recursion")));
    }
}
