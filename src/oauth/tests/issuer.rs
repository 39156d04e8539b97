//! An MCP server that wants tokens, and the issuer of those, on two ports of this machine; every fault is a knob.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, parse};

pub(crate) type Form = BTreeMap<String, String>;

/// What the two do, and what was done to them.
#[derive(Default)]
pub(crate) struct World {
    /// In place of the server's own address in its metadata.
    pub(crate) resource: Option<String>,
    /// In place of the issuer in the server's metadata.
    pub(crate) issuer_named: Option<String>,
    /// In place of the issuer's own name in `iss`.
    pub(crate) iss: Option<String>,
    /// In place of the token endpoint.
    pub(crate) token_endpoint: Option<String>,
    /// The token endpoint redirects there.
    pub(crate) token_redirect: Option<String>,
    /// Programs cannot register themselves.
    pub(crate) no_registration: bool,
    /// Registered programs get a secret, to be sent in the body.
    pub(crate) gives_secret: bool,
    /// `access_denied` instead of a code.
    pub(crate) denies: bool,
    /// No refresh token comes with a token.
    pub(crate) no_refresh: bool,
    /// Refresh tokens are good for nothing any more.
    pub(crate) refresh_revoked: bool,
    /// The issuer is out of order.
    pub(crate) is_down: bool,
    /// Rights that the issuer knows.
    pub(crate) scopes_supported: Vec<String>,
    /// The scope in the server's refusal.
    pub(crate) wanted_scope: Option<String>,
    /// What was asked, as `METHOD path`.
    pub(crate) asked: Vec<String>,
    /// The query of the last authorization.
    pub(crate) authorized: Form,
    /// The forms that came to the token endpoint.
    pub(crate) token_forms: Vec<Form>,
    /// The `Authorization` that came with each.
    pub(crate) token_heads: Vec<String>,
    /// The tokens that were revoked.
    pub(crate) revoked: Vec<String>,
    /// The names of the issued tokens.
    pub(crate) issued: u32,
}

/// Both, running for as long as the tests.
#[derive(Clone)]
pub(crate) struct Running {
    world: Arc<Mutex<World>>,
    server: SocketAddr,
    issuer: SocketAddr,
}

