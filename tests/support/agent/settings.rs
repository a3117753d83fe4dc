//! What new calls of an agent find.

use std::sync::Arc;
use std::time::Duration;

use muleteer::config::{ApplicationSelector, DigitDetection, DigitSending, Dtmf};
use muleteer::sdp::SrtpPolicy;
use muleteer::session::Catalog;
use muleteer::session::monitoring::Following;
use muleteer::session::router::{self, RequestSelectors};
use muleteer::sip::dialog::capabilities::ReliablePolicy;
use muleteer::sip::dialog::session_timer::SessionTimerSettings;

use super::Agent;

impl Agent {
    /// Chooses the applications of new calls otherwise than by the user part of the Request-URI.
    pub fn select_by(&mut self, selector: ApplicationSelector) {
        self.router.reload(selector, self.catalog.clone());
    }

    /// How long sessions wait for who does not answer: 64×T1.
    pub fn set_give_up(&mut self, give_up: Duration) {
        self.settings.give_up = give_up;
    }

    /// Whether new calls have reliable provisional responses.
    pub fn set_reliable(&mut self, policy: ReliablePolicy) {
        self.settings.reliable = policy;
    }

    /// How new calls hear and send keys.
    pub fn set_dtmf(&mut self, inband: DigitDetection, send: DigitSending) {
        self.settings.dtmf = Dtmf { inband, send };
    }

    /// New calls are recorded by themselves, with their states and transitions if that is wanted.
    pub fn follow_calls(&mut self, states: bool, transitions: bool) {
        self.settings.following = Following {
            sessions: Arc::new(true.into()),
            states,
            transitions,
        };
    }

    /// Whether new calls encrypt audio.
    pub fn set_srtp(&mut self, srtp: SrtpPolicy, srtp_without_tls: bool) {
        self.settings.rtp.srtp = srtp;
        self.settings.rtp.srtp_without_tls = srtp_without_tls;
    }

    /// New calls get what is in this catalog.
    pub fn reload(&mut self, catalog: Catalog) {
        self.catalog = Arc::new(catalog);
        self.select_by(ApplicationSelector::RuriUser);
    }

    /// New calls have this session timer.
    pub fn set_session_timer(&mut self, timer: SessionTimerSettings) {
        self.settings.session_timer = Some(timer);
    }

    /// Gives requests outside calls to applications, by method.
    pub fn serve(&mut self, requests: RequestSelectors) {
        self.endpoint.set_allow(router::methods(&requests));
        self.router.set_requests(requests);
    }
}
