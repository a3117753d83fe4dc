//! The search: situations in the order of their distance from the start.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use crate::dsm::engine::Engine;
use crate::dsm::event::{Event, EventKind};
use crate::dsm::host::{Problem, ProblemKind};
use crate::dsm::program::DiagramSet;
use crate::dsm::testing::coverage::Visits;
use crate::dsm::value::Values;

use super::alphabet::Alphabet;
use super::scenario::{Scenario, play};
use super::world::{Answers, World};
use super::{Finding, FindingKind};

/// Situations that are looked at; more are left out.
const MAX_SITUATIONS: usize = 5_000;
/// Events that are tried.
const MAX_EVENTS: usize = 300_000;
/// Events that run into the limits of the engine; each costs as much as thousands of others.
const MAX_ENDLESS: usize = 50;
/// What fails or is missing in one way through a diagram.
const MAX_FAULTS: usize = 3;
/// Outcomes of one event, by what fails.
const MAX_VARIANTS: usize = 64;
/// Combinations of variables from outside.
const MAX_ROOTS: usize = 64;
/// A situation whose variables are larger is not followed.
const MAX_VALUE_BYTES: usize = 64 << 10;
/// Events that may still come after the caller hung up.
const MAX_LAST_EVENTS: usize = 32;

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    pub visits: Visits,
    pub findings: Vec<Finding>,
    pub scenarios: Vec<Scenario>,
    pub situations: usize,
    pub complete: bool,
    pub seen: Seen,
}

/// What ever came up, for saying why something did not.
#[derive(Debug, Default)]
pub struct Seen {
    /// Timers that were set.
    pub timers: BTreeSet<u32>,
    /// Whether anything was played.
    pub audio: bool,
    /// States, by diagram, in which an event ended.
    pub rests: HashSet<(String, String)>,
}

/// How far the call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Call {
    /// It is a system diagram: there is no call.
    system: bool,
    invited: bool,
    early: bool,
    established: bool,
    /// The caller hung up, or the call failed.
    over: bool,
}

/// A way from the start, last event first.
#[derive(Debug)]
struct Step {
    event: Event,
    before: Option<Rc<Step>>,
}

#[derive(Clone, Debug)]
struct Situation {
    engine: Engine,
    world: World,
    call: Call,
    variables: Rc<Values>,
    way: Rc<Step>,
}

struct Search<'a> {
    diagrams: &'a Arc<DiagramSet>,
    alphabet: &'a Alphabet,
    found: Found,
    known: HashSet<String>,
    queue: VecDeque<Situation>,
    reported: HashSet<String>,
    /// Ways that reached something new when they were found.
    ways: Vec<(Rc<Values>, Answers, Rc<Step>)>,
    events: usize,
    endless: usize,
}

/// Explores the diagram `main` of the set.
pub fn run(diagrams: &Arc<DiagramSet>, alphabet: &Alphabet) -> Found {
    let mut search = Search {
        diagrams,
        alphabet,
        found: Found {
            complete: true,
            ..Found::default()
        },
        known: HashSet::new(),
        queue: VecDeque::new(),
        reported: HashSet::new(),
        ways: Vec::new(),
        events: 0,
        endless: 0,
    };
    search.roots();
    while let Some(situation) = search.queue.pop_front() {
        search.expand(&situation);
    }
    search
        .found
        .findings
        .sort_by_key(|finding| !finding.kind.is_hang());
    search.select();
    search.found
}

