//! The connections to each database, shared by all sessions.
#![allow(clippy::disallowed_methods, reason = "a module reads its own files")]

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use mysql_async::{OptsBuilder, Pool, PoolConstraints, PoolOpts, SslOpts};

use crate::config::config;
use crate::problem::Problem;
use crate::url::Target;

/// The most databases of a server.
const MAX_POOLS: usize = 100;
/// How long a connection that nobody uses stays open.
const IDLE: Duration = Duration::from_secs(60);
/// How soon a network that swallows packets is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The largest file with certificates.
const MAX_CERTIFICATES: u64 = 1 << 20;

/// The certificates of those who vouch for a database.
pub type Authorities = Option<Vec<u8>>;

/// Reads the file that `mysql_ca_cert` names; none if it is empty.
///
/// # Errors
/// `config`, with the name of the file.
pub async fn authorities(path: &str) -> Result<Authorities, Problem> {
    if path.is_empty() {
        return Ok(None);
    }
    let problem = |what: String| Problem::Config(format!("mysql_ca_cert {path}: {what}"));
    let read = async {
        if tokio::fs::metadata(path).await?.len() > MAX_CERTIFICATES {
            return Err(std::io::Error::other("larger than 1 MiB"));
        }
        tokio::fs::read(path).await
    };
    let pem = read.await.map_err(|error| problem(error.to_string()))?;
    if !String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE") {
        return Err(problem("no certificate in PEM form".to_owned()));
    }
    Ok(Some(pem))
}

/// The pool of a database; the same for all who ask with the same login and certificates.
///
/// # Errors
/// `connection` if there are too many.
pub fn pool(target: Target, authorities: Authorities) -> Result<Pool, Problem> {
    type Pools = HashMap<(Target, Authorities), Pool>;
    static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (target, authorities);
    if let Some(pool) = pools.get(&key) {
        return Ok(pool.clone());
    }
    if pools.len() >= MAX_POOLS {
        return Err(Problem::no_connection(format!(
            "more than {MAX_POOLS} different databases"
        )));
    }
    let pool = Pool::new(options(&key.0, key.1.clone()));
    pools.insert(key, pool.clone());
    Ok(pool)
}

fn options(target: &Target, authorities: Authorities) -> OptsBuilder {
    let most = config().connections;
    let constraints = PoolConstraints::new(0, most).expect("0 is no more than what is configured");
    let pool = PoolOpts::default()
        .with_constraints(constraints)
        .with_reset_connection(false)
        .with_inactive_connection_ttl(IDLE)
        .with_ttl_check_interval(IDLE / 4);
    let tls = authorities.map(|pem| {
        SslOpts::default()
            .with_root_certs(vec![pem.into()])
            .with_disable_built_in_roots(true)
    });
    // Also done when a connection is reset. MySQL skips what is meant for MariaDB.
    let setup = format!(
        "SET NAMES utf8mb4 /*M!100100 , SESSION max_statement_time={} */",
        config().statement_seconds()
    );
    OptsBuilder::default()
        .ip_or_hostname(target.host.clone())
        .tcp_port(target.port)
        .socket(target.socket.clone())
        .prefer_socket(false)
        .user(target.user.clone())
        .pass(target.password.clone())
        .db_name(target.database.clone())
        .tcp_keepalive(Some(KEEPALIVE))
        .ssl_opts(tls)
        .setup(vec![setup])
        .pool_opts(pool)
}
