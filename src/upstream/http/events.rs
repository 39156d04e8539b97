//! Server-sent events, read piece by piece and within a limit: an event that is too long is passed over while it flows.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::HeaderValue;

/// Longest wait before a stream is opened again that a server may ask for. A guess.
const RETRY_MAX: Duration = Duration::from_secs(300);
/// What is kept of each end of an event that is too long, so that its id can be found.
const ENDS_BYTES: usize = 512;
/// Bytes that stand before the data of a line.
const FIELD_BYTES: usize = "data: ".len();
/// A buffer that grew past this is given back once it is empty.
const BUFFER_BYTES_KEPT: usize = 256 * 1024;

/// One event with data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A whole one.
    Whole {
        /// Its kind; empty when it gives none, which means `message`.
        name: String,
        /// Its data.
        data: String,
    },
    /// Its data is no UTF-8.
    NotUtf8,
    /// Longer than allowed. What is left of it is passed over by the next read.
    TooLong(TooLong),
}

/// What is known of an event that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    /// Bytes so far, or in all.
    pub(super) len: usize,
    /// Whose answer it is, as far as its ends tell.
    pub(super) id: Option<u64>,
}

/// The events of a stream, and what is needed to go on with it on another connection.
#[derive(Debug)]
pub(super) struct Events {
    response: Option<Response>,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl Events {
    /// Events of this answer, of which each may have that many bytes. With `early` one that is too long is told as soon as that
    /// is known, otherwise when its end is there.
    pub(super) fn of(response: Response, bytes_max: usize, early: bool) -> Self {
        Self { response: Some(response), parser: Parser::new(bytes_max + FIELD_BYTES, early), ready: VecDeque::new() }
    }

    /// Goes on with another connection.
    pub(super) fn resume(&mut self, response: Response) {
        self.response = Some(response);
        self.parser.forget_half();
    }

    /// The next event; `None` at the end of the stream, whether it was closed or broke. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.response.as_mut()?.chunk().await {
                Ok(Some(bytes)) => self.parser.take(&bytes, &mut self.ready),
                Ok(None) | Err(_) => self.response = None,
            }
        }
    }

    /// The id of the last event that had one, if a header can carry it.
    pub(super) fn last_id(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(self.parser.last_id.as_deref()?).ok()
    }

    /// How long the server wants us to wait before the stream is opened again.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.parser.retry
    }

    /// Whether anything came since this was last asked, be it an id alone.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.parser.has_moved)
    }
}

#[derive(Debug)]
struct Parser {
    bytes_max: usize,
    early: bool,
    /// A line whose end has not come yet.
    line: Vec<u8>,
    /// The last byte was a CR: a LF right after it belongs to it.
    is_after_cr: bool,
    is_at_start: bool,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    last_id: Option<Vec<u8>>,
    retry: Option<Duration>,
    has_moved: bool,
    passing: Option<Passing>,
}

/// An event that is passed over.
#[derive(Debug, Default)]
struct Passing {
    len: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
    is_told: bool,
    /// Whether the line that is being passed over has any byte yet: an empty one ends the event.
    is_in_line: bool,
}

impl Parser {
    fn new(bytes_max: usize, early: bool) -> Self {
        Self {
            bytes_max,
            early,
            line: Vec::new(),
            is_after_cr: false,
            is_at_start: true,
            name: Vec::new(),
            data: None,
            last_id: None,
            retry: None,
            has_moved: false,
            passing: None,
        }
    }

    /// Drops an event that was cut off.
    fn forget_half(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::new(self.bytes_max, self.early) };
    }

    fn take(&mut self, mut bytes: &[u8], ready: &mut VecDeque<Event>) {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.is_after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            let (part, rest) = end.map_or((bytes, &bytes[bytes.len()..]), |end| (&bytes[..end], &bytes[end + 1..]));
            self.is_after_cr = end.is_some_and(|end| bytes[end] == b'\r');
            self.take_part(part, ready);
            if end.is_some() {
                self.line_ended(ready);
            }
            bytes = rest;
        }
    }

    fn take_part(&mut self, part: &[u8], ready: &mut VecDeque<Event>) {
        if let Some(passing) = &mut self.passing {
            return passing.add(part);
        }
        self.line.extend_from_slice(part);
        if self.line.len() + self.data.as_ref().map_or(0, Vec::len) <= self.bytes_max {
            return;
        }
        let mut passing = Passing::default();
        let data = self.data.take().unwrap_or_default();
        passing.add(&data);
        let line = std::mem::take(&mut self.line);
        passing.add(if data.is_empty() { value_of(&line, b"data").unwrap_or(&line) } else { &line });
        if self.early {
            passing.is_told = true;
            ready.push_back(Event::TooLong(passing.told()));
        }
        self.passing = Some(passing);
    }

    fn line_ended(&mut self, ready: &mut VecDeque<Event>) {
        if let Some(passing) = &mut self.passing {
            if std::mem::take(&mut passing.is_in_line) {
                return;
            }
            if !passing.is_told {
                ready.push_back(Event::TooLong(passing.told()));
            }
            self.passing = None;
            self.name.clear();
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_at_start) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.event_ended(ready);
        } else if let Some(value) = value_of(&line, b"data") {
            let start = line.len() - value.len();
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(&line[start..]);
                }
                None => {
                    // Moved within itself: a large message is not held twice.
                    line.drain(..start);
                    self.data = Some(std::mem::take(&mut line));
                }
            }
        } else if let Some(value) = value_of(&line, b"event") {
            self.name = value.to_vec();
        } else if let Some(value) = value_of(&line, b"id") {
            if !value.contains(&0) {
                self.last_id = Some(value.to_vec()).filter(|id| !id.is_empty());
                self.has_moved = true;
            }
        } else if let Some(value) = value_of(&line, b"retry") {
            let millis = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            self.retry = millis.map(|millis| Duration::from_millis(millis).min(RETRY_MAX)).or(self.retry);
        }
        // The next line is likely as short as this one; a large buffer is given back.
        if line.capacity() <= BUFFER_BYTES_KEPT {
            line.clear();
            self.line = line;
        }
    }

    fn event_ended(&mut self, ready: &mut VecDeque<Event>) {
        let name = String::from_utf8_lossy(&std::mem::take(&mut self.name)).into_owned();
        let Some(data) = self.data.take().filter(|data| !data.is_empty()) else { return };
        self.has_moved = true;
        ready.push_back(match String::from_utf8(data) {
            Ok(data) => Event::Whole { name, data },
            Err(_) => Event::NotUtf8,
        });
    }
}

