//! Sessions with servers over HTTP, of every revision and with every fault.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::test_server::{Line, Server, legacy, modern};
use crate::domain::ServerName;
use crate::upstream::*;

/// Longest wait for anything in a test.
const PATIENCE: Duration = Duration::from_secs(30);

fn spec(url: String) -> Spec {
    let remote =
        Remote { url, headers: Vec::new(), kind: RemoteKind::Any, authorizer: None, private_hosts: Vec::new() };
    Spec {
        server: ServerName::parse("far").unwrap(),
        endpoint: Endpoint::Remote(remote),
        offer: Offer::default(),
        command: String::new(),
        args: Vec::new(),
        env: Vec::new(),
        late_env: LateEnv::default(),
        commands: Arc::new(CommandRules::default()),
        inherited_env: Vec::new(),
        cwd: None,
        stderr_sink: None,
        demand: isolation::Demand::default(),
    }
}

fn limits() -> Limits {
    Limits {
        start_timeout: PATIENCE,
        probe_timeout: PATIENCE,
        close_grace: PATIENCE,
        term_grace: PATIENCE,
        line_bytes_max: 1_000_000,
        stderr_tail_lines: 1,
    }
}

fn remote(spec: &mut Spec) -> &mut Remote {
    let Endpoint::Remote(remote) = &mut spec.endpoint else { panic!("a remote one") };
    remote
}

async fn start(spec: &Spec) -> Result<Session, Error> {
    let path = SearchPath::from_path(std::ffi::OsStr::new(""));
    Session::start(spec, &path, &limits(), None, Arc::new(|_| {})).await
}

async fn open(server: &Server) -> Session {
    start(&spec(server.url("/mcp"))).await.unwrap()
}

async fn call(session: &Session) -> Result<Value, Error> {
    let answer = session.call_tool("t", r#"{"a":"x"}"#, &CallOptions::own(PATIENCE)).await?;
    Ok(serde_json::from_str(answer.payload().unwrap()).unwrap())
}

/// Waits until the world is so.
async fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[tokio::test]
async fn a_legacy_session_says_hello_works_and_says_goodbye() {
    let server = legacy(|asked, mut line| {
        // Line breaks between the members must not reach a client that reads lines.
        let body =
            format!("{{\"jsonrpc\": \"2.0\",\r\n \"id\": {},\n \"result\": {{\n\"n\": 1.0}} }}\n", asked.body["id"]);
        line.answer("200 OK", "Content-Type: application/json; charset=utf-8\r\n", &body);
    });
    let session = open(&server).await;
    assert_eq!((session.hello().era, session.hello().protocol_version.as_str()), (Era::Legacy, "2025-11-25"));
    assert_eq!(session.pid(), None);
    let answer = session.call_tool("t", "{}", &CallOptions::own(PATIENCE)).await.unwrap();
    assert_eq!(answer.payload().unwrap(), "{ \"n\": 1.0}");
    session.ping(PATIENCE).await.unwrap();
    session.stop().await;
    let asked = server.asked();
    let seen: Vec<String> = asked
        .iter()
        .filter(|asked| asked.verb != "GET")
        .map(|asked| {
            format!("{} {} {}", asked.verb, asked.method(), asked.header("mcp-protocol-version")).trim().to_owned()
        })
        .collect();
    assert_eq!(
        seen,
        [
            "POST server/discover 2026-07-28",
            "POST initialize",
            "POST notifications/initialized 2025-11-25",
            "POST tools/call 2025-11-25",
            "POST ping 2025-11-25",
            "DELETE  2025-11-25",
        ]
    );
    let first = &asked[0];
    assert_eq!(first.header("accept"), "application/json, text/event-stream");
    assert_eq!(first.header("content-type"), "application/json");
    let last = asked.last().unwrap();
    assert_eq!((last.header("mcp-session-id"), last.header("mcp-method")), ("s-1", ""));
}

#[tokio::test]
async fn a_modern_server_gets_its_headers_and_no_session() {
    let server = modern(|asked, mut line| {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "string", "x-mcp-header": "Region"}, "n": {"type": "integer", "x-mcp-header": "N"},
            "deep": {"type": "object", "properties": {"b": {"type": "boolean", "x-mcp-header": "Deep"}}},
            "nil": {"type": "string", "x-mcp-header": "Nil"}, "other": {"type": "string"}}});
        match asked.method() {
            "tools/list" => line.json(&asked.result(json!({"tools": [{"name": "tö", "inputSchema": schema}]}))),
            _ => line.json(&asked.result(json!({"resultType": "complete", "content": []}))),
        }
    });
    let session = open(&server).await;
    assert_eq!(session.hello().era, Era::Modern);
    let arguments = r#"{"a": " x ", "n": 12345678901234567890, "deep": {"b": false}, "nil": null, "other": "y"}"#;
    for _ in 0..2 {
        session.call_tool("tö", arguments, &CallOptions::own(PATIENCE)).await.unwrap();
    }
    session.stop().await;
    assert_eq!(server.of("tools/list").len(), 1, "one list serves all calls");
    let calls = server.of("tools/call");
    let header = |name: &str| calls[1].header(name).to_owned();
    assert_eq!(header("mcp-protocol-version"), "2026-07-28");
    assert_eq!((header("mcp-method"), header("mcp-name")), ("tools/call".to_owned(), "=?base64?dMO2?=".to_owned()));
    assert_eq!(
        (header("mcp-param-region"), header("mcp-param-n")),
        ("=?base64?IHgg?=".to_owned(), "12345678901234567890".to_owned())
    );
    assert_eq!((header("mcp-param-deep"), header("mcp-param-nil")), ("false".to_owned(), String::new()));
    assert!(server.asked().iter().all(|asked| asked.verb == "POST" && asked.header("mcp-session-id").is_empty()));
}

