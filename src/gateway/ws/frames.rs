//! Frames of RFC 6455: what a client sends taken apart, what we send put together. Our own, since a library's codec keeps, for each
//! connection, buffers as large as the largest message that ever passed; here nothing is held between two messages.

use hyper::body::Bytes;

/// Longest payload of a control frame, by the standard.
const CONTROL_BYTES_MAX: usize = 125;
/// Longest head of a client's frame: two bytes, eight of length, four of mask.
const HEAD_BYTES_MAX: usize = 14;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// It was all that was wanted.
pub(super) const NORMAL: u16 = 1000;
/// We stop, or believe that nobody is there.
pub(super) const GOING_AWAY: u16 = 1001;
/// What came is no frame that may come.
const PROTOCOL_ERROR: u16 = 1002;
/// What came is no UTF-8.
const NOT_TEXT: u16 = 1007;
/// He may not be here.
pub(super) const POLICY: u16 = 1008;
/// The message is too long.
const TOO_BIG: u16 = 1009;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole message, be it marked as text or not.
    Text(String),
    /// Wants its payload back.
    Ping(Vec<u8>),
    /// Is there.
    Pong,
    /// Says goodbye.
    Close,
}

/// Why the connection must end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: u16,
    pub(super) what: &'static str,
}

fn broken(what: &'static str) -> Fault {
    Fault { code: PROTOCOL_ERROR, what }
}

/// Takes apart what a client sends, in pieces of any size.
#[derive(Debug)]
pub(super) struct Reader {
    bytes_max: usize,
    head: [u8; HEAD_BYTES_MAX],
    head_len: usize,
    frame: Option<Frame>,
    /// Of the message that has begun.
    message: Vec<u8>,
    /// Its last frame has not come.
    is_begun: bool,
    /// Of a control frame; these may come between the frames of a message.
    control: Vec<u8>,
}

/// A frame whose head was read.
#[derive(Debug)]
struct Frame {
    opcode: u8,
    is_last: bool,
    /// Turned so that its first byte belongs to the next byte of the payload.
    mask: [u8; 4],
    left: usize,
}

