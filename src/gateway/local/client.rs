//! One MCP client of the daemon, on its own input and output.

use std::fs::File;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::gateway::mcp;
use crate::local_socket::{Goodbye, Hello, Journal, RefusalKind, line};

use super::connection::{Greeting, accept, refuse};
use super::presence::Served;
use super::service::Service;

/// Requests that may be open beside calls: lists, subscriptions. A guess.
const MORE_REQUESTS: usize = 256;

/// Serves an MCP session until the client, its thin client, or the daemon ends it.
pub(super) async fn serve(service: &Arc<Service>, mut stream: UnixStream, greeting: Greeting) {
    let Greeting { hello, descriptors, .. } = greeting;
    if let Some(why) = (service.checks.refuse)(&hello.environment) {
        return refuse(&mut stream, RefusalKind::Recursion, &why).await;
    }
    let Some(_served) = Served::begin(&service.presence, service.limits.clients_max) else {
        let why = format!("it serves {} clients already (daemon.clients_max)", service.limits.clients_max);
        return refuse(&mut stream, RefusalKind::Full, &why).await;
    };
    let profile = match service.profiles.find(&hello.profile) {
        Ok(profile) => profile,
        Err(why) => return refuse(&mut stream, RefusalKind::Profile, &why).await,
    };
    let notice = relieve(service, &hello);
    let (streams, journal) = match take(service, descriptors) {
        Ok(taken) => taken,
        Err(why) => return refuse(&mut stream, RefusalKind::Malformed, &why).await,
    };
    if accept(service, &mut stream, notice).await.is_err() {
        return;
    }
    let caller = service.next_caller();
    let session = mcp::Session {
        caller,
        journal: Some(Arc::new(journal)),
        is_resumed: hello.resume.as_ref().is_some_and(|resume| resume.is_initialized),
        profile,
    };
    tracing::info!(client.pid = hello.pid, client.resumed = hello.resume.is_some(), "a client is served");
    (service.checks.adopt)(&hello.environment);
    let end = service.end.child_token();
    let serving = mcp::serve(&service.front, streams, session, end.clone());
    let mut serving = Box::pin(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = hung_up(&mut stream) => {
            tracing::info!(client.pid = hello.pid, "a client's mcporch is gone; its calls are cancelled");
            end.cancel();
            let _nobody_reads = serving.await;
            return service.operations.forget_caller(caller);
        }
    };
    service.operations.forget_caller(caller);
    tracing::info!(client.pid = hello.pid, "a client has left");
    let why = service.end.is_cancelled().then(|| "the mcporch daemon was stopped".to_owned());
    let goodbye = Goodbye { exit_code: u8::from(served.is_err()), why };
    let _gone = stream.write_all(&line(&goodbye)).await;
}

/// Notes that a newer build is there, and says what the client should know of that.
fn relieve(service: &Service, hello: &Hello) -> Option<String> {
    if hello.build == service.build {
        return None;
    }
    let (pid, version) = (std::process::id(), &service.build.version);
    if !hello.build.is_newer_than(&service.build) {
        return Some(format!("served by another build of mcporch ({version}, process {pid})"));
    }
    let is_first = service.presence.send_if_modified(|presence| !std::mem::replace(&mut presence.is_relieved, true));
    if is_first {
        tracing::info!("a newer mcporch is installed; this one leaves as soon as its last client has");
    }
    Some(format!(
        "served by an older build of mcporch ({version}, process {pid}), which is busy; it makes room for this one when its \
         last client has left"
    ))
}

fn take(service: &Service, descriptors: Vec<std::os::fd::OwnedFd>) -> Result<(mcp::Streams, Journal), String> {
    let descriptors: [std::os::fd::OwnedFd; 3] =
        descriptors.try_into().map_err(|_| "its greeting came without input, output and journal".to_owned())?;
    let [input, output, journal] = descriptors;
    let limits = &service.limits;
    let streams = mcp::streams_over(input, output, limits.client_line_bytes_max, limits.waiting_bytes_max)
        .map_err(|fault| format!("its input and output cannot be used: {fault}"))?;
    let journal = Journal::over(File::from(journal), limits.calls_in_flight_max + MORE_REQUESTS)
        .map_err(|fault| crate::domain::error_chain(&fault))?;
    Ok((streams, journal))
}

/// Resolves when the other side is gone. A client says nothing after its greeting; what it says all the same is passed over.
async fn hung_up(stream: &mut UnixStream) {
    let mut nothing = [0_u8; 64];
    while stream.read(&mut nothing).await.is_ok_and(|read| read > 0) {}
}
