//! What can go wrong between us and the web.

use std::net::IpAddr;
use std::time::Duration;

use super::AddressKind;

/// A request that was not made, or that brought nothing. No variant holds a query, a header or a body.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address breaks a rule; nothing was sent.
    #[error("{at}: {problem}")]
    Refused {
        /// What was to be asked, as [`super::shown`] shows it.
        at: String,
        /// The rule.
        problem: Problem,
    },
    /// A redirect was not followed.
    #[error("{from} redirects to {to}: {problem}")]
    Redirect {
        /// Who redirects.
        from: String,
        /// Where to.
        to: String,
        /// The rule.
        problem: Problem,
    },
    /// The name does not exist, or the name servers are not there.
    #[error("the name of {at} cannot be resolved; check the address and the network")]
    NoSuchName {
        /// What was asked.
        at: String,
        /// What the system says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No connection.
    #[error("cannot connect to {at}; is the server running, and is the network there?")]
    Unreachable {
        /// What was asked.
        at: String,
        /// What the connection says.
        #[source]
        source: reqwest::Error,
    },
    /// Connected, and then it broke.
    #[error("the connection to {at} broke")]
    Broken {
        /// What was asked.
        at: String,
        /// What the connection says.
        #[source]
        source: reqwest::Error,
    },
    /// A deadline passed.
    #[error("{at} did not answer within {} s", after.as_secs_f32())]
    Late {
        /// What was asked.
        at: String,
        /// The deadline.
        after: Duration,
    },
    /// The body is longer than we read.
    #[error("the answer of {at} is longer than {bytes_max} bytes")]
    TooLong {
        /// What was asked.
        at: String,
        /// The limit.
        bytes_max: usize,
    },
    /// The client cannot be built.
    #[error("cannot prepare for HTTP")]
    NoClient {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// The rule that an address breaks, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Neither `https` nor `http`.
    #[error("`{scheme}` is not spoken; only https, and http to this machine")]
    Scheme {
        /// What stands there.
        scheme: String,
    },
    /// `http` to somewhere else than this machine.
    #[error("http would send everything in the clear; write https")]
    InTheClear,
    /// A name or password in the address.
    #[error("the address has a user name or password in it; put it into a header")]
    User,
    /// The name leads, or the address is, where the operator did not send us.
    #[error("{address} is {kind}, which only a server that the operator put there himself may use")]
    Address {
        /// The first address that was refused.
        address: IpAddr,
        /// What it is.
        kind: AddressKind,
    },
    /// From `https` to `http`.
    #[error("it leads from https to http")]
    Downgrade,
    /// A request with a body, to another origin.
    #[error("a request with a body is not sent on to another origin; write the new address into the registry")]
    OtherOrigin,
    /// A redirect that turns a request into another one.
    #[error("status {status} would drop the body of the request; write the new address into the registry")]
    DropsBody {
        /// The HTTP status.
        status: u16,
    },
    /// One redirect after the other.
    #[error("that is more than {hops_max} redirects")]
    TooMany {
        /// How many are followed.
        hops_max: usize,
    },
    /// The `Location` is none.
    #[error("that is no address")]
    NoAddress,
}
