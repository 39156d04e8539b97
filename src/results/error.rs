//! Why a kept result, or a part of one, cannot be had.

use std::path::PathBuf;

/// Why a kept result, or a part of one, cannot be had. The texts are for whoever asked, most often a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such handle, or one of somebody else; the two look the same.
    #[error(
        "there is no result {handle:?}: a handle is good for who called the tool, as long as mcporch runs; call the tool again to get the result anew"
    )]
    Unknown {
        /// The start of what was asked for.
        handle: String,
    },
    /// It was there and went.
    #[error("result {handle} of {server}.{tool} is gone: {why}; call the tool again to get it anew")]
    Gone {
        /// Its handle.
        handle: String,
        /// Whose tool had given it.
        server: String,
        /// Which tool.
        tool: String,
        /// What ended it, with the setting that says so.
        why: &'static str,
    },
    /// It would not fit if all others went.
    #[error("the result has {bytes} bytes, more than are kept of all results (results.keep_bytes_max, {bytes_max})")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The file cannot be made, written or read.
    #[error("{doing} a kept result in {path} failed", path = .path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// The page starts behind the end.
    #[error("offset {offset} is behind the end: the result has {chars} characters in {lines} lines")]
    BehindEnd {
        /// Where the page was to start, in characters or, when asked by lines, in lines.
        offset: usize,
        /// All characters.
        chars: usize,
        /// All lines.
        lines: usize,
    },
    /// No pattern that is understood.
    #[error(
        "`grep` is no pattern that is understood: {fault}; write a regular expression without look-around and back references, and `\\` before a character that is meant as itself"
    )]
    Pattern {
        /// What is wrong with it.
        fault: String,
    },
    /// No JSON path that is understood.
    #[error(
        "`path` {path:?} is no JSON path (RFC 9535): {fault}; one looks like $.items[0:5].name or $.items[?@.price > 10]"
    )]
    Path {
        /// The start of what was written.
        path: String,
        /// What is wrong with it.
        fault: String,
    },
    /// There is no JSON to follow a path in.
    #[error("this result is no JSON, so `path` finds nothing in it; use `grep`, or `offset` and `limit`")]
    NoJson,
    /// A tree of it would take too much memory.
    #[error(
        "the JSON of this result has {bytes} bytes, more than the {bytes_max} in which paths are followed; use `grep`, or `offset` and `limit`"
    )]
    JsonTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// No such block, or one that is text.
    #[error(
        "block {block} is no image, audio or binary resource that was kept; the result has {blocks} blocks, and their texts are read with `offset` and `limit`"
    )]
    NoSuchBlock {
        /// Its number, from 1.
        block: usize,
        /// How many there are.
        blocks: usize,
    },
    /// A block that is too large to be handed out.
    #[error(
        "block {block} has {bytes} bytes, more than the {bytes_max} that are handed out at once; `mcporch call` on the command line gives the whole result"
    )]
    BlockTooLarge {
        /// Its number, from 1.
        block: usize,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}
