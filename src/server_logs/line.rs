//! One line of a log: `2026-11-21T14:23:58.123Z stderr listening on 3000`.

use serde::{Serialize, Serializer};

use crate::domain::Moment;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The server, on its stderr.
    Stderr,
    /// We, of the server.
    Mcporch,
}

impl Source {
    /// The word in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Mcporch => "mcporch",
        }
    }
}

/// A line. Its text has no line break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When it was written.
    #[serde(rename = "time", serialize_with = "as_text")]
    pub at: Moment,
    /// By whom.
    pub source: Source,
    /// What.
    pub text: String,
}

fn as_text<S: Serializer>(at: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl LogLine {
    /// From a line of a file. What does not have our form, half a line after a power cut say, is taken as the server's, at the
    /// moment of the line before it.
    #[must_use]
    pub fn parse(line: &str, before: Moment) -> Self {
        let parsed = || {
            let (at, rest) = line.split_once(' ')?;
            let (source, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let source = [Source::Stderr, Source::Mcporch].into_iter().find(|known| known.word() == source)?;
            Some(Self { at: Moment::parse(at)?, source, text: text.to_owned() })
        };
        parsed().unwrap_or_else(|| Self { at: before, source: Source::Stderr, text: line.to_owned() })
    }

    /// As it stands in the file, without a line break.
    #[must_use]
    pub fn to_text(&self) -> String {
        let one_line: String = self.text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
        format!("{} {} {one_line}", self.at, self.source.word())
    }
}
