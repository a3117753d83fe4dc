//! One side: an endpoint, one dialog, and the usages in it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muleteer::sip::dialog::Dialog;
use muleteer::sip::dialog::session_timer::{self, Due, SessionTimer, SessionTimerSettings};
use muleteer::sip::dialog::subscription::{self, Durations, Notifier, Subscriber};
use muleteer::sip::dialog::transfer::{REFER, Refer, Referrals, Referred};
use muleteer::sip::endpoint::{Endpoint, Event, TransactionId};
use muleteer::sip::message::{
    CSeq, HeaderName, Method, Request, Response, StatusCode, Transport, Uri, header,
};
use muleteer::sip::transport::{Flow, Transmit};

use crate::support::endpoint::call_config;
use crate::support::wire::{Node, Wire, WireConfig, World};

pub const T1: Duration = Duration::from_millis(500);
pub const PACKAGES: [&str; 2] = ["mwi", REFER];
pub const DURATIONS: Durations = Durations {
    default_s: 3600,
    minimum_s: 60,
    maximum_s: 3600,
};

/// What is in the dialog.
pub struct Call {
    pub dialog: Dialog,
    /// The dialog is a call; otherwise it lasts as long as its subscription.
    pub timer: Option<SessionTimer>,
    pub referrals: Referrals,
    pub referred: Option<Referred>,
    pub subscriber: Option<Subscriber>,
    pub notifier: Option<Notifier>,
}

pub struct Party {
    pub endpoint: Endpoint,
    pub call: Option<Call>,
    /// Everything that somebody would like to know.
    pub log: Vec<String>,
    /// What Allow says.
    pub allow: &'static str,
    pub timers: SessionTimerSettings,
    flow: Flow,
    tag: &'static str,
    /// What our first request asks for, until its dialog is there.
    asking: Option<(Request, Option<SessionTimer>, Option<Subscriber>)>,
    sent: HashMap<TransactionId, CSeq>,
}

/// Two parties on such a wire.
pub fn pair(config: WireConfig, seed: u8) -> World<Party> {
    let [a, b]: [SocketAddr; 2] =
        ["192.0.2.1:5060", "192.0.2.2:5060"].map(|address| address.parse().unwrap());
    let parties = vec![
        Party::new(a, b, "alice", seed),
        Party::new(b, a, "bob", seed + 1),
    ];
    World::new(Wire::new(config, seed.into()), parties)
}

/// A wire that is bad, but lets a transaction through in the end.
pub const BAD: WireConfig = WireConfig {
    latency: Duration::from_millis(20),
    jitter: Duration::from_millis(200),
    loss: 0.2,
    duplication: 0.1,
};

impl Party {
    pub fn new(local: SocketAddr, remote: SocketAddr, tag: &'static str, seed: u8) -> Self {
        let mut config = call_config();
        config.supported = vec!["timer".to_owned(), "norefersub".to_owned()];
        Self {
            endpoint: Endpoint::new(config, [seed; 32]),
            call: None,
            log: Vec::new(),
            allow: "INVITE, UPDATE",
            timers: SessionTimerSettings::default(),
            flow: Flow {
                transport: Transport::Udp,
                local,
                remote,
                connection: None,
            },
            tag,
            asking: None,
            sent: HashMap::new(),
        }
    }

    pub fn invite(&mut self, now: Instant) {
        let timer = SessionTimer::new(self.timers);
        let mut invite = self.first(Method::Invite);
        timer.write_request(&mut invite);
        self.asking = Some((invite.clone(), Some(timer), None));
        self.send(now, invite);
    }

    pub fn subscribe(&mut self, now: Instant) {
        let mut subscriber = Subscriber::new(header::Event::new("mwi"), 600, 64 * T1);
        let mut subscribe = self.first(Method::Subscribe);
        subscriber.write_subscribe(now, &mut subscribe);
        self.asking = Some((subscribe.clone(), None, Some(subscriber)));
        self.send(now, subscribe);
    }

    pub fn unsubscribe(&mut self, now: Instant) {
        let subscriber = self.call.as_mut().unwrap().subscriber.as_mut();
        subscriber.unwrap().unsubscribe();
        self.refresh_subscription(now);
    }

    pub fn refer(&mut self, now: Instant, refer: &Refer) {
        let call = self.call.as_mut().unwrap();
        let mut request = call.dialog.next_request(Method::Refer);
        refer.write(&mut request);
        let cseq = request.headers.cseq().unwrap();
        call.referrals.sent(now, cseq.number);
        self.send(now, request);
    }

