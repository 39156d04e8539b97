//! What was asked, where it was routed, and what somebody said of it: one SQLite file of the user's own, and the lessons
//! that ranking takes from it. Writes wait in a bounded queue for one thread, so that they never hold up an answer. What is
//! kept is private: the file is its owner's alone, and what looks like a secret is taken out before it is written. Nothing
//! here is ever logged, and nothing here decides what may teach: that is the verbs' business.

mod error;
mod lessons;
mod open;
mod recorder;
mod redact;
mod route_id;
mod routes;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use lessons::{Keeps, Lesson, NewLesson, Source, Teaching};
pub use open::LAYOUT;
pub use recorder::{Acknowledged, History, LessonsState, Limits};
pub use redact::redact;
pub use route_id::RouteId;
pub use routes::{Feedback, Route, RoutedTool, StoredRoute, Teacher, Verdict};
