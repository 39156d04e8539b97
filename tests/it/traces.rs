//! What a request carries of its trace reaches the server, whatever way it came; with the feature `otlp` our spans stand in between.

use std::fs;

use serde_json::{Value, json};

use crate::harness::http::Served;
use crate::harness::{Home, program, wait_for};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-01";

/// A server whose every received message is written down.
fn home() -> Home {
    let home = Home::new();
    let seen = home.file("seen.jsonl");
    let script = format!("tee -a '{}' | '{}' demo-server --conformance", seen.display(), program());
    home.with_entry("fix", json!({"command": "sh", "args": ["-c", script]}))
}

/// `_meta` of the last call that the server got.
fn last_meta(home: &Home, calls: usize) -> Value {
    wait_for("the server to get the call", || {
        let text = fs::read_to_string(home.file("seen.jsonl")).unwrap_or_default();
        let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let metas: Vec<Value> = messages
            .filter(|message| message["method"] == "tools/call")
            .map(|call| call["params"]["_meta"].clone())
            .collect();
        (metas.len() == calls).then(|| metas[calls - 1].clone())
    })
}

fn carried(meta: &Value) -> [&Value; 3] {
    [&meta["traceparent"], &meta["tracestate"], &meta["baggage"]]
}

#[test]
fn what_a_client_says_of_its_trace_reaches_the_server() {
    let home = home();
    let mut client = home.connect();
    let meta = json!({"traceparent": PARENT, "tracestate": "a=1", "baggage": "user=x"});
    let arguments = json!({"tool": "fix.test_echo_arguments", "params": {"a": 1}});
    let answer = client.ask("tools/call", &json!({"name": "execute", "arguments": arguments, "_meta": meta}));
    assert!(answer["result"]["isError"] != true, "{answer}");
    assert_eq!(carried(&last_meta(&home, 1)), carried(&meta));
    client.ask("tools/call", &json!({"name": "execute", "arguments": arguments}));
    assert_eq!(carried(&last_meta(&home, 2)), [&Value::Null; 3]);
}

#[test]
fn over_http_headers_say_it_where_the_request_does_not() {
    let home = home();
    let served = Served::start(&home, &[]);
    let mut calls = 0;
    let mut check = |path: &str, headers: &[(&str, &str)], meta: Value, expected: [Value; 3]| {
        let mut modern = served.modern(path);
        for (name, value) in headers {
            modern = modern.with(name, value);
        }
        let is_routed = path == "/mcp";
        let (name, arguments) = match is_routed {
            true => ("execute", json!({"tool": "fix.test_echo_arguments", "params": {"a": 1}})),
            false => ("test_echo_arguments", json!({"a": 1})),
        };
        let answer = modern.ask_modern("tools/call", &json!({"name": name, "arguments": arguments, "_meta": meta}));
        assert_eq!(answer.status, 200);
        answer.answer();
        calls += 1;
        let seen = last_meta(&home, calls);
        assert_eq!(carried(&seen), expected.each_ref(), "{path} {headers:?} {meta}");
    };
    for path in ["/mcp", "/mcp/s/fix"] {
        let all = [("traceparent", PARENT), ("tracestate", "a=1"), ("baggage", "user=x")];
        check(path, &all, json!({}), [PARENT.into(), "a=1".into(), "user=x".into()]);
        check(path, &all, json!({"traceparent": OTHER}), [OTHER.into(), Value::Null, Value::Null]);
        check(path, &[("traceparent", "00-nonsense\"}"), ("tracestate", "a=1")], json!({}), [const { Value::Null }; 3]);
    }
}

#[test]
fn over_rest_headers_say_it() {
    let home = home();
    let served = Served::start(&home, &[]);
    let client = served.modern("/api/v1/call").with("traceparent", PARENT).with("Accept", "application/json");
    let answer = client.post(&json!({"tool": "fix.test_echo_arguments", "params": {"a": 1}}));
    assert_eq!(answer.status, 200);
    assert_eq!(carried(&last_meta(&home, 1)), [&PARENT.into(), &Value::Null, &Value::Null]);
}

