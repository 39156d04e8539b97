//! Behaviour of references and of the redactor.

use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

#[track_caller]
fn check_dotenv(text: &str, expected: &[(&str, &str)]) {
    let pairs = dotenv::parse(text).unwrap();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, expected, "{text:?}");
}

#[test]
fn env_files_are_read_as_people_write_them() {
    check_dotenv(
        "\u{feff}# all\n\nA=1\r\n export B = two words # why\nC=a#b\n",
        &[("A", "1"), ("B", "two words"), ("C", "a#b")],
    );
    check_dotenv(
        "A='$x \\n # \"'\nB=\"a\\n\\\"b\\\" \\$c \\q\" # end",
        &[("A", "$x \\n # \""), ("B", "a\n\"b\" $c \\q")],
    );
    check_dotenv(
        "KEY=\"-----BEGIN\nMIIE\n-----END\"\nNEXT=1\nEMPTY=\nP=pa$$word=x",
        &[("KEY", "-----BEGIN\nMIIE\n-----END"), ("NEXT", "1"), ("EMPTY", ""), ("P", "pa$$word=x")],
    );
}

#[test]
fn a_bad_line_of_an_env_file_is_named_by_its_number_alone() {
    let check = |text: &str, line: usize, what: &'static str| {
        assert_eq!(dotenv::parse(text), Err(dotenv::BadLine { line, what }), "{text:?}");
    };
    check("A=1\nsecret text\n", 2, "has no `=`");
    check("A=\"x\ny\"\n\n=v", 4, "has no name of a variable before its `=`");
    check("1A=v", 1, "has no name of a variable before its `=`");
    check("A=1\nB='x", 2, "has a quote that is not closed");
    check("B='x' y", 1, "has text behind the closing quote");
}

#[test]
fn names_tell_what_is_secret() {
    for name in ["OPENAI_API_KEY", "token", "Db_Password", "SENTRY_DSN", "MYSQL_PWD"] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ["PWD", "HOME", "GIT_AUTHOR_NAME", "SSH_AUTH_SOCK", "LANG"] {
        assert!(!is_secret_name(name), "{name}");
    }
    assert_eq!(password_in_address("postgres://me:s3cret@db:5432/x?a=@"), Some("s3cret"));
    assert_eq!(password_in_address("https://example.org/a:b@c"), None);
}

fn place(line: usize) -> Place {
    Place { file: "r.json".into(), line, key: "s.env.TOKEN".to_owned() }
}

fn reference(piece: Piece) -> LateEnv {
    let mut value = Template::default();
    value.push_text("Bearer ");
    value.push(piece);
    LateEnv { variables: vec![LateVariable { name: "TOKEN".to_owned(), value, place: place(3) }], ..LateEnv::default() }
}

fn written(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The fault's line without the folder.
fn refused(late: &LateEnv, folder: &Path) -> String {
    late.complete(&[]).unwrap_err().to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn a_file_is_read_at_each_start_and_its_line_end_goes() {
    let folder = TempDir::new().unwrap();
    let late = reference(Piece::File(written(&folder, "token", "first-value\r\n")));
    assert_eq!(late.complete(&[]).unwrap().env, [("TOKEN".to_owned(), "Bearer first-value".to_owned())]);
    written(&folder, "token", "second-value\n");
    assert_eq!(late.complete(&[]).unwrap().env[0].1, "Bearer second-value");
    let shown = format!("{late:?} {:?}", late.complete(&[]).unwrap());
    assert!(!shown.contains("value\"") && !shown.contains("second-value"), "{shown}");
    assert!(!late.written().concat().contains("second-value"));
}

#[test]
fn what_cannot_be_read_says_where_and_what_to_do() {
    let folder = TempDir::new().unwrap();
    let of = |path: PathBuf| refused(&reference(Piece::File(path)), folder.path());
    let missing = of(folder.path().join("none"));
    assert!(missing.starts_with("r.json:3: s.env.TOKEN: ${file:none} cannot be read: "), "{missing}");
    assert!(
        missing.ends_with("create the file, or correct the path (a relative one starts at the registry file)"),
        "{missing}"
    );
    assert!(of(written(&folder, "empty", "\n")).contains("${file:empty} is empty; put the secret into it"));
    assert!(of(written(&folder, "nul", "a\0b")).contains("nul is no text"));
    assert!(of(written(&folder, "long", &"x".repeat(70_000))).contains("long has more than 65536 bytes"));
    assert!(of(folder.path().to_owned()).contains("is no plain file"));
    if !has_keyring() {
        let keyring = Piece::Keyring { service: "git".to_owned(), name: "token".to_owned() };
        let told = refused(&reference(keyring), folder.path());
        assert!(
            told.contains("${keyring:git/token} cannot be read: this mcporch was built without the keyring"),
            "{told}"
        );
    }
}

#[test]
fn env_files_give_way_to_what_is_declared() {
    let folder = TempDir::new().unwrap();
    let mut late = reference(Piece::File(written(&folder, "token", "of-the-file")));
    for (name, text) in [("a.env", "A=1\nB=1\nC=1\nTOKEN=x"), ("b.env", "B=2\nC=2")] {
        late.files.push(EnvFile { path: written(&folder, name, text), place: place(4) });
    }
    let env = late.complete(&[("C".to_owned(), "3".to_owned())]).unwrap().env;
    let env: Vec<String> = env.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["A=1", "B=2", "C=3", "TOKEN=Bearer of-the-file"]);
    late.required = vec!["A".to_owned(), "NEEDED".to_owned()];
    assert_eq!(
        refused(&late, folder.path()),
        "r.json:4: s.env.TOKEN: NEEDED is required and not set, in its env files neither; set them in the env file, under `env`, or where mcporch is started"
    );
    assert_eq!((late.has("A"), late.has("TOKEN"), late.has("NEEDED")), (true, true, false));
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "token", "of-the-file");
    let warned = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        reference(Piece::File(path.clone())).complete(&[]).unwrap().warnings.len()
    };
    assert_eq!((warned(0o600), warned(0o640), warned(0o644)), (0, 0, 1));
}

