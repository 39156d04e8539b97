//! Clients over WebSocket: what they send and see, and what becomes of those who are slow, many at once, silent or unknown. The
//! client is a library's, so that what we take for the protocol is what others take for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::harness::http::Served;
use crate::harness::{Home, PATIENCE, wait_for};

fn home() -> Home {
    Home::new()
        .with("fix", &["--conformance"])
        .with("mis", &["--kind", "misbehave"])
        .with("bench", &["--kind", "bench"])
}

/// A connected client.
struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    fn connect(served: &Served, path: &str) -> Self {
        Self::with(served, path, &[]).unwrap()
    }

    /// The same with further headers; the status of the answer when it is none.
    fn with(served: &Served, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", served.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(&served.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(fault) => panic!("{fault}"),
        }
    }

    fn send(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message.
    fn next(&mut self) -> Value {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => panic!("{other:?}"),
            }
        }
    }

    /// The next message that is no event, when it has been asked for.
    fn ask(&mut self, message: &Value) -> Value {
        self.send(message);
        loop {
            let next = self.next();
            if next["method"] != "event" {
                return next;
            }
        }
    }

    /// The next event of a topic: its data.
    fn event(&mut self, topic: &str) -> Value {
        loop {
            let next = self.next();
            if next["params"]["topic"] == topic {
                return next["params"]["data"].clone();
            }
        }
    }

    /// Reads until it is closed: with which code.
    fn closed(mut self) -> u16 {
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(frame))) => return frame.code.into(),
                Ok(_) => {}
                Err(fault) => panic!("{fault}"),
            }
        }
    }
}

fn echo(text: &str) -> Value {
    json!({"method": "bench.echo_1", "params": {"text": text}})
}

#[test]
fn what_has_no_id_is_answered_in_order_and_what_has_one_with_it() {
    let served = Served::start(&home(), &[]);
    for path in ["/", "/ws"] {
        let mut client = Client::connect(&served, path);
        // The first takes its time, and the others wait for it.
        client.send(&json!({"method": "mis.slow_task", "params": {"seconds": 0.2}}));
        client.send(&echo("second"));
        client.socket.send(Message::text("{")).unwrap();
        client.send(&json!({"method": "get_server_status"}));
        client.send(&json!({"id": "x", "method": "bench__echo_1", "params": {"text": "with an id"}}));
        let with_id = client.next();
        assert_eq!(with_id, json!({"id": "x", "result": "with an id"}));
        let first = client.next();
        assert!(first["result"].is_string() && first.get("id").is_none(), "{first}");
        assert_eq!(client.next(), json!({"result": "second"}));
        assert_eq!(client.next()["error"]["code"], "invalid-input");
        assert!(client.next().get("result").is_some());
        client.socket.send(Message::binary(echo("as bytes").to_string())).unwrap();
        assert_eq!(client.next(), json!({"result": "as bytes"}));
    }
}

