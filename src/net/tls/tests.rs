use std::fs;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;

struct Files {
    folder: TempDir,
    settings: Settings,
}

/// A certificate for `localhost` and its key, and settings that name them.
fn files(change: impl FnOnce(&mut CertificateParams)) -> Files {
    let folder = TempDir::new().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("cert.pem"), certificate.pem()).unwrap();
    fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    let settings = Settings {
        certificate: Some(path("cert.pem")),
        key: Some(path("key.pem")),
        ..Settings::default()
    };
    Files { folder, settings }
}

fn error(settings: &Settings) -> String {
    Tls::load(settings, true).expect_err("an error").to_string()
}

#[test]
fn a_pair_of_files_is_taken() {
    let files = files(|_| {});
    let tls = Tls::load(&files.settings, true).expect("usable");
    assert!(tls.current.load().server.is_some());
}

#[test]
fn without_tls_listeners_no_certificate_is_needed() {
    let tls = Tls::load(&Settings::default(), false).expect("usable");
    assert!(tls.current.load().server.is_none());
    assert!(error(&Settings::default()).contains("[tls] certificate and key"));
}

#[test]
fn a_missing_file_is_named() {
    let mut files = files(|_| {});
    files.settings.key = Some(files.folder.path().join("nowhere.pem"));
    let error = error(&files.settings);
    assert!(
        error.contains("nowhere.pem") && error.contains("[tls] key"),
        "{error}"
    );
}

#[test]
fn a_file_without_pem_is_named() {
    let mut files = files(|_| {});
    let settings = &mut files.settings;
    std::mem::swap(&mut settings.certificate, &mut settings.key);
    assert!(error(settings).contains("key.pem: no certificate in PEM form"));
    settings.key = settings.certificate.clone();
    settings.certificate = Some(files.folder.path().join("cert.pem"));
    fs::write(settings.key.as_ref().unwrap(), "none").unwrap();
    assert!(error(settings).contains("key.pem: no private key"));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (files(|_| {}), files(|_| {}));
    let settings = Settings {
        key: other.settings.key.clone(),
        ..one.settings.clone()
    };
    assert!(error(&settings).contains("is not the one of the certificate"));
}

#[test]
fn an_expired_certificate_is_refused() {
    let files = files(|params| params.not_after = date_time_ymd(2020, 1, 1));
    assert!(error(&files.settings).contains("has expired"));
}

#[test]
fn a_certificate_of_the_future_is_refused() {
    let files = files(|params| params.not_before = date_time_ymd(4000, 1, 1));
    assert!(error(&files.settings).contains("not valid yet"));
}

#[test]
fn client_certificates_need_an_authority() {
    let mut files = files(|_| {});
    files.settings.client_certificates = ClientCertificates::Required;
    assert!(error(&files.settings).contains("client_ca"));
}