impl Search<'_> {
    /// Starts with every combination of what comes from outside.
    fn roots(&mut self) {
        let combinations = combinations(self.alphabet);
        for kind in self.start_kinds() {
            for variables in &combinations {
                let Ok(engine) = Engine::new(self.diagrams.clone(), "main", (**variables).clone())
                else {
                    continue;
                };
                let mut world = World::new(self.alphabet.loaded.clone());
                let system = kind.begins_without_call();
                world.host.system = system;
                let event = Event::new(kind);
                let way = Rc::new(Step {
                    event: event.clone(),
                    before: None,
                });
                let call = Call {
                    system,
                    ..Call::default()
                };
                let situation = Situation {
                    engine,
                    world,
                    call,
                    variables: variables.clone(),
                    way,
                };
                self.try_event(&situation, &event, true);
            }
        }
    }

    fn start_kinds(&self) -> Vec<EventKind> {
        let looks = |kind: &EventKind| self.alphabet.kinds.contains(kind);
        let system: Vec<_> = [EventKind::Startup, EventKind::Reload]
            .into_iter()
            .filter(looks)
            .collect();
        let call = [
            EventKind::Start,
            EventKind::Invite,
            EventKind::SessionStart,
            EventKind::Hangup,
            EventKind::Key,
            EventKind::NoAudio,
        ];
        if system.is_empty() || call.iter().any(looks) {
            return [EventKind::Start].into_iter().chain(system).collect();
        }
        system
    }

    fn expand(&mut self, situation: &Situation) {
        let engine = &situation.engine;
        let (diagram, state) = (engine.diagram().name(), engine.state_name());
        let mut kinds = self.alphabet.kinds_in(diagram, state).to_vec();
        // A caller may hang up anywhere; invite and sessionStart come whether looked at or not.
        for kind in [
            EventKind::Invite,
            EventKind::SessionStart,
            EventKind::Hangup,
        ] {
            if self.alphabet.kinds.contains(&kind) && !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        for kind in kinds {
            if !self.possible(situation, kind) {
                continue;
            }
            for event in self.candidates(situation, kind) {
                if self.events >= MAX_EVENTS || self.endless >= MAX_ENDLESS {
                    self.found.complete = false;
                    return;
                }
                self.try_event(situation, &event, false);
            }
        }
    }

    /// Whether such an event can come now.
    fn possible(&self, situation: &Situation, kind: EventKind) -> bool {
        use EventKind::*;
        let Situation { call, world, .. } = situation;
        let looks = |kind| self.alphabet.kinds.contains(&kind);
        let talking = call.established || call.early || !looks(SessionStart);
        match kind {
            Start | Startup | Reload | Exception => false,
            BeforeDestroy => call.over || situation.engine.is_stopped(),
            // The BYE of the caller may cross ours.
            Hangup => !call.system && !call.over,
            _ if call.over || situation.engine.is_stopped() => false,
            Timer => !world.timers.is_empty(),
            Event | System | JsonRpcRequest | JsonRpcResponse | Subscription => true,
            _ if call.system => false,
            Invite => !call.invited && !call.established,
            SessionStart | Early | Ringing | Failed => {
                let outgoing = looks(Ringing) || looks(Failed);
                let ready = call.invited || outgoing || !looks(Invite);
                ready && !call.established && !(kind == Early && call.early)
            }
            NoAudio => talking && world.audio,
            Separator => talking && !world.separators.is_empty(),
            RecordEnd => talking && world.recording,
            Key | RtpTimeout | SessionTimeout | RemoteDisappeared | Replaced => talking,
            _ => true,
        }
    }

    fn candidates(&self, situation: &Situation, kind: EventKind) -> Vec<Event> {
        let by_id = |ids: &BTreeSet<u32>| {
            let event = |id: &u32| Event::new(kind).with("id", id.to_string());
            ids.iter().map(event).collect()
        };
        match kind {
            EventKind::Timer => by_id(&situation.world.timers),
            EventKind::Separator => by_id(&situation.world.separators),
            _ => self.alphabet.events(kind, situation.engine.variables()),
        }
    }

    /// Gives an event, once for each outcome of what is asked on the way.
    fn try_event(&mut self, situation: &Situation, event: &Event, start: bool) {
        let mut variants = vec![situation.world.answers.clone()];
        let mut tried = 0;
        while let Some(answers) = variants.pop() {
            if tried == MAX_VARIANTS {
                self.found.complete = false;
                return;
            }
            tried += 1;
            let mut world = situation.world.clone();
            world.answers.clone_from(&answers);
            let mut engine = situation.engine.clone();
            consume(&mut world, event);
            self.events += 1;
            match start {
                true => engine.start(event.clone(), &mut world),
                false => engine.run_event(event.clone(), &mut world),
            };
            let asked = std::mem::take(&mut world.asked);
            let faults = answers.values().filter(|works| !**works).count();
            if faults < MAX_FAULTS {
                let mut preset = answers;
                for question in asked {
                    let mut other = preset.clone();
                    other.insert(question.clone(), false);
                    variants.push(other);
                    preset.insert(question, true);
                }
            }
            let way = match start {
                true => situation.way.clone(),
                false => Rc::new(Step {
                    event: event.clone(),
                    before: Some(situation.way.clone()),
                }),
            };
            let mut call = situation.call;
            call.after(event.kind);
            self.arrived(
                Situation {
                    engine,
                    world,
                    call,
                    variables: situation.variables.clone(),
                    way,
                },
                event.kind,
            );
        }
    }

    /// Looks at where an event led.
    fn arrived(&mut self, mut situation: Situation, kind: EventKind) {
        let engine = &situation.engine;
        let rest = (
            engine.diagram().name().to_owned(),
            engine.state_name().to_owned(),
        );
        self.found.seen.rests.insert(rest);
        self.found.seen.timers.extend(&situation.world.timers);
        self.found.seen.audio |= situation.world.audio;
        let record = std::mem::take(&mut situation.world.host.record);
        let visits = std::mem::take(&mut situation.world.host.visits);
        if self.found.visits.merge(&visits) {
            let answers = situation.world.answers.clone();
            let way = (situation.variables.clone(), answers, situation.way.clone());
            self.ways.push(way);
        }
        let problems = std::mem::take(&mut situation.world.problems);
        let endless = problems.iter().any(is_endless);
        self.endless += usize::from(endless);
        let stopped = situation.engine.is_stopped();
        for problem in problems.iter().filter(|one| matters(one, stopped)) {
            self.report(FindingKind::new(problem), &situation);
        }
        let handled = record.iter().any(|line| line.starts_with("T "));
        if kind == EventKind::Hangup && handled && !situation.engine.is_stopped() {
            self.follow_hangup(&situation);
        }
        if endless || situation.engine.variables().bytes() > MAX_VALUE_BYTES {
            self.found.complete &= !endless;
            return;
        }
        if !self.known.insert(self.key(&situation)) {
            return;
        }
        if self.found.situations == MAX_SITUATIONS {
            self.found.complete = false;
            return;
        }
        self.found.situations += 1;
        self.queue.push_back(situation);
    }

    /// Gives what may still come after the caller hung up, and reports a session that stays, or that
    /// goes round and round.
    fn follow_hangup(&mut self, hung_up: &Situation) {
        let mut situation = hung_up.clone();
        let mut met = HashSet::new();
        for turn in 0..MAX_LAST_EVENTS {
            let Situation { engine, world, .. } = &mut situation;
            // In turns, so that a timer that is set again and again does not hide the other.
            let odd = turn % 2 == 1;
            let audio = world.audio && (odd || world.timers.is_empty());
            let event = match world.timers.first() {
                _ if audio => Event::new(EventKind::NoAudio),
                Some(id) => Event::new(EventKind::Timer).with("id", id.to_string()),
                None => break,
            };
            consume(world, &event);
            engine.run_event(event.clone(), world);
            let before = Some(situation.way);
            situation.way = Rc::new(Step { event, before });
            if situation.engine.is_stopped() {
                return;
            }
            if !met.insert((odd, self.key(&situation))) {
                break;
            }
        }
        let engine = &situation.engine;
        let stays = format!("{}/{}", engine.diagram().name(), engine.state_name());
        let at = self.state_before(hung_up).unwrap_or_else(|| {
            let engine = &hung_up.engine;
            format!("{}/{}", engine.diagram().name(), engine.state_name())
        });
        self.report(FindingKind::Hang { at, stays }, &situation);
    }

    /// Where the caller hung up: the state before the last event.
    fn state_before(&self, situation: &Situation) -> Option<String> {
        let before = situation.way.before.as_ref()?;
        let events = events(before);
        let scenario = Scenario::new(&situation.variables, &situation.world.answers, events);
        let engine = play(&scenario, self.diagrams)?.engine;
        Some(format!(
            "{}/{}",
            engine.diagram().name(),
            engine.state_name()
        ))
    }

    fn report(&mut self, kind: FindingKind, situation: &Situation) {
        let known = match &kind {
            FindingKind::Hang { at, .. } => format!("hang {at}"),
            FindingKind::Problem { at, text, .. } => format!("{at}: {text}"),
        };
        if !self.reported.insert(known) {
            return;
        }
        let events = events(&situation.way);
        let scenario = Scenario::new(&situation.variables, &situation.world.answers, events);
        self.found.findings.push(Finding { kind, scenario });
    }

    /// What makes a situation different from others.
    fn key(&self, situation: &Situation) -> String {
        let Situation {
            engine,
            world,
            call,
            ..
        } = situation;
        let waiting: Vec<_> = engine.waiting().collect();
        format!(
            "{}/{} {waiting:?} {:?} {call:?} {} {:?} {:?} {}",
            engine.diagram().name(),
            engine.state_name(),
            self.alphabet.view(engine.variables()),
            engine.is_stopped(),
            world.timers,
            world.separators,
            world.audio,
        )
    }

    /// Of all ways that reached something new the longest, and shorter ones for the rest.
    fn select(&mut self) {
        let mut covered = Visits::default();
        for (variables, answers, way) in self.ways.iter().rev() {
            let scenario = Scenario::new(variables, answers, events(way));
            let Some(played) = play(&scenario, self.diagrams) else {
                continue;
            };
            if covered.merge(&played.world.visits) {
                self.found.scenarios.push(scenario);
            }
        }
        self.found.scenarios.reverse();
    }
}

