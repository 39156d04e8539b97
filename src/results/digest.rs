//! From a raw result to what is kept of it: one text that holds everything that can be read, and the data of what cannot.

use std::io;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use crate::wire::Members;

use super::blocks::{self, Block, RawBlock};
use super::body::{Body, BodyWriter};
use super::shape::shape;
use super::unescape::unescape;

/// Blocks that are listed, and whose data is kept. A guess: a result has a handful.
const BLOCKS_MAX: usize = 1_000;
/// JSON in which paths are followed, and of texts the shape is looked for, in bytes: a tree of it takes up to twenty times that.
pub(super) const JSON_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest `_meta` that is handed on with the handle, in bytes. A guess: it is for the client's program.
const META_BYTES_MAX: usize = 4_096;

/// Where a result is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// Whose tool gave it.
    pub server: String,
    /// Which tool.
    pub tool: String,
}

/// A result that is kept.
#[derive(Debug)]
pub struct Kept {
    /// What to ask for it with.
    pub handle: String,
    /// Where it is from.
    pub from: Provenance,
    /// Bytes of the raw result.
    pub bytes: usize,
    /// Characters of its text.
    pub chars: usize,
    /// Lines of its text.
    pub lines: usize,
    /// The tool says that it failed.
    pub is_error: bool,
    /// The raw `_meta` of the result, if it is short.
    pub meta: Option<String>,
    /// The first thousand of its blocks.
    pub blocks: Vec<Block>,
    /// How many blocks there are.
    pub blocks_total: usize,
    /// The shape of its structured content, or of a text that is JSON.
    pub shape: Option<String>,
    pub(super) view: Body,
    pub(super) media: Body,
    /// Where in `media` the raw block of that number lies.
    pub(super) media_at: Vec<(usize, Range<usize>)>,
    /// Where in `view` the JSON lies.
    pub(super) json: Option<Range<usize>>,
}

/// The beginning of a result, and how much there is in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Preview {
    /// The first part of the text, cut at the end of a line where there is one.
    pub text: String,
    /// Characters that are shown.
    pub chars: usize,
    /// Characters in all.
    pub chars_total: usize,
    /// Lines in all.
    pub lines_total: usize,
    /// The shape of the structured content, or of a text that is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// Pictures, sounds and other blocks than one text; at most twenty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// Blocks in all.
    pub blocks_total: usize,
}

impl Kept {
    /// The beginning of the text, at most that many characters. Blocks when it lies in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn preview(&self, chars_max: usize) -> io::Result<Preview> {
        const BLOCKS_SHOWN: usize = 20;
        let end = self.view.at_char(chars_max)?;
        let mut text = self.view.read(0..end.byte)?;
        if end.byte < self.view.end.byte
            && let Some(line_end) = text.rfind('\n').filter(|at| at * 2 > text.len())
        {
            text.truncate(line_end + 1);
        }
        let is_one_text = self.blocks_total == 1 && self.blocks.first().is_some_and(|block| block.kind == "text");
        let blocks = if is_one_text { &[] } else { self.blocks.get(..BLOCKS_SHOWN).unwrap_or(&self.blocks) };
        Ok(Preview {
            chars: text.chars().count(),
            text,
            chars_total: self.chars,
            lines_total: self.lines,
            shape: self.shape.clone(),
            blocks: blocks.to_vec(),
            blocks_total: self.blocks_total,
        })
    }

    pub(super) fn stored_bytes(&self) -> usize {
        self.view.end.byte + self.media.end.byte
    }
}

/// Takes a raw result apart; `open` makes the places to write to. Blocks.
pub(super) fn digest(
    raw: &str,
    handle: String,
    from: Provenance,
    open: &dyn Fn(&str) -> io::Result<BodyWriter>,
) -> io::Result<Kept> {
    let mut writing = Writing::new(open, &handle)?;
    let members = Members::parse(raw).unwrap_or_default();
    let structured = members.member("structuredContent").filter(|json| json.trim() != "null");
    match members.member("content") {
        Some(content) => writing.content(content, structured)?,
        None if structured.is_none() => writing.view.push(raw)?,
        None => {}
    }
    if let Some(structured) = structured.filter(|_| writing.json.is_none()) {
        writing.structured(structured)?;
    }
    let view = writing.view.finish()?;
    let media = writing.media.unwrap_or_else(BodyWriter::in_memory).finish()?;
    let json = writing.json.or_else(|| writing.only_text.filter(|_| writing.blocks_total == 1));
    let shape = match (structured, &json) {
        (Some(structured), _) => shape(structured),
        (None, Some(at)) if at.len() <= JSON_BYTES_MAX && looks_like_json(&view, at)? => shape(&view.read(at.clone())?),
        (None, _) => None,
    };
    Ok(Kept {
        handle,
        from,
        bytes: raw.len(),
        chars: view.end.char,
        lines: view.lines(),
        is_error: members.member("isError").is_some_and(|is_error| is_error.trim() == "true"),
        meta: members.member("_meta").filter(|meta| meta.len() <= META_BYTES_MAX).map(str::to_owned),
        blocks: writing.blocks,
        blocks_total: writing.blocks_total,
        shape,
        view,
        media,
        media_at: writing.media_at,
        json,
    })
}

