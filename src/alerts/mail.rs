//! Mail, by one SMTP server.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use super::address::{host_and_port, is_loopback};
use super::outbox::Failure;
use super::template::Template;
use super::{Alert, Encryption, Error, MailSettings, reference};

/// What a mail says.
const BODY: &str = "{{text}}\n\nserver: {{server}}\noccasion: {{occasion}}\ntime: {{time}}\ndetails: {{details}}\n";

/// A checked mail target.
pub(super) struct Mail {
    host: String,
    transport: SmtpTransport,
    from: Mailbox,
    to: Vec<Mailbox>,
    body: Template,
}

impl Mail {
    pub(super) fn new(
        settings: &MailSettings,
        timeout: Duration,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let bad_server = || Error::BadMailServer { server: settings.server.clone() };
        let (host, port) = host_and_port(&settings.server).ok_or_else(bad_server)?;
        let parameters =
            || TlsParameters::new(host.to_owned()).map_err(|fault| Error::Encryption { fault: fault.to_string() });
        // The ports that RFC 8314 and RFC 5321 name for each.
        let (tls, usual_port) = match settings.encryption {
            Encryption::StartTls => (Tls::Required(parameters()?), 587),
            Encryption::Tls => (Tls::Wrapper(parameters()?), 465),
            Encryption::None if is_loopback(host) => (Tls::None, 25),
            Encryption::None => return Err(Error::UnencryptedMail { host: host.to_owned() }),
        };
        let mut transport =
            SmtpTransport::builder_dangerous(host).port(port.unwrap_or(usual_port)).tls(tls).timeout(Some(timeout));
        if let Some(password) = reference::secret("alerts.smtp_password", &settings.password, lookup)? {
            transport = transport.credentials(Credentials::new(settings.user.clone(), password));
        }
        let address = |setting, text: &String| {
            text.parse::<Mailbox>().map_err(|_| Error::BadMailAddress { setting, address: text.clone() })
        };
        let to: Result<Vec<Mailbox>, Error> = settings.to.iter().map(|text| address("alerts.smtp_to", text)).collect();
        Ok(Self {
            host: host.to_owned(),
            transport: transport.build(),
            from: address("alerts.smtp_from", &settings.from)?,
            to: to?,
            body: Template::parse(BODY, "text/plain")?,
        })
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        format!("mail by {}", self.host)
    }

    /// One attempt. Blocking; the time-out holds for each step of the dialogue.
    pub(super) fn deliver(&self, alert: &Alert) -> Result<(), Failure> {
        let subject: String =
            format!("[mcporch] {} {}", alert.server, alert.occasion).chars().filter(|c| !c.is_control()).collect();
        let mut message = Message::builder().from(self.from.clone()).subject(subject);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let message = message.header(ContentType::TEXT_PLAIN).body(self.body.fill(alert));
        let message = message.map_err(|fault| Failure { told: fault.to_string(), is_final: true })?;
        match self.transport.send(&message) {
            Ok(_accepted) => Ok(()),
            Err(fault) => Err(Failure { told: told(&fault), is_final: fault.is_permanent() }),
        }
    }
}

fn told(fault: &lettre::transport::smtp::Error) -> String {
    match fault.status() {
        Some(code) => format!("it answered {code}"),
        None if fault.is_timeout() => "it did not answer in time".to_owned(),
        None if fault.is_tls() => "the encryption failed; look at its certificate".to_owned(),
        None => "it could not be spoken with".to_owned(),
    }
}