#[tokio::test]
async fn headers_that_no_longer_fit_are_learned_anew_and_faulty_tools_left_out() {
    let server = modern(|asked, mut line| {
        let is_new = asked.header("mcp-param-new") == "x";
        let of =
            |header: &str| json!({"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": header}}});
        match asked.method() {
            "tools/list" if asked.body["id"].is_string() => {
                line.json(&asked.result(json!({"tools": [{"name": "t", "inputSchema": of("New")}]})));
            }
            "tools/list" => line.json(&asked.result(json!({"tools": [
                {"name": "t", "inputSchema": of("Old")}, {"name": "bad", "inputSchema": of("a b")}]}))),
            _ if is_new => line.json(&asked.result(json!({"content": []}))),
            _ => {
                let body = asked.error(-32020, "header mismatch").to_string();
                line.answer("400 Bad Request", "Content-Type: application/json\r\n", &body);
            }
        }
    });
    let session = open(&server).await;
    let salvage = SalvageLimits { tools_max: 10, description_bytes_max: 1000, schema_bytes_max: 1000 };
    let listing = session.list_tools(PATIENCE, salvage).await.unwrap();
    let names: Vec<&str> = listing.tools.iter().map(|tool| tool.key.tool.as_str()).collect();
    assert_eq!((names, listing.faults), (vec!["t"], Vec::new()));
    call(&session).await.unwrap();
    let tried: Vec<String> =
        server.of("tools/call").iter().map(|asked| asked.header("mcp-param-old").to_owned()).collect();
    assert_eq!(tried, ["x", ""]);
    session.stop().await;
}

#[tokio::test]
async fn a_version_that_is_refused_and_offered_is_asked_for_again() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |asked, mut line| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            let mut body = asked.error(-32022, "unsupported");
            body["error"]["data"] = json!({"supported": ["2026-07-28"]});
            return line.answer("400 Bad Request", "Content-Type: application/json\r\n", &body.to_string());
        }
        line.json(&asked.result(json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})));
    });
    let session = open(&server).await;
    assert_eq!(session.hello().era, Era::Modern);
    session.stop().await;
}