    /// Sends what the notifiers want to say.
    pub fn notify(&mut self, now: Instant) {
        let Some(call) = &mut self.call else {
            return;
        };
        let mut requests = Vec::new();
        if let Some(notifier) = call.notifier.as_mut().filter(|n| n.wants_notify()) {
            let mut request = call.dialog.next_request(Method::Notify);
            notifier.write_notify(now, &mut request);
            requests.push(request);
        }
        if let Some(referred) = call.referred.as_mut().filter(|r| r.wants_notify()) {
            let mut request = call.dialog.next_request(Method::Notify);
            referred.write_notify(now, &mut request);
            requests.push(request);
        }
        for request in requests {
            self.send(now, request);
        }
    }

    /// A request outside dialogs.
    fn first(&self, method: Method) -> Request {
        let (here, there) = (self.flow.local, self.flow.remote);
        let mut request = Request::new(method.clone(), uri(&format!("sip:peer@{there}")));
        let cseq = CSeq { number: 1, method };
        for (name, value) in [
            (HeaderName::MaxForwards, "70".to_owned()),
            (
                HeaderName::From,
                format!("<sip:me@{here}>;tag={}", self.tag),
            ),
            (HeaderName::To, format!("<sip:peer@{there}>")),
            (HeaderName::CallId, format!("{}@{here}", self.tag)),
            (HeaderName::CSeq, cseq.to_string()),
            (HeaderName::Contact, format!("<sip:me@{here}>")),
            (HeaderName::Allow, self.allow.to_owned()),
        ] {
            request.headers.push(name, value);
        }
        request
    }

    fn send(&mut self, now: Instant, request: Request) {
        let cseq = request.headers.cseq().unwrap();
        let transaction = self.endpoint.send_request(now, request, self.flow);
        self.sent.insert(transaction, cseq);
    }