fn looks_like_json(view: &Body, at: &Range<usize>) -> io::Result<bool> {
    let start = view.read(at.start..at.end.min(at.start + 64))?;
    Ok(start.trim_start().starts_with(['{', '[']))
}

struct Writing<'o> {
    view: BodyWriter,
    /// Made when there is something for it: a result of text alone needs one file, not two.
    media: Option<BodyWriter>,
    open: &'o dyn Fn(&str) -> io::Result<BodyWriter>,
    media_name: String,
    blocks: Vec<Block>,
    blocks_total: usize,
    media_at: Vec<(usize, Range<usize>)>,
    json: Option<Range<usize>>,
    /// Where the last text lies.
    only_text: Option<Range<usize>>,
}

impl<'o> Writing<'o> {
    fn new(open: &'o dyn Fn(&str) -> io::Result<BodyWriter>, handle: &str) -> io::Result<Self> {
        Ok(Self {
            view: open(handle)?,
            media: None,
            open,
            media_name: format!("{handle}-media"),
            blocks: Vec::new(),
            blocks_total: 0,
            media_at: Vec::new(),
            json: None,
            only_text: None,
        })
    }

    fn content(&mut self, content: &str, structured: Option<&str>) -> io::Result<()> {
        let mut fault = None;
        let is_list = blocks::for_each(content, &mut |block| {
            if fault.is_none() {
                fault = self.block(block, structured).err();
            }
        });
        match fault {
            Some(fault) => Err(fault),
            None if is_list => Ok(()),
            // Something else than the protocol says; shown as it is.
            None => self.view.push(content),
        }
    }

    fn block(&mut self, raw: &str, structured: Option<&str>) -> io::Result<()> {
        self.blocks_total += 1;
        let number = self.blocks_total;
        let block = RawBlock::of(raw);
        let mime_type = block.as_ref().and_then(RawBlock::mime_type);
        let kind: String = block.as_ref().map_or("unknown", |block| &*block.kind).chars().take(40).collect();
        let text = block.as_ref().and_then(RawBlock::text);
        let media = block.as_ref().and_then(RawBlock::media);
        let uri = block.as_ref().and_then(RawBlock::uri);
        let is_plain_first = number == 1 && kind == "text" && text.is_some();
        if !is_plain_first {
            let about: Vec<String> = [uri, mime_type.clone()].into_iter().flatten().collect();
            let about = if about.is_empty() { String::new() } else { format!(", {}", about.join(", ")) };
            let data = media.map_or_else(String::new, |data| self.media_note(number, data.len()));
            self.headline(&format!("block {number}: {kind}{about}{data}"))?;
        }
        if number <= BLOCKS_MAX {
            self.blocks.push(Block { number, kind, mime_type, bytes: raw.len() });
        }
        match (text, media) {
            (Some(literal), _) => {
                let start = self.view.end().byte;
                unescape(literal, &mut |piece| self.view.push(piece))?;
                let at = start..self.view.end().byte;
                if self.json.is_none() && structured.is_some_and(|structured| says_the_same(literal, structured)) {
                    self.json = Some(at.clone());
                }
                self.only_text = Some(at);
                Ok(())
            }
            (None, Some(_)) if number <= BLOCKS_MAX => {
                let media = match &mut self.media {
                    Some(media) => media,
                    None => self.media.insert((self.open)(&self.media_name)?),
                };
                let start = media.end().byte;
                media.push(raw)?;
                self.media_at.push((number, start..media.end().byte));
                Ok(())
            }
            (None, Some(_)) => Ok(()),
            (None, None) => self.view.push(raw),
        }
    }

    fn media_note(&self, number: usize, bytes: usize) -> String {
        let kept = if number <= BLOCKS_MAX {
            format!("fetch_result with \"block\": {number} gives it")
        } else {
            "not kept".to_owned()
        };
        format!(", {bytes} bytes as base64; {kept}")
    }

    fn structured(&mut self, structured: &str) -> io::Result<()> {
        if self.view.end().byte > 0 {
            self.headline("structured content")?;
        }
        let start = self.view.end().byte;
        self.view.push(structured)?;
        self.json = Some(start..self.view.end().byte);
        Ok(())
    }

    /// A line of ours between what is the tool's.
    fn headline(&mut self, text: &str) -> io::Result<()> {
        let before = if self.view.is_at_line_start() { "" } else { "\n" };
        self.view.push(&format!("{before}[mcporch: {text}]\n"))
    }
}

/// Whether a text, given as its literal, is the same JSON but for spaces: servers give structured content as text too, for
/// clients that know only that. Spaces within values are taken for the same, since nothing but a second copy depends on it.
fn says_the_same(literal: &str, structured: &str) -> bool {
    let mut expected = structured.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let compared = unescape(literal, &mut |piece| {
        let mut bytes = piece.bytes().filter(|byte| !byte.is_ascii_whitespace());
        match bytes.all(|byte| expected.next() == Some(byte)) {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    });
    compared.is_ok() && expected.next().is_none()
}
