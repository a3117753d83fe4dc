//! https: whom the module believes. One process loads a module once: a file for each configuration.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the server of the test"
)]

mod server;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use mod_curl::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A stream that is read and written by two owners.
struct Shared<S>(Arc<Mutex<S>>);

impl<S: Read> Read for Shared<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().read(buffer)
    }
}

impl<S: Write> Write for Shared<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().unwrap().flush()
    }
}

#[test]
fn a_server_is_believed_by_the_authority_of_the_configuration() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let stream = Arc::new(Mutex::new(StreamOwned::new(connection, stream.unwrap())));
            thread::spawn(move || {
                let (sender, _seen) = channel();
                server::serve(Shared(stream.clone()), Shared(stream), &sender);
            });
        }
    });

    let path = std::env::temp_dir().join(format!("mod_curl-ca-{}.pem", std::process::id()));
    std::fs::write(&path, made.cert.pem()).unwrap();
    let config = format!(r#"{{"ca":{:?}}}"#, path.to_str().unwrap());
    let mut t = ModuleTest::configured(muleteer_module(), &config);
    let url = format!("https://localhost:{port}/page");
    assert_eq!(
        t.run("curl.get", &[&url]),
        Outcome::Done,
        "{}",
        t.var("curl.err")
    );
    assert_eq!(t.var("curl.out"), "a page");
    // The certificate is for another name.
    let url = format!("https://127.0.0.1:{port}/page");
    assert_eq!(t.run("curl.get", &[&url]).errno(), "general");
    assert!(
        t.var("curl.err").contains("certificate"),
        "{}",
        t.var("curl.err")
    );
    std::fs::remove_file(&path).unwrap();
}
