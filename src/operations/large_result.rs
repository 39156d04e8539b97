//! What becomes of a result that is too large to be handed over: it is kept, and the caller gets a handle, the beginning, and
//! how to get the rest.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::reconcile::LazyEmbedder;
use crate::results::{self, Preview, Provenance, Results, reading};
use crate::upstream::Answer;

use super::{Advice, Error, ExecuteOutput, OpContext, Operations, RouteInfo};

/// Characters of the beginning that come with a handle: enough to see what it is, cheap when it is all that is wanted. A guess.
const PREVIEW_CHARS: usize = 2_000;
/// Bytes of text to a token, for an estimate. What English text has.
const BYTES_PER_TOKEN: usize = 4;
/// Data of pictures and sounds that is handed over beside a text within its limit, in bytes. A guess: models take no larger ones.
const MEDIA_INLINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Large results that are worked on at once: each may take as much memory as it has bytes.
const WORKED_ON_MAX: usize = 2;
/// For a turn at that.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// How large results may be.
#[derive(Debug, Clone, Copy)]
pub struct ResultBounds {
    /// A result with more text than that is kept, unless the caller's own bound says otherwise, in bytes; 0 hands over all.
    pub inline_bytes_max: usize,
    /// A larger result is refused, in bytes.
    pub result_bytes_max: usize,
}

/// What the verbs need to keep results.
#[derive(Debug)]
pub(super) struct LargeResults {
    pub(super) store: Arc<Results>,
    pub(super) bounds: ResultBounds,
    pub(super) embedder: Arc<LazyEmbedder>,
    turns: Arc<Semaphore>,
}

impl LargeResults {
    /// Waits for a turn at work that takes memory and a blocking thread.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        match tokio::time::timeout(TURN_TIMEOUT, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                let seconds = TURN_TIMEOUT.as_secs();
                let what = format!("other large results were worked on for {seconds} s; try again in a moment");
                Err(Error::InvalidInput { what })
            }
        }
    }
}

/// A result that was kept instead of being handed over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LargeResult {
    /// Always `large_result`.
    pub outcome: &'static str,
    /// What to ask `fetch_result` for it with.
    pub handle: String,
    /// Whose tool gave it.
    pub server: String,
    /// Which tool.
    pub tool: String,
    /// Whether the tool says that it failed.
    pub is_error: bool,
    /// Bytes of the result as it came.
    pub bytes: usize,
    /// About how many tokens its text would be for a model.
    pub about_tokens: usize,
    /// Its beginning and its shape.
    pub preview: Preview,
    /// How long it is kept after it was last asked for, in seconds.
    pub kept_s: u64,
    /// The call that gives what follows the beginning.
    pub next: String,
    /// The other ways to read it.
    pub ways: Vec<String>,
    /// The raw `_meta` of the result, if it is short.
    #[serde(skip)]
    pub meta: Option<String>,
}

/// What became of an answer that was looked at.
enum Looked {
    Inline(Answer),
    Kept(Box<LargeResult>),
}

impl Operations {
    /// From now on large results are kept in `store`. To be called once, when the verbs are built; without it every result is
    /// handed over whole.
    pub fn keep_large_results(&self, store: Arc<Results>, bounds: ResultBounds) {
        let turns = Arc::new(Semaphore::new(WORKED_ON_MAX));
        let large = LargeResults { store, bounds, embedder: self.vectors.embedder(), turns };
        // A second call changes nothing.
        let _kept_before = self.large.set(large);
    }

    /// The text of a result that a caller without a bound of its own is handed at once, in bytes; 0 is all.
    #[must_use]
    pub fn inline_bytes_max(&self) -> usize {
        self.large.get().map_or(0, |large| large.bounds.inline_bytes_max)
    }

    /// Forgets results that nobody asked for in their time.
    pub fn forget_old_results(&self) {
        if let Some(large) = self.large.get() {
            large.store.forget_expired();
        }
    }

