//! Lines in, lines out.

use tokio::io::AsyncWriteExt;

#[cfg(unix)]
use super::WriteWatch;
use super::{Envelope, EnvelopeKind, Line, LineReader, LineWriter, Members, WriteError};

/// Feeds `chunks` one by one and collects all lines.
async fn read(chunks: &[&[u8]], line_bytes_max: usize) -> Vec<Line> {
    let (mut feeder, stream) = tokio::io::duplex(1 << 20);
    let mut reader = LineReader::new(stream, line_bytes_max);
    let mut lines = Vec::new();
    for chunk in chunks {
        feeder.write_all(chunk).await.unwrap();
    }
    drop(feeder);
    while let Some(line) = reader.next().await.unwrap() {
        lines.push(line);
    }
    lines
}

fn text(line: &str) -> Line {
    Line::Text(line.to_owned())
}

#[tokio::test]
async fn lines_are_split_wherever_the_chunks_end() {
    let lines = read(&[b"{\"a\"", b":1}\n{\"b\":2}\r\n\n  \nlast"], 100).await;
    assert_eq!(lines, [text("{\"a\":1}"), text("{\"b\":2}"), text("last")]);
}

#[tokio::test]
async fn a_line_over_the_limit_is_passed_over_and_the_next_one_read() {
    let long = format!("{{\"id\":7,\"x\":\"{}\"}}\nnext\n", "y".repeat(50_000));
    let lines = read(&[long.as_bytes()], 1000).await;
    let Line::TooLong { len, ends } = &lines[0] else { panic!("{lines:?}") };
    assert_eq!(*len, long.len() - "\nnext\n".len());
    assert!(ends.starts_with("{\"id\":7,") && ends.ends_with("y\"}"), "{ends}");
    assert_eq!(lines[1..], [text("next")]);
}

#[tokio::test]
async fn an_endless_line_at_the_end_of_the_stream_is_reported() {
    let lines = read(&["z".repeat(3000).as_bytes()], 1000).await;
    assert!(matches!(lines[..], [Line::TooLong { len, .. }] if (3000..=3001).contains(&len)), "{lines:?}");
}

#[tokio::test]
async fn large_lines_and_small_ones_come_out_whole() {
    let large = "a".repeat(300_000);
    let lines = read(&[b"s\n", large.as_bytes(), b"\nt\n"], 1 << 20).await;
    assert_eq!(lines, [text("s"), text(&large), text("t")]);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_reported() {
    assert_eq!(read(&[b"\xff\xfe\nok\n"], 100).await, [Line::NotUtf8(2), text("ok")]);
}

#[tokio::test]
async fn a_reader_that_is_dropped_in_mid_line_loses_nothing() {
    let (mut feeder, stream) = tokio::io::duplex(64);
    let mut reader = LineReader::new(stream, 100);
    feeder.write_all(b"half").await.unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_millis(5), reader.next()).await;
    assert!(waited.is_err());
    feeder.write_all(b" whole\n").await.unwrap();
    assert_eq!(reader.next().await.unwrap(), Some(text("half whole")));
}

