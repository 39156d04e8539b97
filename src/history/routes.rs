//! Routed requests, and what was said of them.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::domain::{ServerName, ToolKey};

use super::RouteId;

/// Columns of [`read_stored`], in its order.
const COLUMNS: &str =
    "routes.route_id, routes.at, routes.verb, request, model, candidates, confidence, any_confidence, outcome,
    effect, tool_server, tool_name, tool_fingerprint, tool_about, has_run, chosen, verdict, feedback.tool, params";

/// One routed request.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// What it is referred to by.
    pub id: RouteId,
    /// `execute`, `find_tool` or `query`.
    pub verb: String,
    /// In words, as it came; written without secrets.
    pub request: String,
    /// Names of the parameters that came with it.
    pub params: Vec<String>,
    /// The embedding model.
    pub model: String,
    /// Best first.
    pub candidates: Vec<ToolKey>,
    /// That the first was right, 0..=1.
    pub confidence: f32,
    /// That any was, 0..=1.
    pub any_confidence: f32,
    /// How it ended, in one word.
    pub outcome: String,
    /// What the tool in question does to the world, in one word.
    pub effect: String,
    /// The one that ran, else the first; `None` where there was none.
    pub tool: Option<RoutedTool>,
    /// Whether it was called.
    pub has_run: bool,
}

/// A tool, and what it must still be for what is learned of it to count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutedTool {
    /// Server and name.
    pub key: ToolKey,
    /// Of what is started under the server's name.
    pub fingerprint: String,
    /// Hash over what the tool says of itself.
    pub about: String,
}

/// What somebody said of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// Whether the first tool was the right one.
    pub verdict: Verdict,
    /// The right one, where it was told.
    pub tool: Option<ToolKey>,
}

/// Right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was the tool that was meant.
    Right,
    /// It was not.
    Wrong,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teacher {
    /// A client, so most likely a model, which other servers' answers can talk into things.
    Client,
    /// Somebody at the command line.
    Person,
}

impl Teacher {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Person => "person",
        }
    }
}

/// A route as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRoute {
    /// Unix seconds.
    pub at: i64,
    /// As it was noted; the request is without secrets.
    pub route: Route,
    /// What the caller took afterwards.
    pub chosen: Option<ToolKey>,
    /// What was said of it.
    pub feedback: Option<Feedback>,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }

    /// From the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "right" => Some(Self::Right),
            "wrong" => Some(Self::Wrong),
            _ => None,
        }
    }
}

pub(super) fn insert(transaction: &Transaction<'_>, route: &Route, at: i64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO routes (route_id, at, verb, request, model, candidates, confidence, any_confidence, outcome, effect,
         tool_server, tool_name, tool_fingerprint, tool_about, has_run, params)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    let candidates: Vec<(&str, &str)> = route.candidates.iter().map(pair).collect();
    let tool = route.tool.as_ref();
    insert.execute(params![
        route.id.as_str(),
        at,
        route.verb,
        route.request,
        route.model,
        serde_json::to_string(&candidates).unwrap_or_default(),
        route.confidence,
        route.any_confidence,
        route.outcome,
        route.effect,
        tool.map(|tool| tool.key.server.as_str()),
        tool.map(|tool| tool.key.tool.as_str()),
        tool.map(|tool| tool.fingerprint.as_str()),
        tool.map(|tool| tool.about.as_str()),
        route.has_run,
        serde_json::to_string(&route.params).unwrap_or_default(),
    ])?;
    Ok(())
}

/// Deletes routes beyond the newest `routes_max`, and those from before `before` (Unix seconds).
pub(super) fn prune(transaction: &Transaction<'_>, routes_max: usize, before: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM routes WHERE at < ?1", [before])?;
    let routes_max = i64::try_from(routes_max).unwrap_or(i64::MAX);
    transaction.execute(
        "DELETE FROM routes WHERE id <= (SELECT id FROM routes ORDER BY id DESC LIMIT 1 OFFSET ?1)",
        [routes_max],
    )?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: &RouteId) -> rusqlite::Result<Option<StoredRoute>> {
    let text = format!("SELECT {COLUMNS} FROM routes LEFT JOIN feedback USING (route_id) WHERE route_id = ?1");
    connection.prepare_cached(&text)?.query_row([id.as_str()], read_stored).optional().map(Option::flatten)
}

/// Oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<StoredRoute>> {
    let text = format!("SELECT {COLUMNS} FROM routes LEFT JOIN feedback USING (route_id) ORDER BY routes.id");
    let mut select = connection.prepare(&text)?;
    let found = select.query_map([], read_stored)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

pub(super) fn put_feedback(
    transaction: &Transaction<'_>,
    id: &RouteId,
    feedback: &Feedback,
    teacher: Teacher,
    at: i64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO feedback (route_id, at, verdict, tool, teacher) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (route_id) DO UPDATE SET at = ?2, verdict = ?3, tool = ?4, teacher = ?5",
        params![
            id.as_str(),
            at,
            feedback.verdict.word(),
            feedback.tool.as_ref().and_then(|tool| serde_json::to_string(&pair(tool)).ok()),
            teacher.word(),
        ],
    )?;
    Ok(())
}

pub(super) fn put_choice(transaction: &Transaction<'_>, id: &RouteId, chosen: &ToolKey) -> rusqlite::Result<()> {
    let chosen = serde_json::to_string(&pair(chosen)).unwrap_or_default();
    transaction.execute("UPDATE routes SET chosen = ?2 WHERE route_id = ?1", params![id.as_str(), chosen])?;
    Ok(())
}

/// `None` for a row that no mcporch wrote so.
fn read_stored(row: &Row<'_>) -> rusqlite::Result<Option<StoredRoute>> {
    let id: String = row.get(0)?;
    let candidates: String = row.get(5)?;
    let candidates: Vec<(String, String)> = serde_json::from_str(&candidates).unwrap_or_default();
    let (server, name): (Option<String>, Option<String>) = (row.get(10)?, row.get(11)?);
    let (fingerprint, about): (Option<String>, Option<String>) = (row.get(12)?, row.get(13)?);
    let key_of = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok()).and_then(key);
    let tool = server.zip(name).and_then(key).map(|key| RoutedTool {
        key,
        fingerprint: fingerprint.unwrap_or_default(),
        about: about.unwrap_or_default(),
    });
    let verdict: Option<String> = row.get(16)?;
    let told = key_of(row.get(17)?);
    let feedback = verdict.and_then(|word| Verdict::parse(&word)).map(|verdict| Feedback { verdict, tool: told });
    let Some(id) = RouteId::parse(&id) else { return Ok(None) };
    let params: String = row.get(18)?;
    let route = Route {
        id,
        verb: row.get(2)?,
        request: row.get(3)?,
        params: serde_json::from_str(&params).unwrap_or_default(),
        model: row.get(4)?,
        candidates: candidates.into_iter().filter_map(key).collect(),
        confidence: row.get(6)?,
        any_confidence: row.get(7)?,
        outcome: row.get(8)?,
        effect: row.get(9)?,
        tool,
        has_run: row.get(14)?,
    };
    Ok(Some(StoredRoute { at: row.get(1)?, route, chosen: key_of(row.get(15)?), feedback }))
}

fn pair(key: &ToolKey) -> (&str, &str) {
    (key.server.as_str(), &key.tool)
}

pub(super) fn key((server, tool): (String, String)) -> Option<ToolKey> {
    Some(ToolKey { server: ServerName::parse(&server).ok()?, tool })
}
