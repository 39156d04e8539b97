//! Who may come over HTTP, and how much of anything there may be.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::http::{Http, Response, Served};
use crate::harness::{Home, wait_for};

fn home() -> Home {
    Home::new().with("bench", &["--kind", "bench"])
}

fn status(client: &Http) -> u16 {
    client.clone().ask_modern("tools/list", &json!({})).status
}

#[test]
fn other_names_and_pages_are_kept_out() {
    let served = Served::start(&home(), &["--allow-host", "mcp.example", "--allow-origin", "https://app.example"]);
    let client = served.modern("/mcp");
    let check = |name: &str, value: &str, expected: u16| {
        assert_eq!(status(&client.clone().with(name, value)), expected, "{name}: {value}");
    };
    check("Host", "localhost:1", 200);
    // Known, and not this machine: whoever calls us so may be anywhere, and needs a key.
    check("Host", "mcp.example", 401);
    check("X-Forwarded-For", "192.0.2.1", 401);
    check("Host", "evil.example", 403);
    check("Host", "", 403);
    check("Origin", "http://127.0.0.1:3000", 200);
    check("Origin", "https://evil.example", 403);
    check("Origin", "null", 403);
    let page = client.clone().with("Origin", "https://app.example");
    let asked = page.with("Access-Control-Request-Headers", "mcp-param-region").send("OPTIONS", "");
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some("https://app.example")));
    assert!(asked.header("access-control-allow-headers").unwrap().contains("mcp-param-region"));
    assert_eq!(client.with("Origin", "https://evil.example").send("OPTIONS", "").status, 403);
}

#[test]
fn a_key_is_asked_for_where_there_are_keys() {
    let home = home();
    let keys = home.file("keys");
    let write = |text: &str| {
        std::fs::write(&keys, text).unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("ann:0123456789abcdef\nbob:fedcba9876543210\n");
    let served = Served::start(&home, &["--bearer-key-file", keys.to_str().unwrap()]);
    let client = served.modern("/mcp");
    let (ann, bob) = ("Bearer 0123456789abcdef", "bearer fedcba9876543210");
    let refused = client.clone().ask_modern("tools/list", &json!({}));
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer realm=\"mcporch\"")));
    let check = |key: &str, expected: u16| {
        assert_eq!(status(&client.clone().with("Authorization", key)), expected, "{key}");
    };
    check(ann, 200);
    check(bob, 200);
    check("Bearer 0123456789abcdee", 401);
    check("Basic 0123456789abcdef", 401);
    // The id of a session is no key, and opens nothing to another.
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    let begun = client.clone().with("Authorization", ann).post(&hello);
    let session = client.clone().with("Mcp-Session-Id", begun.header("mcp-session-id").unwrap());
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    assert_eq!(session.post(&ping).status, 401);
    assert_eq!(session.clone().with("Authorization", bob).post(&ping).status, 404);
    assert_eq!(session.with("Authorization", ann).post(&ping).status, 200);
    write("bob:fedcba9876543210\n# ann has left\n");
    let gone = client.clone().with("Authorization", ann);
    wait_for("the keys to be read again", || (status(&gone) == 401).then_some(()));
    check(bob, 200);
}

#[test]
fn an_address_for_others_needs_keys() {
    let home = home();
    let refused = home.run_shared(&["serve", "--http", "0.0.0.0:0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--bearer-key-file"), "{}", refused.stderr);
    let keys = home.file("keys");
    std::fs::write(&keys, "0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = home.run_shared(&["serve", "--http", "127.0.0.1:0", "--bearer-key-file", keys.to_str().unwrap()]);
    assert!(refused.code == 1 && refused.stderr.contains("chmod 600"), "{}", refused.stderr);
    let refused = home.run_shared(&["serve", "--http", "nonsense"]);
    assert!(refused.code == 1 && refused.stderr.contains("ADDRESS:PORT"), "{}", refused.stderr);
}

#[test]
fn bodies_are_bounded_and_must_be_messages() {
    let served = Served::start(&home().set("limits.client_line_bytes_max=100000"), &[]);
    let client = served.modern("/mcp");
    let check = |body: &str, expected: (u16, i64)| {
        let answer = client.send("POST", body);
        let status = answer.status;
        let error = answer.json();
        assert_eq!(error["id"], Value::Null);
        assert_eq!((status, error["error"]["code"].as_i64().unwrap()), expected, "{body:.60}");
    };
    check(&" ".repeat(100_001), (413, -32600));
    check(&"[".repeat(50_000), (400, -32600));
    check(&format!("{{\"a\":{}", "[".repeat(50_000)), (400, -32600));
    check("{", (400, -32700));
    check("", (400, -32700));
    check("7", (400, -32600));
    check("{}", (400, -32000));
    check("[]", (400, -32600));
    check(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, (400, -32600));
    check(r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, (400, -32600));
    assert_eq!(client.clone().with("Content-Type", "text/plain").send("POST", "{}").status, 415);
    assert_eq!(client.send("PUT", "{}").status, 405);
    // Chunks without an end are counted too.
    let mut endless = client.connect();
    let host = &served.address;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    endless.write_all(head.as_bytes()).unwrap();
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    for _ in 0..4 {
        let _refused = endless.write_all(chunk.as_bytes());
    }
    assert_eq!(Response::read(endless).status, 413);
}

#[test]
fn slow_and_many_clients_hold_up_nobody() {
    let home = home()
        .set("http.idle_timeout_s=1")
        .set("http.body_timeout_s=1")
        .set("http.connections_max=4")
        .set("http.streams_per_client_max=1");
    let served = Served::start(&home, &[]);
    let client = served.modern("/mcp");
    let mut silent = client.connect();
    silent.write_all(b"POST /mcp HT").unwrap();
    let mut slow = client.connect();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        served.address
    );
    slow.write_all(head.as_bytes()).unwrap();
    let listen = json!({"notifications": {"toolsListChanged": true}});
    let mut stream = client.clone().ask_modern("subscriptions/listen", &listen);
    stream.event().unwrap();
    assert_eq!(client.clone().ask_modern("subscriptions/listen", &listen).status, 429);
    assert_eq!(Response::read(slow).status, 408);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    drop(stream);
    wait_for("the stream to be free again", || {
        (client.clone().ask_modern("subscriptions/listen", &listen).status == 200).then_some(())
    });
    let open: Vec<_> = (0..4).map(|_| client.connect()).collect();
    wait_for("a connection too many to be told so", || (status(&client) == 503).then_some(()));
    drop(open);
    wait_for("room again", || (status(&client) == 200).then_some(()));
}
