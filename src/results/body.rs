//! The bytes of a kept result: in memory, or in a file that nobody else can open and that goes when we do.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Between two marks, in bytes: what is read at most to find a character or a line.
const MARK_EVERY: usize = 64 * 1024;
/// What names of files here start with.
const FILE_PREFIX: &str = "result-";

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    pub(super) byte: usize,
    pub(super) char: usize,
    /// Line breaks before it.
    pub(super) line: usize,
}

impl Position {
    pub(super) fn past(self, text: &str) -> Self {
        Self {
            byte: self.byte + text.len(),
            char: self.char + text.chars().count(),
            line: self.line + memchr::memchr_iter(b'\n', text.as_bytes()).count(),
        }
    }
}

/// A text that is written once, from its start to its end, and then read.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    marks: Vec<Position>,
    pub(super) end: Position,
    ends_in_break: bool,
}

#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    File(Mutex<Temporary>),
}

/// A file without a name where the system knows such; elsewhere one that is removed when it is dropped.
#[derive(Debug)]
struct Temporary {
    file: File,
    #[cfg_attr(any(unix, windows), expect(dead_code, reason = "the system removes the file by itself"))]
    path: PathBuf,
}

#[cfg(not(any(unix, windows)))]
impl Drop for Temporary {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _left = std::fs::remove_file(&self.path);
    }
}

/// Writes a body.
#[derive(Debug)]
pub(super) struct BodyWriter {
    sink: Sink,
    marks: Vec<Position>,
    end: Position,
    ends_in_break: bool,
}

#[derive(Debug)]
enum Sink {
    Memory(Vec<u8>),
    File(BufWriter<File>, PathBuf),
}

impl BodyWriter {
    pub(super) fn in_memory() -> Self {
        Self {
            sink: Sink::Memory(Vec::new()),
            marks: vec![Position::default()],
            end: Position::default(),
            ends_in_break: false,
        }
    }

    /// In a new file in this folder, which is made if need be. Blocks.
    pub(super) fn in_file(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(format!("{FILE_PREFIX}{name}"));
        let file = open_alone(folder, &path)?;
        Ok(Self { sink: Sink::File(BufWriter::with_capacity(MARK_EVERY, file), path), ..Self::in_memory() })
    }

    pub(super) fn end(&self) -> Position {
        self.end
    }

    pub(super) fn is_at_line_start(&self) -> bool {
        self.end.byte == 0 || self.ends_in_break
    }

    /// Adds a text. Blocks when it goes to a file.
    pub(super) fn push(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while !rest.is_empty() {
            let mut len = rest.len().min(MARK_EVERY);
            while !rest.is_char_boundary(len) {
                len -= 1;
            }
            let (piece, behind) = rest.split_at(len);
            if self.marks.last().is_none_or(|mark| self.end.byte - mark.byte >= MARK_EVERY) {
                self.marks.push(self.end);
            }
            self.write(piece.as_bytes())?;
            self.end = self.end.past(piece);
            self.ends_in_break = piece.ends_with('\n');
            rest = behind;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::Memory(memory) => {
                memory.extend_from_slice(bytes);
                Ok(())
            }
            Sink::File(file, _) => file.write_all(bytes),
        }
    }

    pub(super) fn finish(self) -> io::Result<Body> {
        let bytes = match self.sink {
            Sink::Memory(mut memory) => {
                memory.shrink_to_fit();
                Bytes::Memory(memory)
            }
            Sink::File(file, path) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                Bytes::File(Mutex::new(Temporary { file, path }))
            }
        };
        Ok(Body { bytes, marks: self.marks, end: self.end, ends_in_break: self.ends_in_break })
    }
}

impl Body {
    /// Lines, one without a line break at the end included.
    pub(super) fn lines(&self) -> usize {
        self.end.line + usize::from(self.end.byte > 0 && !self.ends_in_break)
    }

    /// A part, which must lie within and start and end between characters. Blocks when it lies in a file.
    pub(super) fn read(&self, range: Range<usize>) -> io::Result<String> {
        let bytes = match &self.bytes {
            Bytes::Memory(memory) => memory.get(range).unwrap_or_default().to_vec(),
            Bytes::File(file) => {
                let mut bytes = vec![0; range.len()];
                let mut temporary = file.lock().unwrap_or_else(PoisonError::into_inner);
                temporary.file.seek(SeekFrom::Start(range.start as u64))?;
                temporary.file.read_exact(&mut bytes)?;
                bytes
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            // A piece that ends within a character.
            Err(fault) => {
                let whole = fault.utf8_error().valid_up_to();
                let mut bytes = fault.into_bytes();
                bytes.truncate(whole);
                String::from_utf8(bytes).map_err(io::Error::other)
            }
        }
    }

    /// The text from that place on, in pieces that end between characters.
    pub(super) fn pieces(&self, from: Position) -> Pieces<'_> {
        Pieces { body: self, at: from }
    }

    /// Where the character of that number starts; the end when there are not so many.
    pub(super) fn at_char(&self, char: usize) -> io::Result<Position> {
        self.find(|mark| mark.char <= char, |position| position.char < char)
    }

    /// Where the line of that number, from 0, starts; the end when there are not so many.
    pub(super) fn at_line(&self, line: usize) -> io::Result<Position> {
        self.find(|mark| mark.line < line || mark.byte == 0, |position| position.line < line)
    }

    /// Goes on from the last mark that is before the place, as long as it `is_before`.
    fn find(
        &self,
        may_start: impl Fn(&Position) -> bool,
        is_before: impl Fn(&Position) -> bool,
    ) -> io::Result<Position> {
        let mark = self.marks.partition_point(may_start).saturating_sub(1);
        let mut position = self.marks.get(mark).copied().unwrap_or_default();
        for piece in self.pieces(position) {
            for letter in piece?.1.chars() {
                if !is_before(&position) {
                    return Ok(position);
                }
                position.byte += letter.len_utf8();
                position.char += 1;
                position.line += usize::from(letter == '\n');
            }
        }
        Ok(position)
    }
}

/// See [`Body::pieces`].
pub(super) struct Pieces<'a> {
    body: &'a Body,
    at: Position,
}

impl Iterator for Pieces<'_> {
    type Item = io::Result<(Position, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let end = self.body.end.byte.min(start.byte + MARK_EVERY);
        if start.byte >= end {
            return None;
        }
        let piece = match self.body.read(start.byte..end) {
            Ok(piece) if piece.is_empty() => return None,
            Ok(piece) => piece,
            Err(fault) => {
                self.at = self.body.end;
                return Some(Err(fault));
            }
        };
        self.at = start.past(&piece);
        Some(Ok((start, piece)))
    }
}

/// Removes what an earlier process may have left in the folder. One that runs has nothing there that it could miss.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(FILE_PREFIX) {
            // On Windows a file that is in use refuses, as it should.
            let _kept = std::fs::remove_file(entry.path());
        }
    }
}

/// A new file that only we may read.
fn open_alone(folder: &Path, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let file = options.mode(0o600).open(path)?;
        // Without a name it goes with this process, however that ends.
        std::fs::remove_file(path)?;
        Ok(file)
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        /// `FILE_FLAG_DELETE_ON_CLOSE` of the Windows API.
        const DELETE_ON_CLOSE: u32 = 0x0400_0000;
        std::fs::create_dir_all(folder)?;
        options.share_mode(0).custom_flags(DELETE_ON_CLOSE).open(path)
    }
    #[cfg(not(any(unix, windows)))]
    {
        std::fs::create_dir_all(folder)?;
        options.open(path)
    }
}