#[track_caller]
fn check_hidden(secrets: &[&str], text: &str, expected: &str) {
    let redactor = Redactor::default();
    redactor.learn(secrets.iter().copied());
    assert_eq!(redactor.redact(text), expected);
    assert_eq!(redactor.redact_bytes(text.as_bytes()), expected.as_bytes());
}

#[test]
fn known_values_are_hidden_in_every_shape() {
    check_hidden(&[], "nothing known", "nothing known");
    check_hidden(&["short", "s3cr3t"], "short s3cr3t s3cr3", "short [hidden] s3cr3");
    check_hidden(&["abcdef", "defghi"], "abcdefghi!", "[hidden]!");
    check_hidden(&["a b/c\"d"], r#"q=a%20b%2Fc%22d a+b%2fc%22d "a b/c\"d""#, "q=[hidden] a+b%2fc%22d \"[hidden]\"");
    // `user:p4ssw0rd!` in base64, as basic authentication sends it.
    check_hidden(&["p4ssw0rd!"], "Basic dXNlcjpwNHNzdzByZCE=", "Basic dXNlcjp[hidden]E=");
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n";
    check_hidden(&[key], "line MIIEvQIBADANBgkqhkiG of it", "line [hidden] of it");
}

#[test]
fn the_beginning_of_a_secret_at_a_cut_is_hidden() {
    let redactor = Redactor::default();
    redactor.learn(["s3cr3tvalue"]);
    assert_eq!(redactor.redact_cut("it is s3cr3tva"), "it is [hidden]");
    assert_eq!(redactor.redact_cut("it is s3"), "it is s3");
    assert_eq!(redactor.redact_cut("s3cr3tvalue is it"), "[hidden] is it");
}

#[test]
fn paths_are_no_secrets_and_passwords_in_addresses_are() {
    let redactor = Redactor::default();
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    redactor.learn_variables([
        ("KEY_FOLDER", path),
        ("API_KEY", "k3yk3y"),
        ("DB", "x://u:hunter22@h"),
        ("MODE", "testing"),
    ]);
    let text = format!("{path} k3yk3y hunter22 testing");
    assert_eq!(redactor.redact(&text), format!("{path} [hidden] [hidden] testing"));
}

proptest! {
    #[test]
    fn no_secret_comes_through(secrets in prop::collection::vec("[^\\[\\]]{6,40}", 1..6), around in prop::collection::vec("\\PC{0,12}", 7)) {
        let redactor = Redactor::default();
        redactor.learn(secrets.iter().map(String::as_str));
        let mut text = String::new();
        for (secret, before) in secrets.iter().zip(&around) {
            text.push_str(before);
            text.push_str(secret);
        }
        text.push_str(&around[6]);
        let clean = redactor.redact(&text);
        for secret in secrets.iter().map(|secret| secret.trim()).filter(|secret| secret.chars().count() >= 6 && !MASK.contains(*secret)) {
            prop_assert!(!clean.contains(secret), "{secret:?} in {clean:?}");
        }
    }
}