/// A client behind calls, who answers every question and notes what he is told.
#[derive(Default)]
struct Asking(Mutex<Vec<String>>);

impl Peer for Asking {
    fn client(&self) -> u64 {
        1
    }

    fn outside(&self) -> Option<Arc<dyn Peer>> {
        None
    }

    fn ask(&self, ask: ServerAsk) {
        self.0.lock().unwrap().push(ask.method.clone());
        ask.answer(Ok(r#"{"said":"yes"}"#));
    }

    fn tell(&self, method: &str, _params: &str) {
        self.0.lock().unwrap().push(method.to_owned());
    }
}

#[tokio::test]
async fn what_a_server_asks_on_a_stream_reaches_the_client_behind_the_call() {
    let (said, heard) = mpsc::channel::<Value>();
    let heard = Mutex::new(heard);
    let server = Server::start(move |asked, mut line| match (asked.verb.as_str(), asked.method()) {
        ("POST", "initialize") => {
            line.json(&asked.result(json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}})));
        }
        ("POST", "tools/call") => {
            line.stream();
            let token = &asked.body["params"]["_meta"]["progressToken"];
            line.event(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}));
            line.event(&json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info"}}));
            line.event(&json!({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {}}));
            let answer = heard.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            line.event(&asked.result(json!({"heard": answer["result"]})));
            // A server that keeps the stream open after the answer holds nobody up.
            line.wait_for_close();
        }
        ("POST", "") => {
            said.send(asked.body.clone()).unwrap();
            line.status("202 Accepted");
        }
        ("POST", "notifications/initialized") => line.status("202 Accepted"),
        _ => line.status("405 Method Not Allowed"),
    });
    let mut spec = spec(server.url("/mcp"));
    spec.offer.capabilities = Some(r#"{"sampling":{}}"#.into());
    let session = start(&spec).await.unwrap();
    let peer = Arc::new(Asking::default());
    let progress: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = progress.clone();
    let options = CallOptions {
        progress: Some(Arc::new(move |params| noted.lock().unwrap().push(params.to_owned()))),
        behind: Behind { peer: Some(peer.clone()), ..Behind::default() },
        ..CallOptions::own(PATIENCE)
    };
    let answer = session.call_tool("t", "{}", &options).await.unwrap();
    assert_eq!(answer.payload().unwrap(), r#"{"heard":{"said":"yes"}}"#);
    assert_eq!(*peer.0.lock().unwrap(), ["notifications/message", "sampling/createMessage"]);
    assert_eq!(progress.lock().unwrap().len(), 1);
    session.stop().await;
}

#[tokio::test]
async fn a_stream_that_ends_early_is_gone_on_with_where_it_stopped() {
    let id = Arc::new(Mutex::new(Value::Null));
    let server = Server::start(move |asked, mut line| match (asked.verb.as_str(), asked.method()) {
        ("POST", "initialize") => {
            line.json(&asked.result(json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}})));
        }
        ("POST", "tools/call") => {
            *id.lock().unwrap() = asked.body["id"].clone();
            line.stream();
            line.raw("id: e-1\nretry: 20\ndata: \n\ndata: {\"half");
        }
        ("GET", _) if asked.header("last-event-id") == "e-1" => {
            line.stream();
            line.raw("id: e-2\ndata: \n\n");
        }
        ("GET", _) if asked.header("last-event-id") == "e-2" => {
            line.stream();
            line.event(&json!({"jsonrpc": "2.0", "id": *id.lock().unwrap(), "result": {"late": true}}));
        }
        ("GET", _) => line.status("405 Method Not Allowed"),
        _ => line.status("202 Accepted"),
    });
    let session = open(&server).await;
    assert_eq!(call(&session).await.unwrap(), json!({"late": true}));
    session.stop().await;
}

