//! `muleteer call`: a test phone on the command line.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::output::{complain, say};
use super::runtime::start_runtime;
use super::{CallArgs, DtmfStep, Exit, start_logging};
use crate::codec::{CodecId, Codecs};
use crate::config::{Config, LoadError, Log, LogLevel, load_password};
use crate::ids::Ids;
use crate::net::address_towards;
use crate::rtp::Digit;
use crate::sdp::SrtpPolicy;
use crate::server::{PhoneLine, Server};
use crate::session::application::phone::{Key, PhoneScript, Report, Reports};
use crate::session::begin::Dial;
use crate::session::{Application, SessionId};
use crate::sip::auth::{Account, Accounts, DigestClient, Realm};
use crate::sip::message::{NameAddr, Uri};

/// How long a call lasts without `--duration`.
const DEFAULT_DURATION: Duration = Duration::from_secs(30);
/// Reports that may wait to be printed.
const REPORTS: usize = 256;

/// Why a call cannot even be tried.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("{0} cannot be called: write sip:USER@HOST, for example sip:echo@127.0.0.1")]
    Uri(String),
    #[error("no network leads to {0}")]
    Host(String),
    #[error("cannot play {}: {cause}", path.display())]
    Play {
        path: std::path::PathBuf,
        cause: String,
    },
    #[error(transparent)]
    Password(#[from] LoadError),
    #[error("cannot record to {}: {source}", path.display())]
    Record {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
}

/// Runs the command.
pub fn run(args: &CallArgs) -> Exit {
    // Why a connection fails, a certificate that is not believed for one.
    let log = Log {
        level: LogLevel::Warn,
        ..Log::default()
    };
    let Ok(_log) = start_logging(&log) else {
        complain!("cannot start logging");
        return Exit::Usage;
    };
    let plan = match Plan::new(args) {
        Ok(plan) => plan,
        Err(error) => {
            complain!("{error}");
            return match error {
                CallError::Host(_) | CallError::Record { .. } | CallError::Password(_) => {
                    Exit::Usage
                }
                _ => Exit::Input,
            };
        }
    };
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = match start_runtime(&mut threads) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    runtime.block_on(plan.carry_out())
}

/// What the arguments come to.
struct Plan {
    line: PhoneLine,
    config: Config,
    dial: Dial,
    reports: mpsc::Receiver<Report>,
    record: Option<std::path::PathBuf>,
}

impl Plan {
    fn new(args: &CallArgs) -> Result<Self, CallError> {
        let uri = args.uri.clone();
        let local = match args.local {
            Some(local) => vec![local],
            None => locals_for(&uri)?,
        };
        let mut config = Config::default();
        if args.srtp {
            config.rtp.srtp = SrtpPolicy::Required;
        }
        config.tls.ca = args.ca.clone();
        config.tls.verify_server = !args.insecure;
        let play = args
            .play
            .as_deref()
            .map(|path| play_root(&mut config, path))
            .transpose()?;
        if let Some(path) = &args.record {
            let created = std::fs::File::create(path);
            created.map_err(|source| CallError::Record {
                path: path.clone(),
                source,
            })?;
        }
        let mut ids = Ids::from_os();
        let (sender, reports) = mpsc::channel(REPORTS);
        let script = PhoneScript {
            play,
            record: args.record.clone(),
            keys: args
                .dtmf
                .iter()
                .flat_map(|keys| keys.steps())
                .filter_map(key)
                .collect(),
            duration: args.duration.unwrap_or(DEFAULT_DURATION),
            reports: Reports(Box::new(move |report| {
                // Nobody reads them any more after Ctrl-C.
                let _ = sender.try_send(report);
            })),
        };
        let id = SessionId(ids.tag().into());
        let application = Application::Phone(Arc::new(script));
        let mut dial = Dial::new(id, ids.call_id(), uri, application);
        dial.from = args.from.clone().map(NameAddr::new);
        if let (Some(user), Some(file)) = (&args.user, &args.password_file) {
            let account = Account {
                realm: Realm::Any,
                user: user.clone(),
                password: load_password(file)?,
            };
            let digest = DigestClient::new(Accounts::new(vec![account]), ids.seed());
            dial.digest = Some(Box::new(digest));
        }
        let line = PhoneLine {
            local,
            codecs: codecs(&args.codec, &config),
        };
        Ok(Self {
            line,
            config,
            dial,
            reports,
            record: args.record.clone(),
        })
    }

    async fn carry_out(self) -> Exit {
        let Self {
            line,
            config,
            dial,
            mut reports,
            record,
        } = self;
        let server = match Server::start_phone(&config, line, &mut Ids::from_os()) {
            Ok(server) => server,
            Err(error) => {
                complain!("{error}");
                return Exit::Usage;
            }
        };
        say!("calling {}", dial.uri);
        let began = Instant::now();
        server.dial(dial).await;
        let mut code = Exit::Input;
        loop {
            let report = tokio::select! {
                report = reports.recv() => report,
                Ok(()) = tokio::signal::ctrl_c() => None,
            };
            let Some(report) = report else { break };
            if let Report::Answered(..) = report {
                code = Exit::Good;
            }
            if report == Report::Ended {
                break;
            }
            let line = tell(&report, record.as_deref());
            say!("{:7.1} s  {line}", began.elapsed().as_secs_f64());
        }
        let drained = server.drain(Duration::from_secs(1), std::future::pending());
        if let Err(error) = drained.await {
            complain!("{error}");
        }
        code
    }
}

fn key(step: &DtmfStep) -> Option<Key> {
    Some(match step {
        DtmfStep::Key(key) => Key::Press(Digit::from_char(*key)?),
        DtmfStep::Pause(pause) => Key::Pause(*pause),
    })
}

fn tell(report: &Report, record: Option<&Path>) -> String {
    match report {
        Report::Progress(status, reason) => format!("{} {reason}", status.code()),
        Report::Answered(codec, None) => format!("answered, {codec}"),
        Report::Answered(codec, Some(suite)) => format!("answered, {codec}, {}", suite.name()),
        Report::Pressed(digit) => format!("pressed {}", digit.to_char()),
        Report::NoAnswer => "nobody answered".to_owned(),
        Report::Played => "the file has been played".to_owned(),
        Report::PlayFailed(error) => format!("cannot play: {error}"),
        Report::Refused(status, reason) => format!("refused: {} {reason}", status.code()),
        Report::NoResponse => "no response: nobody listens there, or a network in between loses \
                               what is sent"
            .to_owned(),
        Report::NotDelivered => "cannot be reached: nobody takes connections there, the name of the \
                                 host is not known, or its certificate is not believed (--ca FILE, or \
                                 --insecure)"
            .to_owned(),
        Report::Unreachable(why) => format!("not placed: {why}"),
        Report::TheyHungUp => "the other side hung up".to_owned(),
        Report::WeHungUp => "hung up, the time is over".to_owned(),
        Report::Recorded(length) => {
            let path = record.unwrap_or(Path::new("")).display();
            format!("recorded {:.1} s to {path}", length.as_secs_f64())
        }
        Report::RecordFailed(error) => error.clone(),
        Report::Ended => "the call is over".to_owned(),
    }
}

/// The addresses to call from: the one that routes to the callee, or for a name, which leads to addresses
/// of either family, all of this machine.
fn locals_for(uri: &Uri) -> Result<Vec<SocketAddr>, CallError> {
    let sip = uri
        .as_sip()
        .ok_or_else(|| CallError::Uri(uri.to_string()))?;
    let Some(remote) = sip.host.ip() else {
        let mut all = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))];
        // A machine may do without IPv6.
        if address_towards(Ipv6Addr::LOCALHOST.into()).is_ok() {
            all.push((Ipv6Addr::UNSPECIFIED, 0).into());
        }
        return Ok(all);
    };
    let local = address_towards(remote).map_err(|_| CallError::Host(sip.host.to_string()))?;
    Ok(vec![SocketAddr::new(local, 0)])
}

/// Makes the folder of `path` the only one prompts come from; the file's name in it.
fn play_root(config: &mut Config, path: &Path) -> Result<String, CallError> {
    let fail = |cause: String| CallError::Play {
        path: path.to_path_buf(),
        cause,
    };
    let path = path
        .canonicalize()
        .map_err(|error| fail(error.to_string()))?;
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(folder), Some(name)) = (path.parent(), name) else {
        return Err(fail("it is no file".to_owned()));
    };
    config.audio.path = vec![folder.to_path_buf()];
    Ok(name.to_owned())
}

/// What a server would speak by default, unless something else was chosen.
fn codecs(chosen: &[CodecId], config: &Config) -> Codecs {
    if !chosen.is_empty() {
        return Codecs::new(chosen.iter().copied());
    }
    let exclude = &config.codec.exclude;
    let is_usual = |codec: &CodecId| !exclude.iter().any(|name| name.names(*codec));
    Codecs::new(CodecId::BUILT_IN.into_iter().filter(is_usual))
}
