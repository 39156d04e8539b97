//! What came with a request → the input of its verb.

use axum::body::Body;
use hyper::HeaderMap;
use serde_json::{Map, Value};

use crate::gateway::http::{Accepts, BodyFault, depth, is_json, read_body};
use crate::gateway::verbs::{ERRORS_MAX, Fault, FaultKind, MemberKind, Verb, Wrong, typed};

use super::routes::Entry;
use super::serve::Came;

/// Longest query that is read, in bytes. A guess: longer than any question, shorter than what is sent to fill memory.
const QUERY_BYTES_MAX: usize = 64 * 1024;
/// Longest body that is taken apart where it came in, in bytes: a millisecond or two.
const PARSED_AT_ONCE_BYTES: usize = 256 * 1024;
/// Members of a body. A guess: more than any tool has parameters.
const MEMBERS_MAX: usize = 10_000;
/// Longest name that is repeated, in characters.
const NAME_CHARS_MAX: usize = 60;

/// The pieces of the path that stand for members.
pub(super) type PathMembers = Vec<(String, String)>;

/// Whether the client takes what we have.
///
/// # Errors
/// [`FaultKind::NotAcceptable`].
pub(super) fn check_accepts(headers: &HeaderMap) -> Result<(), Fault> {
    let accept = headers.get(hyper::header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("*/*");
    if Accepts::of(headers).json || accept.to_ascii_lowercase().contains("application/problem+json") {
        return Ok(());
    }
    Err(Fault::new(FaultKind::NotAcceptable, "the answer is application/json: send Accept: application/json, or none"))
}

/// Of a `GET`: path and query.
///
/// # Errors
/// Members that are not known, or twice.
pub(super) fn of_query(entry: &Entry, path: PathMembers, query: &str) -> Result<Value, Fault> {
    if query.len() > QUERY_BYTES_MAX {
        let what = format!("the query has more than {QUERY_BYTES_MAX} bytes");
        return Err(Fault::new(FaultKind::TooLarge, what));
    }
    let mut input = of_path(entry.verb, path);
    let mut errors = Vec::new();
    // What is no text is read as this sign, which may also be written.
    let may_be_no_text = !query.to_ascii_lowercase().contains("%ef%bf%bd");
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        // No more than are told: each costs a search for what is meant, and a line of the answer.
        if errors.len() == ERRORS_MAX {
            break;
        }
        if may_be_no_text && (name.contains('\u{fffd}') || text.contains('\u{fffd}')) {
            let what = "is no text: `%` stands before two digits of a byte of UTF-8".to_owned();
            errors.push(Wrong { place: place_in_query(&name), what });
            continue;
        }
        match entry.query_member(&name) {
            None => errors.push(unknown(&name, entry)),
            Some((member, kind)) => {
                if input.insert(member.to_owned(), typed(kind, &text)).is_some() {
                    errors.push(Wrong { place: place_in_query(&name), what: "is given twice".to_owned() });
                }
            }
        }
    }
    if errors.is_empty() { Ok(Value::Object(input)) } else { Err(Fault::invalid(errors)) }
}

/// Of a `POST`: path and body.
///
/// # Errors
/// A body that is too long or slow, no JSON, no object, or has members that do not belong there.
pub(super) async fn of_body(
    came: &Came,
    headers: &HeaderMap,
    entry: &Entry,
    path: PathMembers,
    query: &str,
    body: Body,
) -> Result<Value, Fault> {
    if let Some((name, _)) = url::form_urlencoded::parse(query.as_bytes()).next() {
        return Err(Fault::invalid(vec![Wrong {
            place: place_in_query(&name),
            what: "is not known; members stand in the body, a JSON object".to_owned(),
        }]));
    }
    let given = read(came, headers, body).await?;
    let mut input = of_path(entry.verb, path);
    let mut errors = Vec::new();
    for (name, value) in given {
        if errors.len() == ERRORS_MAX {
            break;
        }
        if input.contains_key(&name) {
            let what = "stands in the path already".to_owned();
            errors.push(Wrong { place: format!("/{name}"), what });
        } else if entry.path.takes.is_some_and(|takes| !takes.contains(&name.as_str())) {
            let takes = entry.path.takes.unwrap_or_default().join(", ");
            let help = if takes.is_empty() { "nothing is taken here".to_owned() } else { format!("there are {takes}") };
            errors.push(Wrong { place: format!("/{}", shown(&name)), what: format!("is not known; {help}") });
        } else {
            input.insert(name, value);
        }
    }
    if errors.is_empty() { Ok(Value::Object(input)) } else { Err(Fault::invalid(errors)) }
}

