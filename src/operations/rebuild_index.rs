//! Lists all servers anew and embeds what changed; and says how things stand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::index::Kind;
use crate::reconcile::ProgressSink;

use super::order::Order;
use super::{Error, OpContext, Operations};

/// What a rebuild did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RebuildReport {
    /// Tools by server, for those that answered.
    pub listed: BTreeMap<String, usize>,
    /// Why the others did not.
    pub failed: BTreeMap<String, String>,
    /// What was wrong with single tools, by server.
    pub tool_faults: BTreeMap<String, Vec<String>>,
    /// Tools in the index now.
    pub tools: usize,
    /// Different texts that stand for them.
    pub texts: usize,
    /// Texts that had to be embedded.
    pub embedded: usize,
}

/// How the index stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IndexStatus {
    /// Counts the changes of the catalog.
    pub generation: u64,
    /// Which model made the vectors.
    pub model: String,
    /// Numbers in a vector.
    pub dimensions: usize,
    /// `exact` or `hnsw`.
    pub kind: &'static str,
    /// Tools in the index.
    pub tools: usize,
    /// Tools that have no vector yet.
    pub tools_without_vector: usize,
    /// One for each configured server.
    pub servers: BTreeMap<String, ServerIndexStatus>,
}

/// How one server stands in the index.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServerIndexStatus {
    /// Its tools.
    pub tools: usize,
    /// Unix seconds of the last list; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_at: Option<i64>,
    /// Its protocol revision.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol_version: String,
    /// Its name and version for itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub implementation: String,
    /// Why it is not used, or was not last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Operations {
    /// Starts every server, lists its tools, embeds the texts that changed. Takes as long as the slowest server, at most
    /// its time-outs.
    ///
    /// # Errors
    /// When the catalog or the model cannot be used, or it has to be noted and cannot be. Servers that fail are part of the report.
    pub async fn rebuild_index(&self, cx: &OpContext, progress: ProgressSink) -> Result<RebuildReport, Error> {
        let order = Order::begin(self, cx, "index.rebuild", [""])?;
        self.reconciler.load().await?;
        let report = self.reconciler.refresh(&self.reconciler.all(), true, progress).await?;
        order.end(|_| true);
        self.reconciler.mark_settled();
        let known = self.known_now();
        Ok(RebuildReport {
            listed: by_name(report.listed),
            failed: by_name(report.failed),
            tool_faults: by_name(report.tool_faults),
            tools: known.snapshot.entries().len(),
            texts: report.embed.texts,
            embedded: report.embed.embedded,
        })
    }

    /// How the index stands; starts nothing.
    ///
    /// Cancel safe.
    pub async fn index_status(&self) -> IndexStatus {
        let known = self.known_listed().await;
        let servers = known.servers.iter().map(|(name, server)| {
            let fault = server.refusal.clone().or_else(|| (!server.fault.is_empty()).then(|| server.fault.clone()));
            let status = ServerIndexStatus {
                tools: server.tools,
                listed_at: server.listed_at,
                protocol_version: server.protocol_version.clone(),
                implementation: format!("{} {}", server.own_name, server.own_version).trim().to_owned(),
                fault,
            };
            (name.to_string(), status)
        });
        IndexStatus {
            generation: known.snapshot.generation(),
            model: known.snapshot.model().to_owned(),
            dimensions: known.snapshot.dimensions(),
            kind: if known.snapshot.kind() == Kind::Hnsw { "hnsw" } else { "exact" },
            tools: known.snapshot.entries().len(),
            tools_without_vector: known.tools_without_vector,
            servers: servers.collect(),
        }
    }
}

fn by_name<T>(map: BTreeMap<crate::domain::ServerName, T>) -> BTreeMap<String, T> {
    map.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}
