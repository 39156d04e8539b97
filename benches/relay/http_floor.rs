//! The least that serves MCP over HTTP: straight, out of prepared bytes, and as a relay to one server over pipes. One thread; no
//! check of any header, no limit, no session, no time-out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::process::Stdio;
use std::rc::Rc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::floor::{Message, READ_BYTES, push};

/// Requests that wait for the child's answer, by our id: theirs, and where it goes.
type Waiting = RefCell<HashMap<u64, (String, oneshot::Sender<Vec<u8>>)>>;

/// Serves until it is killed: a relay where the arguments name a program, else straight.
pub(crate) fn run(args: Vec<String>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(args))
}

async fn serve(args: Vec<String>) -> anyhow::Result<()> {
    let server = match args.split_first() {
        Some((program, args)) => Server::Relay(Rc::new(Relay::start(program, args)?)),
        None => Server::Straight(Rc::default()),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        let answering = hyper::service::service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(answer(&server, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
        tokio::task::spawn_local(async move { drop(connection.await) });
    }
}

#[derive(Clone)]
enum Server {
    Straight(Rc<RefCell<HashMap<String, Bytes>>>),
    Relay(Rc<Relay>),
}

async fn answer(server: &Server, request: Request<Incoming>) -> Response<Whole> {
    let mut body = request.into_body();
    let mut all = Vec::new();
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        all.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    let answer = match serde_json::from_slice::<Message<'_>>(&all) {
        Ok(message) => match server {
            Server::Straight(prepared) => straight(&message, &mut prepared.borrow_mut()),
            Server::Relay(relay) => relay.forward(&message).await,
        },
        Err(_) => Vec::new(),
    };
    let mut response = Response::new(Whole(answer.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers as the server of the other benches does.
fn straight(message: &Message<'_>, prepared: &mut HashMap<String, Bytes>) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        arguments: Option<&'a serde_json::value::RawValue>,
    }
    let Some(id) = message.id else { return Vec::new() };
    let arguments = message
        .params
        .and_then(|params| serde_json::from_str::<Params<'_>>(params.get()).ok()?.arguments)
        .map_or("{}", serde_json::value::RawValue::get);
    if !prepared.contains_key(arguments) {
        prepared.insert(arguments.to_owned(), result(arguments).into());
    }
    let result = &prepared[arguments];
    let mut line = Vec::with_capacity(result.len() + 64);
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    line.extend_from_slice(id.get().as_bytes());
    line.extend_from_slice(b",\"result\":");
    line.extend_from_slice(result);
    line.push(b'}');
    line
}

fn result(arguments: &str) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Wanted {
        size: Option<usize>,
        rows: Option<usize>,
    }
    let wanted: Wanted = serde_json::from_str(arguments).unwrap_or(Wanted { size: None, rows: None });
    // A row of the server behind the others has about as many bytes.
    let size = wanted.rows.map_or(wanted.size.unwrap_or(100), |rows| rows * 125);
    format!("{{\"content\":[{{\"type\":\"text\",\"text\":\"{}\"}}]}}", "x".repeat(size)).into_bytes()
}

/// A server over pipes, and who waits for its answers.
struct Relay {
    to_server: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Rc<Waiting>,
    next_id: RefCell<u64>,
    _child: tokio::process::Child,
}

impl Relay {
    fn start(program: &str, args: &[String]) -> anyhow::Result<Self> {
        let mut child = tokio::process::Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let (to_server, mut lines) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::task::spawn_local(async move {
            while let Some(mut out) = lines.recv().await {
                // What waits leaves in one write.
                while let Ok(more) = lines.try_recv() {
                    out.extend_from_slice(&more);
                }
                if stdin.write_all(&out).await.is_err() {
                    return;
                }
            }
        });
        let waiting = Rc::<RefCell<HashMap<u64, (String, oneshot::Sender<Vec<u8>>)>>>::default();
        let answered = waiting.clone();
        tokio::task::spawn_local(async move {
            let mut from = BufReader::with_capacity(READ_BYTES, stdout);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).await.unwrap_or(0) > 0 {
                give(&line, &answered);
                line.clear();
            }
        });
        Ok(Self { to_server, waiting, next_id: RefCell::new(0), _child: child })
    }

    async fn forward(&self, message: &Message<'_>) -> Vec<u8> {
        let mut out = b"{\"jsonrpc\":\"2.0\"".to_vec();
        let mut answer = None;
        if let Some(id) = message.id {
            let (sender, receiver) = oneshot::channel();
            let mut next = self.next_id.borrow_mut();
            *next += 1;
            self.waiting.borrow_mut().insert(*next, (id.get().to_owned(), sender));
            out.extend_from_slice(format!(",\"id\":{next}").as_bytes());
            answer = Some(receiver);
        }
        push(&mut out, b",\"method\":", message.method);
        push(&mut out, b",\"params\":", message.params);
        out.extend_from_slice(b"}\n");
        let _closed = self.to_server.send(out);
        match answer {
            Some(answer) => answer.await.unwrap_or_default(),
            None => Vec::new(),
        }
    }
}

fn give(line: &[u8], waiting: &Waiting) {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(line) else { return };
    let Some(id) = message.id.and_then(|id| id.get().parse().ok()) else { return };
    let Some((theirs, sender)) = waiting.borrow_mut().remove(&id) else { return };
    let mut out = Vec::with_capacity(line.len() + 32);
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(theirs.as_bytes());
    push(&mut out, b",\"result\":", message.result);
    push(&mut out, b",\"error\":", message.error);
    out.push(b'}');
    let _gone = sender.send(out);
}

/// A body in one piece.
struct Whole(Bytes);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
