//! What the verbs take. Members that are not named here are refused; `null` is as if it were left out.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::{CallOutcome, Verb as DomainVerb};
use crate::monitor::Range;

/// Longest name of a server, tool, handle or id that is looked for, in characters: more than any has.
const NAME_CHARS_MAX: u32 = 512;

/// Longest request in words, in characters. In an address each may be twelve bytes, and hyper takes 64 kB of those.
const WORDS_CHARS_MAX: u32 = 5_000;
/// Longest pattern, path or question about a result or a log, in characters; three of them fit into one address.
const QUESTION_CHARS_MAX: u32 = 1_500;
/// Lines of a page where nobody says how many.
pub(super) const PAGE_LEN: usize = 100;

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What is looked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    /// What is to be done, in words.
    #[schemars(length(min = 1, max = WORDS_CHARS_MAX), extend("examples" = ["read a text file"]))]
    pub(super) query: String,
    /// How many tools; 5 when not said.
    #[schemars(range(min = 1, max = 20))]
    pub(super) limit: Option<usize>,
    /// How much of each tool; `brief` when not said.
    pub(super) detail: Option<FindDetail>,
}

/// How much of each tool.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindDetail {
    /// Names and confidences.
    Names,
    /// The first with its schema, the others with a signature.
    Brief,
    /// Each of the first eight with its schema.
    Full,
}

/// What is to be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"request": "what time is it in Tokyo"}]))]
pub(super) struct Execute {
    /// What is to be done, in words; may be left out when `tool` or `plan` is given.
    #[schemars(length(max = WORDS_CHARS_MAX))]
    pub(super) request: Option<String>,
    /// Arguments for the tool.
    pub(super) params: Option<Map<String, Value>>,
    /// Exactly this tool, as `server.tool`.
    #[schemars(length(max = NAME_CHARS_MAX))]
    pub(super) tool: Option<String>,
    /// Only say what would run, and give a plan for it.
    pub(super) dry_run: Option<bool>,
    /// Id of a plan from an earlier answer, alone: runs it once.
    #[schemars(length(max = NAME_CHARS_MAX))]
    pub(super) plan: Option<String>,
    /// `auto`: a request for several things is planned in steps; what is certain is done, the rest comes back.
    pub(super) steps: Option<Steps>,
}

/// Whether a request may be several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Steps {
    /// It is one.
    One,
    /// It is as many as it asks for.
    Auto,
}

/// Which tool, with what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"tool": "demo.echo", "params": {"text": "hello"}}]))]
pub(super) struct Call {
    /// `server.tool`, or a name that only one server has.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) tool: String,
    /// Its arguments; none is an empty object.
    pub(super) params: Option<Map<String, Value>>,
}

/// Which tool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Explain {
    /// `server.tool`, or a name that only one server has.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) tool: String,
    /// Its server, where `tool` does not name it.
    #[schemars(length(max = NAME_CHARS_MAX))]
    pub(super) server: Option<String>,
}

/// What to show of what is connected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Capabilities {
    /// A server's name or a category of the registry; all when left out.
    #[schemars(length(max = NAME_CHARS_MAX))]
    pub(super) category: Option<String>,
}

/// Which servers an order is for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// One server.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: Option<String>,
    /// Several, by name.
    pub(super) servers: Option<Vec<String>>,
    /// By group.
    pub(super) groups: Option<Vec<String>>,
    /// Really all, those too that only the operator starts.
    pub(super) all: Option<bool>,
}

/// Which server is taken out of use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Quarantine {
    /// Its name.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: String,
    /// Why, for those who ask later.
    #[schemars(length(max = 1000))]
    pub(super) why: Option<String>,
}

/// What is said of a route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Feedback {
    /// The id that stood in the answer.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) route_id: String,
    /// Whether its tool was the one that was meant.
    pub(super) verdict: FeedbackVerdict,
    /// The one that was meant, as `server.tool`, if known.
    #[schemars(length(max = NAME_CHARS_MAX))]
    pub(super) tool: Option<String>,
}

/// Right or wrong.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FeedbackVerdict {
    /// It was the tool that was meant.
    Right,
    /// It was not.
    Wrong,
}

