//! What is carried, through the room's door.

use std::sync::Arc;

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers(given: &[(&str, &str)]) -> Option<String> {
    let header = |name: &str| given.iter().find(|(key, _)| *key == name).map(|(_, text)| *text);
    from_headers(header).map(|members| format!("{{{members}}}"))
}

#[test]
fn headers_become_members_when_they_are_what_they_should_be() {
    let check = |given: &[(&str, &str)], expected: Option<serde_json::Value>| {
        let members = headers(given).map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
        assert_eq!(members, expected, "{given:?}");
    };
    check(&[], None);
    check(&[("traceparent", PARENT)], Some(serde_json::json!({"traceparent": PARENT})));
    check(
        &[("traceparent", PARENT), ("tracestate", "a=1,b=\"2\""), ("baggage", "user=x y")],
        Some(serde_json::json!({"traceparent": PARENT, "tracestate": "a=1,b=\"2\"", "baggage": "user=x y"})),
    );
    // A state without its parent says nothing; baggage needs none.
    check(&[("tracestate", "a=1"), ("baggage", "b=2")], Some(serde_json::json!({"baggage": "b=2"})));
    check(
        &[("traceparent", PARENT), ("baggage", &"x".repeat(9_000))],
        Some(serde_json::json!({"traceparent": PARENT})),
    );
    let later = format!("cc{}-and-more", &PARENT[2..]);
    check(&[("traceparent", &later)], Some(serde_json::json!({"traceparent": later})));
    for wrong in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
    ] {
        check(&[("traceparent", wrong), ("tracestate", "a=1")], None);
    }
}

#[test]
fn what_a_request_carries_itself_wins() {
    let check = |meta: Option<&str>, beside: Option<&str>, expected: Option<&str>| {
        let [meta, beside] = [meta, beside].map(|text| text.map(Arc::from));
        assert_eq!(with_carried(meta.as_ref(), beside.as_ref()).as_deref(), expected, "{meta:?} {beside:?}");
    };
    check(None, None, None);
    check(Some("\"a\":1"), None, Some("\"a\":1"));
    check(None, Some("\"traceparent\":\"x\""), Some("\"traceparent\":\"x\""));
    check(Some("\"a\":1"), Some("\"traceparent\":\"x\""), Some("\"a\":1,\"traceparent\":\"x\""));
    check(Some("\"traceparent\":\"y\""), Some("\"traceparent\":\"x\""), Some("\"traceparent\":\"y\""));
    check(Some("\"baggage\":\"y\""), Some("\"traceparent\":\"x\""), Some("\"baggage\":\"y\""));
}
