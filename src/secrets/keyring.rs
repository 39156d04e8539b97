//! The system's keyring. Asked on a thread of its own with a deadline: behind it may be a dialogue that nobody sees, or a
//! bus that hangs.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Fault, Piece};

/// For one answer of the keyring. A guess: time to type a password, less than a start may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Threads that may hang in a keyring that does not answer; nobody can end them.
const HANGING_MAX: usize = 2;

static HANGING: AtomicUsize = AtomicUsize::new(0);

/// How a question stands: which of the two sides was first to leave.
const OPEN: u8 = 0;
const ANSWERED: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Was mcporch built with the keyring?
#[must_use]
pub fn has_keyring() -> bool {
    cfg!(feature = "keyring")
}

/// The value under that name. Blocking, up to 20 s.
///
/// # Errors
/// When there is no keyring, it does not have the name, or it refuses or stays silent.
pub fn get(service: &str, name: &str) -> Result<String, Fault> {
    ask(service, name, store::get)
}

/// Stores the value under that name, in the place of another one. Blocking, up to 20 s.
///
/// # Errors
/// When there is no keyring, or it refuses or stays silent.
pub fn set(service: &str, name: &str, value: &str) -> Result<(), Fault> {
    let value = value.to_owned();
    ask(service, name, move |service, name| store::set(service, name, &value))
}

/// Takes the value under that name away. Blocking, up to 20 s.
///
/// # Errors
/// When there is no keyring, it does not have the name, or it refuses or stays silent.
pub fn delete(service: &str, name: &str) -> Result<(), Fault> {
    ask(service, name, store::delete)
}

fn ask<T: Send + 'static>(
    service: &str,
    name: &str,
    question: impl FnOnce(&str, &str) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (service, name) = (service.to_owned(), name.to_owned());
    let what = Piece::Keyring { service: service.clone(), name: name.clone() }.reference();
    let silent = || Fault::KeyringSilent { what: what.clone(), after: DEADLINE };
    if HANGING.load(Ordering::Acquire) >= HANGING_MAX {
        return Err(silent());
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let state = Arc::new(AtomicU8::new(OPEN));
    let its_state = state.clone();
    let move_to = |state: &AtomicU8, next| state.compare_exchange(OPEN, next, Ordering::AcqRel, Ordering::Acquire);
    let asked = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        let answer = question(&service, &name);
        if move_to(&its_state, ANSWERED).is_err() {
            HANGING.fetch_sub(1, Ordering::AcqRel);
        }
        let _too_late = sender.send(answer);
    });
    if let Err(fault) = asked {
        return Err(Fault::NoKeyring { what, why: fault.to_string() });
    }
    receiver.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        HANGING.fetch_add(1, Ordering::AcqRel);
        if move_to(&state, GIVEN_UP).is_err() {
            HANGING.fetch_sub(1, Ordering::AcqRel);
        }
        Err(silent())
    })
}

#[cfg(feature = "keyring")]
mod store {
    use keyring::{Entry, Error};

    use crate::secrets::{Fault, Piece};

    pub(super) fn get(service: &str, name: &str) -> Result<String, Fault> {
        Entry::new(service, name).and_then(|entry| entry.get_password()).map_err(|error| fault(service, name, &error))
    }

    pub(super) fn set(service: &str, name: &str, value: &str) -> Result<(), Fault> {
        Entry::new(service, name)
            .and_then(|entry| entry.set_password(value))
            .map_err(|error| fault(service, name, &error))
    }

    pub(super) fn delete(service: &str, name: &str) -> Result<(), Fault> {
        Entry::new(service, name)
            .and_then(|entry| entry.delete_credential())
            .map_err(|error| fault(service, name, &error))
    }

    fn fault(service: &str, name: &str, error: &Error) -> Fault {
        let what = Piece::Keyring { service: service.to_owned(), name: name.to_owned() }.reference();
        match error {
            Error::NoEntry => Fault::NotInKeyring { what },
            // Its text would show the bytes of the secret.
            Error::BadEncoding(_) => Fault::NoKeyring { what, why: "what it holds is no text".to_owned() },
            other => Fault::NoKeyring { what, why: other.to_string() },
        }
    }
}

#[cfg(not(feature = "keyring"))]
mod store {
    use crate::secrets::{Fault, Piece};

    pub(super) fn get(service: &str, name: &str) -> Result<String, Fault> {
        Err(not_built_in(service, name))
    }

    pub(super) fn set(service: &str, name: &str, _value: &str) -> Result<(), Fault> {
        Err(not_built_in(service, name))
    }

    pub(super) fn delete(service: &str, name: &str) -> Result<(), Fault> {
        Err(not_built_in(service, name))
    }

    fn not_built_in(service: &str, name: &str) -> Fault {
        let what = Piece::Keyring { service: service.to_owned(), name: name.to_owned() }.reference();
        Fault::NoKeyringBuiltIn { what }
    }
}