    fn refresh_subscription(&mut self, now: Instant) {
        let call = self.call.as_mut().unwrap();
        let mut request = call.dialog.next_request(Method::Subscribe);
        let subscriber = call.subscriber.as_mut().unwrap();
        subscriber.write_subscribe(now, &mut request);
        self.send(now, request);
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    transaction,
                    request,
                    ..
                } => {
                    let response = self.on_request(now, &request);
                    self.endpoint.respond(now, transaction, response);
                }
                Event::Response {
                    transaction,
                    response,
                } if response.status.is_final() => self.on_response(now, transaction, &response),
                Event::Timeout { transaction } => {
                    let nothing = Response::new(StatusCode::REQUEST_TIMEOUT);
                    self.on_response(now, transaction, &nothing);
                }
                _ => {}
            }
        }
        self.notify(now);
        self.tidy();
    }

    fn on_request(&mut self, now: Instant, request: &Request) -> Response {
        let is_first = request.headers.to().unwrap().tag().is_none();
        if self.call.is_none() && is_first {
            return self.on_first(now, request);
        }
        if self.call.is_none()
            && request.method == Method::Notify
            && let Some((subscribe, _, subscriber)) = self.asking.take()
        {
            // Faster than the response to the SUBSCRIBE.
            let dialog = Dialog::subscriber(&subscribe, request).unwrap();
            self.begin(dialog, None, subscriber);
        }
        let answer = |status| Response::answering(request, status, Some(self.tag));
        let Some(call) = &mut self.call else {
            return answer(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        };
        if let Err(refused) = call.dialog.check(request) {
            return answer(refused.status());
        }
        let mut response = call.dialog.response(request, StatusCode::OK);
        match &request.method {
            Method::Invite | Method::Update => {
                let timer = call.timer.as_mut().unwrap();
                timer.handle_request(now, request);
                timer.write_success(now, &mut response);
                self.log.push(format!("{} came", request.method));
            }
            Method::Bye => {
                self.call = None;
                self.log.push("BYE came".to_owned());
            }
            Method::Refer => {
                let refer = Refer::read(request).unwrap();
                let cseq = request.headers.cseq().unwrap().number;
                let mut referred = Referred::new(now, &refer, cseq, call.referred.is_none());
                response.status = StatusCode::ACCEPTED;
                referred.write_answer(now, &mut response);
                call.referred = Some(referred);
                self.log.push(format!("REFER to {}", refer.target));
            }
            Method::Notify => return self.on_notify(now, request),
            Method::Subscribe => {
                let notifier = call.notifier.as_mut().unwrap();
                match notifier.handle_subscribe(&DURATIONS, request) {
                    Ok(()) => notifier.write_answer(now, &mut response),
                    Err(refused) => return answer(refused.status()),
                }
            }
            _ => return answer(StatusCode::NOT_IMPLEMENTED),
        }
        response
    }

    /// A request that makes a dialog.
    fn on_first(&mut self, now: Instant, request: &Request) -> Response {
        let refuse = |status, write: &dyn Fn(&mut Response)| {
            let mut response = Response::answering(request, status, Some(self.tag));
            write(&mut response);
            response
        };
        let contact = uri(&format!("sip:me@{}", self.flow.local));
        let mut dialog = Dialog::uas(request, self.tag, contact).unwrap();
        dialog.confirm();
        let mut response = dialog.response(request, StatusCode::OK);
        response.headers.push(HeaderName::Allow, self.allow);
        match request.method {
            Method::Invite => {
                if let Err(refused) = session_timer::judge(&self.timers, request) {
                    return refuse(refused.status(), &|response| refused.write(response));
                }
                let mut timer = SessionTimer::new(self.timers);
                timer.handle_request(now, request);
                timer.write_success(now, &mut response);
                self.begin(dialog, Some(timer), None);
            }
            Method::Subscribe => match subscription::judge(&PACKAGES, &DURATIONS, request) {
                Ok((event, granted_s)) => {
                    let mut notifier = Notifier::new(now, event, granted_s);
                    notifier.write_answer(now, &mut response);
                    notifier.activate();
                    self.begin(dialog, None, None).notifier = Some(notifier);
                }
                Err(refused) => {
                    return refuse(refused.status(), &|response| refused.write(response));
                }
            },
            _ => return refuse(StatusCode::NOT_IMPLEMENTED, &|_| {}),
        }
        response
    }

    fn on_notify(&mut self, now: Instant, request: &Request) -> Response {
        let call = self.call.as_mut().unwrap();
        let event = request.headers.event().unwrap();
        let subscriber = call.subscriber.as_mut().filter(|s| s.is_for(&event));
        let status = if event.package == REFER {
            match call.referrals.handle_notify(now, request) {
                Ok(progress) => {
                    let (status, _) = progress.status.unwrap();
                    let end = if progress.is_last { " in the end" } else { "" };
                    self.log.push(format!("referred: {status}{end}"));
                    StatusCode::OK
                }
                Err(refused) => refused.status(),
            }
        } else if let Some(subscriber) = subscriber {
            let notified = subscriber.handle_notify(now, request).unwrap();
            let state = request.headers.subscription_state().unwrap();
            self.log
                .push(format!("{:?}: {state}", notified).replace('\n', " "));
            StatusCode::OK
        } else {
            StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST
        };
        Response::answering(request, status, Some(self.tag))
    }

    fn on_response(&mut self, now: Instant, transaction: TransactionId, response: &Response) {
        let CSeq { number, method } = self.sent.remove(&transaction).unwrap();
        let status = response.status;
        if status.is_success() {
            self.take_asked(response, &method);
        } else {
            self.log.push(format!("{method} got {status}"));
        }
        if method == Method::Invite && self.call.is_none() {
            return self.ask_again(now, response);
        }
        let Some(call) = &mut self.call else {
            return;
        };
        let timer = call.timer.as_mut();
        match method {
            Method::Invite | Method::Update if status.is_success() => {
                timer.unwrap().handle_success(now, response);
                if method == Method::Invite {
                    let ack = call.dialog.next_request(Method::Ack);
                    self.endpoint.send_ack(transaction, ack, self.flow);
                }
            }
            Method::Invite | Method::Update => {
                timer.unwrap().handle_refusal(now, response);
                if matches!(status.code(), 408 | 481) {
                    self.hang_up(now);
                }
            }
            Method::Refer => {
                if let Some(progress) = call.referrals.handle_response(number, response) {
                    self.log
                        .push(format!("REFER is over: {:?}", progress.status));
                }
            }
            Method::Notify => {
                let referred = call.referred.as_mut().and_then(Referred::subscription);
                for notifier in call.notifier.iter_mut().chain(referred) {
                    notifier.handle_response(status);
                }
            }
            Method::Subscribe => {
                let subscriber = call.subscriber.as_mut().unwrap();
                if let Some(end) = subscriber.handle_response(now, response) {
                    self.log.push(format!("{end:?}"));
                }
            }
            _ => {}
        }
    }

    /// Makes the dialog of our first request from its 2xx, unless a NOTIFY was faster.
    fn take_asked(&mut self, response: &Response, method: &Method) {
        if !matches!(method, Method::Invite | Method::Subscribe) {
            return;
        }
        if let Some((request, timer, subscriber)) = self.asking.take() {
            let dialog = Dialog::uac(&request, response).unwrap();
            self.begin(dialog, timer, subscriber);
        }
    }

    /// Our first INVITE was refused.
    fn ask_again(&mut self, now: Instant, response: &Response) {
        let Some((mut invite, Some(mut timer), _)) = self.asking.take() else {
            return;
        };
        if timer.handle_refusal(now, response) == session_timer::AfterRefusal::SendAgain {
            timer.write_request(&mut invite);
            let method = Method::Invite;
            let cseq = CSeq { number: 2, method };
            invite.headers.set(HeaderName::CSeq, cseq.to_string());
            self.asking = Some((invite.clone(), Some(timer), None));
            self.send(now, invite);
        }
    }

    fn begin(
        &mut self,
        dialog: Dialog,
        timer: Option<SessionTimer>,
        subscriber: Option<Subscriber>,
    ) -> &mut Call {
        self.call.insert(Call {
            dialog,
            timer,
            referrals: Referrals::new(64 * T1),
            referred: None,
            subscriber,
            notifier: None,
        })
    }

    pub fn hang_up(&mut self, now: Instant) {
        if let Some(mut call) = self.call.take() {
            let bye = call.dialog.next_request(Method::Bye);
            self.send(now, bye);
        }
    }

    fn handle_timers(&mut self, now: Instant) {
        let Some(call) = &mut self.call else {
            return;
        };
        match call
            .timer
            .as_mut()
            .and_then(|timer| timer.handle_timeout(now))
        {
            Some(Due::Refresh(method)) => {
                let mut request = call.dialog.next_request(method);
                call.timer.as_ref().unwrap().write_request(&mut request);
                request.headers.push(HeaderName::Allow, self.allow);
                return self.send(now, request);
            }
            Some(Due::Expired) => {
                self.log.push("expired".to_owned());
                return self.hang_up(now);
            }
            None => {}
        }
        while let Some((_, end)) = call.referrals.handle_timeout(now) {
            self.log.push(format!("referral ended: {end:?}"));
        }
        let referred = call.referred.as_mut().and_then(Referred::subscription);
        for notifier in call.notifier.iter_mut().chain(referred) {
            notifier.handle_timeout(now);
        }
        let subscriber = call.subscriber.as_mut();
        match subscriber.and_then(|subscriber| subscriber.handle_timeout(now)) {
            Some(subscription::Due::Refresh) => self.refresh_subscription(now),
            Some(subscription::Due::Ended(end)) => self.log.push(format!("{end:?}")),
            None => {}
        }
    }

    /// A dialog without a call ends with its subscription.
    fn tidy(&mut self) {
        let is_over = self.call.as_ref().is_some_and(|call| {
            let subscriber = call.subscriber.as_ref().is_none_or(Subscriber::is_over);
            let notifier = call.notifier.as_ref().is_none_or(Notifier::is_over);
            call.timer.is_none() && subscriber && notifier
        });
        if is_over {
            self.call = None;
        }
    }
}

impl Node for Party {
    fn address(&self) -> SocketAddr {
        self.flow.local
    }

    fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.endpoint.handle_message(now, flow, bytes);
        self.handle_events(now);
    }

    fn wake(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.handle_events(now);
        self.handle_timers(now);
        self.notify(now);
        self.tidy();
    }

    fn deadline(&self) -> Option<Instant> {
        let call = self.call.as_ref();
        let timers = call.into_iter().flat_map(|call| {
            let referred = call.referred.clone();
            let referred = referred
                .and_then(|mut referred| referred.subscription().and_then(|s| s.poll_timeout()));
            [
                call.timer.as_ref().and_then(SessionTimer::poll_timeout),
                call.subscriber.as_ref().and_then(Subscriber::poll_timeout),
                call.notifier.as_ref().and_then(Notifier::poll_timeout),
                call.referrals.poll_timeout(),
                referred,
            ]
        });
        timers.flatten().chain(self.endpoint.poll_timeout()).min()
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.endpoint.poll_transmit()
    }
}

pub fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}
