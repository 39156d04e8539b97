//! From settings to the rooms that look after servers from outside: their logs, and the alerts.

use std::sync::Arc;

use crate::alerts::{self, Alerts, Encryption, MailSettings, Occasion, WebhookSettings};
use crate::audit;
use crate::config::{AlertOccasion, Config, Env, MailEncryption};
use crate::domain::error_chain;
use crate::monitor::{self, Monitor, Topic};
use crate::operations::ResultBounds;
use crate::results::{self, Results};
use crate::server_logs::{Limits, ServerLogs};

use super::build::unix_now;
use super::now_ms;

/// The logs of servers, where they are kept.
pub(super) fn server_logs(config: &Config) -> Option<Arc<ServerLogs>> {
    let settings = &config.settings.server_logs;
    let limits = Limits { bytes_max: settings.bytes_max, files_max: settings.files_max, now_ms };
    settings.enabled.then(|| Arc::new(ServerLogs::new(config.home.server_logs(), limits)))
}

/// The log of who did what, and why there is none although there should be.
pub(super) fn audit(config: &Config, monitor: &Arc<Monitor>) -> (Option<audit::Log>, Option<String>) {
    if !config.settings.audit.enabled {
        return (None, None);
    }
    let monitor = monitor.clone();
    let tell = move |entries: &[audit::Entry]| {
        monitor.publish_newest(Topic::Audit, entries, |entry| serde_json::to_string(entry).ok());
    };
    match audit::Log::start(audit_options(config), now_ms, Some(Box::new(tell))) {
        Ok(log) => (Some(log), None),
        Err(fault) => (None, Some(error_chain(&fault))),
    }
}

/// How the log of who did what is kept.
#[must_use]
pub fn audit_options(config: &Config) -> audit::Options {
    let settings = &config.settings.audit;
    audit::Options {
        folder: config.home.audit(),
        file_bytes_max: settings.file_bytes_max,
        keep_days: settings.keep_days,
        queue_len: settings.queue_len,
        is_required: settings.required,
    }
}

/// What goes on, for those who look.
pub(super) fn monitor(config: &Config) -> Monitor {
    let settings = &config.settings.monitor;
    Monitor::new(monitor::Limits {
        calls_max: settings.calls_max,
        calls_bytes_max: settings.calls_bytes_max,
        params_bytes_max: settings.params_bytes_max,
        file: settings.write_samples.then(|| config.home.monitor()),
        busy_timeout: config.settings.catalog.busy_timeout,
        now_ms,
    })
}

/// Where large results are kept.
pub(super) fn results(config: &Config) -> Results {
    /// Raw results from that many bytes on lie in a file: a hundred smaller ones are 25 MB of memory.
    const FILE_FROM_BYTES: usize = 256 * 1024;
    /// Data of one picture or sound that is handed out: what is handed over beside a text, too.
    const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;
    let settings = &config.settings.results;
    Results::new(results::Limits {
        bytes_max: settings.keep_bytes_max,
        entries_max: settings.entries_max,
        time_to_live: settings.keep,
        file_from_bytes: FILE_FROM_BYTES,
        folder: config.home.results(),
        block_bytes_max: BLOCK_BYTES_MAX,
        now: unix_now,
    })
}

/// How large results may be.
pub(super) fn result_bounds(config: &Config) -> ResultBounds {
    let settings = &config.settings.results;
    ResultBounds { inline_bytes_max: settings.inline_bytes_max, result_bytes_max: settings.result_bytes_max }
}

/// Where alerts go, as the settings say. Variables are looked up now.
#[must_use]
pub fn alerts(config: &Config, env: &dyn Env) -> Alerts {
    let settings = &config.settings.alerts;
    let webhook = |url: &String| WebhookSettings {
        url: url.clone(),
        body: settings.webhook_body.clone(),
        content_type: settings.webhook_content_type.clone(),
        headers: settings.webhook_headers.clone(),
        secret: settings.webhook_secret.clone(),
        allows_http: settings.webhook_allow_http,
    };
    let mail = settings.smtp_server.as_ref().map(|server| MailSettings {
        server: server.clone(),
        encryption: encryption(settings.smtp_encryption),
        user: settings.smtp_user.clone(),
        password: settings.smtp_password.clone(),
        from: settings.smtp_from.clone(),
        to: settings.smtp_to.clone(),
    });
    let settings = alerts::Settings {
        webhooks: settings.webhook_urls.iter().map(webhook).collect(),
        mail,
        occasions: settings.occasions.iter().map(|one| occasion(*one)).collect(),
        repeat_after: settings.repeat_after,
        attempts_max: settings.attempts_max,
        retry_first: settings.retry_first,
        retry_max: settings.retry_max,
        timeout: settings.timeout,
        queue_len: settings.queue_len,
        now: || now_ms() / 1000,
    };
    Alerts::new(settings, &|name| env.var(name))
}

fn encryption(asked: MailEncryption) -> Encryption {
    match asked {
        MailEncryption::Starttls => Encryption::StartTls,
        MailEncryption::Tls => Encryption::Tls,
        MailEncryption::None => Encryption::None,
    }
}

fn occasion(asked: AlertOccasion) -> Occasion {
    match asked {
        AlertOccasion::Crashed => Occasion::Crashed,
        AlertOccasion::Recovered => Occasion::Recovered,
        AlertOccasion::OverLimit => Occasion::OverLimit,
        AlertOccasion::Quarantined => Occasion::Quarantined,
    }
}