impl Passing {
    fn add(&mut self, bytes: &[u8]) {
        self.is_in_line |= !bytes.is_empty();
        self.len += bytes.len();
        let wanted = ENDS_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(ENDS_BYTES)..]);
        let excess = self.tail.len().saturating_sub(ENDS_BYTES);
        self.tail.drain(..excess);
    }

    fn told(&self) -> TooLong {
        TooLong { len: self.len, id: outermost_id(&self.head, &self.tail) }
    }
}

/// The value of that field, if the line is one of it.
fn value_of<'l>(line: &'l [u8], field: &[u8]) -> Option<&'l [u8]> {
    let rest = line.strip_prefix(field)?;
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// The id of a message of which only the ends are known: before the payload, or after it.
fn outermost_id(head: &[u8], tail: &[u8]) -> Option<u64> {
    const MARK: &[u8] = b"\"id\":";
    let before = memchr::memmem::find(head, b"\"result\"").or_else(|| memchr::memmem::find(head, b"\"error\""));
    let head = &head[..before.unwrap_or(0)];
    let at = memchr::memmem::rfind(head, MARK).map(|at| &head[at + MARK.len()..]);
    let rest = at.or_else(|| memchr::memmem::rfind(tail, MARK).map(|at| &tail[at + MARK.len()..]))?;
    let digits: String = rest
        .iter()
        .copied()
        .skip_while(|byte| matches!(byte, b' ' | b'"'))
        .take_while(u8::is_ascii_digit)
        .map(char::from)
        .collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stream in pieces of every length; what came out is the same for each.
    fn check(stream: &str, expected: &[(&str, &str)]) {
        for len in 1..=stream.len() {
            let mut parser = Parser::new(64, false);
            let mut ready = VecDeque::new();
            stream.as_bytes().chunks(len).for_each(|piece| parser.take(piece, &mut ready));
            let found: Vec<(String, String)> = ready
                .into_iter()
                .map(|event| match event {
                    Event::Whole { name, data } => (name, data),
                    Event::NotUtf8 => ("?".to_owned(), String::new()),
                    Event::TooLong(TooLong { len, id }) => (format!("long {id:?}"), len.to_string()),
                })
                .collect();
            let found: Vec<(&str, &str)> = found.iter().map(|(name, data)| (&**name, &**data)).collect();
            assert_eq!(found, expected, "pieces of {len} bytes of {stream:?}");
        }
    }

    #[test]
    fn events_are_read_whatever_their_line_ends() {
        check("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]);
        check("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]);
        check("\u{feff}event: endpoint\ndata:/x\n\n", &[("endpoint", "/x")]);
        check(": comment\n\nevent: ping\n\ndata: a\ndata:  b\n\n", &[("", "a\n b")]);
        check("id: 1\nretry: 5\ndata: \n\ndata\n\n", &[]);
        check("data: cut off", &[]);
    }

    #[test]
    fn an_event_that_is_too_long_is_passed_over_and_its_owner_known() {
        let long = "x".repeat(100);
        let data = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"{long}\"}}");
        let len = data.len().to_string();
        check(&format!("data: {data}\n\ndata: a\n\n"), &[("long Some(7)", &len), ("", "a")]);
        let data = format!("{{\"result\":{{\"id\":4,\"x\":\"{long}\"}},\"id\":8}}");
        let len = data.len().to_string();
        check(&format!("data: {data}\r\n\r\ndata: a\r\n\r\n"), &[("long Some(8)", &len), ("", "a")]);
    }

    #[test]
    fn ids_and_waits_are_kept() {
        let mut parser = Parser::new(64, false);
        let mut ready = VecDeque::new();
        parser.take(b"id: one\nretry: 250\ndata: \n\nid: two\ndata: x\n\nretry: soon\n\ndata: half", &mut ready);
        assert_eq!(parser.last_id.as_deref(), Some(&b"two"[..]));
        assert_eq!(parser.retry, Some(Duration::from_millis(250)));
        parser.forget_half();
        parser.take(b"data: whole\n\n", &mut ready);
        assert_eq!(ready.pop_back(), Some(Event::Whole { name: String::new(), data: "whole".to_owned() }));
        assert_eq!(parser.last_id.as_deref(), Some(&b"two"[..]));
    }
}