    /// The output, with a handle in the place of a result that is larger than its caller may be handed.
    pub(super) async fn within_bounds(&self, cx: &OpContext, output: ExecuteOutput) -> Result<ExecuteOutput, Error> {
        let Some(large) = self.large.get() else { return Ok(output) };
        let (answer, route) = match output {
            ExecuteOutput::Done(answer, route) => (answer, route),
            other @ (ExecuteOutput::Large(..) | ExecuteOutput::Steps(_) | ExecuteOutput::Advice(_)) => {
                return Ok(other);
            }
        };
        let bytes = answer.payload().map_or_else(str::len, str::len);
        let bytes_max = large.bounds.result_bytes_max;
        if bytes > bytes_max {
            let why = format!(
                "has {bytes} bytes, more than results.result_bytes_max ({bytes_max}); ask it for less, or raise the setting"
            );
            return Ok(Advice::result_refused(&route, &why).into());
        }
        let inline_bytes_max = cx.inline_bytes_max.unwrap_or(0);
        if inline_bytes_max == 0 || bytes <= inline_bytes_max {
            return Ok(ExecuteOutput::Done(answer, route));
        }
        // Whatever goes wrong from here on, the tool has run, and whoever asked must hear that first.
        let refused = |fault: &Error| {
            let why = format!("has {bytes} bytes and could not be kept: {}", fault.one_line());
            Ok(Advice::result_refused(&route, &why).into())
        };
        let turn = match Box::pin(large.turn()).await {
            Ok(turn) => turn,
            Err(fault) => return refused(&fault),
        };
        let (store, owner) = (large.store.clone(), cx.owner());
        let from = Provenance { server: route.server.clone(), tool: route.tool.clone() };
        // The work goes on when nobody waits for it any more, and holds its turn until then.
        let work = move || {
            let _turn = turn;
            look(&store, owner, from, answer, inline_bytes_max)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(Looked::Inline(answer))) => Ok(ExecuteOutput::Done(answer, route)),
            Ok(Ok(Looked::Kept(large))) => Ok(ExecuteOutput::Large(large, route)),
            Ok(Err(fault)) => refused(&fault.into()),
            Err(_) => refused(&Error::Broken { doing: "keeping a large result" }),
        }
    }
}

/// Blocks: it goes through the whole answer, and writes it to a file if it is kept.
fn look(
    store: &Results,
    owner: u64,
    from: Provenance,
    answer: Answer,
    inline_bytes_max: usize,
) -> Result<Looked, results::Error> {
    let raw = match answer.payload() {
        Ok(raw) => Cow::Borrowed(raw),
        // A JSON-RPC error of that size is shown like a failure of the tool.
        Err(fault) => Cow::Owned(json!({"content": [{"type": "text", "text": fault}], "isError": true}).to_string()),
    };
    let seen = reading(&raw);
    let is_short = seen.text_bytes <= inline_bytes_max && seen.media_bytes <= MEDIA_INLINE_BYTES_MAX;
    if is_short || !seen.is_final {
        return Ok(Looked::Inline(answer));
    }
    let kept = store.keep(owner, from, &raw)?;
    drop(raw);
    drop(answer);
    let preview = kept.preview(PREVIEW_CHARS).map_err(|fault| store.unreadable(fault))?;
    let handle = &kept.handle;
    let call = |rest: &str| format!("fetch_result {{\"handle\": \"{handle}\", {rest}}}");
    let mut ways = vec![call("\"grep\": \"PATTERN\""), call("\"lines\": \"FIRST-LAST\""), call("\"query\": \"WORDS\"")];
    if preview.shape.is_some() {
        ways.push(call("\"path\": \"$.KEY[0:10]\""));
    }
    if kept.blocks.iter().any(|block| store.block_is_kept(&kept, block.number)) {
        ways.push(call("\"block\": NUMBER"));
    }
    Ok(Looked::Kept(Box::new(LargeResult {
        outcome: "large_result",
        handle: handle.clone(),
        server: kept.from.server.clone(),
        tool: kept.from.tool.clone(),
        is_error: kept.is_error,
        bytes: kept.bytes,
        about_tokens: seen.text_bytes / BYTES_PER_TOKEN,
        next: call(&format!("\"offset\": {}", preview.chars)),
        preview,
        kept_s: store.time_to_live().as_secs(),
        ways,
        meta: kept.meta.clone(),
    })))
}

