//! What of a configuration takes effect while the server runs.

use super::settings::{Config, Dsm, Tls};

impl Config {
    /// What a server that runs with `before` runs with when it has read this one: of some sections all that is
    /// new, of all others nothing.
    pub fn reloaded(&self, before: &Config) -> Config {
        Config {
            tls: Tls {
                name: before.tls.name.clone(),
                ..self.tls.clone()
            },
            app: self.app.clone(),
            requests: self.requests.clone(),
            dsm: Dsm {
                linger: before.dsm.linger,
                ..self.dsm.clone()
            },
            auth: self.auth.clone(),
            applications: self.applications.clone(),
            modules: self.modules.clone(),
            ..before.clone()
        }
    }

    /// What has changed since `before` and takes no effect before the server is started again.
    pub fn unheeded(&self, before: &Config) -> Vec<&'static str> {
        let heeded = self.reloaded(before);
        // By name, so that a new section is not forgotten.
        let Config {
            sip,
            dns,
            tls,
            websocket,
            connections,
            rtp,
            media,
            codec,
            dtmf,
            http,
            app: _,
            requests: _,
            dsm,
            audio,
            recording,
            auth: _,
            registrations,
            dial_out,
            sys,
            monitoring,
            limits,
            shutdown,
            log,
            applications: _,
            modules: _,
        } = self;
        let changes = [
            ("[sip]", *sip != heeded.sip),
            ("[dns]", *dns != heeded.dns),
            ("[tls] name", tls.name != heeded.tls.name),
            ("[websocket]", *websocket != heeded.websocket),
            ("[connections]", *connections != heeded.connections),
            ("[rtp]", *rtp != heeded.rtp),
            ("[media]", *media != heeded.media),
            ("[codec]", *codec != heeded.codec),
            ("[dtmf]", *dtmf != heeded.dtmf),
            ("[http]", *http != heeded.http),
            ("[dsm] linger_s", dsm.linger != heeded.dsm.linger),
            ("[audio]", *audio != heeded.audio),
            ("[recording]", *recording != heeded.recording),
            ("[[registration]]", *registrations != heeded.registrations),
            ("[dial_out]", *dial_out != heeded.dial_out),
            ("[sys]", *sys != heeded.sys),
            ("[monitoring]", *monitoring != heeded.monitoring),
            ("[limits]", *limits != heeded.limits),
            ("[shutdown]", *shutdown != heeded.shutdown),
            ("[log]", *log != heeded.log),
        ];
        let changed = changes.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::config::MonitoringUse;

    #[test]
    fn what_does_not_reload_stays_and_is_named() {
        let before = Config::default();
        let mut next = before.clone();
        next.app.mapping = PathBuf::from("other.conf");
        next.dsm.path = vec![PathBuf::from("other")];
        assert_eq!(next.unheeded(&before), [""; 0]);
        assert_eq!(next.reloaded(&before), next);

        let wanted = next.clone();
        next.monitoring.enabled = MonitoringUse::Yes;
        next.audio.path = vec![PathBuf::from("voices")];
        next.dsm.linger = Duration::from_secs(1);
        assert_eq!(
            next.unheeded(&before),
            ["[dsm] linger_s", "[audio]", "[monitoring]"]
        );
        assert_eq!(next.reloaded(&before), wanted);
    }
}
