//! `[monitoring]`, and the choice of an application by what is kept there.

use std::time::Duration;

use super::reader::Section;
use super::values::Setting;

/// `[monitoring]`: what is kept in memory about calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// `enabled`: whether there is a store, and calls are recorded in it by themselves.
    pub enabled: MonitoringUse,
    /// `memory_mib`: for all records, 1 to 65536.
    pub memory_mib: u32,
    /// `run_garbage_collector`: records of sessions that are over are removed.
    pub run_garbage_collector: bool,
    /// `garbage_collector_interval_s`: how often, 1 s to a day.
    pub garbage_collector_interval: Duration,
    /// `retain_samples_s`: how long samples are kept, up to a day.
    pub retain_samples: Duration,
    /// `full_stategraph`: all states of a call are recorded, as a list.
    pub full_stategraph: bool,
    /// `full_transitions`: all transitions, in that list.
    pub full_transitions: bool,
}

/// Whether there is a monitoring store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MonitoringUse {
    /// There is one; calls are recorded by themselves as long as a loaded diagram imports `mod_monitoring`
    /// or calls functions of the component `monitoring`.
    #[default]
    Auto,
    /// There is one; all calls are recorded.
    Yes,
    /// There is none.
    No,
}

impl Setting for MonitoringUse {
    const EXPECTED: &'static str = "one of `auto`, `yes`, `no`";
    const EXAMPLE: &'static str = "auto";

    fn parse(text: &str) -> Option<MonitoringUse> {
        match text {
            "auto" => Some(MonitoringUse::Auto),
            "yes" => Some(MonitoringUse::Yes),
            "no" => Some(MonitoringUse::No),
            _ => None,
        }
    }
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            enabled: MonitoringUse::Auto,
            memory_mib: 256,
            run_garbage_collector: false,
            garbage_collector_interval: Duration::from_secs(10),
            retain_samples: Duration::from_secs(10),
            full_stategraph: false,
            full_transitions: false,
        }
    }
}

impl Monitoring {
    pub(super) fn read(section: &mut Section<'_>) -> Monitoring {
        const DAY: u64 = 24 * 60 * 60;
        let default = Monitoring::default();
        let interval = default.garbage_collector_interval.as_secs();
        let interval = section.integer("garbage_collector_interval_s", interval, 1..=DAY);
        Monitoring {
            enabled: section.setting("enabled", default.enabled),
            memory_mib: section.integer("memory_mib", default.memory_mib, 1..=65_536),
            run_garbage_collector: section
                .boolean("run_garbage_collector", default.run_garbage_collector),
            garbage_collector_interval: Duration::from_secs(interval),
            retain_samples: section.seconds("retain_samples_s", default.retain_samples),
            full_stategraph: section.boolean("full_stategraph", default.full_stategraph),
            full_transitions: section.boolean("full_transitions", default.full_transitions),
        }
    }
}

/// How `[dsm] inbound_start_diag = "$(mon_select)"` finds a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonitorSelect {
    /// `monitor_select_use_caller`: what its `caller` has to be.
    pub caller: Caller,
    /// `monitor_select_use_callee`: what its `callee` has to be.
    pub callee: Callee,
    /// `monitor_select_filters`: attributes that have to be as P-App-Param says.
    pub filters: Vec<String>,
    /// `monitor_select_fallback`: the diagram if there is no such record.
    pub fallback: Option<String>,
}

/// The user that a record's `caller` is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Caller {
    /// Of From.
    #[default]
    From,
    /// Of P-Asserted-Identity.
    AssertedIdentity,
    /// None: it is not compared.
    No,
}

/// The user that a record's `callee` is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Callee {
    /// Of the Request-URI.
    #[default]
    Ruri,
    /// Of To.
    To,
    /// None: it is not compared.
    No,
}

impl Setting for Caller {
    const EXPECTED: &'static str = "one of `from`, `pai`, `no`";
    const EXAMPLE: &'static str = "from";

    fn parse(text: &str) -> Option<Caller> {
        match text {
            "from" => Some(Caller::From),
            "pai" => Some(Caller::AssertedIdentity),
            "no" => Some(Caller::No),
            _ => None,
        }
    }
}

impl Setting for Callee {
    const EXPECTED: &'static str = "one of `ruri`, `to`, `no`";
    const EXAMPLE: &'static str = "ruri";

    fn parse(text: &str) -> Option<Callee> {
        match text {
            "ruri" => Some(Callee::Ruri),
            // The original's code wants `from` for To.
            "to" | "from" => Some(Callee::To),
            "no" => Some(Callee::No),
            _ => None,
        }
    }
}

impl MonitorSelect {
    pub(super) fn read(section: &mut Section<'_>) -> MonitorSelect {
        let default = MonitorSelect::default();
        MonitorSelect {
            caller: section.setting("monitor_select_use_caller", default.caller),
            callee: section.setting("monitor_select_use_callee", default.callee),
            filters: section.names("monitor_select_filters").unwrap_or_default(),
            fallback: section.line("monitor_select_fallback", default.fallback),
        }
    }
}