#[tokio::test]
async fn a_server_tells_on_its_own_stream_which_is_opened_again() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |asked, mut line| match (asked.verb.as_str(), asked.method()) {
        ("POST", "initialize") => {
            line.json(&asked.result(json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}})));
        }
        ("GET", _) => {
            line.stream();
            let seen = asked.header("last-event-id").to_owned();
            let event =
                json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"after": seen}});
            line.raw(&format!("id: n-{}\nretry: 1\ndata: {event}\n\n", count.fetch_add(1, Ordering::Relaxed)));
        }
        _ => line.status("202 Accepted"),
    });
    let told: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let noted = told.clone();
    let path = SearchPath::from_path(std::ffi::OsStr::new(""));
    let notices: Arc<dyn Fn(Notice) + Send + Sync> = Arc::new(move |notice| noted.lock().unwrap().push(notice));
    let session = Session::start(&spec(server.url("/")), &path, &limits(), None, notices).await.unwrap();
    let after = Notice::Told("notifications/tools/list_changed".into(), r#"{"after":"n-0"}"#.into());
    wait_for("news on the second stream", || told.lock().unwrap().contains(&after)).await;
    session.stop().await;
}

#[tokio::test]
async fn a_forgotten_session_ends_and_its_call_has_not_run() {
    let check = async |status: &'static str, body: fn(&Value) -> String| {
        let server = legacy(move |asked, mut line| {
            line.answer(status, "Content-Type: application/json\r\n", &body(&asked.body["id"]));
        });
        let session = open(&server).await;
        let fault = call(&session).await.unwrap_err();
        assert!(matches!(fault, Error::Unreachable { was_sent: false, .. }), "{fault:?}");
        assert_eq!(tokio::time::timeout(PATIENCE, session.died()).await.unwrap(), "forgot our session");
        session.stop().await;
        assert!(server.asked().iter().all(|asked| asked.verb != "DELETE"), "there is nothing to say goodbye to");
    };
    check("404 Not Found", |_| String::new()).await;
    let no_session = |_: &Value| {
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32001, "message": "Session not found"}}).to_string()
    };
    check("404 Not Found", no_session).await;
    check("400 Bad Request", no_session).await;
}

#[tokio::test]
async fn all_calls_on_a_forgotten_session_have_not_run() {
    let all_are_there = std::sync::Barrier::new(5);
    let server = legacy(move |_, mut line| {
        all_are_there.wait();
        line.status("404 Not Found");
    });
    let session = open(&server).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let session = session.clone();
        calls.spawn(async move { call(&session).await });
    }
    for ended in calls.join_all().await {
        assert!(matches!(ended, Err(Error::Unreachable { was_sent: false, .. })), "{ended:?}");
    }
    session.stop().await;
}