impl Reader {
    /// Takes messages of that many bytes at most.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            head: [0; HEAD_BYTES_MAX],
            head_len: 0,
            frame: None,
            message: Vec::new(),
            is_begun: false,
            control: Vec::new(),
        }
    }

    /// From now on takes messages of that many bytes at most.
    pub(super) fn take_up_to(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Whether a message has begun, and not ended.
    pub(super) fn is_amid(&self) -> bool {
        self.is_begun || self.frame.is_some() || self.head_len > 0
    }

    /// Reads on, up to the end of the next message or of `input`, whatever comes first.
    ///
    /// # Errors
    /// [`Fault`]: nothing that comes after can be read.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Result<Option<Incoming>, Fault> {
        loop {
            if self.frame.is_none() && !self.take_head(input)? {
                return Ok(None);
            }
            let Some(frame) = &mut self.frame else { return Ok(None) };
            let (part, rest) = input.split_at(frame.left.min(input.len()));
            *input = rest;
            let into = if frame.opcode >= CLOSE { &mut self.control } else { &mut self.message };
            let from = into.len();
            into.extend_from_slice(part);
            unmask(&mut into[from..], &mut frame.mask);
            frame.left -= part.len();
            if frame.left > 0 {
                return Ok(None);
            }
            let (opcode, is_last) = (frame.opcode, frame.is_last);
            self.frame = None;
            if let Some(incoming) = self.finish(opcode, is_last)? {
                return Ok(Some(incoming));
            }
        }
    }

    fn finish(&mut self, opcode: u8, is_last: bool) -> Result<Option<Incoming>, Fault> {
        match opcode {
            PING => Ok(Some(Incoming::Ping(std::mem::take(&mut self.control)))),
            PONG => {
                self.control = Vec::new();
                Ok(Some(Incoming::Pong))
            }
            CLOSE => Ok(Some(Incoming::Close)),
            _ if !is_last => {
                self.is_begun = true;
                Ok(None)
            }
            _ => {
                self.is_begun = false;
                let text = String::from_utf8(std::mem::take(&mut self.message));
                text.map(|text| Some(Incoming::Text(text)))
                    .map_err(|_| Fault { code: NOT_TEXT, what: "the message is not valid UTF-8" })
            }
        }
    }

    /// True when the head of a frame is there.
    fn take_head(&mut self, input: &mut &[u8]) -> Result<bool, Fault> {
        loop {
            let wanted = self.head_wanted();
            if self.head_len == wanted {
                break;
            }
            let (part, rest) = input.split_at((wanted - self.head_len).min(input.len()));
            if part.is_empty() {
                return Ok(false);
            }
            self.head[self.head_len..self.head_len + part.len()].copy_from_slice(part);
            self.head_len += part.len();
            *input = rest;
        }
        self.frame = Some(self.checked()?);
        self.head_len = 0;
        Ok(true)
    }

    /// How long the head is, as far as is known.
    fn head_wanted(&self) -> usize {
        if self.head_len < 2 {
            return 2;
        }
        let length = match self.head[1] & 0x7F {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + length + mask
    }

    fn checked(&self) -> Result<Frame, Fault> {
        let (first, second) = (self.head[0], self.head[1]);
        if first & 0x70 != 0 {
            return Err(broken("a frame wants an extension that was not agreed on"));
        }
        if second & 0x80 == 0 {
            return Err(broken("a frame of a client is not masked"));
        }
        let head = &self.head[..self.head_len];
        let (length, mask) = head.split_at(self.head_len - 4);
        let left = match length {
            [_, _, long @ ..] if !long.is_empty() => long.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)),
            _ => u64::from(second & 0x7F),
        };
        let (opcode, is_last) = (first & 0x0F, first & 0x80 != 0);
        match opcode {
            TEXT | BINARY if self.is_begun => return Err(broken("a message begins within another")),
            CONTINUATION if !self.is_begun => return Err(broken("a message goes on that has not begun")),
            TEXT | BINARY | CONTINUATION => {}
            CLOSE | PING | PONG if !is_last || left > CONTROL_BYTES_MAX as u64 => {
                return Err(broken("a control frame is too long, or in parts"));
            }
            CLOSE | PING | PONG => {}
            _ => return Err(broken("there is no such kind of frame")),
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if opcode < CLOSE && left.saturating_add(self.message.len()) > self.bytes_max {
            return Err(Fault { code: TOO_BIG, what: "the message is too long (limits.client_line_bytes_max)" });
        }
        Ok(Frame { opcode, is_last, mask: [mask[0], mask[1], mask[2], mask[3]], left })
    }
}

/// Takes the mask off, and turns it for what comes next.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let mut fours = bytes.chunks_exact_mut(4);
    for four in &mut fours {
        for (byte, mask) in four.iter_mut().zip(*mask) {
            *byte ^= mask;
        }
    }
    let rest = fours.into_remainder();
    for (byte, mask) in rest.iter_mut().zip(*mask) {
        *byte ^= mask;
    }
    mask.rotate_left(rest.len());
}

/// A message as one frame.
pub(super) fn text(parts: &[&str]) -> Bytes {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut frame = head(TEXT, length);
    for part in parts {
        frame.extend_from_slice(part.as_bytes());
    }
    frame.into()
}

/// Asks whether he is there.
pub(super) fn ping() -> Bytes {
    head(PING, 0).into()
}

/// The answer to a ping; its payload has at most what a control frame may have.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    let mut frame = head(PONG, payload.len());
    frame.extend_from_slice(payload);
    frame.into()
}

