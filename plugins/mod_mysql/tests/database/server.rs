//! A MariaDB of our own, in a temporary folder, on a free port of the loopback.
#![allow(
    clippy::disallowed_methods,
    reason = "tests start processes and write files"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;

/// Sets the folder up, runs the server, and ends it when our end of its standard input is closed: also
/// when the tests panic or are killed.
const SCRIPT: &str = r#"
cd "$1" || exit 1
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$1/data" --skip-test-db \
    --auth-root-authentication-method=normal > install.log 2>&1 || { cat install.log >&2; exit 1; }
mariadbd --no-defaults --user="$(id -un)" --datadir="$1/data" --socket="$1/socket" --port="$2" \
    --bind-address=127.0.0.1 --init-file="$1/init.sql" --innodb-buffer-pool-size=32M \
    --innodb-flush-log-at-trx-commit=0 --max-connections=500 \
    --ssl-ca="$1/ca.pem" --ssl-cert="$1/cert.pem" --ssl-key="$1/key.pem" &
read -r _
kill -KILL $!
wait
rm -rf "$1"
"#;

const USERS: &str = "\
CREATE USER 'app'@'%' IDENTIFIED BY 'p@ss/w:rd';
GRANT ALL ON *.* TO 'app'@'%';
CREATE USER 'open'@'%';
GRANT ALL ON *.* TO 'open'@'%';
";

/// A running server.
pub struct MariaDb {
    pub port: u16,
    folder: TempDir,
    _life: ChildStdin,
    _process: Child,
}

/// The server that the tests share.
pub fn server() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(MariaDb::start)
}

impl MariaDb {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("init.sql"), USERS).expect("the folder is ours");
        certificates(folder.path());
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder.path())
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let life = process.stdin.take().expect("it is piped");
        let mut log = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let mut said = Vec::new();
        loop {
            let line = log.next().and_then(Result::ok);
            let line = line.unwrap_or_else(|| panic!("MariaDB does not start: {said:#?}"));
            if line.contains("ready for connections") {
                break;
            }
            said.push(line);
        }
        // Its log is not to fill the pipe.
        thread::spawn(move || log.for_each(drop));
        Self {
            port,
            folder,
            _life: life,
            _process: process,
        }
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://app:p%40ss/w:rd@127.0.0.1:{}/{database}", self.port)
    }

    pub fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }
}

fn certificates(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let write = |file: &str, text: String| {
        std::fs::write(folder.join(file), text).expect("the folder is ours");
    };
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write(
        "ca.pem",
        ca.self_signed(&ca_key).expect("a certificate").pem(),
    );
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    write(
        "cert.pem",
        server
            .signed_by(&key, &issuer)
            .expect("a certificate")
            .pem(),
    );
    write("key.pem", key.serialize_pem());
    let other = KeyPair::generate().expect("a key");
    let mut stranger = CertificateParams::new(Vec::new()).expect("parameters");
    stranger.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write(
        "other.pem",
        stranger.self_signed(&other).expect("a certificate").pem(),
    );
}
