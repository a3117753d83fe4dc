//! Where a server is: `redis://tcp:HOST;port=..`, `redis://unix:PATH;..` or `redis://user:password@host:port/db`.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisError};

/// The port if none is said.
const PORT: u16 = 6379;
/// How long a connection may take to be made, if nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest that a script may say.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// A server, and how a session uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Where it is.
    pub place: Place,
    /// Who we are there.
    pub user: Option<String>,
    /// How we prove it.
    pub password: Option<String>,
    /// The number of the database.
    pub db: i64,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Host and port.
    Tcp(String, u16),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, without the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected redis://tcp:HOST;port=6379, redis://unix:PATH or redis://user:password@host:port/db";
        let Some(rest) = text.trim().strip_prefix("redis://") else {
            return Err(expected.to_owned());
        };
        let address = match rest.split_once(':') {
            Some(("tcp", rest)) => Self::listed(rest, |host| Place::Tcp(host.to_owned(), PORT)),
            Some(("unix", rest)) => Self::listed(rest, |path| Place::Unix(path.into())),
            _ => Self::usual(rest),
        }?;
        match &address.place {
            Place::Tcp(host, _) if host.is_empty() => Err(expected.to_owned()),
            Place::Unix(path) if !path.is_absolute() => Err(expected.to_owned()),
            _ => Ok(address),
        }
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            user: None,
            password: None,
            db: 0,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// A place and what is said of it behind `;`.
    fn listed(text: &str, place: impl FnOnce(&str) -> Place) -> Result<Self, String> {
        let mut parts = text.split(';');
        let mut address = Self::at(place(parts.next().unwrap_or_default()));
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let number = || value.parse().map_err(|_| format!("{name} is no number"));
            match name {
                "port" => match &mut address.place {
                    Place::Tcp(_, port) => *port = port_of(value)?,
                    Place::Unix(_) => return Err("a socket of this machine has no port".into()),
                },
                "connect_timeout" => {
                    let timeout = Duration::from_millis(number()?);
                    let most = MAX_CONNECT_TIMEOUT;
                    if timeout.is_zero() || timeout > most {
                        return Err(format!("connect_timeout is not within 1 ms and {most:?}"));
                    }
                    address.connect_timeout = timeout;
                }
                "db" => address.db = db_of(value)?,
                "user" => address.user = Some(value.to_owned()),
                "password" => address.password = Some(value.to_owned()),
                "full_logging" | "use_transactions" => {}
                _ => return Err(format!("there is no parameter {name:?}")),
            }
        }
        Ok(address)
    }

    /// As other programs write it.
    fn usual(text: &str) -> Result<Self, String> {
        let (text, db) = text.split_once('/').unwrap_or((text, ""));
        let (account, host) = match text.rsplit_once('@') {
            Some((account, host)) => (Some(account), host),
            None => (None, text),
        };
        let (host, port) = match host.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.contains(']') => (host, port_of(port)?),
            _ => (host, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut address = Self::at(Place::Tcp(host.to_owned(), port));
        if !db.is_empty() {
            address.db = db_of(db)?;
        }
        if let Some(account) = account {
            let decoded = |text: &str| {
                let text = percent_decode_str(text).decode_utf8();
                let text = text.map_err(|_| "the account is no UTF-8".to_owned())?;
                Ok::<_, String>(Some(text.into_owned()).filter(|text| !text.is_empty()))
            };
            let (user, password) = account.split_once(':').unwrap_or((account, ""));
            address.user = decoded(user)?;
            address.password = decoded(password)?;
        }
        Ok(address)
    }

    /// For the client.
    ///
    /// # Errors
    /// Those of the client.
    pub fn info(&self) -> Result<ConnectionInfo, RedisError> {
        let place = match &self.place {
            Place::Tcp(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
            Place::Unix(path) => ConnectionAddr::Unix(path.clone()),
        };
        let mut settings = RedisConnectionInfo::default().set_db(self.db);
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Ok(place.into_connection_info()?.set_redis_settings(settings))
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "the port is not within 1 and 65535".to_owned())
}

fn db_of(text: &str) -> Result<i64, String> {
    let db = text.parse().ok().filter(|db| (0..=65_535).contains(db));
    db.ok_or_else(|| "the database is not within 0 and 65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_are_read() {
        let read = |text: &str| Address::parse(text).unwrap();
        let tcp = |host: &str, port| Place::Tcp(host.to_owned(), port);
        assert_eq!(
            read("redis://tcp:db.example.org").place,
            tcp("db.example.org", 6379)
        );
        let listed = read(
            "redis://tcp:h;port=7000;connect_timeout=50;full_logging;db=3;user=u;password=p=w",
        );
        assert_eq!((&listed.place, listed.db), (&tcp("h", 7000), 3));
        assert_eq!(listed.connect_timeout, Duration::from_millis(50));
        assert_eq!(
            (listed.user.as_deref(), listed.password.as_deref()),
            (Some("u"), Some("p=w"))
        );
        let unix = read("redis://unix:/run/redis.sock;db=1");
        assert_eq!(unix.place, Place::Unix("/run/redis.sock".into()));
        let usual = read("redis://me:p%40ss@h:7000/2");
        assert_eq!((&usual.place, usual.db), (&tcp("h", 7000), 2));
        assert_eq!(usual.password.as_deref(), Some("p@ss"));
        assert_eq!(read("redis://:pw@h").user, None);
        assert_eq!(read("redis://[::1]:7000").place, tcp("::1", 7000));
        assert_eq!(read("redis://[::1]").place, tcp("::1", 6379));
    }

    #[test]
    fn every_mistake_is_named() {
        for (text, said) in [
            ("", "expected redis://"),
            ("mysql://h", "expected redis://"),
            ("redis://", "expected redis://"),
            ("redis://tcp:", "expected redis://"),
            ("redis://unix:relative", "expected redis://"),
            ("redis://tcp:h;prot=1", "no parameter \"prot\""),
            ("redis://tcp:h;port=0", "port is not within"),
            ("redis://tcp:h;connect_timeout=soon", "is no number"),
            ("redis://tcp:h;connect_timeout=0", "not within 1 ms"),
            ("redis://unix:/s;port=1", "has no port"),
            ("redis://h/x", "database is not within"),
            ("redis://me:secret@h:99999", "port is not within"),
        ] {
            let problem = Address::parse(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
            assert!(!problem.contains("secret"));
        }
    }
}
