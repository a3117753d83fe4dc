//! What a user can see, by capability. One binary; one folder a capability.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used
)]

mod support;

mod agent;
mod answer_call;
mod auth;
mod bundle;
mod codec;
mod codec_plugins;
mod conference;
mod config;
mod dialog;
mod dlg;
mod dsm_checklist;
mod dsm_format;
mod dsm_language;
mod dsm_reference;
mod dsm_run;
mod dsm_test;
mod dtmf;
mod graph;
mod groups;
mod interop;
mod locate;
mod lsp;
mod modules;
mod monitoring;
mod offer_answer;
mod outside;
mod overload;
mod play;
mod process;
mod recording;
mod registration;
mod robustness;
mod rtcp;
mod rtp_loss;
mod rtp_security;
mod sbc;
mod shipped;
mod shutdown;
mod sip_endpoint;
mod sip_message;
mod speech_quality;
mod subscription;
mod sys;
mod system_dsm;
mod transports;
mod usages;
mod values;
