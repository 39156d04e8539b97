//! What ranking takes from the history: requests, each with a tool that it speaks for or against.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::domain::ServerName;

use super::RouteId;
use super::routes::{self, Feedback, RoutedTool, Teacher};

/// Where a lesson comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Somebody said so.
    Feedback,
    /// A caller that was left the choice took it.
    Choice,
    /// The tool ran and answered with an error.
    Failure,
}

/// A lesson that is to be kept; its request is that of its route.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLesson {
    /// The tool.
    pub tool: RoutedTool,
    /// In units of a cosine; below 0 it speaks against the tool.
    pub weight: f32,
}

/// A lesson as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// Its number, for forgetting it.
    pub id: i64,
    /// The route it came from, which may be forgotten already.
    pub route_id: RouteId,
    /// Unix seconds.
    pub at: i64,
    /// Where it comes from.
    pub source: Source,
    /// In units of a cosine; below 0 it speaks against the tool.
    pub weight: f32,
    /// Without secrets.
    pub request: String,
    /// The tool, as it was then.
    pub tool: RoutedTool,
    /// The request's vector in the model that was asked for; `None` while there is none.
    pub vector: Option<Vec<f32>>,
}

/// What is to be kept in one go.
#[derive(Debug, Clone)]
pub struct Teaching {
    /// What was said.
    pub feedback: Feedback,
    /// Who said it.
    pub teacher: Teacher,
    /// What follows from it.
    pub lessons: Vec<NewLesson>,
    /// What stays of all that followed from this route before. Of a tool that has a new lesson, nothing does.
    pub keeps: Keeps,
}

/// Which earlier lessons of a route stay when new ones come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeps {
    /// None: the last word counts.
    Nothing,
    /// What speaks against the tools of these servers.
    Against(Vec<ServerName>),
    /// All.
    All,
}

impl Keeps {
    fn keeps(&self, server: &str, weight: f32) -> bool {
        match self {
            Self::Nothing => false,
            Self::Against(servers) => weight < 0.0 && servers.iter().any(|kept| kept.as_str() == server),
            Self::All => true,
        }
    }
}

impl Source {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::Choice => "choice",
            Self::Failure => "failure",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Feedback, Self::Choice, Self::Failure].into_iter().find(|source| source.word() == word)
    }
}

/// Where lessons come from, and when: Unix seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) route: &'a RouteId,
    pub(super) source: Source,
    pub(super) at: i64,
}

/// Gives a route these lessons, beside what is kept of its earlier ones. False when there is no such route.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    origin: Origin<'_>,
    lessons: &[NewLesson],
    keeps: &Keeps,
    lessons_max: usize,
) -> rusqlite::Result<bool> {
    let Origin { route, source, at } = origin;
    let mut find = transaction.prepare_cached("SELECT request FROM routes WHERE route_id = ?1")?;
    let Some(request) = find.query_row([route.as_str()], |row| row.get::<_, String>(0)).optional()? else {
        return Ok(false);
    };
    let deleted = delete_replaced(transaction, route, lessons, keeps)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO lessons (route_id, at, source, weight, request, server, tool, fingerprint, about)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for lesson in lessons {
        let tool = &lesson.tool;
        insert.execute(params![
            route.as_str(),
            at,
            source.word(),
            lesson.weight,
            request,
            tool.key.server.as_str(),
            tool.key.tool,
            tool.fingerprint,
            tool.about,
        ])?;
    }
    if deleted > 0 || !lessons.is_empty() {
        let lessons_max = i64::try_from(lessons_max).unwrap_or(i64::MAX);
        transaction.execute(
            "DELETE FROM lessons WHERE id <= (SELECT id FROM lessons ORDER BY id DESC LIMIT 1 OFFSET ?1)",
            [lessons_max],
        )?;
        count_change(transaction)?;
    }
    Ok(true)
}

