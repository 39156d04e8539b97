//! The dashboard from outside: `mcporch dashboard` serves it or finds it, and its page is there whatever else is asked for.

use crate::harness::Home;
use crate::harness::http::Served;

const BROWSER: (&str, &str) = ("Accept", "text/html,*/*;q=0.8");

#[test]
fn the_page_is_where_the_command_says_and_a_second_command_finds_it() {
    let home = Home::new().with("bench", &["--kind", "bench"]);
    let shown = Served::dashboard(&home, &[]);
    let page = shown.modern("/servers/bench/logs").with(BROWSER.0, BROWSER.1).send("GET", "");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; script-src 'self'"));
    assert_eq!(shown.modern("/api/v1/servers").send("GET", "").json()["servers"][0]["server"], "bench");

    let page = format!("http://{}/", shown.address);
    let again = home.run_shared(&["--json", "dashboard", "--no-open"]);
    assert_eq!((again.code, &again.json()["url"]), (0, &page.clone().into()), "{}", again.stderr);
    let elsewhere = home.run_shared(&["dashboard", "--no-open", "--port", "1"]);
    assert!(elsewhere.code == 0 && elsewhere.stdout.contains(&page), "{}", elsewhere.stdout);
    assert!(elsewhere.stderr.contains("does not listen on port 1"), "{}", elsewhere.stderr);
}

#[test]
fn a_page_needs_no_key_and_what_it_asks_for_does() {
    let home = Home::new();
    std::fs::write(home.file("keys"), "ops:0123456789abcdef0123456789abcdef\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(home.file("keys"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let keys = home.file("keys").display().to_string();
    let served = Served::start(&home, &["--bearer-key-file", &keys]);
    for path in ["/", "/settings", "/assets/LICENSES.txt"] {
        assert_eq!(served.modern(path).send("GET", "").status, 200, "{path}");
    }
    assert_eq!(served.modern("/api/v1/status").send("GET", "").status, 401);
    assert_eq!(served.modern("/").with("Host", "elsewhere.example").send("GET", "").status, 403);
}

#[test]
fn an_address_that_nobody_knows_is_a_page_for_browsers_and_a_problem_for_programs() {
    let served = Served::start(&Home::new(), &[]);
    let page = served.modern("/nowhere").with(BROWSER.0, BROWSER.1).send("GET", "");
    assert_eq!((page.status, page.header("content-type")), (404, Some("text/html; charset=utf-8")));
    let problem = served.modern("/nowhere").with("Accept", "application/json").send("GET", "");
    assert_eq!((problem.status, problem.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(served.modern("/").send("DELETE", "").status, 405);
    assert_eq!(served.modern("/").send("HEAD", "").status, 200);
}