#[tokio::test]
async fn faults_are_told_as_what_they_are() {
    let check = async |answer: fn(&mut Line), expected: &str, is_fit: fn(&Error) -> bool| {
        let server = legacy(move |_, mut line| answer(&mut line));
        let session = open(&server).await;
        let fault = call(&session).await.unwrap_err();
        assert!(is_fit(&fault) && fault.to_string().contains(expected), "{expected}: {fault:?} {fault}");
        session.stop().await;
    };
    let is_status = |fault: &Error| matches!(fault, Error::HttpStatus { .. });
    check(|line| line.answer("503 Busy", "", "come\u{1b}[31m\r\nback later"), "503: come [31m back later", is_status)
        .await;
    check(
        |line| line.answer("401 Unauthorized", "", "who?"),
        "`headers`",
        |fault| matches!(fault, Error::NotAuthorized { .. }),
    )
    .await;
    check(
        |line| line.answer("400 Bad Request", "", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-7,"message":"no"}}"#),
        "no (code -7)",
        |fault| matches!(fault, Error::Refused { .. }),
    )
    .await;
    let is_bad = |fault: &Error| matches!(fault, Error::BadAnswer { .. });
    check(|line| line.answer("200 OK", "Content-Type: text/html\r\n", "<html>"), "text/html", is_bad).await;
    check(|line| line.answer("200 OK", "", "garbage"), "no JSON", is_bad).await;
    check(|line| line.answer("200 OK", "", r#"{"jsonrpc":"2.0","id":777,"result":{}}"#), "no answer", is_bad).await;
    let is_broken = |fault: &Error| matches!(fault, Error::Unreachable { was_sent: true, .. });
    check(|line| line.raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "broke", is_broken).await;
    check(|line| line.raw("nonsense\r\n\r\n"), "broke", is_broken).await;
    check(|line| line.stream(), "before the answer", is_broken).await;
    let is_safe = |fault: &Error| matches!(fault, Error::Unreachable { was_sent: false, .. });
    let to_metadata =
        |line: &mut Line| line.answer("307 Temporary Redirect", "Location: http://169.254.169.254/\r\n", "");
    check(to_metadata, "169.254.169.254", is_safe).await;
}

#[tokio::test]
async fn nobody_listening_is_told_and_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp?key=hidden", listener.local_addr().unwrap());
    drop(listener);
    let fault = start(&spec(url)).await.unwrap_err();
    assert!(matches!(fault, Error::Unreachable { was_sent: false, .. }), "{fault:?}");
    assert!(!fault.to_string().contains("hidden"), "{fault}");
    let clear = start(&spec("http://mcp.example.com/mcp".to_owned())).await.unwrap_err();
    assert!(clear.to_string().contains("write https"), "{clear}");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_dropped_while_it_flows() {
    let check = async |head: &'static str| {
        let (closed, is_closed) = mpsc::channel();
        let closed = Mutex::new(closed);
        let server = legacy(move |_, mut line| {
            line.raw("HTTP/1.1 200 OK\r\nConnection: close\r\n");
            line.raw(head);
            let piece = "x".repeat(100_000);
            for _ in 0..20 {
                line.raw(&piece);
            }
            // It would go on for ever.
            line.wait_for_close();
            closed.lock().unwrap().send(()).unwrap();
        });
        let session = open(&server).await;
        let fault = call(&session).await.unwrap_err();
        let Error::AnswerTooLong { len, max, .. } = fault else { panic!("{fault:?}") };
        assert!(len > max && max == 1_000_000, "{len}");
        is_closed.recv_timeout(PATIENCE).unwrap();
        session.stop().await;
    };
    check("Content-Type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":\"").await;
    check("Content-Type: application/json\r\nContent-Length: 900000000\r\n\r\n{").await;
    check("Content-Type: text/event-stream\r\n\r\ndata: {\"jsonrpc\":\"2.0\",\"result\":\"").await;
}

