//! The HTTP client that measures: prepared requests, the id patched into them, of an answer the length and the id read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::peer::{ANSWER_HEAD, MODERN_META};

/// Ids have as many digits from here on, so that one takes the place of another.
const FIRST_ID: u64 = 1_000_000;
/// Of the buffer for answers, at first.
const READ_BYTES: usize = 64 * 1024;

/// Which revision the requests are of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// 2025-11-25, with a session where the server gives one.
    Legacy,
    /// 2026-07-28.
    Modern,
}

/// Where a service listens, and the process that is it.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

/// A client of one address.
pub(crate) struct HttpPeer {
    service: Service,
    path: &'static str,
    speech: Speech,
    tool: &'static str,
    is_execute: bool,
    session: Option<String>,
}

/// A request whose id can be changed.
pub(crate) struct Request {
    bytes: Vec<u8>,
    id_at: usize,
    id: u64,
}

impl Request {
    /// As it is now.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn next(&mut self) -> &[u8] {
        self.id += 1;
        if self.id >= FIRST_ID * 10 {
            self.id = FIRST_ID;
        }
        let digits = self.id.to_string();
        self.bytes[self.id_at..self.id_at + digits.len()].copy_from_slice(digits.as_bytes());
        &self.bytes
    }
}

impl HttpPeer {
    pub(crate) fn new(
        service: Service,
        path: &'static str,
        speech: Speech,
        tool: &'static str,
    ) -> anyhow::Result<Self> {
        Self { service, path, speech, tool, is_execute: false, session: None }.begun()
    }

    /// One that calls through the four tools.
    pub(crate) fn execute(service: Service, speech: Speech) -> anyhow::Result<Self> {
        Self { service, path: "/mcp", speech, tool: "bench.echo_0", is_execute: true, session: None }.begun()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.service.pid
    }

    fn begun(mut self) -> anyhow::Result<Self> {
        if self.speech == Speech::Legacy {
            let body = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{FIRST_ID},\"method\":\"initialize\",\"params\":{{\"protocolVersion\":\
                 \"2025-11-25\",\"capabilities\":{{}},\"clientInfo\":{{\"name\":\"relay-bench\",\"version\":\"1\"}}}}}}"
            );
            let mut connection = Connection::open(&self)?;
            let head = connection.send(&self.framed(&body, "initialize").bytes)?.0;
            let session = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("mcp-session-id").then(|| value.trim().to_owned())
            });
            self.session = session;
            let body = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}";
            connection.send(&self.framed(body, "notifications/initialized").bytes)?;
        }
        Ok(self)
    }

    /// A call with these arguments.
    pub(crate) fn request(&self, arguments: &str) -> Request {
        let tool = self.tool;
        let call = if self.is_execute {
            format!("\"name\":\"execute\",\"arguments\":{{\"tool\":\"{tool}\",\"params\":{arguments}}}")
        } else {
            format!("\"name\":\"{tool}\",\"arguments\":{arguments}")
        };
        let meta = if self.speech == Speech::Modern { format!(",{MODERN_META}") } else { String::new() };
        let body =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{FIRST_ID},\"method\":\"tools/call\",\"params\":{{{call}{meta}}}}}");
        self.framed(&body, "tools/call")
    }

    fn framed(&self, body: &str, method: &str) -> Request {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\naccept: application/json, text/event-stream\r\ncontent-type: \
             application/json\r\ncontent-length: {}\r\n",
            self.path,
            self.service.address,
            body.len()
        );
        let named = if self.is_execute { "execute" } else { self.tool };
        match self.speech {
            Speech::Legacy => head.push_str("mcp-protocol-version: 2025-11-25\r\n"),
            Speech::Modern => {
                head.push_str("mcp-protocol-version: 2026-07-28\r\nmcp-method: ");
                head.push_str(method);
                head.push_str("\r\nmcp-name: ");
                head.push_str(named);
                head.push_str("\r\n");
            }
        }
        if let Some(session) = &self.session {
            head.push_str("mcp-session-id: ");
            head.push_str(session);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let id_at = head.len() + ANSWER_HEAD.len();
        Request { bytes: (head + body).into_bytes(), id_at, id: FIRST_ID }
    }

    /// A connection and a request for each of so many at once.
    pub(crate) fn prepared(&self, many: usize, arguments: &str) -> anyhow::Result<Vec<(TcpStream, Request)>> {
        (0..many).map(|_| Ok((Connection::open(self)?.stream, self.request(arguments)))).collect()
    }

    /// Sends `rounds` requests on each of the connections, one after another on each; how many that were.
    pub(crate) fn exchange_all(
        &self,
        connections: Vec<(TcpStream, Request)>,
        rounds: usize,
        waits: &mut Vec<f64>,
    ) -> anyhow::Result<usize> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let done: anyhow::Result<Vec<Vec<f64>>> = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (stream, request) in connections {
                tasks.spawn(exchange_many(stream, request, rounds));
            }
            let mut all = Vec::new();
            while let Some(ended) = tasks.join_next().await {
                all.push(ended??);
            }
            Ok(all)
        });
        let before = waits.len();
        done?.into_iter().for_each(|one| waits.extend(one));
        Ok(waits.len() - before)
    }
}