/// Goodbye, with the reason as far as there is room.
pub(super) fn close(code: u16, why: &str) -> Bytes {
    let why = &why[..why.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
    let mut frame = head(CLOSE, why.len() + 2);
    frame.extend_from_slice(&code.to_be_bytes());
    frame.extend_from_slice(why.as_bytes());
    frame.into()
}

/// The beginning of a frame, with room for its payload.
fn head(opcode: u8, length: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(length + 10);
    frame.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(middle)) => {
            frame.push(126);
            frame.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, proptest};

    use super::{Fault, Incoming, NOT_TEXT, PROTOCOL_ERROR, Reader, TOO_BIG, text};

    /// A frame as clients send it: masked.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x11, 0x92, 0xA3, 0x04];
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            middle @ 126..65536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(middle).unwrap().to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// All that comes of these bytes, given in pieces of that size.
    fn read(bytes: &[u8], piece: usize, bytes_max: usize) -> Result<Vec<Incoming>, Fault> {
        let mut reader = Reader::new(bytes_max);
        let mut all = Vec::new();
        for mut piece in bytes.chunks(piece.max(1)) {
            while let Some(incoming) = reader.take(&mut piece)? {
                all.push(incoming);
            }
            assert!(piece.is_empty());
        }
        Ok(all)
    }

    fn check(frames: &[Vec<u8>], expected: Result<&[Incoming], u16>) {
        for piece in [1, 3, 1000] {
            let found = read(&frames.concat(), piece, 200_000);
            let found = found.as_deref().map_err(|fault| fault.code);
            assert_eq!(found, expected, "pieces of {piece}");
        }
    }

    fn said(words: &str) -> Incoming {
        Incoming::Text(words.to_owned())
    }

    #[test]
    fn messages_are_read_whole_and_in_parts() {
        check(&[masked(0x81, b"{}"), masked(0x82, "ü".as_bytes())], Ok(&[said("{}"), said("ü")]));
        let parts = [masked(0x01, b"one "), masked(0x89, b"?"), masked(0x00, b"two "), masked(0x80, b"three")];
        check(&parts, Ok(&[Incoming::Ping(b"?".to_vec()), said("one two three")]));
        check(
            &[masked(0x81, b""), masked(0x8A, b"here"), masked(0x88, b"")],
            Ok(&[said(""), Incoming::Pong, Incoming::Close]),
        );
        let (middle, long) = ("m".repeat(300), "l".repeat(70_000));
        check(&[masked(0x81, middle.as_bytes()), masked(0x81, long.as_bytes())], Ok(&[said(&middle), said(&long)]));
    }

    #[test]
    fn what_may_not_come_ends_the_connection() {
        check(&[vec![0x81, 0x02, b'{', b'}']], Err(PROTOCOL_ERROR));
        check(&[masked(0xC1, b"compressed")], Err(PROTOCOL_ERROR));
        check(&[masked(0x80, b"goes on")], Err(PROTOCOL_ERROR));
        check(&[masked(0x01, b"begins"), masked(0x81, b"begins again")], Err(PROTOCOL_ERROR));
        check(&[masked(0x09, b"ping in parts")], Err(PROTOCOL_ERROR));
        check(&[masked(0x89, &[b'x'; 126])], Err(PROTOCOL_ERROR));
        check(&[masked(0x83, b"")], Err(PROTOCOL_ERROR));
        check(&[masked(0x81, &[0xFF])], Err(NOT_TEXT));
        check(&[masked(0x81, &[b'x'; 200_001])], Err(TOO_BIG));
        check(&[masked(0x01, &[b'x'; 150_000]), masked(0x80, &[b'x'; 50_001])], Err(TOO_BIG));
    }

    #[test]
    fn a_length_that_is_only_said_takes_no_memory() {
        let mut reader = Reader::new(1 << 30);
        let head = [0x81, 0xFF, 0, 0, 0, 0, 0x3F, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(reader.take(&mut &head[..]), Ok(None));
        assert!(reader.message.capacity() < 1000);
    }

    #[test]
    fn what_we_send_has_the_shortest_head() {
        let check = |length: usize, head: &[u8]| {
            let frame = text(&[&"x".repeat(length)]);
            assert_eq!((&frame[..head.len()], frame.len()), (head, head.len() + length));
        };
        check(125, &[0x81, 125]);
        check(126, &[0x81, 126, 0, 126]);
        check(65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), piece in 1usize..40) {
            let _whatever = read(&bytes, piece, 300);
        }
    }
}
