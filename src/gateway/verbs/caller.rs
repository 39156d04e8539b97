//! Who calls a verb over the network.

use std::net::IpAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::{Scope, Surface};
use crate::gateway::mcp::principal_number;
use crate::operations::{CallerId, OpContext};

use super::{Fault, FaultKind, Verb};

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name of his key, or of the way he came.
    pub principal: Arc<str>,
    /// What he may do.
    pub scope: Scope,
    /// Which way he came.
    pub surface: Surface,
    /// From where; `None` where that is this process.
    pub from: Option<IpAddr>,
    /// Which of all callers.
    pub id: CallerId,
    /// He cannot be told apart from others beyond this request: one who comes by REST. A WebSocket is one caller as long as it is
    /// open.
    pub is_anonymous: bool,
}

impl Caller {
    /// Whether he may use that verb.
    ///
    /// # Errors
    /// [`FaultKind::ScopeTooSmall`].
    pub fn may(&self, verb: &Verb) -> Result<(), Fault> {
        if self.scope.covers(verb.scope) {
            return Ok(());
        }
        let (name, needed, has) = (verb.name, verb.scope, self.scope);
        Err(Fault::new(
            FaultKind::ScopeTooSmall,
            format!("`{name}` needs a key of scope {needed}, and yours is of scope {has}"),
        ))
    }

    /// The circumstances of one operation of his. Without progress and without anybody whom a server could ask something: add
    /// what the surface has.
    #[must_use]
    pub fn context(&self, cancel: CancellationToken) -> OpContext {
        OpContext {
            cancel,
            caller: self.id,
            who: Some(self.principal.clone()),
            surface: self.surface,
            from: self.from,
            is_anonymous: self.is_anonymous,
            principal: principal_number(&self.principal),
            ..OpContext::default()
        }
    }
}
