//! Somebody says whether a route was right. This verb decides what may teach:
//! - A person at the command line may praise and blame any tool.
//! - A client is most likely a model, and models can be talked into things by what a server answers. So a client's praise
//!   counts only for a tool that was ranked for that very request, and never for a tool of the server that answered it, or of
//!   one that has answered anything in this process since the route was made.
//! - The last word on a route counts, and counts once. But a client does not replace a person's word, praise that does not
//!   count takes nothing back, and nothing that speaks against a server is taken back by a client that has heard it since.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{ServerName, ToolKey};
use crate::history::{
    Acknowledged, Feedback, Keeps, NewLesson, RouteId, RoutedTool, StoredRoute, Teacher, Teaching, Verdict,
};

use super::learned::routed_tool;
use super::{Error, Operations};

/// What a word for or against a tool is worth, in units of a cosine. A guess: two reach the bound.
const WEIGHT: f32 = 0.04;

/// Which route, and what of it.
#[derive(Debug, Clone)]
pub struct FeedbackInput {
    /// The id that stood at the end of the answer.
    pub route: String,
    /// Whether its tool was the one that was meant.
    pub verdict: Verdict,
    /// The one that was meant, `server.tool`.
    pub tool: Option<String>,
    /// Who says so.
    pub teacher: Teacher,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FeedbackOutput {
    /// Which route.
    pub route_id: String,
    /// Whether ranking has learned from it.
    pub has_taught: bool,
    /// What was noted, in a sentence.
    pub message: String,
}

impl Operations {
    /// Keeps what somebody says of a route, in place of what was said of it before. Returns once it is on the disk.
    ///
    /// Cancel safe: it is kept as a whole, or not at all.
    ///
    /// # Errors
    /// When there is no such route or tool, no history is kept, or it cannot be written.
    pub async fn feedback(&self, input: &FeedbackInput) -> Result<FeedbackOutput, Error> {
        let Some(history) = self.learning.history() else {
            let what = "no history is kept, so there is nothing to give feedback on (history.enabled)".to_owned();
            return Err(Error::InvalidInput { what });
        };
        let unknown = || crate::history::Error::UnknownRoute { id: input.route.chars().take(40).collect() };
        let id = RouteId::parse(&input.route).ok_or_else(unknown)?;
        let stored = history.route(id.clone()).await?;
        let told = match input.tool.as_deref().filter(|tool| !tool.trim().is_empty()) {
            Some(name) => {
                let tool = self.find_exactly(name).await?;
                Some(routed_tool(&self.known_now(), &tool))
            }
            None => None,
        };
        let verdict = input.verdict;
        if verdict == Verdict::Wrong && told.is_some() && told.as_ref().map(|told| &told.key) == acted(&stored) {
            let what = format!("{} is the tool of route {id}: say `right`, or name another", shown(acted(&stored)));
            return Err(Error::InvalidInput { what });
        }
        let heard = match input.teacher {
            Teacher::Client => self.answered.since_route(&id),
            Teacher::Person => Vec::new(),
        };
        let mut judged = judge(&stored, verdict, told.as_ref(), input.teacher, heard);
        if !self.learning.is_enabled() {
            let refusal = Some("learning is off (learning.enabled)");
            judged = Judged { lessons: Vec::new(), keeps: Keeps::All, refusal };
        }
        let has_taught = !judged.lessons.is_empty();
        let feedback = Feedback { verdict, tool: told.as_ref().map(|told| told.key.clone()) };
        let teaching = Teaching { feedback, teacher: input.teacher, lessons: judged.lessons, keeps: judged.keeps };
        let acknowledged = history.teach(id.clone(), teaching).await?;
        if acknowledged == Acknowledged::PersonsWordStays {
            let message =
                format!("nothing was noted: the user has spoken on route {id} at the command line, and that stays");
            return Ok(FeedbackOutput { route_id: id.to_string(), has_taught: false, message });
        }
        let mut message = match (verdict, &told) {
            (Verdict::Right, None) => format!("noted for route {id}: {} was right", shown(acted(&stored))),
            (Verdict::Wrong, None) => format!("noted for route {id}: {} was wrong", shown(acted(&stored))),
            (_, Some(told)) => format!("noted for route {id}: {} is right", told.key),
        };
        if let Some(refusal) = judged.refusal {
            let _infallible = write!(message, "; it raises no tool, since {refusal}");
        }
        if acknowledged == Acknowledged::InMemory {
            message.push_str("; the history cannot be written, so this holds until mcporch ends");
        }
        tracing::info!(verdict = verdict.word(), has_taught, "feedback was given on a route");
        Ok(FeedbackOutput { route_id: id.to_string(), has_taught, message })
    }
}

struct Judged {
    lessons: Vec<NewLesson>,
    keeps: Keeps,
    /// Why the right tool is not raised, if so.
    refusal: Option<&'static str>,
}

/// `heard` are the servers that have answered since the route was made.
fn judge(
    stored: &StoredRoute,
    verdict: Verdict,
    told: Option<&RoutedTool>,
    teacher: Teacher,
    mut heard: Vec<ServerName>,
) -> Judged {
    let acted = stored.route.tool.as_ref();
    let (praised, blamed) = match verdict {
        Verdict::Right => (told.or(acted), None),
        Verdict::Wrong => (told, acted),
    };
    let refusal = praised.filter(|_| teacher == Teacher::Client).and_then(|praised| {
        let answered = acted.filter(|_| stored.route.has_run);
        if answered.is_some_and(|answered| answered.key.server == praised.key.server) {
            Some("no server's answer may raise its own tools; `mcporch feedback` at the command line can")
        } else if heard.contains(&praised.key.server) {
            Some("its server has answered since, and no server's answer may raise its own tools; `mcporch feedback` at the \
                  command line can")
        } else if !stored.route.candidates.contains(&praised.key) {
            Some("it was not among the tools that were ranked for that request")
        } else {
            None
        }
    });
    let praise = praised.filter(|_| refusal.is_none()).map(|tool| (tool, WEIGHT));
    let blame = blamed.map(|tool| (tool, -WEIGHT));
    let lessons = praise.into_iter().chain(blame).map(|(tool, weight)| NewLesson { tool: tool.clone(), weight });
    let keeps = match (teacher, refusal) {
        (Teacher::Person, _) => Keeps::Nothing,
        (Teacher::Client, Some(_)) => Keeps::All,
        (Teacher::Client, None) => {
            heard.extend(acted.filter(|_| stored.route.has_run).map(|answered| answered.key.server.clone()));
            Keeps::Against(heard)
        }
    };
    Judged { lessons: lessons.collect(), keeps, refusal }
}

fn acted(stored: &StoredRoute) -> Option<&ToolKey> {
    stored.route.tool.as_ref().map(|tool| &tool.key)
}

fn shown(key: Option<&ToolKey>) -> String {
    key.map_or_else(|| "no tool".to_owned(), ToString::to_string)
}