async fn exchange_many(stream: TcpStream, mut request: Request, rounds: usize) -> anyhow::Result<Vec<f64>> {
    stream.set_nonblocking(true)?;
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    let mut answer = Vec::with_capacity(READ_BYTES);
    let mut waits = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = Instant::now();
        stream.write_all(request.next()).await?;
        answer.clear();
        let body = loop {
            ensure!(stream.read_buf(&mut answer).await? > 0, "the connection was closed");
            if let Some((head, end)) = frame(&answer)?
                && answer.len() >= end
            {
                break head..end;
            }
        };
        waits.push(started.elapsed().as_secs_f64() * 1e6);
        check(&answer[..body.start], &answer[body], request.id)?;
    }
    Ok(waits)
}

/// A connection that waits for each answer.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(peer: &HttpPeer) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(peer.service.address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: vec![0; READ_BYTES] })
    }

    /// One call; the length of its answer in bytes.
    pub(crate) fn exchange(&mut self, request: &mut Request) -> anyhow::Result<usize> {
        self.stream.write_all(request.next())?;
        let (head, end) = self.receive()?;
        check(&self.answer[..head], &self.answer[head..end], request.id)?;
        Ok(end - head)
    }

    /// Sends anything; the head and the body of what comes back.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<(String, String)> {
        self.stream.write_all(bytes)?;
        let (head, end) = self.receive()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&self.answer[..head]), text(&self.answer[head..end])))
    }

    fn receive(&mut self) -> anyhow::Result<(usize, usize)> {
        let mut filled = 0;
        loop {
            if filled == self.answer.len() {
                self.answer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.answer[filled..])?;
            ensure!(read > 0, "the connection was closed");
            filled += read;
            if let Some((head, end)) = frame(&self.answer[..filled])?
                && filled >= end
            {
                return Ok((head, end));
            }
        }
    }
}

/// Where the body begins and ends, once the head is there.
fn frame(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    // Longer heads are none of ours: a large body is not searched again with each piece of it.
    let Some(at) = memchr::memmem::find(&bytes[..bytes.len().min(4096)], b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..at])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = match length {
        Some(length) => length?,
        None if head.starts_with("HTTP/1.1 202") => 0,
        None => bail!("an answer without a length: {head}"),
    };
    Ok(Some((at + 4, at + 4 + length)))
}

fn check(head: &[u8], body: &[u8], id: u64) -> anyhow::Result<()> {
    let shown = || String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    ensure!(head.starts_with(b"HTTP/1.1 200"), "no answer: {} {}", String::from_utf8_lossy(head), shown());
    let rest = body.strip_prefix(ANSWER_HEAD).with_context(shown)?;
    ensure!(rest.starts_with(id.to_string().as_bytes()), "the answer to another request: {}", shown());
    ensure!(!body[..body.len().min(300)].windows(9).any(|part| part == b"\"isError\""), "a failure: {}", shown());
    Ok(())
}
