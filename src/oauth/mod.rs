//! The right to use remote servers, by OAuth 2.1: a person logs in once with a browser, and from then on requests carry a
//! token that is refreshed before it expires, by one process at a time. What a login gave is kept sealed in the home and
//! belongs to one server at one address. Discovery, registration, PKCE and the checks of `resource` and `iss` are rmcp's,
//! through our guarded client; keeping, refreshing and revoking are ours. Nothing here may open a browser unasked, send
//! a token to anybody but the issuer and the server it was issued for, or show one.

mod authorizer;
mod browser;
mod callback;
mod error;
mod follow;
mod http;
mod key;
mod lock;
mod login;
mod sealed;
mod session;
mod store;
mod target;
#[cfg(test)]
mod tests;
mod token;

pub use authorizer::{Consent, StoredAuthorizer};
pub use browser::open_browser;
pub use callback::Callback;
pub use error::{Error, Step};
pub use session::{LoggedOut, Person, State, log_in, log_out, state};
pub use store::Store;
pub use target::Target;
