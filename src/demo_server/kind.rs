//! The servers that a demo server can be.

use clap::ValueEnum;

use super::demo_tool::DemoTool;
use super::{clock, design, files, maths, notes, tables, text, units};

/// Which server to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Logos, charts and colours as SVG files.
    Design,
    /// Files of one folder.
    Files,
    /// Notes with tags.
    Notes,
    /// Dates and time zones.
    Clock,
    /// Units of measurement.
    Units,
    /// Texts.
    Text,
    /// CSV tables.
    Tables,
    /// Mathematics.
    Maths,
    /// Ten tools that echo, as fast as possible.
    #[default]
    Bench,
    /// Tools that are slow, fail or crash.
    Misbehave,
    /// Tools of a file, or generated ones.
    Custom,
    /// No server: sleeps for a minute. It is the grandchild of `--fork-child`.
    Sleeper,
}

/// One server of the quick start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoServer {
    /// The value for `--kind`.
    pub kind: Kind,
    /// The name to register it under.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub description: &'static str,
    /// Words that people use for what it does.
    pub keywords: &'static [&'static str],
}

/// The servers of the quick start, in a fixed order. Their tools do real work without a network.
#[must_use]
pub fn catalogue() -> &'static [DemoServer] {
    &CATALOGUE
}

const CATALOGUE: [DemoServer; 8] = [
    DemoServer {
        kind: Kind::Design,
        name: "design",
        description: "Draws logos, bar charts and placeholder images as SVG files, and works with colours.",
        keywords: &["logo", "graphic", "image", "svg", "chart", "colour", "palette", "branding"],
    },
    DemoServer {
        kind: Kind::Files,
        name: "files",
        description: "Lists, reads, writes, searches and deletes files of one folder.",
        keywords: &["file", "folder", "directory", "document", "path", "disk"],
    },
    DemoServer {
        kind: Kind::Notes,
        name: "notes",
        description: "Keeps short notes with tags, and finds them again.",
        keywords: &["note", "remember", "reminder", "memo", "tag", "write down"],
    },
    DemoServer {
        kind: Kind::Clock,
        name: "clock",
        description: "Tells the time anywhere, converts between time zones and calculates with dates.",
        keywords: &["time", "date", "time zone", "calendar", "weekday", "today"],
    },
    DemoServer {
        kind: Kind::Units,
        name: "units",
        description: "Converts lengths, weights, temperatures and other quantities between units, and Roman numerals.",
        keywords: &["convert", "unit", "metric", "imperial", "measurement", "roman"],
    },
    DemoServer {
        kind: Kind::Text,
        name: "text",
        description: "Counts, changes, compares, hashes and encodes texts.",
        keywords: &["text", "words", "string", "replace", "diff", "hash", "base64", "e-mail"],
    },
    DemoServer {
        kind: Kind::Tables,
        name: "tables",
        description: "Converts, sorts, filters, groups, sums and joins CSV tables.",
        keywords: &["csv", "table", "spreadsheet", "column", "rows", "data"],
    },
    DemoServer {
        kind: Kind::Maths,
        name: "maths",
        description: "Evaluates expressions, describes numbers statistically, factorises and solves equations.",
        keywords: &["calculate", "maths", "math", "equation", "statistics", "average", "random", "prime"],
    },
];

impl Kind {
    /// The name given as `serverInfo.name`.
    pub(super) fn server_name(self) -> &'static str {
        match self {
            Self::Design => "mcporch-demo-design",
            Self::Files => "mcporch-demo-files",
            Self::Notes => "mcporch-demo-notes",
            Self::Clock => "mcporch-demo-clock",
            Self::Units => "mcporch-demo-units",
            Self::Text => "mcporch-demo-text",
            Self::Tables => "mcporch-demo-tables",
            Self::Maths => "mcporch-demo-maths",
            Self::Bench => "mcporch-demo-bench",
            Self::Misbehave => "mcporch-demo-misbehave",
            Self::Custom => "mcporch-demo-custom",
            Self::Sleeper => "mcporch-demo-sleeper",
        }
    }

    /// The tools that do real work; none for the kinds that exist for tests.
    pub(super) fn demo_tools(self) -> &'static [DemoTool] {
        match self {
            Self::Design => design::TOOLS,
            Self::Files => files::TOOLS,
            Self::Notes => notes::TOOLS,
            Self::Clock => clock::TOOLS,
            Self::Units => units::TOOLS,
            Self::Text => text::TOOLS,
            Self::Tables => tables::TOOLS,
            Self::Maths => maths::TOOLS,
            Self::Bench | Self::Misbehave | Self::Custom | Self::Sleeper => &[],
        }
    }
}
