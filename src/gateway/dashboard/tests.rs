//! Through the door: what browsers and others get.

use std::io::Read;

use flate2::read::GzDecoder;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};

use super::{answer, assets};

const BROWSER: [(&str, &str); 2] =
    [("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("accept-encoding", "gzip, deflate, br")];

fn ask(method: &Method, path: &str, headers: &[(&'static str, &str)]) -> Option<Response<Bytes>> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    answer(method, path, &all)
}

fn get(path: &str) -> Response<Bytes> {
    ask(&Method::GET, path, &BROWSER).unwrap_or_else(|| panic!("{path} is not served"))
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn page() -> String {
    String::from_utf8(get("/").body().to_vec()).unwrap()
}

/// The script's and the style sheet's addresses, as the page names them.
fn named(page: &str) -> Vec<String> {
    page.split('"').filter(|text| text.starts_with("/assets/")).map(str::to_owned).collect()
}

#[test]
fn the_page_names_files_that_are_there_and_nothing_of_elsewhere() {
    let page = page();
    let files = named(&page);
    assert!(
        files.iter().any(|file| file.ends_with(".js")) && files.iter().any(|file| file.ends_with(".css")),
        "{files:?}"
    );
    for file in &files {
        assert_eq!(get(file).status(), 200, "{file}");
    }
    assert!(!page.contains("//"), "the page names another place: {page}");
}

#[test]
fn nothing_in_the_page_needs_more_than_the_policy_allows() {
    let page = page();
    for odd in ["<style", " style=", "<script>", " onload", " onerror", "javascript:", "<base", "<iframe"] {
        assert!(!page.contains(odd), "the page has {odd:?}");
    }
    let policy = header(&get("/"), "content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn each_page_of_the_script_gets_the_same_document() {
    let index = get("/");
    for path in ["/servers", "/servers/clock/logs", "/routes", "/calls", "/audit", "/settings"] {
        let response = get(path);
        assert_eq!((response.status().as_u16(), response.body()), (200, index.body()), "{path}");
    }
}

#[test]
fn an_unknown_address_is_the_dashboards_only_for_a_browser_that_wants_a_page() {
    assert_eq!(get("/nowhere").status(), 404);
    assert!(header(&get("/nowhere"), "content-type").starts_with("text/html"));
    assert!(ask(&Method::GET, "/nowhere", &[("accept", "*/*")]).is_none());
    assert!(ask(&Method::GET, "/nowhere", &[]).is_none());
}

#[test]
fn other_surfaces_are_left_alone() {
    for path in [
        "/api/v1/servers",
        "/api",
        "/mcp",
        "/mcp/direct",
        "/ws",
        "/metrics",
        "/healthz",
        "/readyz",
        "/.well-known/x",
        "*",
    ] {
        assert!(ask(&Method::GET, path, &BROWSER).is_none(), "{path}");
    }
}

#[test]
fn no_file_but_the_built_ones_can_be_had() {
    let odd =
        ["/assets/none.js", "/assets/", "/assets/../index.html", "/assets//etc/passwd", "/assets/%2e%2e/index.html"];
    for path in odd {
        assert!(ask(&Method::GET, path, &BROWSER).is_none(), "{path}");
    }
    let packed = named(&page()).into_iter().find(|file| file.ends_with(".js")).unwrap();
    assert!(ask(&Method::GET, &format!("{packed}.gz"), &BROWSER).is_none());
}

#[test]
fn files_named_by_their_contents_are_kept_and_the_page_is_asked_for_again() {
    let page = page();
    for file in named(&page) {
        assert!(header(&get(&file), "cache-control").contains("immutable"), "{file}");
    }
    for path in ["/", "/assets/LICENSES.txt"] {
        assert_eq!(header(&get(path), "cache-control"), "no-cache", "{path}");
    }
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let tag = header(&get("/"), "etag").to_owned();
    let strong = tag.trim_start_matches("W/").to_owned();
    for known in [tag.as_str(), strong.as_str(), "\"other\", *"] {
        let response = ask(&Method::GET, "/calls", &[("if-none-match", known)]).unwrap();
        assert_eq!((response.status().as_u16(), response.body().len()), (304, 0), "{known}");
        assert_eq!(header(&response, "etag"), tag);
    }
    assert_eq!(ask(&Method::GET, "/", &[("if-none-match", "\"other\"")]).unwrap().status(), 200);
}

#[test]
fn a_client_that_takes_nothing_packed_gets_the_same_text() {
    let script = named(&page()).into_iter().find(|file| file.ends_with(".js")).unwrap();
    let packed = get(&script);
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let mut text = String::new();
    GzDecoder::new(&**packed.body()).read_to_string(&mut text).unwrap();
    for accept in [&[][..], &[("accept-encoding", "br")], &[("accept-encoding", "gzip;q=0")]] {
        let plain = ask(&Method::GET, &script, accept).unwrap();
        assert_eq!(header(&plain, "content-encoding"), "", "{accept:?}");
        assert_eq!(plain.body(), text.as_bytes(), "{accept:?}");
        assert_eq!(header(&plain, "vary"), "accept-encoding");
    }
}

#[test]
fn every_answer_says_that_it_may_not_be_framed_or_guessed_at() {
    for path in named(&page()).into_iter().chain(["/".to_owned()]) {
        let response = get(&path);
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{path}");
        assert!(!header(&response, "content-type").is_empty(), "{path}");
    }
    assert_eq!(header(&get("/"), "cross-origin-opener-policy"), "same-origin");
}

#[test]
fn a_page_can_only_be_looked_at() {
    let response = ask(&Method::POST, "/settings", &BROWSER).unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, HEAD"));
    assert!(ask(&Method::POST, "/nowhere", &BROWSER).is_none());
    assert_eq!(ask(&Method::HEAD, "/", &BROWSER).unwrap().status(), 200);
}

#[test]
fn the_licences_of_what_is_bundled_are_beside_it() {
    let text = String::from_utf8(get("/assets/LICENSES.txt").body().to_vec()).unwrap();
    for name in ["preact", "uplot", "@preact/signals"] {
        assert!(text.contains(name), "no licence of {name}");
    }
    assert!(text.matches("Permission is hereby granted").count() >= 4, "{text}");
}

#[test]
fn nothing_lies_there_that_is_not_served() {
    for name in assets::names() {
        let path = format!("/{}", name.trim_end_matches(".gz"));
        let path = if name == "index.html" { "/".to_owned() } else { path };
        assert_eq!(get(&path).status(), 200, "{name}");
        assert!(!name.ends_with(".map"), "{name}");
    }
}