#[test]
fn what_goes_wrong_is_told_in_the_words_of_the_api() {
    let served = Served::start(&home(), &[]);
    let mut client = Client::connect(&served, "/ws");
    let mut check = |message: Value, code: &str, status: u16| {
        let answer = client.ask(&message);
        assert_eq!((&answer["error"]["code"], &answer["error"]["status"]), (&json!(code), &json!(status)), "{answer}");
        assert_eq!(answer["id"], message["id"]);
        assert!(answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
    };
    check(json!({"id": 1, "method": "no_such_tool"}), "not-found", 404);
    check(json!({"id": 2, "method": "find", "params": {"query": "time", "limt": 3}}), "invalid-input", 400);
    check(json!({"id": 3, "method": "find", "params": [1]}), "invalid-input", 400);
    check(json!({"id": 4, "method": "status", "extra": 1}), "invalid-input", 400);
    check(json!({"id": 5, "method": "mis.crash"}), "server-failed", 502);
    check(json!({"id": 6, "method": "subscribe", "params": {"topics": ["calls"]}}), "invalid-input", 400);
    check(json!({"id": 7, "method": "subscribe", "params": {"topics": ["log:nobody"]}}), "invalid-input", 400);
    check(json!({"id": 8, "method": "auth", "params": {"key": "no such key, certainly"}}), "key-unknown", 401);
    let failed = client.ask(&json!({"id": 9, "method": "mis.fail"}));
    assert_eq!(failed["is_error"], true, "{failed}");
}

#[test]
fn a_streamed_request_tells_its_progress_and_its_log_before_the_answer() {
    let served = Served::start(&home(), &[]);
    let mut client = Client::connect(&served, "/ws");
    client.send(&json!({"id": 1, "method": "fix.test_tool_with_progress", "stream": true}));
    for progress in [0, 50, 100] {
        let told = client.next();
        assert_eq!((&told["id"], &told["progress"]["progress"]), (&json!(1), &json!(progress)), "{told}");
        assert!(told["progress"].get("progressToken").is_none());
    }
    assert!(client.next()["result"].is_string());
    let told = client.ask(&json!({"id": 2, "method": "fix.test_tool_with_logging", "stream": true}));
    assert_eq!((&told["id"], &told["log"]["level"]), (&json!(2), &json!("info")), "{told}");
    assert!(told["log"].get("data").is_some());
    while client.next().get("result").is_none() {}
    // Who does not ask for it hears nothing of it.
    let plain = client.ask(&json!({"id": 3, "method": "fix.test_tool_with_progress"}));
    assert!(plain["result"].is_string(), "{plain}");
}

#[test]
fn a_request_is_taken_back_and_answered_all_the_same() {
    let home = home();
    let record = home.file("record");
    let home = home.with("mis", &["--kind", "misbehave", "--record", record.to_str().unwrap()]);
    let served = Served::start(&home, &[]);
    let mut client = Client::connect(&served, "/ws");
    let slow = json!({"seconds": 30, "steps": 300});
    client.send(&json!({"id": "slow", "method": "mis.slow_task", "params": slow, "stream": true}));
    assert!(client.next()["progress"].is_object());
    // The next that is no progress.
    let answer = |client: &mut Client| {
        loop {
            let next = client.next();
            if next.get("progress").is_none() {
                return next;
            }
        }
    };
    client.send(&json!({"id": "slow", "method": "status"}));
    let again = answer(&mut client);
    assert_eq!(again["error"]["code"], "invalid-input", "{again}");
    client.send(&json!({"id": 2, "method": "cancel", "params": {"id": "slow"}}));
    let mut both = [answer(&mut client), answer(&mut client)];
    both.sort_by_key(|answer| answer["id"].is_string());
    assert_eq!(both[0], json!({"id": 2, "result": {"cancelled": true}}));
    assert_eq!((&both[1]["id"], &both[1]["error"]["code"]), (&json!("slow"), &json!("cancelled")));
    let none = client.ask(&json!({"id": 3, "method": "cancel", "params": {"id": "slow"}}));
    assert_eq!(none["result"]["cancelled"], false);
    wait_for("the server to hear of it", || {
        let heard = std::fs::read_to_string(&record).unwrap_or_default();
        heard.contains("notifications/cancelled").then_some(())
    });
}

#[test]
fn a_slow_reader_slows_himself_alone_and_misses_no_answer() {
    let served = Served::start(&home().set("websocket.queue_bytes_max=65536"), &[]);
    let mut slow = Client::connect(&served, "/ws");
    let size = 400_000;
    for id in 0..60 {
        slow.send(&json!({"id": id, "method": "bench.echo_1", "params": {"size": size}}));
    }
    for _ in 0..60 {
        slow.send(&json!({"method": "bench.echo_2", "params": {"size": size}}));
    }
    let mut other = Client::connect(&served, "/ws");
    assert_eq!(other.ask(&echo("still here")), json!({"result": "still here"}));
    let (mut with_id, mut without) = (0, 0);
    while with_id + without < 120 {
        let answer = slow.next();
        assert_eq!(answer["result"].as_str().map(str::len), Some(size), "{}", &answer.to_string()[..100]);
        if answer.get("id").is_some() { with_id += 1 } else { without += 1 }
    }
    assert_eq!((with_id, without), (60, 60));
}

#[test]
fn a_flood_is_answered_or_refused_to_the_last_message() {
    let served = Served::start(&home().set("websocket.in_flight_max=2"), &[]);
    let mut client = Client::connect(&served, "/ws");
    for id in 0..2 {
        client.send(&json!({"id": id, "method": "mis.slow_task", "params": {"seconds": 30}}));
    }
    let refused = client.ask(&json!({"id": 2, "method": "status"}));
    assert_eq!(refused["error"]["code"], "too-many-requests", "{refused}");
    for id in 100..5100 {
        client.send(&json!({"id": id, "method": "ping"}));
    }
    for id in 100..5100 {
        assert_eq!(client.next(), json!({"id": id, "result": {}}));
    }
}

#[test]
fn who_sends_too_much_or_what_is_no_message_is_sent_away() {
    let served = Served::start(&home().set("limits.client_line_bytes_max=65536"), &[]);
    let mut long = Client::connect(&served, "/ws");
    long.socket.send(Message::text("x".repeat(65_536))).unwrap();
    assert_eq!(long.next()["error"]["code"], "invalid-input");
    long.socket.send(Message::text("x".repeat(65_537))).unwrap();
    assert_eq!(long.closed(), 1009);
    // What he sends meanwhile does not tear down what he is told.
    let mut longer = Client::connect(&served, "/ws");
    longer.socket.send(Message::text("x".repeat(8_000_000))).unwrap();
    assert_eq!(longer.closed(), 1009);
    let mut raw = Client::connect(&served, "/ws");
    raw.socket.get_mut().write_all(&[0x81, 0x02, b'{', b'}']).unwrap();
    assert_eq!(raw.closed(), 1002);
    let mut bytes = Client::connect(&served, "/ws");
    bytes.socket.send(Message::binary(vec![0xFF, 0xFE])).unwrap();
    assert_eq!(bytes.closed(), 1007);
    let mut leaving = Client::connect(&served, "/ws");
    leaving.socket.close(None).unwrap();
    assert_eq!(leaving.closed(), 1000);
}

#[test]
fn who_does_not_answer_pings_is_let_go() {
    let served = Served::start(&home().set("websocket.ping_s=1"), &[]);
    let silent = Client::connect(&served, "/ws");
    let mut stream = silent.socket.get_ref().try_clone().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    // A client that reads and says nothing.
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all[..4], [0x89, 0, 0x89, 0]);
    assert_eq!((all[4], u16::from_be_bytes([all[6], all[7]])), (0x88, 1001));
}