#[tokio::test]
async fn a_caller_who_leaves_closes_a_modern_stream_and_tells_a_legacy_server() {
    let (closed, is_closed) = mpsc::channel();
    let closed = Mutex::new(closed);
    let hang = move |_: &super::test_server::Asked, mut line: Line| {
        line.stream();
        line.raw(": on it\n\n");
        line.wait_for_close();
        closed.lock().unwrap().send(()).unwrap();
    };
    let leave = async |server: &Server| {
        let session = open(server).await;
        let options = CallOptions::own(PATIENCE);
        let calling = session.forward("tools/call", r#""name":"t","arguments":{}"#, &options);
        let was_asked = wait_for("the call", || !server.of("tools/call").is_empty());
        tokio::select! {
            answer = calling => panic!("{answer:?}"),
            () = was_asked => {}
        }
        session
    };
    let server = modern(move |asked, mut line| match asked.method() {
        "tools/call" => hang(asked, line),
        _ => line.json(&asked.result(json!({"tools": []}))),
    });
    let session = leave(&server).await;
    tokio::task::spawn_blocking(move || is_closed.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    session.stop().await;
    assert_eq!(server.of("notifications/cancelled").len(), 0);

    let server = legacy(|_, mut line| {
        line.stream();
        line.wait_for_close();
    });
    let session = leave(&server).await;
    wait_for("the notification", || !server.of("notifications/cancelled").is_empty()).await;
    let call = &server.of("tools/call")[0];
    assert_eq!(server.of("notifications/cancelled")[0].body["params"]["requestId"], call.body["id"]);
    session.stop().await;
}

#[tokio::test]
async fn a_server_of_the_old_transport_is_found_and_spoken_to() {
    let check = async |kind: RemoteKind, endpoint: &'static str| {
        let stream: Arc<Mutex<Option<Line>>> = Arc::default();
        let server = Server::start(move |asked, mut line| match (asked.verb.as_str(), asked.method()) {
            ("GET", _) => {
                line.stream();
                line.raw(&format!("event: endpoint\r\ndata: {endpoint}\r\n\r\n"));
                *stream.lock().unwrap() = Some(line);
            }
            ("POST", method) if asked.path == "/messages?session=1" => {
                line.answer("202 Accepted", "", "Accepted");
                let mut stream = stream.lock().unwrap();
                let result = match method {
                    "initialize" => json!({"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}}),
                    "tools/call" if asked.body["params"]["name"] == "end" => return *stream = None,
                    "tools/call" => json!({"path": asked.path}),
                    _ => return,
                };
                stream.as_mut().unwrap().raw(&format!("event: message\r\ndata: {}\r\n\r\n", asked.result(result)));
            }
            _ => line.status("405 Method Not Allowed"),
        });
        let mut spec = spec(server.url("/sse"));
        remote(&mut spec).kind = kind;
        let session = start(&spec).await?;
        assert_eq!(session.hello().protocol_version, "2024-11-05");
        assert_eq!(call(&session).await?, json!({"path": "/messages?session=1"}));
        let ended = session.call_tool("end", "{}", &CallOptions::own(PATIENCE)).await.unwrap_err();
        assert!(ended.to_string().contains("closed its event stream"), "{ended}");
        session.stop().await;
        Ok::<_, Error>(())
    };
    check(RemoteKind::Any, "/messages?session=1").await.unwrap();
    check(RemoteKind::Sse, "messages?session=1").await.unwrap();
    let elsewhere = check(RemoteKind::Sse, "http://127.0.0.1:9/messages").await.unwrap_err();
    assert!(elsewhere.to_string().contains("another origin"), "{elsewhere}");
    check(RemoteKind::Http, "/messages?session=1").await.unwrap_err();
}

#[tokio::test]
async fn a_redirect_of_the_old_stream_to_another_origin_takes_nothing_along() {
    let other = Server::start(|_, mut line| {
        line.stream();
        line.raw("event: endpoint\ndata: /messages\n\n");
        line.wait_for_close();
    });
    let location = format!("Location: {}\r\n", other.url("/sse"));
    let server = Server::start(move |_, mut line| line.answer("302 Found", &location, ""));
    let mut spec = spec(server.url("/sse"));
    remote(&mut spec).kind = RemoteKind::Sse;
    remote(&mut spec).headers = vec![("X-Api-Key".to_owned(), "hidden".to_owned())];
    let fault = start(&spec).await.unwrap_err();
    assert!(fault.to_string().contains("another origin"), "{fault}");
    assert!(other.asked().iter().all(|asked| asked.verb == "GET" && asked.header("x-api-key").is_empty()));
}

/// Has a first value, and a second one when that is refused.
#[derive(Debug, Default)]
struct Renewing(AtomicUsize);

impl Authorizer for Renewing {
    fn authorization(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<Option<String>, AuthFault>> + Send + '_>> {
        Box::pin(async { Ok(Some(format!("Bearer t{}", self.0.load(Ordering::Relaxed)))) })
    }

    fn refused<'a>(
        &'a self,
        challenge: &'a Challenge,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<bool, AuthFault>> + Send + 'a>> {
        assert_eq!((challenge.status, challenge.www_authenticate.as_deref()), (401, Some("Bearer x=\"y\"")));
        let last = challenge.used.as_deref() == Some("Bearer t1");
        self.0.store(1, Ordering::Relaxed);
        Box::pin(async move {
            match last {
                false => Ok(true),
                true => Err(AuthFault { message: "far: log in again".to_owned(), needs_login: true }),
            }
        })
    }
}

#[tokio::test]
async fn a_refused_right_is_mended_once_and_then_told() {
    let check = async |accepted: &'static str| {
        let server = modern(|asked, mut line| line.json(&asked.result(json!({"tools": []}))));
        let guarded = Server::start(move |asked, mut line| {
            if asked.header("authorization") != accepted || asked.header("x-team") != "blue" {
                return line.answer("401 Unauthorized", "WWW-Authenticate: Bearer x=\"y\"\r\n", "");
            }
            line.json(&asked.result(json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})));
        });
        drop(server);
        let mut spec = spec(guarded.url("/mcp"));
        remote(&mut spec).authorizer = Some(Arc::new(Renewing::default()));
        remote(&mut spec).headers = vec![("X-Team".to_owned(), "blue".to_owned())];
        let session = start(&spec).await?;
        session.stop().await;
        Ok::<_, Error>(guarded.asked().len())
    };
    assert_eq!(check("Bearer t0").await.unwrap(), 1);
    assert_eq!(check("Bearer t1").await.unwrap(), 2);
    let fault = check("Bearer none").await.unwrap_err();
    assert!(matches!(&fault, Error::NotAuthorized { message, .. } if message == "far: log in again"), "{fault:?}");
}

