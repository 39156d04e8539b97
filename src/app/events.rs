//! Where the news of servers go: to the write path, into each server's log, and to those who want to be told of trouble.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::alerts::{Alert, Alerts, Occasion};
use crate::domain::ServerName;
use crate::reconcile::News;
use crate::server_logs::ServerLogs;
use crate::supervisor::Event;

use super::quarantine::Quarantine;

/// Takes the news of the pool. Never blocks.
pub(super) fn sink(
    news: Arc<News>,
    logs: Option<Arc<ServerLogs>>,
    alerts: Arc<Alerts>,
    quarantine: Quarantine,
    changed: Arc<Notify>,
) -> Arc<dyn Fn(Event) + Send + Sync> {
    Arc::new(move |event| {
        if let Some(logs) = &logs {
            tell_story(logs, &event);
        }
        keep(&quarantine, &event);
        raise(&alerts, &event);
        changed.notify_one();
        news.push(event);
    })
}

/// Notes in a server's log what is known of it.
fn tell_story(logs: &ServerLogs, event: &Event) {
    match event {
        Event::Started(server, hello) => {
            let (name, version, protocol) = (&hello.name, &hello.version, &hello.protocol_version);
            logs.of(server).tell(&format!("it calls itself {name:?} {version:?}, protocol {protocol}"));
        }
        Event::ToolsChanged(server) => logs.of(server).tell("says that its tools changed"),
        Event::Told(server, line) => logs.of(server).tell(line),
        // Their stories come as lines of their own.
        Event::Crashed(..) | Event::Recovered(_) | Event::OverLimit(..) | Event::Quarantined(..) => {}
        Event::Released(server) => logs.of(server).tell("out of quarantine"),
    }
}

/// The operator's word is written down before he is told that it was taken: one small file, now and then.
fn keep(quarantine: &Quarantine, event: &Event) {
    match event {
        Event::Quarantined(server, why) => quarantine.add(server, why),
        Event::Released(server) => quarantine.release(server),
        Event::Started(..) | Event::ToolsChanged(_) | Event::Told(..) | Event::Crashed(..) => {}
        Event::Recovered(_) | Event::OverLimit(..) => {}
    }
}

fn raise(alerts: &Alerts, event: &Event) {
    let (server, occasion, text): (&ServerName, _, String) = match event {
        Event::Crashed(server, why) => (server, Occasion::Crashed, format!("server {server} has crashed: {why}")),
        Event::Recovered(server) => (server, Occasion::Recovered, format!("server {server} runs again")),
        Event::Quarantined(server, why) => {
            (server, Occasion::Quarantined, format!("server {server} was taken out of use: {why}"))
        }
        Event::OverLimit(server, text) => (server, Occasion::OverLimit, text.clone()),
        Event::Started(..) | Event::ToolsChanged(_) | Event::Told(..) | Event::Released(_) => return,
    };
    alerts.raise(alert(server, occasion, text));
}

fn alert(server: &ServerName, occasion: Occasion, text: String) -> Alert {
    Alert { server: server.clone(), occasion, text, at: super::now_ms() / 1000, details: BTreeMap::new() }
}
