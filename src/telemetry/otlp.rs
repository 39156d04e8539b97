//! Sending spans and figures: OTLP over HTTP as protobuf, by threads of OpenTelemetry's own, so that nothing of ours waits for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::config::TelemetrySettings;
use crate::traces;

use super::Error;

/// Longest answer that is read. A guess: it is empty, or says what was not taken.
const ANSWER_BYTES_MAX: u64 = 65_536;

/// What is to be ended with the process.
struct Sending {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
}

static SENDING: OnceLock<Sending> = OnceLock::new();

/// Begins to send, if there is a place to send to.
pub(super) fn start(settings: &TelemetrySettings) -> Result<(), Error> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(()) };
    let fault = |source: ExporterBuildError| Error::Otlp { endpoint: endpoint.clone(), source: Box::new(source) };
    let client: Arc<dyn HttpClient> = Arc::new(Client::new(endpoint, settings.otlp_timeout));
    let place = |signal: &str| format!("{}/v1/{signal}", endpoint.trim_end_matches('/'));
    let spans = SpanExporter::builder()
        .with_http()
        .with_shared_http_client(client.clone())
        .with_endpoint(place("traces"))
        .with_timeout(settings.otlp_timeout)
        .build()
        .map_err(fault)?;
    let figures = MetricExporter::builder()
        .with_http()
        .with_shared_http_client(client)
        .with_endpoint(place("metrics"))
        .with_timeout(settings.otlp_timeout)
        .build()
        .map_err(fault)?;
    let resource = resource();
    let tracers = SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(figures).with_resource(resource).build();
    traces::install(traces::Exporting::new(&tracers, &meters));
    let _started_already = SENDING.set(Sending { tracers, meters });
    tracing::info!(%endpoint, "traces and figures are sent by OTLP");
    Ok(())
}

/// Sends what waits, for that long at most. Blocks.
pub(super) fn finish(within: Duration) {
    let Some(sending) = SENDING.get() else { return };
    let (done, ended) = sync_channel(1);
    // On a thread that is left behind when it takes too long: figures know no deadline of their own.
    let spawned = std::thread::Builder::new().name("otlp-end".to_owned()).spawn(move || {
        let _sent_or_lost = (sending.tracers.shutdown_with_timeout(within), sending.meters.shutdown());
        let _too_late = done.send(());
    });
    if spawned.is_ok() {
        let _too_slow = ended.recv_timeout(within);
    }
}

/// Who we are: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over our own name.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let builder = Resource::builder().with_attribute(opentelemetry::KeyValue::new("service.version", VERSION));
    let is_named = told
        .get(&"service.name".into())
        .is_some_and(|name| !name.as_str().is_empty() && !name.as_str().starts_with("unknown_service"));
    if is_named { builder.build() } else { builder.with_service_name("mcporch").build() }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The requests of the exporters, which their threads make one after the other: blocking, within a deadline. Tells once when the place
/// does not take them, and once when it does again.
struct Client {
    agent: Agent,
    endpoint: String,
    is_failing: AtomicBool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    fn new(endpoint: &str, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // What is meant for one address is not carried to another.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            // Collectors often have a name that only this machine's administrator vouches for.
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .user_agent(concat!("mcporch/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), endpoint: endpoint.to_owned(), is_failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.agent.run(request.map(|body| body.to_vec()))?;
        let (head, body) = answer.into_parts();
        let body = body.into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    fn tell(&self, answer: &Result<Response<Bytes>, HttpError>) {
        let endpoint = &self.endpoint;
        let why = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status().as_u16())),
            Err(fault) => Some(fault.to_string()),
        };
        let was_failing = self.is_failing.swap(why.is_some(), Ordering::Relaxed);
        match why {
            Some(why) if !was_failing => {
                tracing::warn!(%endpoint, %why, "traces and figures cannot be sent, and are lost until they can be");
            }
            None if was_failing => tracing::info!(%endpoint, "traces and figures are sent again"),
            Some(_) | None => {}
        }
    }
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let answer = self.send(request);
            self.tell(&answer);
            answer
        })
    }
}
