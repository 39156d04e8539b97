//! The least that a relay in Rust can do: two pipes, ids exchanged so that several clients could share the server, the rest
//! forwarded unread. No checks, no limits, no time-outs. What mcporch costs above this is what its work costs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::Stdio;

use anyhow::Context;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// Bytes that are read at once; a Linux pipe holds as many.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// One message, as far as a relay must look at it.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

/// The client's ids of the requests that have no answer yet.
#[derive(Default)]
struct Waiting {
    next_id: u64,
    ids: HashMap<u64, String>,
}

/// Relays between our own standard streams and the program that the arguments name.
pub(crate) fn run(args: Vec<String>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(relay(args))
}

#[cfg(unix)]
async fn relay(args: Vec<String>) -> anyhow::Result<()> {
    use std::os::fd::AsFd;
    use tokio::net::unix::pipe::{Receiver, Sender};
    let (program, args) = args.split_first().context("no program to relay to")?;
    let mut child =
        tokio::process::Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let to_server = child.stdin.take().context("stdin is piped")?;
    let from_server = child.stdout.take().context("stdout is piped")?;
    let from_client = Receiver::from_owned_fd(std::io::stdin().as_fd().try_clone_to_owned()?)?;
    let to_client = Sender::from_owned_fd(std::io::stdout().as_fd().try_clone_to_owned()?)?;
    let waiting = RefCell::new(Waiting::default());
    let requests = forward(from_client, to_server, |line, out| request(line, &waiting, out));
    let answers = forward(from_server, to_client, |line, out| answer(line, &waiting, out));
    tokio::select! {
        done = requests => done?,
        done = answers => done?,
    }
    child.wait().await?;
    Ok(())
}

#[cfg(not(unix))]
async fn relay(_args: Vec<String>) -> anyhow::Result<()> {
    anyhow::bail!("the relay of this bench needs Unix pipes")
}

/// Line by line until the end; what came in one read leaves in one write.
async fn forward(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    change: impl Fn(&[u8], &mut Vec<u8>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut from = BufReader::with_capacity(READ_BYTES, from);
    let (mut line, mut out) = (Vec::new(), Vec::new());
    while from.read_until(b'\n', &mut line).await? > 0 {
        change(&line, &mut out)?;
        line.clear();
        if !from.buffer().contains(&b'\n') {
            to.write_all(&out).await?;
            out.clear();
        }
    }
    Ok(())
}

fn request(line: &[u8], waiting: &RefCell<Waiting>, out: &mut Vec<u8>) -> anyhow::Result<()> {
    let message: Message<'_> = serde_json::from_slice(line)?;
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = message.id {
        let mut waiting = waiting.borrow_mut();
        waiting.next_id += 1;
        let own = waiting.next_id;
        waiting.ids.insert(own, id.get().to_owned());
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(own.to_string().as_bytes());
    }
    push(out, b",\"method\":", message.method);
    push(out, b",\"params\":", message.params);
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn answer(line: &[u8], waiting: &RefCell<Waiting>, out: &mut Vec<u8>) -> anyhow::Result<()> {
    let message: Message<'_> = serde_json::from_slice(line)?;
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = message.id {
        let theirs = waiting.borrow_mut().ids.remove(&id.get().parse()?).context("an answer nobody waits for")?;
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(theirs.as_bytes());
    }
    push(out, b",\"method\":", message.method);
    push(out, b",\"params\":", message.params);
    push(out, b",\"result\":", message.result);
    push(out, b",\"error\":", message.error);
    out.extend_from_slice(b"}\n");
    Ok(())
}

pub(crate) fn push(out: &mut Vec<u8>, name: &[u8], value: Option<&RawValue>) {
    if let Some(value) = value {
        out.extend_from_slice(name);
        out.extend_from_slice(value.get().as_bytes());
    }
}
