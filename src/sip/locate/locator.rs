//! All searches, what they share, and when they have to end.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::avoided::Avoided;
use super::cache::Cache;
use super::search::{Search, Step};
use super::{
    Answer, LocateError, MAX_PER_DOMAIN, MAX_SEARCHES, Question, Reach, Records, SEARCH_LIMIT,
    Target, Targets,
};
use crate::sip::message::Uri;

/// Names one search; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SearchId(u64);

/// What [`Locator::locate`] can say at once.
#[derive(Debug, PartialEq, Eq)]
pub enum Located {
    /// Nothing has to be asked.
    Now(Result<Targets, LocateError>),
    /// [`Locator::poll_found`] will tell.
    Later(SearchId),
}

/// All searches of one signalling task. See the module's documentation.
///
/// After each `handle_*` and [`locate`](Self::locate), drain [`poll_question`](Self::poll_question) and
/// [`poll_found`](Self::poll_found).
#[derive(Debug)]
pub struct Locator {
    reach: Reach,
    searches: HashMap<SearchId, Ongoing>,
    /// By when each of them has to end, in order. Some of them are over.
    deadlines: VecDeque<(Instant, SearchId)>,
    /// Questions that are out, since when, and who waits for them.
    asked: HashMap<Question, (Instant, Vec<SearchId>)>,
    /// How many of them are about the names of one domain.
    per_domain: HashMap<Box<str>, usize>,
    cache: Cache,
    avoided: Avoided,
    questions: VecDeque<Question>,
    found: VecDeque<(SearchId, Result<Targets, LocateError>)>,
    next: u64,
    rng: StdRng,
}

#[derive(Debug)]
struct Ongoing {
    search: Search,
    /// Answers it waits for.
    outstanding: usize,
}

impl Locator {
    /// A locator that knows nothing yet. `seed` decides among SRV records of the same priority.
    pub fn new(reach: Reach, seed: [u8; 32]) -> Self {
        Self {
            reach,
            searches: HashMap::new(),
            deadlines: VecDeque::new(),
            asked: HashMap::new(),
            per_domain: HashMap::new(),
            cache: Cache::default(),
            avoided: Avoided::default(),
            questions: VecDeque::new(),
            found: VecDeque::new(),
            next: 0,
            rng: StdRng::from_seed(seed),
        }
    }

    /// What can be sent by.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Begins to look for what `uris` lead to, those of the first one first.
    pub fn locate(&mut self, now: Instant, uris: &[Uri]) -> Located {
        let ongoing = Ongoing {
            search: Search::new(uris, self.reach),
            outstanding: 0,
        };
        self.next += 1;
        let id = SearchId(self.next);
        let may_wait = self.searches.len() < MAX_SEARCHES;
        match self.advance(now, id, ongoing, may_wait) {
            Ok(result) => Located::Now(result),
            Err(ongoing) => {
                self.searches.insert(id, ongoing);
                self.deadlines.push_back((now + SEARCH_LIMIT, id));
                Located::Later(id)
            }
        }
    }

    /// Ends a search without a result.
    pub fn give_up(&mut self, id: SearchId) {
        self.searches.remove(&id);
    }

    /// Takes the answer to a question.
    pub fn handle_answer(&mut self, now: Instant, question: Question, answer: &Answer) {
        self.cache.insert(now, question.clone(), answer);
        let Some((_, waiting)) = self.asked.remove(&question) else {
            return;
        };
        self.count_answered(&question);
        for id in waiting {
            let Some(mut ongoing) = self.searches.remove(&id) else {
                continue;
            };
            let records = answer.records.clone();
            ongoing
                .search
                .learn(question.clone(), records, &mut self.rng);
            ongoing.outstanding -= 1;
            if ongoing.outstanding > 0 {
                self.searches.insert(id, ongoing);
                continue;
            }
            match self.advance(now, id, ongoing, true) {
                Ok(result) => self.found.push_back((id, result)),
                Err(ongoing) => {
                    self.searches.insert(id, ongoing);
                }
            }
        }
    }

    /// Ends searches that took too long, with what they know.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.deadlines.front().copied()
            && (at <= now || !self.searches.contains_key(&id))
        {
            self.deadlines.pop_front();
            if let Some(mut ongoing) = self.searches.remove(&id) {
                ongoing.search.give_up();
                if let Step::Done(result) = ongoing.search.step() {
                    self.found.push_back((id, result));
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called, `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.front().map(|(at, _)| *at)
    }

    /// Takes a question to be asked.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// Takes the result of a search.
    pub fn poll_found(&mut self) -> Option<(SearchId, Result<Targets, LocateError>)> {
        self.found.pop_front()
    }

    /// Notes that `target` is not to be used before `time` has passed, if there is another.
    pub fn avoid(&mut self, now: Instant, target: &Target, time: Duration) {
        self.avoided.add(now, target, time);
    }

    /// Puts what is avoided behind all others.
    pub fn sort(&self, now: Instant, targets: &mut Targets) {
        self.avoided.sort(now, targets);
    }

    /// Takes a search as far as it gets with what the cache has. `Err` gives it back if it has to wait, which
    /// it may not if too many do; then nothing is asked.
    fn advance(
        &mut self,
        now: Instant,
        id: SearchId,
        mut ongoing: Ongoing,
        may_wait: bool,
    ) -> Result<Result<Targets, LocateError>, Ongoing> {
        loop {
            let missing = match ongoing.search.step() {
                Step::Done(result) => return Ok(result),
                Step::Ask(missing) => missing,
            };
            for question in missing {
                match self.cache.find(now, &question) {
                    Some(records) => ongoing.search.learn(question, records, &mut self.rng),
                    None if !may_wait => return Ok(Err(LocateError::Busy)),
                    None if self.ask(now, &question, id) => ongoing.outstanding += 1,
                    None => ongoing
                        .search
                        .learn(question, Records::Failed, &mut self.rng),
                }
            }
            if ongoing.outstanding > 0 {
                return Err(ongoing);
            }
        }
    }

    /// Asks unless the same is asked already. One that is lost is asked again by whoever comes later. False:
    /// too much is asked about that domain.
    fn ask(&mut self, now: Instant, question: &Question, id: SearchId) -> bool {
        if let Some((since, waiting)) = self.asked.get_mut(question) {
            waiting.push(id);
            if *since + SEARCH_LIMIT <= now {
                *since = now;
                self.questions.push_back(question.clone());
            }
            return true;
        }
        let domain = domain(&question.name);
        match self.per_domain.get_mut(domain) {
            Some(count) if *count >= MAX_PER_DOMAIN => return false,
            Some(count) => *count += 1,
            None => drop(self.per_domain.insert(domain.into(), 1)),
        }
        self.asked.insert(question.clone(), (now, vec![id]));
        self.questions.push_back(question.clone());
        true
    }

    fn count_answered(&mut self, question: &Question) {
        let domain = domain(&question.name);
        if let Some(count) = self.per_domain.get_mut(domain) {
            *count -= 1;
            if *count == 0 {
                self.per_domain.remove(domain);
            }
        }
    }
}

/// What somebody registers, more or less: the last two labels of a name.
fn domain(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.');
    dots.nth(1).map_or(name, |(dot, _)| &name[dot + 1..])
}

/// For tests: what of it is left.
#[cfg(test)]
impl Locator {
    pub(super) fn is_idle(&self) -> bool {
        self.searches.is_empty() && self.asked.is_empty() && self.per_domain.is_empty()
    }
}
