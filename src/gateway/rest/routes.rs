//! The paths: those that the table of verbs makes, and the few that are no verbs.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hyper::{HeaderMap, Method};

use crate::domain::nearest;
use crate::gateway::dashboard;
use crate::gateway::verbs::{self, Fault, FaultKind, HttpMethod, MemberKind, Path, Verb};

use super::problem::{Problem, not_allowed};
use super::serve::{Came, came, named, verb};
use super::{docs, events, health, metrics, openapi, socket};

/// Where the API lies.
pub(super) const BASE: &str = "/api/v1";

/// One way to a verb.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) verb: &'static Verb,
    pub(super) path: &'static Path,
}

impl Entry {
    /// All ways to all verbs, in the order of the table.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        verbs::all().iter().flat_map(|verb| verb.paths.iter().map(move |path| Self { verb, path }))
    }

    pub(super) fn is_get(&self) -> bool {
        self.path.method == HttpMethod::Get
    }

    /// The members that stand in the path.
    pub(super) fn path_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The members that are taken beside the path.
    pub(super) fn other_members(&self) -> impl Iterator<Item = (&'static str, MemberKind)> + use<> {
        let entry = *self;
        let is_taken = move |name: &str| {
            !entry.path_names().any(|in_path| in_path == name)
                && entry.path.takes.is_none_or(|takes| takes.contains(&name))
        };
        self.verb.shape().members().filter(move |(name, _)| is_taken(name))
    }

    /// What a member is called behind the `?`.
    pub(super) fn query_name<'a>(&self, member: &'a str) -> &'a str {
        let renamed = self.path.renamed.iter().find(|(_, inside)| *inside == member);
        renamed.map_or(member, |(outside, _)| outside)
    }

    pub(super) fn query_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let entry = *self;
        self.other_members().map(move |(member, _)| entry.query_name(member))
    }

    /// The member that a name behind the `?` stands for.
    pub(super) fn query_member(&self, name: &str) -> Option<(&'static str, MemberKind)> {
        self.other_members().find(|(member, _)| self.query_name(member) == name)
    }
}

/// All paths. Clones share it.
pub(super) fn router() -> Router {
    static ROUTER: LazyLock<Router> = LazyLock::new(build);
    ROUTER.clone()
}

fn build() -> Router {
    let mut by_path: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for entry in Entry::all() {
        by_path.entry(entry.path.path).or_default().push(entry);
    }
    let mut router = Router::new();
    for (path, entries) in by_path {
        let entries: Arc<[Entry]> = entries.into();
        router = router.route(&format!("{BASE}{path}"), any(move |request: Request| verb(entries.clone(), request)));
    }
    router
        .route("/mcp/{name}", any(named))
        .route("/api/v1/events", any(events::events))
        .route("/ws", any(socket::no_upgrade))
        .route("/metrics", any(metrics::metrics))
        .route("/healthz", any(|request: Request| looked_at(request, |_, _| health::lives())))
        .route("/readyz", any(|request: Request| looked_at(request, |came, _| health::is_ready(came))))
        .route("/problems/{slug}", get(health::about).fallback(look_only))
        .route(
            &format!("{BASE}/openapi.json"),
            any(|request: Request| looked_at(request, |_, headers| openapi::document(headers))),
        )
        .route(&format!("{BASE}/docs"), any(|request: Request| looked_at(request, |_, _| docs::page())))
        .route(&format!("{BASE}/docs/{{file}}"), get(docs::file).fallback(look_only))
        .fallback(nothing)
}

/// Of a path that is only looked at.
#[expect(clippy::unused_async, reason = "the router takes futures alone")]
async fn looked_at(mut request: Request, give: fn(&Came, &HeaderMap) -> Response) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return not_allowed("GET, HEAD, OPTIONS");
    }
    let came = came(&mut request);
    give(&came, request.headers())
}

/// Of a path that is only looked at, and asked for something else.
async fn look_only() -> Response {
    not_allowed("GET, HEAD, OPTIONS")
}

/// What no other path is: the dashboard's, or nothing. Says then which addresses are near.
async fn nothing(request: Request) -> Response {
    let path = request.uri().path();
    if let Some(page) = dashboard::answer(request.method(), path, request.headers()) {
        return page.map(Body::from);
    }
    let shown: String = path.chars().take(100).collect();
    let paths: Vec<String> = Entry::all().map(|entry| format!("{BASE}{}", entry.path.path)).collect();
    let others =
        ["/mcp", "/healthz", "/readyz", "/metrics", "/ws", "/api/v1/events", "/api/v1/docs", "/api/v1/openapi.json"];
    let known = paths.iter().map(String::as_str).chain(others);
    let near = nearest(path, known).map_or_else(String::new, |near| format!("did you mean {near}? "));
    let what = format!(
        "there is nothing at {shown}; {near}{BASE}/openapi.json lists all of the API, {BASE}/docs shows it, /mcp is MCP"
    );
    Problem(Fault::new(FaultKind::NotFound, what)).into_response()
}
