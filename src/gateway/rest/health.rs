//! For those who only want to know whether we live, and the explanation of each kind of problem. Open to all.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::gateway::verbs::{Fault, FaultKind};

use super::problem::Problem;
use super::serve::Came;

/// `GET /healthz`: the process answers.
pub(super) fn lives() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// `GET /readyz`: what was known last time has been read, so that requests can be routed.
pub(super) fn is_ready(came: &Came) -> Response {
    let known = came.service.verbs.operations().known_now();
    match &known.fault {
        None if known.is_loaded => Json(json!({"status": "ready"})).into_response(),
        None => {
            Problem(Fault { retry_after_s: Some(1), ..Fault::new(FaultKind::Unavailable, "the catalog is being read") })
                .into_response()
        }
        Some(_) => Problem(Fault::new(FaultKind::Unavailable, "the catalog cannot be used; `mcporch doctor` says why"))
            .into_response(),
    }
}

/// `GET /problems/{slug}`: what a kind of problem means.
pub(super) async fn about(Path(slug): Path<String>) -> Response {
    match FaultKind::ALL.into_iter().find(|kind| kind.slug() == slug) {
        Some(kind) => {
            Json(json!({"type": format!("/problems/{slug}"), "title": kind.title(), "status": kind.status()}))
                .into_response()
        }
        None => {
            let all: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.slug()).collect();
            let what = format!("there is no such kind of problem; there are {}", all.join(", "));
            Problem(Fault::new(FaultKind::NotFound, what)).into_response()
        }
    }
}