/// The JSON object of a body; none is an empty one.
///
/// # Errors
/// As [`of_body`].
pub(super) async fn read(came: &Came, headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Fault> {
    let limits = &came.service.limits;
    let bytes = match read_body(body, limits.body_bytes_max, limits.body_timeout).await {
        Ok(bytes) => bytes,
        Err(fault @ BodyFault::TooLong(_)) => return Err(Fault::new(FaultKind::TooLarge, fault.to_string())),
        Err(fault @ BodyFault::TooSlow(_)) => return Err(Fault::new(FaultKind::Timeout, fault.to_string())),
        Err(fault @ BodyFault::BrokeOff) => return Err(Fault::invalid_at("", fault.to_string())),
    };
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(headers) {
        let what = "the body must be JSON: send Content-Type: application/json";
        return Err(Fault::new(FaultKind::UnsupportedMediaType, what));
    }
    if depth::is_too_deep(&bytes) {
        let what = format!("the body is nested deeper than {} levels", depth::DEPTH_MAX);
        return Err(Fault::invalid_at("", what));
    }
    if bytes.len() <= PARSED_AT_ONCE_BYTES {
        return parsed(&bytes);
    }
    // Elsewhere, with what it takes to drop it: some MB of small members would keep everybody waiting.
    let parsed = tokio::task::spawn_blocking(move || parsed(&bytes)).await;
    parsed.unwrap_or_else(|_| Err(Fault::new(FaultKind::Internal, "reading the body did not end")))
}

fn parsed(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) if members.len() > MEMBERS_MAX => {
            Err(Fault::invalid_at("", format!("the body has more than {MEMBERS_MAX} members")))
        }
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Fault::invalid_at("", "the body must be a JSON object")),
        Err(fault) => Err(Fault::invalid_at("", format!("the body cannot be read as JSON: {fault}"))),
    }
}

/// Where a fault of the verb's schema stands in what was sent.
pub(super) fn placed(mut fault: Fault, entry: &Entry) -> Fault {
    if fault.kind != FaultKind::InvalidInput {
        return fault;
    }
    let mut is_moved = false;
    for wrong in &mut fault.errors {
        let Some(member) = wrong.place.strip_prefix('/').map(|place| place.split('/').next().unwrap_or_default())
        else {
            continue;
        };
        if entry.path_names().any(|name| name == member) {
            wrong.place = format!("{{{member}}}");
        } else if entry.is_get() {
            wrong.place = place_in_query(entry.query_name(member));
        } else {
            continue;
        }
        is_moved = true;
    }
    if is_moved { Fault::invalid(fault.errors) } else { fault }
}

fn of_path(verb: &Verb, path: PathMembers) -> Map<String, Value> {
    let kind = |name: &str| {
        let member = verb.shape().members().find(|(member, _)| *member == name);
        member.map_or(MemberKind::Text, |(_, kind)| kind)
    };
    path.into_iter()
        .map(|(name, text)| {
            let value = typed(kind(&name), &text);
            (name, value)
        })
        .collect()
}

fn unknown(name: &str, entry: &Entry) -> Wrong {
    let known: Vec<&str> = entry.query_names().collect();
    let help = crate::domain::did_you_mean(&shown(name), known.iter().copied()).unwrap_or_else(|| {
        if known.is_empty() { "nothing is taken here".to_owned() } else { format!("there are {}", known.join(", ")) }
    });
    Wrong { place: place_in_query(name), what: format!("is not known; {help}") }
}

fn place_in_query(name: &str) -> String {
    format!("?{}", shown(name))
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}
