//! Which variables are secret, as far as names tell.

/// Parts of names whose values are secrets.
const PARTS: &[&str] = &["KEY", "TOKEN", "SECRET", "PASS", "PWD", "CREDENTIAL", "AUTH", "COOKIE", "DSN", "PRIVATE"];
/// Names that have such a part and are no secrets.
const HARMLESS: &[&str] = &["PWD", "OLDPWD", "SSH_AUTH_SOCK", "KEYBOARD"];
/// The same, as a part of a longer name.
const HARMLESS_PART: &str = "AUTHOR";

/// Does the name of the variable say that its value is a secret?
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let without = name.replace(HARMLESS_PART, "");
    !HARMLESS.contains(&name.as_str()) && PARTS.iter().any(|part| without.contains(part))
}

/// The password in `scheme://user:password@host`, as it is written there.
#[must_use]
pub fn password_in_address(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password).filter(|password| !password.is_empty())
}