#[tokio::test]
async fn a_modern_subscription_is_opened_again_and_what_was_missed_is_told() {
    let count = Arc::new(AtomicUsize::new(0));
    let opened = count.clone();
    let refused = AtomicUsize::new(0);
    let server = Server::start(move |asked, mut line| match asked.method() {
        "server/discover" => line.json(&asked.result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": true}},
        }))),
        // A proxy has had enough.
        "subscriptions/listen" if refused.fetch_add(1, Ordering::Relaxed) == 0 => line.status("429 Too Many Requests"),
        "subscriptions/listen" => {
            line.stream();
            line.event(&json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}}));
            if opened.fetch_add(1, Ordering::Relaxed) > 0 {
                line.wait_for_close();
            }
        }
        _ => line.status("404 Not Found"),
    });
    let told: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let noted = told.clone();
    let path = SearchPath::from_path(std::ffi::OsStr::new(""));
    let notices: Arc<dyn Fn(Notice) + Send + Sync> = Arc::new(move |notice| noted.lock().unwrap().push(notice));
    let session = Session::start(&spec(server.url("/")), &path, &limits(), None, notices).await.unwrap();
    wait_for("news of what was missed", || told.lock().unwrap().contains(&Notice::ToolsChanged)).await;
    wait_for("another stream", || count.load(Ordering::Relaxed) == 2).await;
    session.stop().await;
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_callers_time_and_more_calls_than_slots_wait() {
    let server = legacy(|asked, mut line| match asked.body["params"]["name"].as_str() {
        Some("slow") => line.wait_for_close(),
        _ => line.json(&asked.result(json!({}))),
    });
    let session = open(&server).await;
    let brief = CallOptions::own(Duration::from_millis(50));
    let fault = session.call_tool("slow", "{}", &brief).await.unwrap_err();
    assert!(matches!(fault, Error::TimedOut { phase: Phase::Call, .. }), "{fault:?}");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        calls.spawn(async move { call(&session).await });
    }
    assert!(calls.join_all().await.into_iter().all(|answer| answer.is_ok()));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let options = CallOptions { cancel, ..CallOptions::own(PATIENCE) };
    assert!(matches!(session.call_tool("slow", "{}", &options).await, Err(Error::Cancelled { .. })));
    let full = "x".repeat(1_000_001);
    let fault = session.call_tool("t", &format!("\"{full}\""), &CallOptions::own(PATIENCE)).await.unwrap_err();
    assert!(matches!(fault, Error::NotReading { .. }), "{fault:?}");
    session.stop().await;
}
