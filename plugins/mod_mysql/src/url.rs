//! Where a database is: `mysql://user:password@host:port/database`.

use percent_encoding::percent_decode_str;

/// The port of the protocol.
const PORT: u16 = 3306;

/// A database, and who asks. It holds a password, so it is never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub user: Option<String>,
    pub password: Option<String>,
    pub host: String,
    pub port: u16,
    /// A Unix socket to use instead of host and port.
    pub socket: Option<String>,
    pub database: Option<String>,
}

impl Target {
    /// Reads a URL. User, password, port and database may be left out; all but host and port may
    /// have `%xx`. The last `@` ends the password. `?socket=/path` names a Unix socket.
    ///
    /// # Errors
    /// What is wrong, without any part of the URL.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let rest = ["mysql://", "mariadb://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .ok_or("the URL has to begin with mysql://")?;
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (place, options) = place.split_once('?').unwrap_or((place, ""));
        let (address, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
            Some(Ok((user, password))) => (user, Some(password)),
            Some(Err(user)) => (user, None),
            None => ("", None),
        };
        let socket = socket(options)?;
        let (host, port) = address_parts(address)?;
        if host.is_empty() && socket.is_none() {
            return Err("the URL names no host");
        }
        let database = decoded(database)?;
        let user = decoded(user)?;
        Ok(Self {
            user: Some(user).filter(|user| !user.is_empty()),
            password: password.map(decoded).transpose()?,
            host: host.to_owned(),
            port,
            socket,
            database: Some(database).filter(|database| !database.is_empty()),
        })
    }
}

fn socket(options: &str) -> Result<Option<String>, &'static str> {
    if options.is_empty() {
        return Ok(None);
    }
    let path = options.strip_prefix("socket=");
    let path = path.ok_or("the URL may end in ?socket=/path and no other option")?;
    decoded(path).map(Some)
}

fn address_parts(address: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or("the URL has a [ without ]")?;
            (host, behind.strip_prefix(':').unwrap_or(behind))
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let port = match port {
        "" => PORT,
        port => port
            .parse()
            .map_err(|_| "the port of the URL is no number up to 65535")?,
    };
    Ok((host, port))
}

fn decoded(part: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(part).decode_utf8();
    let text = text.map_err(|_| "the URL has a %xx that is no UTF-8")?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn parts(url: &str) -> (String, String, String, u16, String) {
        let target = Target::parse(url).expect("a URL");
        let text = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        (
            text(target.user),
            text(target.password),
            target.host,
            target.port,
            text(target.database),
        )
    }

    fn all(
        user: &str,
        password: &str,
        host: &str,
        port: u16,
        database: &str,
    ) -> (String, String, String, u16, String) {
        (
            user.into(),
            password.into(),
            host.into(),
            port,
            database.into(),
        )
    }

    #[test]
    fn every_part_is_read() {
        assert_eq!(parts("mysql://u:p@h:33/d"), all("u", "p", "h", 33, "d"));
        assert_eq!(parts("mariadb://u:p@h/d"), all("u", "p", "h", 3306, "d"));
        assert_eq!(
            parts("mysql://u:p@[::1]:33/d"),
            all("u", "p", "::1", 33, "d")
        );
    }

    #[test]
    fn password_port_user_and_database_may_be_left_out() {
        assert_eq!(parts("mysql://u@h/d"), all("u", "-", "h", 3306, "d"));
        assert_eq!(parts("mysql://h"), all("-", "-", "h", 3306, "-"));
        assert_eq!(parts("mysql://u:@h/"), all("u", "", "h", 3306, "-"));
    }

    #[test]
    fn the_last_at_sign_ends_the_password_and_percent_signs_are_decoded() {
        assert_eq!(
            parts("mysql://u:a@b/c:d@h/d"),
            all("u", "a@b/c:d", "h", 3306, "d")
        );
        assert_eq!(
            parts("mysql://u%40x:%2Fp%C3%A4@h/d%20e"),
            all("u@x", "/pä", "h", 3306, "d e")
        );
    }

    #[test]
    fn a_socket_stands_for_the_host() {
        let target = Target::parse("mysql://u@localhost/d?socket=/run/x.sock").ok();
        assert_eq!(
            target.and_then(|target| target.socket).as_deref(),
            Some("/run/x.sock")
        );
        assert!(Target::parse("mysql://u@/d?socket=/x").is_ok());
    }

    #[test]
    fn what_is_no_url_says_why_without_repeating_it() {
        for url in [
            "",
            "http://x",
            "mysql://",
            "mysql://u:p@/d",
            "mysql://h:x/d",
            "mysql://h:99999/",
            "mysql://%ff@h/",
            "mysql://[::1/d",
            "mysql://h/d?pool_min=5",
        ] {
            let problem = Target::parse(url).err().expect("an error");
            assert!(
                problem.starts_with("the URL") || problem.contains("of the URL"),
                "{problem}"
            );
        }
    }
}
