//! Shows what was learned, and forgets it.

use serde::Serialize;

use super::learned::{Standing, standings};
use super::{Error, Operations};

/// All that was learned.
#[derive(Debug, Clone, Serialize)]
pub struct LearnedOutput {
    /// Whether ranking uses it.
    pub is_enabled: bool,
    /// Newest first.
    pub lessons: Vec<LessonLine>,
}

/// One lesson.
#[derive(Debug, Clone, Serialize)]
pub struct LessonLine {
    /// For forgetting it.
    pub id: i64,
    /// The request it is about, without secrets.
    pub request: String,
    /// `server.tool`.
    pub tool: String,
    /// What it moves the tool's score by for this very request, in units of a cosine.
    pub weight: f32,
    /// `feedback`, `choice` or `failure`.
    pub source: &'static str,
    /// The route it came from.
    pub route_id: String,
    /// Unix seconds.
    pub at: i64,
    /// Seconds since then.
    pub age_s: i64,
    /// Whether it counts today.
    pub counts: bool,
    /// What becomes of it today, in words.
    pub standing: &'static str,
}

impl Operations {
    /// Every lesson, and whether it counts.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When no history is kept, or it cannot be read.
    pub async fn learned(&self) -> Result<LearnedOutput, Error> {
        let history = self.kept_history()?;
        let known = self.known_now();
        let (_, lessons) = history.lessons(known.snapshot.model().to_owned()).await?;
        let standings = standings(&known, &lessons);
        let now = history.now();
        let line = |(lesson, standing): (crate::history::Lesson, Standing)| LessonLine {
            id: lesson.id,
            request: lesson.request,
            tool: lesson.tool.key.to_string(),
            weight: (lesson.weight * 1000.0).round() / 1000.0,
            source: lesson.source.word(),
            route_id: lesson.route_id.to_string(),
            at: lesson.at,
            age_s: (now - lesson.at).max(0),
            counts: standing == Standing::Counts,
            standing: standing_text(standing),
        };
        let lessons = lessons.into_iter().zip(standings).map(line).collect();
        Ok(LearnedOutput { is_enabled: self.learning.is_enabled(), lessons })
    }

    /// Forgets the lesson of that number, or all; gives how many. With all forgotten the ranking is what it was before
    /// anything was learned.
    ///
    /// # Errors
    /// When no history is kept, it cannot be written, or there is no such lesson.
    pub async fn forget_learned(&self, lesson: Option<i64>) -> Result<usize, Error> {
        let forgotten = self.kept_history()?.forget(lesson).await?;
        match lesson {
            Some(id) if forgotten == 0 => {
                Err(Error::NotFound { what: format!("there is no lesson {id}; `mcporch learned` lists them") })
            }
            _ => Ok(forgotten),
        }
    }

    pub(super) fn kept_history(&self) -> Result<&std::sync::Arc<crate::history::History>, Error> {
        let what = || Error::InvalidInput { what: "no history is kept (history.enabled)".to_owned() };
        self.learning.history().ok_or_else(what)
    }
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Counts => "counts",
        Standing::Repeats => "does not count: three newer ones say the same",
        Standing::NoTool => "does not count: there is no such tool now",
        Standing::OtherServer => "does not count: another program is started under this name now",
        Standing::ToolChanged => "does not count: the tool describes itself differently now",
    }
}