#[test]
fn who_waits_for_his_turn_is_not_taken_to_be_gone() {
    let served = Served::start(&home().set("websocket.ping_s=1").set("websocket.in_flight_max=1"), &[]);
    let mut client = Client::connect(&served, "/ws");
    client.send(&json!({"method": "mis.slow_task", "params": {"seconds": 4}}));
    client.send(&echo("second"));
    client.send(&echo("third"));
    assert!(client.next()["result"].is_string());
    assert_eq!((client.next(), client.next()), (json!({"result": "second"}), json!({"result": "third"})));
}

#[test]
fn one_key_has_so_many_open_streams() {
    let home = home().set("http.streams_per_client_max=1");
    let keys = home.file("keys");
    std::fs::write(&keys, "ann:0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    let served = Served::start(&home, &["--bearer-key-file", keys.to_str().unwrap()]);
    let open = || Client::with(&served, "/ws", &[("authorization", "Bearer 0123456789abcdef")]);
    let first = open().unwrap();
    assert_eq!(open().err(), Some(429));
    let mut late = Client::connect(&served, "/ws");
    let auth = json!({"id": 1, "method": "auth", "params": {"key": "0123456789abcdef"}});
    assert_eq!(late.ask(&auth)["error"]["code"], "too-many-requests");
    drop(first);
    wait_for("the place to be free", || late.ask(&auth).get("result").map(drop));
}

#[test]
fn who_takes_nothing_of_what_is_written_is_let_go() {
    let home = home().set("websocket.write_timeout_s=1").set("http.connections_max=2");
    let served = Served::start(&home, &[]);
    let mut stuck = Client::connect(&served, "/ws");
    for id in 0..40 {
        stuck.send(&json!({"id": id, "method": "bench.echo_1", "params": {"size": 1_000_000}}));
    }
    let _second = Client::connect(&served, "/ws");
    wait_for("his place to be free", || Client::with(&served, "/ws", &[]).ok());
}

#[test]
fn a_key_is_shown_in_a_header_or_in_the_first_message() {
    let home = home().set("websocket.auth_timeout_s=2");
    let keys = home.file("keys");
    let write = |text: &str| {
        std::fs::write(&keys, text).unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("ann:0123456789abcdef\nbob:fedcba9876543210\n");
    let served = Served::start(&home, &["--bearer-key-file", keys.to_str().unwrap()]);
    let header = |key: &str| Client::with(&served, "/ws", &[("authorization", key)]);
    assert_eq!(header("Bearer wrong key").err(), Some(401));
    let mut ann = header("Bearer 0123456789abcdef").unwrap();
    assert_eq!(ann.ask(&echo("by header")), json!({"result": "by header"}));

    let mut bob = Client::connect(&served, "/ws");
    let refused = bob.ask(&json!({"id": 1, "method": "status"}));
    assert_eq!(refused["error"]["code"], "key-needed", "{refused}");
    let wrong = bob.ask(&json!({"id": 2, "method": "auth", "params": {"key": "fedcba9876543211"}}));
    assert_eq!(wrong["error"]["code"], "key-unknown", "{wrong}");
    let known = bob.ask(&json!({"id": 3, "method": "auth", "params": {"key": "fedcba9876543210"}}));
    assert_eq!(known["result"], json!({"who": "bob", "scope": "caller"}));
    assert_eq!(bob.ask(&echo("by message")), json!({"result": "by message"}));
    let forbidden = bob.ask(&json!({"id": 4, "method": "stop", "params": {"server": "bench"}}));
    assert_eq!(forbidden["error"]["code"], "scope-too-small", "{forbidden}");
    let forbidden = bob.ask(&json!({"id": 5, "method": "subscribe", "params": {"topics": ["audit"]}}));
    assert_eq!(forbidden["error"]["code"], "scope-too-small", "{forbidden}");

    // Before a key there is not much to be said.
    let mut stranger = Client::connect(&served, "/ws");
    stranger.socket.send(Message::text("x".repeat(5000))).unwrap();
    assert_eq!(stranger.closed(), 1009);
    let mut listener = header("Bearer 0123456789abcdef").unwrap();
    listener.ask(&json!({"id": 1, "method": "subscribe", "params": {"topics": ["catalog"]}}));

    // Who shows none is not waited for.
    assert_eq!(Client::connect(&served, "/ws").closed(), 1008);
    // Who has lost his is not served on.
    write("bob:fedcba9876543210\n");
    wait_for("the keys to be read again", || header("Bearer 0123456789abcdef").err().filter(|status| *status == 401));
    let last = ann.ask(&echo("once more"));
    assert_eq!(last["error"]["code"], "key-unknown", "{last}");
    assert_eq!(ann.closed(), 1008);
    assert_eq!(listener.closed(), 1008);
    assert_eq!(bob.ask(&echo("bob is")), json!({"result": "bob is"}));
}

#[test]
fn pages_of_others_and_half_handshakes_are_refused() {
    let served = Served::start(&home(), &[]);
    let check = |name: &'static str, value: &str, expected: Option<u16>| {
        assert_eq!(Client::with(&served, "/ws", &[(name, value)]).err(), expected, "{name}: {value}");
    };
    check("origin", "http://localhost:3000", None);
    check("origin", "https://evil.example", Some(403));
    check("host", "evil.example", Some(403));
    check("sec-websocket-version", "8", Some(400));
    check("sec-websocket-key", "short", Some(400));
}

#[test]
fn a_socket_takes_a_place_among_the_connections() {
    let served = Served::start(&home().set("http.connections_max=2"), &[]);
    let mut first = Client::connect(&served, "/ws");
    let second = Client::connect(&served, "/ws");
    let status = || served.modern("/mcp").ask_modern("tools/list", &json!({})).status;
    assert_eq!(status(), 503);
    drop(second);
    wait_for("the place to be free", || (status() == 200).then_some(()));
    assert_eq!(first.ask(&echo("first")), json!({"result": "first"}));
}

#[test]
fn mcporch_that_stops_answers_what_is_open_and_says_goodbye() {
    let mut served = Served::start(&home(), &[]);
    let mut busy = Client::connect(&served, "/ws");
    let idle = Client::connect(&served, "/ws");
    busy.send(&json!({"id": 1, "method": "mis.slow_task", "params": {"seconds": 1, "steps": 2}, "stream": true}));
    busy.next();
    served.terminate();
    assert_eq!(idle.closed(), 1001);
    let late = wait_for("it to be stopping", || {
        let answer = busy.ask(&json!({"id": 2, "method": "status"}));
        answer.get("error").is_some().then_some(answer)
    });
    assert_eq!(late["error"]["code"], "unavailable", "{late}");
    let answer = loop {
        let next = busy.next();
        if next["id"] == 1 && next.get("progress").is_none() {
            break next;
        }
    };
    assert!(answer["result"].is_string(), "{answer}");
    assert_eq!(busy.closed(), 1001);
    assert_eq!(served.ended(), Some(0));
}

#[test]
fn who_subscribes_is_given_the_servers_and_then_what_happens() {
    let served = Served::start(&home(), &[]);
    let mut client = Client::connect(&served, "/ws");
    let kept =
        client.ask(&json!({"id": 1, "method": "subscribe", "params": {"topics": ["servers", "server", "call"]}}));
    assert_eq!(kept["result"]["topics"], json!(["servers", "server", "call"]));
    let servers = client.event("servers");
    let names: Vec<&str> = servers.as_array().unwrap().iter().map(|one| one["server"].as_str().unwrap()).collect();
    assert_eq!(names, ["bench", "fix", "mis"]);
    client.send(&echo("a call"));
    let call = client.event("call");
    assert_eq!((&call["tool"], &call["surface"]), (&json!("echo_1"), &json!("ws")), "{call}");
    client.send(&json!({"id": 2, "method": "unsubscribe", "params": {"topics": ["call", "server"]}}));
    // The answer of the call may have come before its event, or only now.
    let left = loop {
        let next = client.next();
        if next["id"] == 2 {
            break next;
        }
    };
    assert_eq!(left["result"]["topics"], json!(["servers"]));
    let none = client.ask(&json!({"id": 3, "method": "unsubscribe"}));
    assert_eq!(none["result"]["topics"], json!([]));
}

#[test]
fn the_log_of_a_server_is_followed_and_a_flood_of_lines_is_counted() {
    let home = Home::new().with("noisy", &["--kind", "bench", "--stderr-lines", "20000"]);
    let served = Served::start(&home.set("websocket.log_lines_per_s_max=40"), &[]);
    let mut client = Client::connect(&served, "/ws");
    // It starts with a call, and writes its lines then. Its log is followed from before that on.
    wait_for("the server to be known", || {
        let answer = client.ask(&json!({"id": 1, "method": "subscribe", "params": {"topics": ["log:noisy"]}}));
        answer.get("result").cloned()
    });
    let mut caller = Client::connect(&served, "/ws");
    wait_for("lines to come", || {
        caller.ask(&json!({"id": 1, "method": "restart", "params": {"server": "noisy"}}));
        client.socket.get_ref().set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut lost = 0;
        loop {
            let Ok(Message::Text(text)) = client.socket.read() else { return None };
            let told: Value = serde_json::from_str(&text).unwrap();
            lost += told["params"]["data"]["count"].as_u64().unwrap_or(0);
            let lines = told["params"]["data"]["lines"].as_array().map_or(0, Vec::len);
            assert!(lines <= 10, "{lines}");
            // Of each second a thousand lines are taken down and forty of them sent on.
            if lost > 500 && lines > 0 {
                return Some(());
            }
        }
    });
}

/// The next server-sent event: its name and data.
fn sent(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> (String, Value) {
    let (mut name, mut id) = (String::new(), false);
    for line in lines {
        let line = line.unwrap();
        if let Some(text) = line.strip_prefix("event: ") {
            text.clone_into(&mut name);
        } else if line.starts_with("id: ") {
            id = true;
        } else if let Some(data) = line.strip_prefix("data: ") {
            assert!(id, "{line}");
            return (name, serde_json::from_str(data).unwrap());
        }
    }
    panic!("the stream ended");
}

#[test]
fn events_are_sent_to_whoever_asks_for_them_over_http() {
    let mut served = Served::start(&home(), &[]);
    let check = |query: &str, status: u16| {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
        stream.write_all(head.as_bytes()).unwrap();
        let answer = crate::harness::http::Response::read(stream.try_clone().unwrap());
        assert_eq!(answer.status, status, "{query}");
        answer
    };
    check("?topics=calls", 400);
    check("?topics=log:nobody", 400);
    check("?topics=", 400);
    check("?topic=call", 400);
    let events = check("?topics=servers,call,log:bench", 200);
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let mut lines = events.lines();
    let (name, servers) = sent(&mut lines);
    assert_eq!((name.as_str(), servers.as_array().map(Vec::len)), ("servers", Some(3)));
    // The server starts, which its log tells, and a call ends.
    let mut client = Client::connect(&served, "/ws");
    client.ask(&echo("hello"));
    let mut heard = std::collections::BTreeSet::new();
    while !(heard.contains("call") && heard.contains("log")) {
        let (name, data) = sent(&mut lines);
        if name == "log" {
            assert_eq!(data["server"], "bench");
            assert!(data["lines"][0]["at"].is_i64() && data["lines"][0]["text"].is_string(), "{data}");
        }
        heard.insert(name);
    }
    // A stream does not keep mcporch from stopping.
    served.terminate();
    assert_eq!(served.ended(), Some(0));
}