/// Which part of which kept result. At most one of `grep`, `path`, `query` and `block`; with none of them a page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fetch {
    /// The handle, `r_…`.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) handle: String,
    /// First character; with `grep` the matches that are passed over.
    #[schemars(range(min = 0, max = 1_000_000_000_000_u64))]
    pub(super) offset: Option<usize>,
    /// How many characters, matches or passages.
    #[schemars(range(min = 1, max = 1_000_000_000_u64))]
    pub(super) limit: Option<usize>,
    /// Only these lines, from 1, as `10-40` or `10`.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,14}(-[1-9][0-9]{0,14})?$"))]
    pub(super) lines: Option<String>,
    /// A regular expression.
    #[schemars(length(min = 1, max = QUESTION_CHARS_MAX))]
    pub(super) grep: Option<String>,
    /// Lines shown around a match; 1 when not said.
    #[schemars(range(min = 0, max = 20))]
    pub(super) context: Option<usize>,
    /// A JSON path (RFC 9535).
    #[schemars(length(min = 1, max = QUESTION_CHARS_MAX))]
    pub(super) path: Option<String>,
    /// What to look for, in words.
    #[schemars(length(min = 1, max = QUESTION_CHARS_MAX))]
    pub(super) query: Option<String>,
    /// Number of a block with a picture or other data, from 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) block: Option<usize>,
}

/// Which page of the tools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tools {
    /// Only those of this server.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: Option<String>,
    /// How many; 100 when not said.
    #[schemars(range(min = 1, max = 500))]
    pub(super) limit: Option<usize>,
    /// The `next_cursor` of the page before.
    #[schemars(length(max = 1_024), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub(super) cursor: Option<String>,
}

/// Which server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// Its name.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: String,
}

/// What is asked about the routing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"request": "what time is it in Tokyo"}]))]
pub(super) struct Inspect {
    /// In words.
    #[schemars(length(min = 1, max = WORDS_CHARS_MAX))]
    pub(super) request: String,
    /// Parameters that would come with it.
    pub(super) params: Option<Map<String, Value>>,
}

/// Which lines of a log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logs {
    /// Whose.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: String,
    /// How many, the newest; 200 when not said.
    #[schemars(range(min = 1, max = 5000))]
    pub(super) lines: Option<usize>,
    /// Not older than that, in milliseconds since 1970.
    #[schemars(range(min = 0, max = 253_402_300_799_999_i64))]
    pub(super) since: Option<i64>,
    /// Only those with this text in them, whatever its case.
    #[schemars(length(max = QUESTION_CHARS_MAX))]
    pub(super) contains: Option<String>,
}

/// Which time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    /// `10m`: ten minutes, each second; `7d`: seven days, each minute. `10m` when not said.
    pub(super) range: Option<Range>,
    /// Only this server and the sum.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: Option<String>,
}

/// Which calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Calls {
    /// Those of this server.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: Option<String>,
    /// Those of this tool, `tool` or `server.tool`.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) tool: Option<String>,
    /// Those that ended so.
    pub(super) outcome: Option<CallOutcome>,
    /// Those of this verb.
    pub(super) verb: Option<DomainVerb>,
    /// How many; 100 when not said.
    #[schemars(range(min = 1, max = 500))]
    pub(super) limit: Option<usize>,
    /// The `next_cursor` of the page before.
    #[schemars(regex(pattern = r"^c[0-9]{1,19}$"))]
    pub(super) cursor: Option<String>,
}

/// Which call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneCall {
    /// Its id, `c…`.
    #[schemars(length(min = 1, max = 128))]
    pub(super) id: String,
}

/// Of which calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LatencyOf {
    /// Those of this server.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: Option<String>,
    /// Those of this tool, `tool` or `server.tool`.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) tool: Option<String>,
}

/// Which records of the audit log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Audit {
    /// Of this key or way.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub(super) who: Option<String>,
    /// This action, or all that begin so where it ends with a dot: `server.`.
    #[schemars(length(min = 1, max = 128))]
    pub(super) action: Option<String>,
    /// How many; 100 when not said.
    #[schemars(range(min = 1, max = 500))]
    pub(super) limit: Option<usize>,
    /// The `next_cursor` of the page before.
    #[schemars(regex(pattern = r"^[0-9]{1,19}$"))]
    pub(super) cursor: Option<String>,
}

/// What there is, as older programs ask for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Discover {
    /// Only this server.
    #[schemars(length(min = 1, max = 128))]
    pub(super) server: Option<String>,
}
