//! The client of the process: it signs requests and sends them, and keeps its connections for the next.

use std::sync::OnceLock;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method};
use muleteer_http::{Network, cause};
use muleteer_sdk::module::Host;
use reqsign_aws_v4::RequestSigner;
use reqsign_core::{Env, SignRequest};
use reqwest::redirect::Policy;
use reqwest::{Body, Request, Response};

use crate::config::{self, Config};
use crate::credentials::{self, Process};
use crate::problem::Problem;

/// How long a connection that nobody uses stays open: less than the services keep it.
const IDLE: Duration = Duration::from_secs(10);
/// The part of its time that a request may need to be connected.
const CONNECTING: f64 = 0.8;

/// A service.
#[derive(Debug, Clone, Copy)]
pub enum Service {
    /// Files.
    S3,
    /// Messages.
    Sqs,
}

/// The client, and what it is configured with.
pub struct Client {
    /// The settings.
    pub config: Config,
    http: reqwest::Client,
    s3: RequestSigner,
    sqs: RequestSigner,
}

static CLIENT: OnceLock<Client> = OnceLock::new();

/// Reads the configuration and makes the client.
pub fn load(host: &Host) -> Result<(), String> {
    let config = config::read(host.config(), |name| Process.var(name))?;
    let (ca, proxy) = (config.ca.as_deref(), config.proxy.as_deref());
    let http = Network::new("[module.aws]", ca, proxy, host)?
        .client()?
        .redirect(Policy::none())
        .connect_timeout(config.timeout.mul_f64(CONNECTING))
        .pool_idle_timeout(IDLE)
        .build()
        .map_err(|error| format!("no HTTP client: {}", cause(&error)))?;
    let signer = |name| RequestSigner::new(name, &config.region).with_standard_session_token();
    let client = Client {
        s3: signer("s3"),
        sqs: signer("sqs"),
        http,
        config,
    };
    CLIENT.set(client).map_err(|_| "loaded twice".to_owned())
}

/// The client.
///
/// # Errors
/// [`Problem::NoKey`] before the module was loaded.
pub fn client() -> Result<&'static Client, Problem> {
    let missing = || Problem::NoKey("mod_aws was not loaded".to_owned());
    CLIENT.get().ok_or_else(missing)
}

impl Client {
    /// Signs a request and sends it; all of it may take this long. Any status is an answer.
    ///
    /// # Errors
    /// [`Problem`]: there is no key, no connection, or no answer.
    pub async fn send(
        &self,
        service: Service,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Body,
        timeout: Duration,
    ) -> Result<Response, Problem> {
        let unusable = |text: String| Problem::Service(format!("not a request: {text}"));
        let request = http::Request::builder().method(method).uri(url).body(body);
        let request = request.map_err(|error| unusable(error.to_string()))?;
        let (mut parts, body) = request.into_parts();
        parts.headers = headers;
        self.sign(service, &mut parts).await?;
        let request = Request::try_from(http::Request::from_parts(parts, body));
        let mut request = request.map_err(|error| unusable(cause(&error)))?;
        *request.timeout_mut() = Some(timeout);
        self.http
            .execute(request)
            .await
            .map_err(|error| match error {
                error if error.is_connect() => Problem::Connection(cause(&error)),
                error => Problem::Service(cause(&error)),
            })
    }

    async fn sign(&self, service: Service, parts: &mut Parts) -> Result<(), Problem> {
        let key = credentials::find(self.config.credential.as_ref(), Process).await?;
        let signer = match service {
            Service::S3 => &self.s3,
            Service::Sqs => &self.sqs,
        };
        let context = reqsign_core::Context::new();
        let signed = signer.sign_request(&context, parts, Some(&key), None).await;
        signed.map_err(|error| Problem::Service(format!("the request cannot be signed: {error}")))
    }
}