#[tokio::test]
async fn lines_of_many_writers_stay_whole_and_in_order_behind_a_slow_reader() {
    let (stream, far) = tokio::io::duplex(16);
    let writer = LineWriter::to_stream(stream, 1 << 20);
    for number in 0..200 {
        writer.send(format!("line {number}\n").as_bytes()).unwrap();
    }
    let mut reader = LineReader::new(far, 100);
    for number in 0..200 {
        assert_eq!(reader.next().await.unwrap(), Some(text(&format!("line {number}"))));
    }
    writer.flushed().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_pipe_keeps_what_it_could_not_take_and_refuses_more_than_its_limit() {
    let (sender, receiver) = tokio::net::unix::pipe::pipe().unwrap();
    let writer = LineWriter::to_pipe(sender, 100_000);
    let line = format!("{}\n", "x".repeat(49_999));
    let mut accepted = 0;
    let refused = loop {
        match writer.send(line.as_bytes()) {
            Ok(()) => accepted += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(refused, WriteError::Full { .. }), "{refused}");
    let mut reader = LineReader::new(receiver, 1 << 20);
    for _ in 0..accepted {
        assert_eq!(reader.next().await.unwrap(), Some(text(line.trim_end())));
    }
    writer.flushed().await;
    writer.send(b"room again\n").unwrap();
    assert_eq!(reader.next().await.unwrap(), Some(text("room again")));
}

#[cfg(unix)]
#[tokio::test]
async fn a_closed_pipe_is_told() {
    let (sender, receiver) = tokio::net::unix::pipe::pipe().unwrap();
    let writer = LineWriter::to_pipe(sender, 1000);
    drop(receiver);
    // The first line may be kept until the runtime has looked at the pipe; then the loss is known.
    let _kept = writer.send(b"x\n");
    writer.flushed().await;
    assert_eq!(writer.send(b"x\n"), Err(WriteError::Closed));
    assert!(writer.is_closed());
}

#[test]
fn envelopes_are_told_apart() {
    let check = |line: &str, expected: EnvelopeKind| {
        assert_eq!(Envelope::parse(line).unwrap().kind(), expected, "{line}");
    };
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, EnvelopeKind::Request);
    check(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#, EnvelopeKind::Notification);
    check(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#, EnvelopeKind::Answer);
    check(r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, EnvelopeKind::Answer);
    check(r#"{"level":"info"}"#, EnvelopeKind::Other);
    check(r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, EnvelopeKind::Other);
    assert!(Envelope::parse("42").is_err());
    assert!(Envelope::parse("[]").is_err());
}

#[test]
fn a_member_is_added_and_the_others_stay_byte_for_byte() {
    let object = r#"{"content":[ {"n":12345678901234567890} ],"z":1e5,"a":"\u00e4"}"#;
    let members = Members::parse(object).unwrap();
    assert_eq!(
        members.with(&[("_meta", Some("{\"k\":1}")), ("z", Some("2"))]),
        r#"{"content":[ {"n":12345678901234567890} ],"a":"\u00e4","_meta":{"k":1},"z":2}"#
    );
    assert_eq!(members.with(&[("content", None), ("z", None)]), r#"{"a":"\u00e4"}"#);
    assert_eq!(Members::parse("{}").unwrap().with(&[]), "{}");
}

#[cfg(unix)]
#[derive(Default)]
struct Heard(std::sync::Mutex<(bool, Vec<u64>)>);

#[cfg(unix)]
impl WriteWatch for Heard {
    fn mid_line(&self, is_mid_line: bool) {
        self.0.lock().unwrap().0 = is_mid_line;
    }

    fn written(&self, tokens: &[u64]) {
        self.0.lock().unwrap().1.extend(tokens);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_watch_hears_of_lines_once_they_are_whole_in_the_stream() {
    use tokio::io::AsyncReadExt;
    let (ours, mut theirs) = tokio::net::UnixStream::pair().unwrap();
    let heard = std::sync::Arc::new(Heard::default());
    let writer = LineWriter::to_socket(ours, 64 << 20).watched(heard.clone());
    let now = || heard.0.lock().unwrap().clone();
    writer.send_with(b"small\n", Some(1)).unwrap();
    assert_eq!(now(), (false, vec![1]));
    // More than the socket takes while nobody reads; what comes behind it has to wait.
    let large = vec![b'x'; 8 << 20];
    writer.flushed().await;
    tokio::task::yield_now().await;
    writer.send_with(&large, Some(2)).unwrap();
    writer.send_with(b"last\n", Some(3)).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(now(), (true, vec![1]));
    let mut bytes = vec![0_u8; b"small\nlast\n".len() + large.len()];
    theirs.read_exact(&mut bytes).await.unwrap();
    writer.flushed().await;
    assert_eq!(now(), (false, vec![1, 2, 3]));
    writer.close();
    assert_eq!(writer.send_with(b"late\n", Some(4)), Err(WriteError::Closed));
    assert_eq!(now().1, [1, 2, 3]);
}
