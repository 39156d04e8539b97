//! What a demo server can be told to be, and to do wrong.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;

use super::kind::Kind;

/// The flags of `mcporch demo-server`. All misbehaviours may be combined, with any kind.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Which server to be.
    #[arg(long, value_enum, default_value_t = Kind::Bench)]
    pub kind: Kind,
    /// Be the server that the official MCP conformance suite wants to find, in place of a kind: all its tools, resources
    /// and prompts by name.
    #[arg(long, conflicts_with_all = ["kind", "tools", "tool_count"])]
    pub conformance: bool,
    /// Name to give as serverInfo.name, instead of the kind's.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Folder that the file-writing kinds work in; they never leave it.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// JSON list of tool objects for kind `custom`, served byte for byte; a call echoes its arguments.
    #[arg(long, value_name = "FILE")]
    pub tools: Option<PathBuf>,
    /// Number of generated tools for kind `custom`.
    #[arg(long, value_name = "N")]
    pub tool_count: Option<usize>,
    /// Tools per page of tools/list; all on one page when left out.
    #[arg(long, value_name = "N")]
    pub page: Option<usize>,
    /// Protocol eras to serve.
    #[arg(long, value_enum, default_value_t = Era::Both)]
    pub era: Era,

    /// Wait before reading anything, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub slow_start: u64,
    /// Wait before answering each tools/list, in milliseconds; other requests are served meanwhile.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub slow_list: u64,
    /// Read on, but never answer: anything (start), or requests of that sort.
    #[arg(long, value_enum)]
    pub hang_at: Option<Moment>,
    /// Exit before reading anything (start), or when the first request of that sort arrives.
    #[arg(long, value_enum)]
    pub exit_at: Option<Moment>,
    /// Exit code of every exit that a flag asks for.
    #[arg(long, value_name = "CODE", default_value_t = 0)]
    pub exit_code: u8,
    /// Answer N calls, and die when the next one arrives.
    #[arg(long, value_name = "N")]
    pub crash_after_calls: Option<u64>,
    /// Die when the first message is not initialize, as old servers do.
    #[arg(long)]
    pub exit_on_unknown_first: bool,
    /// Never answer server/discover; initialize is answered.
    #[arg(long)]
    pub silent_discover: bool,
    /// Write N lines that are no messages (plain text and JSON in turn) before serving and after each answer.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub noise: u32,
    /// Send every answer twice.
    #[arg(long)]
    pub answer_twice: bool,
    /// Answer calls under an id that nobody asked with.
    #[arg(long)]
    pub answer_wrong_id: bool,
    /// Answer tools/list and tools/call with strings in place of lists.
    #[arg(long)]
    pub answer_wrong_types: bool,
    /// Answer every call with a text of that many bytes.
    #[arg(long, value_name = "BYTES")]
    pub giant_result: Option<usize>,
    /// In place of every call's answer, write that many bytes without a line end (the next message starts a new line).
    #[arg(long, value_name = "BYTES")]
    pub giant_line: Option<usize>,
    /// Blow the first tool's description up to that many bytes.
    #[arg(long, value_name = "BYTES")]
    pub giant_description: Option<usize>,
    /// Also list a tool without inputSchema.
    #[arg(long)]
    pub tool_without_schema: bool,
    /// Also list a tool without name.
    #[arg(long)]
    pub tool_without_name: bool,
    /// List the first tool's name once more, with another description.
    #[arg(long)]
    pub duplicate_tool: bool,
    /// After N answered calls, drop the first tool, add `added_later`, and send list_changed.
    #[arg(long, value_name = "N")]
    pub change_tools_after_calls: Option<u64>,
    /// Do not die of SIGTERM.
    #[arg(long)]
    pub ignore_term: bool,
    /// Run on after standard input was closed, for up to two minutes.
    #[arg(long)]
    pub ignore_eof: bool,
    /// Start a grandchild that sleeps for up to a minute and inherits nothing; its process id goes to stderr.
    #[arg(long)]
    pub fork_child: bool,
    /// Start a whole family of such sleepers: a child, one in a process group of its own, one in a session of its own, and a
    /// daemon that nobody is the parent of; their process ids go to stderr.
    #[arg(long)]
    pub fork_family: bool,
    /// For kind `sleeper`: take a session of its own first.
    #[arg(long, hide = true)]
    pub own_session: bool,
    /// For kind `sleeper`: start another one with a session of its own, and exit.
    #[arg(long, hide = true)]
    pub detach: bool,
    /// Write that many lines to stderr at start.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub stderr_lines: u32,
    /// Put bytes that are no UTF-8 into the text of every call's answer.
    #[arg(long)]
    pub invalid_utf8: bool,
    /// Close standard output after N answers, and run on.
    #[arg(long, value_name = "N")]
    pub close_stdout_after: Option<u64>,
    /// Close standard input after N calls, and run on for up to two minutes.
    #[arg(long, value_name = "N")]
    pub close_stdin_after: Option<u64>,
    /// In place of every call's answer, write the first half of it as a line.
    #[arg(long)]
    pub half_json: bool,
    /// Send that many notifications before each call's answer, half of them of methods that nobody knows.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub notifications: u32,
    /// Keep that many bytes more in memory with each call.
    #[arg(long, value_name = "BYTES")]
    pub leak: Option<usize>,
    /// Answer every Nth call with isError.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub error_every: Option<u64>,
    /// Append every received line to FILE, so that a test sees what arrived, and how often.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Protocol eras: `initialize` and a session, or metadata in each request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Era {
    /// Revisions 2024-11-05 to 2025-11-25; server/discover is an unknown method.
    Legacy,
    /// Revision 2026-07-28; initialize is refused.
    Modern,
    /// Both on one pipe.
    #[default]
    Both,
}

/// Points at which a server can hang or exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Moment {
    /// Before anything was read.
    Start,
    /// initialize.
    Initialize,
    /// server/discover.
    Discover,
    /// tools/list.
    List,
    /// tools/call.
    Call,
}

impl Moment {
    /// The moment at which a request of this method arrives, if it is one.
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "initialize" => Some(Self::Initialize),
            "server/discover" => Some(Self::Discover),
            "tools/list" => Some(Self::List),
            "tools/call" => Some(Self::Call),
            _ => None,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Initialize => "initialize",
            Self::Discover => "discover",
            Self::List => "list",
            Self::Call => "call",
        })
    }
}
