//! Why a request is not served before anybody looks at what it wants, and how that is said.

use std::time::Duration;

use hyper::StatusCode;

use crate::domain::Scope;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Refusal {
    /// There is no readable `Host`.
    NoHost,
    /// He calls us by another name: a page whose name was made to lead here does.
    Host,
    /// He is a page that may not.
    Origin,
    /// His browser was sent by a page of somebody else, and not to look at a page of ours.
    CrossSite,
    /// He shows no key.
    NoKey,
    /// He shows one that is none.
    Key,
    /// He shows one that was good.
    Expired,
    /// He may less than that needs.
    Scope {
        /// What it needs.
        needed: Scope,
        /// What he has.
        has: Scope,
    },
    /// He asks too often.
    TooMany(Duration),
    /// Too many keys from his address were wrong.
    Guessing(Duration),
}

impl Refusal {
    pub(in crate::gateway) fn status(self) -> StatusCode {
        match self {
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Host | Self::Origin | Self::CrossSite | Self::Scope { .. } => StatusCode::FORBIDDEN,
            Self::NoKey | Self::Key | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::TooMany(_) | Self::Guessing(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The word for it in problem answers, and in the audit log.
    pub(in crate::gateway) fn slug(self) -> &'static str {
        match self {
            Self::NoHost => "invalid-input",
            Self::Host => "forbidden-host",
            Self::Origin | Self::CrossSite => "forbidden-origin",
            Self::NoKey => "key-needed",
            Self::Key => "key-unknown",
            Self::Expired => "key-expired",
            Self::Scope { .. } => "scope-too-small",
            Self::TooMany(_) | Self::Guessing(_) => "too-many-requests",
        }
    }

    /// What is wrong, and what to do.
    pub(in crate::gateway) fn message(self) -> String {
        match self {
            Self::NoHost => "there is no readable Host header".to_owned(),
            Self::Host => {
                "this service is not called so; names that it has are listed in http.allowed_hosts".to_owned()
            }
            Self::Origin => {
                "pages of this origin may not call it; those that may are listed in http.allowed_origins".to_owned()
            }
            Self::CrossSite => {
                "a page of another site may not call it (Sec-Fetch-Site); open the page itself".to_owned()
            }
            Self::NoKey => {
                "a key is needed: others have to show one, so has everybody where http.require_key is \"always\", and what a proxy on \
                 this machine passes on counts as others'; send it as `Authorization: Bearer KEY` (`mcporch keys create NAME` makes one)"
                    .to_owned()
            }
            Self::Key => "this key is not known; it may have been revoked (`mcporch keys list` shows those that are good, `mcporch keys create NAME` \
                 makes another)"
                    .to_owned(),
            Self::Expired => "this key has expired; ask for a new one".to_owned(),
            Self::Scope { needed, has } => format!("this needs a key of scope {needed}, and yours is of scope {has}"),
            Self::TooMany(wait) => format!(
                "too many requests; come again in {} s (http.requests_per_s, http.requests_burst)",
                whole_seconds(wait)
            ),
            Self::Guessing(wait) => {
                format!("too many wrong keys came from this address; come again in {} s", whole_seconds(wait))
            }
        }
    }

    /// `WWW-Authenticate`.
    pub(in crate::gateway) fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoKey => Some("Bearer realm=\"mcporch\""),
            Self::Key => Some("Bearer realm=\"mcporch\", error=\"invalid_token\""),
            Self::Expired => {
                Some("Bearer realm=\"mcporch\", error=\"invalid_token\", error_description=\"the key has expired\"")
            }
            Self::Scope { .. } => Some("Bearer realm=\"mcporch\", error=\"insufficient_scope\""),
            Self::NoHost | Self::Host | Self::Origin | Self::CrossSite | Self::TooMany(_) | Self::Guessing(_) => None,
        }
    }

    /// `Retry-After`, in seconds.
    pub(in crate::gateway) fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::TooMany(wait) | Self::Guessing(wait) => Some(whole_seconds(wait)),
            Self::NoHost
            | Self::Host
            | Self::Origin
            | Self::CrossSite
            | Self::NoKey
            | Self::Key
            | Self::Expired
            | Self::Scope { .. } => None,
        }
    }
}

/// At least one, since a wait of none would be no wait.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}