#[cfg(feature = "otlp")]
mod otlp {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::{OTHER, PARENT, carried, home, last_meta};

    /// A place that takes what is sent by OTLP: path and body of each request.
    struct Collector {
        address: String,
        taken: Arc<Mutex<Vec<(String, Vec<u8>)>>>,
    }

    impl Collector {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let taken: Arc<Mutex<Vec<(String, Vec<u8>)>>> = Arc::default();
            let sink = taken.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let sink = sink.clone();
                    std::thread::spawn(move || {
                        let mut reader = BufReader::new(stream);
                        loop {
                            let mut line = String::new();
                            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                                return;
                            }
                            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                            let mut length = 0;
                            loop {
                                let mut header = String::new();
                                reader.read_line(&mut header).unwrap();
                                let header = header.trim().to_ascii_lowercase();
                                if header.is_empty() {
                                    break;
                                }
                                if let Some(value) = header.strip_prefix("content-length:") {
                                    length = value.trim().parse().unwrap();
                                }
                            }
                            let mut body = vec![0; length];
                            reader.read_exact(&mut body).unwrap();
                            sink.lock().unwrap().push((path, body));
                            let answer =
                                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                            reader.get_mut().write_all(answer).unwrap();
                        }
                    });
                }
            });
            Self { address, taken }
        }

        fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
            let taken = self.taken.lock().unwrap();
            taken.iter().filter(|(at, _)| at == path).map(|(_, body)| body.clone()).collect()
        }

        fn spans(&self) -> Vec<Span> {
            let mut spans = Vec::new();
            for body in self.bodies("/v1/traces") {
                for resource in parts(&body, 1) {
                    for scope in parts(resource, 2) {
                        spans.extend(parts(scope, 2).into_iter().map(Span::read));
                    }
                }
            }
            spans
        }
    }

    struct Span {
        trace: String,
        id: String,
        parent: String,
        name: String,
        kind: u64,
        attributes: BTreeMap<String, String>,
    }

    impl Span {
        fn read(span: &[u8]) -> Self {
            let hex = |field| {
                let bytes = parts(span, field).into_iter().next().unwrap_or_default();
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let attributes = parts(span, 9).into_iter().map(|pair| {
                let value = parts(pair, 2).remove(0);
                (text(pair, 1), parts(value, 1).first().map_or(String::new(), |_| text(value, 1)))
            });
            Self {
                trace: hex(1),
                id: hex(2),
                parent: hex(4),
                name: text(span, 5),
                kind: fields(span).into_iter().find_map(|(field, value)| (field == 6).then_some(value.0)).unwrap_or(0),
                attributes: attributes.collect(),
            }
        }
    }

    /// The fields of a protobuf message: number, and its number or its bytes.
    fn fields(mut message: &[u8]) -> Vec<(u64, (u64, &[u8]))> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for at in 0.. {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7f) << (7 * at);
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        let mut found = Vec::new();
        while !message.is_empty() {
            let key = varint(&mut message);
            let value = match key & 7 {
                0 => (varint(&mut message), &[][..]),
                1 => (0, take(&mut message, 8)),
                5 => (0, take(&mut message, 4)),
                2 => {
                    let length = varint(&mut message);
                    (0, take(&mut message, usize::try_from(length).unwrap()))
                }
                other => panic!("wire type {other}"),
            };
            found.push((key >> 3, value));
        }
        found
    }

    fn take<'a>(message: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, rest) = message.split_at(length);
        *message = rest;
        taken
    }

    fn parts(message: &[u8], field: u64) -> Vec<&[u8]> {
        fields(message).into_iter().filter(|(number, _)| *number == field).map(|(_, value)| value.1).collect()
    }

    fn text(message: &[u8], field: u64) -> String {
        String::from_utf8(parts(message, field).first().unwrap().to_vec()).unwrap()
    }

    fn the<'a>(spans: &'a [Span], name: &str) -> &'a Span {
        let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(found.len(), 1, "{name}: {names:?}");
        found[0]
    }

    #[test]
    fn spans_stand_between_the_client_and_the_server() {
        let collector = Collector::start();
        let home = home().set(&format!("telemetry.otlp_endpoint=http://{}", collector.address));
        let mut client = home.connect();
        let meta = json!({"traceparent": PARENT, "tracestate": "a=1"});
        let arguments = json!({"tool": "fix.test_echo_arguments", "params": {"a": "unspeakable"}});
        client.ask("tools/call", &json!({"name": "execute", "arguments": arguments, "_meta": meta}));
        let seen = last_meta(&home, 1);
        let arguments = json!({"tool": "fix.test_error_handling", "params": {}});
        client.ask("tools/call", &json!({"name": "execute", "arguments": arguments, "_meta": {"traceparent": OTHER}}));
        let arguments = json!({"request": "unspeakable words", "dry_run": true});
        client.ask("tools/call", &json!({"name": "execute", "arguments": arguments}));
        // What waits is sent before the end.
        assert_eq!(client.leave(), 0);
        let spans = collector.spans();
        let of = |parent: &str| {
            let trace = parent.split('-').nth(1).unwrap();
            spans.iter().position(|span| span.trace == trace && span.name == "tools/call execute").unwrap()
        };

        let asked = &spans[of(PARENT)];
        assert_eq!((asked.kind, asked.parent.as_str()), (2, "b7ad6b7169203331"));
        let attribute = |span: &Span, name: &str| span.attributes.get(name).cloned().unwrap_or_default();
        assert_eq!(attribute(asked, "mcp.method.name"), "tools/call");
        assert_eq!(attribute(asked, "gen_ai.tool.name"), "execute");
        assert_eq!(attribute(asked, "gen_ai.operation.name"), "execute_tool");
        assert_eq!(attribute(asked, "network.transport"), "pipe");
        assert_eq!(attribute(asked, "jsonrpc.request.id"), "2");
        assert_eq!(attribute(asked, "error.type"), "");
        let called = the(&spans, "tools/call test_echo_arguments");
        assert_eq!((called.kind, &called.parent, &called.trace), (3, &asked.id, &asked.trace));
        assert_eq!(attribute(called, "mcporch.server.name"), "fix");
        // The server's parent is the span of the call to it; what is no part of ours stays.
        let expected = Value::from(format!("00-{}-{}-01", called.trace, called.id));
        assert_eq!(carried(&seen), [&expected, &json!("a=1"), &Value::Null]);

        let failed = &spans[of(OTHER)];
        assert_eq!(attribute(failed, "error.type"), "tool_error");
        assert_eq!(attribute(the(&spans, "tools/call test_error_handling"), "error.type"), "tool_error");
        let route = the(&spans, "route");
        let words = spans.iter().find(|span| span.id == route.parent).unwrap();
        assert_eq!((words.name.as_str(), words.parent.as_str()), ("tools/call execute", ""));
        for stage in ["embed", "rank"] {
            assert_eq!(the(&spans, stage).parent, route.id, "{stage}");
        }

        let figures = collector.bodies("/v1/metrics").concat();
        let has = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(has(&figures, "mcp.server.operation.duration") && has(&figures, "mcp.client.operation.duration"));
        let all = [figures, collector.bodies("/v1/traces").concat()].concat();
        assert!(has(&all, "mcporch") && !has(&all, "unspeakable"), "neither arguments nor words are told");
    }

    #[test]
    fn without_a_collector_all_goes_on() {
        // Nobody listens there any more.
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let home = home().set(&format!("telemetry.otlp_endpoint=http://{gone}"));
        let mut client = home.connect();
        let result = client.execute("fix.test_echo_arguments", &json!({"a": 1}));
        assert_eq!(result["_meta"]["mcporch/route"]["outcome"], "done", "{result}");
        assert_eq!(client.leave(), 0);
    }
}