impl Call {
    fn after(&mut self, kind: EventKind) {
        match kind {
            EventKind::Invite => self.invited = true,
            EventKind::Early => self.early = true,
            EventKind::SessionStart => self.established = true,
            EventKind::Hangup | EventKind::Failed => self.over = true,
            _ => {}
        }
    }
}

/// An event uses up what brought it.
fn consume(world: &mut World, event: &Event) {
    let id = || event.params.as_ref()?.get("id")?.parse::<u32>().ok();
    match event.kind {
        EventKind::Timer => drop(id().map(|id| world.timers.remove(&id))),
        EventKind::Separator => drop(id().map(|id| world.separators.remove(&id))),
        EventKind::NoAudio => world.audio = false,
        EventKind::RecordEnd => world.recording = false,
        _ => {}
    }
}

/// What goes wrong in a session that ends anyway does not matter; an undeclared state behind `stop`
/// is even usual.
fn matters(problem: &Problem, stopped: bool) -> bool {
    let harmless = matches!(
        problem.kind,
        ProblemKind::UnhandledException(_) | ProblemKind::UndeclaredTarget(_)
    );
    !(stopped && harmless)
}

fn is_endless(problem: &Problem) -> bool {
    matches!(
        problem.kind,
        ProblemKind::TooManyPasses { .. } | ProblemKind::TooManySteps(_)
    )
}

/// The events of a way, first one first.
fn events(way: &Rc<Step>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut next = Some(way);
    while let Some(step) = next {
        events.push(step.event.clone());
        next = step.before.as_ref();
    }
    events.reverse();
    events
}

/// Every combination of values for variables from outside, unset first; if that is too much, each
/// value alone.
fn combinations(alphabet: &Alphabet) -> Vec<Rc<Values>> {
    let outside: Vec<_> = alphabet.outside().collect();
    let count = outside.iter().try_fold(1usize, |count, (_, values)| {
        count.checked_mul(values.len() + 1)
    });
    let mut all = vec![Values::new()];
    if count.is_some_and(|count| count <= MAX_ROOTS) {
        for (name, values) in &outside {
            let more: Vec<_> = values
                .iter()
                .flat_map(|value| {
                    all.iter()
                        .map(|one| one.clone().with(name, value.as_str()))
                        .collect::<Vec<_>>()
                })
                .collect();
            all.extend(more);
        }
    } else {
        let singles = outside.iter().flat_map(|(name, values)| {
            values
                .iter()
                .map(|value| Values::new().with(name, value.as_str()))
        });
        all.extend(singles);
    }
    all.into_iter().map(Rc::new).collect()
}