impl LargeResult {
    /// What a model reads.
    #[must_use]
    pub fn text(&self, route: &RouteInfo) -> String {
        let Self { server, tool, bytes, about_tokens, preview, next, .. } = self;
        let failed = if self.is_error { ", with an error" } else { "" };
        let ways = self.ways.join(", ");
        let mut text = format!(
            "{server}.{tool} answered{failed}: {bytes} bytes, about {about_tokens} tokens, so the result is kept as {} and not \
             shown whole.\nRead on with {next}; or {ways}.\n",
            self.handle
        );
        if let Some(shape) = &preview.shape {
            text.push_str("Shape: ");
            text.push_str(shape);
            text.push('\n');
        }
        if !preview.blocks.is_empty() {
            let blocks: Vec<String> = preview.blocks.iter().map(ToString::to_string).collect();
            let more = preview.blocks_total - blocks.len();
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let _infallible = writeln!(text, "Blocks: {}{more}", blocks.join(", "));
        }
        for lesson in &route.lessons {
            let _infallible = writeln!(text, "note: {lesson}");
        }
        if let Some(id) = &route.route_id {
            let _infallible = writeln!(text, "route {id}");
        }
        let Preview { chars, chars_total, lines_total, .. } = preview;
        let _infallible =
            write!(text, "The first {chars} of {chars_total} characters ({lines_total} lines):\n{}", preview.text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a result is handed over where 100 bytes of text are.
    fn check(result: &serde_json::Value, is_inline: bool) {
        let folder = tempfile::tempdir().unwrap();
        let store = Results::new(results::Limits {
            bytes_max: 100_000_000,
            entries_max: 4,
            time_to_live: Duration::from_secs(60),
            file_from_bytes: 1_000,
            folder: folder.path().to_owned(),
            block_bytes_max: 1_000_000,
            now: || 0,
        });
        let from = Provenance { server: "s".to_owned(), tool: "t".to_owned() };
        let raw = result.to_string();
        match look(&store, 1, from, Answer::of_result(raw.clone()), 100).unwrap() {
            Looked::Inline(answer) => assert!(is_inline && answer.payload() == Ok(&raw)),
            Looked::Kept(large) => {
                assert!(!is_inline && large.is_error == (result["isError"] == true), "{large:?}");
                assert_eq!((large.bytes, large.about_tokens > 0), (raw.len(), true));
            }
        }
    }

    #[test]
    fn text_over_the_bound_is_kept_and_pictures_and_questions_back_are_not() {
        let text = |len: usize| json!({"type": "text", "text": "x".repeat(len)});
        let picture = |len: usize| json!({"type": "image", "mimeType": "image/png", "data": "A".repeat(len)});
        check(&json!({"content": [text(10)]}), true);
        check(&json!({"content": [text(200)]}), false);
        check(&json!({"content": [text(200)], "isError": true}), false);
        check(&json!({"content": [], "structuredContent": {"a": "x".repeat(200)}}), false);
        check(&json!({"content": [picture(50_000)]}), true);
        check(&json!({"content": [picture(50_000), text(200)]}), false);
        check(&json!({"content": [picture(MEDIA_INLINE_BYTES_MAX + 1)]}), false);
        check(&json!({"resultType": "input_required", "inputRequests": {"a": "x".repeat(200)}}), true);
    }
}
