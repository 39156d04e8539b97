//! The client that measures: blocking reads and writes on two pipes, lines made beforehand, nothing parsed but the id. It
//! is the same for all that it measures, so what it costs cancels out.

use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Longest wait for a process that was told to end.
const END_WAIT: Duration = Duration::from_secs(20);

/// Bytes that are read at once; a Linux pipe holds as many.
const READ_BYTES: usize = 64 * 1024;

/// How a tool is called through one of the three ways.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the server itself wants it; the least relay changes nothing about that.
    Straight,
    /// Through `execute` of mcporch, after an `initialize`.
    Execute,
    /// The same, without a session: each request says what it speaks.
    ExecuteModern,
    /// As the server wants it, without a session.
    StraightModern,
}

/// The members of `_meta` that make a request one of 2026-07-28.
pub(crate) const MODERN_META: &str = "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\
    \"io.modelcontextprotocol/clientInfo\":{\"name\":\"relay-bench\",\"version\":\"1\"},\
    \"io.modelcontextprotocol/clientCapabilities\":{}}";

/// Requests as lines in one piece of memory, with ids that follow each other.
pub(crate) struct Lines {
    first_id: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn slice(&self, which: Range<usize>) -> &[u8] {
        let start = if which.start == 0 { 0 } else { self.ends[which.start - 1] };
        &self.bytes[start..self.ends[which.end - 1]]
    }
}

/// A process that speaks MCP on its standard streams.
pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
    next_id: u64,
}

impl Peer {
    /// Starts it. Its stderr is thrown away, which costs it as much as a client that keeps it in a file.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdin = child.stdin.take();
        let stdout = BufReader::with_capacity(READ_BYTES, child.stdout.take().context("stdout is piped")?);
        Ok(Self { child, stdin, stdout, line: Vec::new(), next_id: 1 })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes `count` requests of a method, each with these members of `params`.
    pub(crate) fn lines(&mut self, count: usize, method: &str, members: &str) -> Lines {
        let first_id = self.next_id;
        let mut lines = Lines { first_id, bytes: Vec::new(), ends: Vec::with_capacity(count) };
        for id in first_id..first_id + count as u64 {
            let line =
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{{{members}}}}}\n");
            lines.bytes.extend_from_slice(line.as_bytes());
            lines.ends.push(lines.bytes.len());
        }
        self.next_id += count as u64;
        lines
    }

    /// Makes `count` calls of a tool of the server `bench` with these arguments.
    pub(crate) fn calls(&mut self, count: usize, way: Way, tool: &str, arguments: &str) -> Lines {
        let execute =
            format!("\"name\":\"execute\",\"arguments\":{{\"tool\":\"bench.{tool}\",\"params\":{arguments}}}");
        let straight = format!("\"name\":\"{tool}\",\"arguments\":{arguments}");
        let members = match way {
            Way::Straight => straight,
            Way::StraightModern => format!("{straight},{MODERN_META}"),
            Way::Execute => execute,
            Way::ExecuteModern => format!("{execute},{MODERN_META}"),
        };
        self.lines(count, "tools/call", &members)
    }

    /// Shakes hands as a client of 2025-11-25.
    pub(crate) fn initialize(&mut self) -> anyhow::Result<()> {
        let members = "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\
            \"clientInfo\":{\"name\":\"relay-bench\",\"version\":\"1\"}";
        self.ask("initialize", members)?;
        self.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n")
    }

    /// One request, its answer parsed: for everything that is not timed to the microsecond.
    pub(crate) fn ask(&mut self, method: &str, members: &str) -> anyhow::Result<serde_json::Value> {
        let lines = self.lines(1, method, members);
        let answer = self.exchange(&lines, 0)?;
        Ok(serde_json::from_slice(answer)?)
    }

    /// Calls one of the four tools of mcporch.
    pub(crate) fn ask_tool(&mut self, tool: &str, arguments: &str) -> anyhow::Result<serde_json::Value> {
        self.ask("tools/call", &format!("\"name\":\"{tool}\",\"arguments\":{arguments}"))
    }

    /// Sends one of the lines and waits for its answer, which must be the next.
    pub(crate) fn exchange(&mut self, lines: &Lines, at: usize) -> anyhow::Result<&[u8]> {
        let id = lines.first_id + at as u64;
        self.send(lines.slice(at..at + 1))?;
        let line = self.answer()?;
        ensure!(id_of(line) == Some(id), "answer to {id} expected: {}", shown(line));
        Ok(line)
    }

    /// Sends all lines with at most `in_flight` of them unanswered; each must be answered exactly once, with at least
    /// `bytes_min` bytes. The microseconds that each took are added to `waits`.
    pub(crate) fn exchange_all(
        &mut self,
        lines: &Lines,
        in_flight: usize,
        bytes_min: usize,
        waits: &mut Vec<f64>,
    ) -> anyhow::Result<()> {
        let mut is_answered = vec![false; lines.len()];
        let mut sent = in_flight.min(lines.len());
        let mut sent_at = vec![Instant::now(); lines.len()];
        self.send(lines.slice(0..sent))?;
        let mut answered = 0;
        while answered < lines.len() {
            // All that came together is replaced together.
            loop {
                let line = self.answer()?;
                let at = id_of(line).and_then(|id| usize::try_from(id.checked_sub(lines.first_id)?).ok());
                let Some(seen) = at.and_then(|at| is_answered.get_mut(at)).filter(|seen| !**seen) else {
                    bail!("an answer that nobody waits for: {}", shown(line));
                };
                *seen = true;
                waits.extend(at.map(|at| sent_at[at].elapsed().as_secs_f64() * 1e6));
                ensure!(line.len() >= bytes_min, "an answer that is too short: {}", shown(line));
                answered += 1;
                if !self.stdout.buffer().contains(&b'\n') {
                    break;
                }
            }
            let next = (answered + in_flight).min(lines.len());
            if next > sent {
                sent_at[sent..next].fill(Instant::now());
                self.send(lines.slice(sent..next))?;
                sent = next;
            }
        }
        Ok(())
    }

    /// Writes bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stdin.as_mut().context("stdin was closed")?.write_all(bytes)?)
    }

    /// The next answer; notifications are passed over.
    fn answer(&mut self) -> anyhow::Result<&[u8]> {
        loop {
            self.line.clear();
            ensure!(self.stdout.read_until(b'\n', &mut self.line)? > 0, "the other side closed its output");
            if self.line.starts_with(ANSWER_HEAD) {
                return Ok(&self.line);
            }
        }
    }

    /// Closes stdin and waits for the end; how it ended, and after how long.
    pub(crate) fn close(mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let started = Instant::now();
        drop(self.stdin.take());
        while started.elapsed() < END_WAIT {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, started.elapsed()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("it still runs {END_WAIT:?} after its stdin was closed")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A measurement that failed half-way must leave nothing behind.
        drop(self.stdin.take());
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
    }
}

/// How every answer of the three ways begins; one that does not would not be counted, and the run would fail.
pub(crate) const ANSWER_HEAD: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":";

fn id_of(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(ANSWER_HEAD)?;
    let digits = &digits[..digits.iter().position(|byte| !byte.is_ascii_digit())?];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned()
}