/// Deletes the route's lessons that are not kept; gives how many.
fn delete_replaced(
    transaction: &Transaction<'_>,
    route: &RouteId,
    lessons: &[NewLesson],
    keeps: &Keeps,
) -> rusqlite::Result<usize> {
    let mut select = transaction.prepare_cached("SELECT id, server, tool, weight FROM lessons WHERE route_id = ?1")?;
    let mut rows = select.query([route.as_str()])?;
    let mut replaced: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let (server, tool): (String, String) = (row.get(1)?, row.get(2)?);
        let has_new = lessons.iter().any(|new| new.tool.key.server.as_str() == server && new.tool.key.tool == tool);
        if has_new || !keeps.keeps(&server, row.get(3)?) {
            replaced.push(row.get(0)?);
        }
    }
    let mut delete = transaction.prepare_cached("DELETE FROM lessons WHERE id = ?1")?;
    replaced.iter().map(|id| delete.execute([id])).sum()
}

/// Whether feedback was given on the route: a person's word is not undone by what merely happens.
pub(super) fn has_feedback(transaction: &Transaction<'_>, route: &RouteId) -> rusqlite::Result<bool> {
    transaction
        .query_row("SELECT EXISTS (SELECT 1 FROM feedback WHERE route_id = ?1)", [route.as_str()], |row| row.get(0))
}

/// Whether a person at the command line has said something of the route.
pub(super) fn has_persons_word(transaction: &Transaction<'_>, route: &RouteId) -> rusqlite::Result<bool> {
    transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM feedback WHERE route_id = ?1 AND teacher = ?2)",
        [route.as_str(), Teacher::Person.word()],
        |row| row.get(0),
    )
}

/// Newest first, at most `lessons_max`; vectors of `model` only.
pub(super) fn all(connection: &Connection, model: &str, lessons_max: usize) -> rusqlite::Result<Vec<Lesson>> {
    let mut select = connection.prepare_cached(
        "SELECT id, route_id, at, source, weight, request, server, tool, fingerprint, about,
         CASE WHEN model = ?1 THEN vector END FROM lessons ORDER BY id DESC LIMIT ?2",
    )?;
    let found = select
        .query_map(params![model, i64::try_from(lessons_max).unwrap_or(i64::MAX)], read_lesson)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

pub(super) fn put_vectors(
    transaction: &Transaction<'_>,
    model: &str,
    vectors: &[(i64, Vec<f32>)],
) -> rusqlite::Result<()> {
    let mut update = transaction.prepare_cached("UPDATE lessons SET model = ?2, vector = ?3 WHERE id = ?1")?;
    for (id, vector) in vectors {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        update.execute(params![id, model, bytes])?;
    }
    Ok(())
}

/// Deletes one lesson, or all; gives how many.
pub(super) fn forget(transaction: &Transaction<'_>, id: Option<i64>) -> rusqlite::Result<usize> {
    let deleted = match id {
        Some(id) => transaction.execute("DELETE FROM lessons WHERE id = ?1", [id])?,
        None => transaction.execute("DELETE FROM lessons", [])?,
    };
    if deleted > 0 {
        count_change(transaction)?;
    }
    Ok(deleted)
}

/// The number of the lessons' present state.
pub(super) fn generation(connection: &Connection) -> rusqlite::Result<u64> {
    let text: String =
        connection.prepare_cached("SELECT value FROM meta WHERE key = 'lessons'")?.query_row([], |row| row.get(0))?;
    Ok(text.parse().unwrap_or(0))
}

fn count_change(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'lessons'", [])?;
    Ok(())
}

/// `None` for a row that no mcporch wrote so.
fn read_lesson(row: &Row<'_>) -> rusqlite::Result<Option<Lesson>> {
    let (route_id, source): (String, String) = (row.get(1)?, row.get(3)?);
    let bytes: Option<Vec<u8>> = row.get(10)?;
    let (Some(route_id), Some(source), Some(key)) =
        (RouteId::parse(&route_id), Source::parse(&source), routes::key((row.get(6)?, row.get(7)?)))
    else {
        return Ok(None);
    };
    let vector = bytes.map(|bytes| bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect());
    Ok(Some(Lesson {
        id: row.get(0)?,
        route_id,
        at: row.get(2)?,
        source,
        weight: row.get(4)?,
        request: row.get(5)?,
        tool: RoutedTool { key, fingerprint: row.get(8)?, about: row.get(9)? },
        vector,
    }))
}