impl Running {
    pub(crate) fn start() -> Self {
        let (server, issuer) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (server_at, issuer_at) = (server.local_addr().unwrap(), issuer.local_addr().unwrap());
        let running = Self { world: Arc::default(), server: server_at, issuer: issuer_at };
        for (listener, is_issuer) in [(server, false), (issuer, true)] {
            let running = running.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let running = running.clone();
                    std::thread::spawn(move || running.serve(stream, is_issuer));
                }
            });
        }
        running
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The address of the MCP server.
    pub(crate) fn url(&self) -> Url {
        Url::parse(&format!("http://{}/mcp", self.server)).unwrap()
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.issuer)
    }

    /// What the server refuses with, as its clients see it.
    pub(crate) fn challenge(&self) -> String {
        let scope = self.world().wanted_scope.as_ref().map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
        let at = format!("http://{}/.well-known/oauth-protected-resource/mcp", self.server);
        format!("Bearer resource_metadata=\"{at}\"{scope}")
    }

    fn serve(&self, stream: TcpStream, is_issuer: bool) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).ok()? > 0 {}
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let mut body = vec![0; header("content-length").map_or(0, |len| len.parse().unwrap())];
        reader.read_exact(&mut body).ok()?;
        let mut words = head.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let at = Url::parse(&format!("http://x{path}")).unwrap();
        let authorization = header("authorization").unwrap_or_default();
        self.world().asked.push(format!("{method} {}", at.path()));
        let answer = if is_issuer { self.issue(&at, &body, &authorization) } else { self.protect(&at) };
        let (status, headers, body) = answer;
        let len = body.len();
        let answer =
            format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {len}\r\nConnection: close\r\n\r\n{body}");
        reader.get_mut().write_all(answer.as_bytes()).ok()
    }

    /// The server knows no valid token here: what is tested is how one is come by.
    fn protect(&self, at: &Url) -> (u16, String, String) {
        if at.path() != "/.well-known/oauth-protected-resource/mcp" {
            let headers = format!("WWW-Authenticate: {}\r\n", self.challenge());
            return (401, headers, String::new());
        }
        let world = self.world();
        let resource = world.resource.clone().unwrap_or_else(|| self.url().to_string());
        let issuer = world.issuer_named.clone().unwrap_or_else(|| self.issuer());
        as_json(200, &json!({"resource": resource, "authorization_servers": [issuer]}))
    }

    fn issue(&self, at: &Url, body: &[u8], authorization: &str) -> (u16, String, String) {
        let mut world = self.world();
        if world.is_down {
            return (503, String::new(), String::new());
        }
        match at.path() {
            "/.well-known/oauth-authorization-server" => as_json(200, &self.metadata(&world)),
            "/register" => {
                let secret = world.gives_secret.then_some("secret-of-the-program");
                as_json(201, &json!({"client_id": "registered", "client_secret": secret, "redirect_uris": []}))
            }
            "/authorize" => {
                world.authorized = form(at.query().unwrap_or_default().as_bytes());
                let world = &*world;
                let given = |name: &str| world.authorized.get(name).cloned().unwrap_or_default();
                let mut back = Serializer::new(String::new());
                back.append_pair("state", &given("state"));
                back.append_pair("iss", world.iss.as_ref().unwrap_or(&self.issuer()));
                let (key, value) =
                    if world.denies { ("error", "access_denied") } else { ("code", "code-of-the-issuer") };
                back.append_pair(key, value);
                let to = format!("Location: {}?{}\r\n", given("redirect_uri"), back.finish());
                (302, to, String::new())
            }
            "/token" => token(&mut world, &form(body), authorization),
            "/revoke" => {
                world.revoked.extend(form(body).remove("token"));
                as_json(200, &json!({}))
            }
            _ => (404, String::new(), String::new()),
        }
    }

    fn metadata(&self, world: &World) -> Value {
        let issuer = self.issuer();
        let at = |path: &str| format!("{issuer}{path}");
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": world.token_endpoint.clone().unwrap_or_else(|| at("/token")),
            "revocation_endpoint": at("/revoke"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": world.scopes_supported,
            "client_id_metadata_document_supported": true,
            "authorization_response_iss_parameter_supported": true,
        });
        if !world.no_registration {
            metadata["registration_endpoint"] = at("/register").into();
        }
        if world.gives_secret {
            metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        }
        metadata
    }
}

fn token(world: &mut World, form: &Form, authorization: &str) -> (u16, String, String) {
    world.token_forms.push(form.clone());
    world.token_heads.push(authorization.to_owned());
    if let Some(to) = &world.token_redirect {
        return (307, format!("Location: {to}\r\n"), String::new());
    }
    let given = |name: &str| form.get(name).cloned().unwrap_or_default();
    let is_good = match given("grant_type").as_str() {
        "authorization_code" => {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier")));
            given("code") == "code-of-the-issuer" && world.authorized.get("code_challenge") == Some(&hash)
        }
        // Good for one time, as issuers for public programs have it.
        "refresh_token" => {
            !world.refresh_revoked && given("refresh_token") == format!("refresh-token-{}", world.issued)
        }
        _ => false,
    };
    if !is_good {
        return as_json(400, &json!({"error": "invalid_grant", "error_description": "gone"}));
    }
    world.issued += 1;
    let mut token = json!({
        "access_token": format!("access-token-{}", world.issued),
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    if !world.no_refresh {
        token["refresh_token"] = format!("refresh-token-{}", world.issued).into();
    }
    as_json(200, &token)
}

fn as_json(status: u16, body: &Value) -> (u16, String, String) {
    (status, "Content-Type: application/json\r\n".to_owned(), body.to_string())
}

fn form(text: &[u8]) -> Form {
    parse(text).into_owned().collect()
}
