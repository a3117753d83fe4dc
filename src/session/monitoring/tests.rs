use std::time::Duration;

use super::*;

fn store() -> Store {
    limited(1 << 30)
}

fn limited(bytes: usize) -> Store {
    Store::new(StoreLimits {
        bytes,
        retain: Duration::from_secs(10),
    })
}

fn set(id: &str, attributes: &[(&'static str, &'static str)]) -> Write {
    let pairs = attributes
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Write::Set(id.into(), pairs.collect())
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(1_000_000 + seconds)
}

fn answer(store: &mut Store, mut question: Question) -> Reply {
    loop {
        if let Some(reply) = store.answer(at(0), &mut question) {
            return reply;
        }
    }
}

fn found(store: &mut Store, search: Search) -> Vec<String> {
    match answer(store, Question::Find(search)) {
        Reply::Found(found) => found.iter().map(|one| one.id.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

fn equal(filters: &[(&'static str, &'static str)]) -> Search {
    let filters = filters
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Search::equal(filters.collect())
}

#[test]
fn an_index_follows_every_change() {
    let mut store = store();
    store.apply(set("a", &[("x", "1"), ("y", "1")])).unwrap();
    store.apply(set("b", &[("x", "1"), ("y", "2")])).unwrap();
    let both = |store: &mut Store| found(store, equal(&[("x", "1"), ("y", "1")]));
    assert_eq!(both(&mut store), ["a"]);
    store.apply(set("b", &[("y", "1")])).unwrap();
    store.apply(set("c", &[("x", "1"), ("y", "1")])).unwrap();
    assert_eq!(both(&mut store), ["a", "b", "c"]);
    store
        .apply(Write::Add("b".into(), "y".into(), "2".into()))
        .unwrap();
    store.apply(Write::Erase("c".into())).unwrap();
    store.apply(Write::Remove("a".into(), "x".into())).unwrap();
    assert!(both(&mut store).is_empty());
    store
        .apply(Write::Count("n".into(), "x".into(), 1))
        .unwrap();
    assert_eq!(found(&mut store, equal(&[("x", "1")])), ["b", "n"]);
    store
        .apply(Write::Count("n".into(), "x".into(), 1))
        .unwrap();
    assert_eq!(found(&mut store, equal(&[("x", "2")])), ["n"]);
}

#[test]
fn indexes_and_looking_at_every_record_find_the_same() {
    let mut ids = crate::ids::Ids::from_seed([7; 32]);
    let mut random = || ids.ssrc() as usize;
    let names = ["a", "b", "c"];
    let values = ["0", "1", "2"];
    let mut indexed = store();
    let mut model: std::collections::BTreeMap<String, [usize; 3]> = Default::default();
    for step in 0..3_000 {
        let id = format!("{:03}", random() % 400);
        match random() % 10 {
            0 => {
                indexed.apply(Write::Erase(id.as_str().into())).unwrap();
                model.remove(&id);
            }
            _ => {
                let (name, value) = (random() % 3, random() % 3);
                indexed
                    .apply(set(&id, &[(names[name], values[value])]))
                    .unwrap();
                model.entry(id).or_insert([9; 3])[name] = value;
            }
        }
        if step % 50 == 0 {
            let (one, other) = (random() % 3, random() % 3);
            let got = found(
                &mut indexed,
                equal(&[(names[one], "1"), (names[other], "1")]),
            );
            let expected = model
                .iter()
                .filter(|(_, it)| it[one] == 1 && it[other] == 1);
            let expected: Vec<_> = expected.map(|(id, _)| id.clone()).collect();
            assert_eq!(got, expected, "{step}");
        }
    }
}

#[test]
fn a_filter_looks_at_few_of_many_records() {
    const RECORDS: usize = 100_000;
    let mut store = store();
    for number in 0..RECORDS {
        let room = if number % 1_000 == 0 {
            "wonderland"
        } else {
            "lobby"
        };
        let id = format!("{number:06}");
        store
            .apply(set(&id, &[("dir", "in"), ("position", room)]))
            .unwrap();
    }
    let filter = || equal(&[("dir", "in"), ("position", "wonderland")]);
    let slices = |store: &mut Store| {
        let mut question = Question::Find(filter());
        (1..).find(|_| store.answer(at(0), &mut question).is_some())
    };
    // Two indexes are made, some records at a time.
    assert!(slices(&mut store).unwrap() > 200);
    // From then on a filter looks at those that the better one names, at once.
    assert_eq!(slices(&mut store), Some(1));
    assert_eq!(found(&mut store, filter()).len(), RECORDS / 1_000);
    // Also when all have to be found.
    assert_eq!(found(&mut store, equal(&[("dir", "in")])).len(), RECORDS);
    let by_regex = Search::matching("position".into(), Pattern::parse("^wonder").unwrap());
    assert_eq!(found(&mut store, by_regex).len(), RECORDS / 1_000);
    match answer(&mut store, Question::Erase(filter())) {
        Reply::Found(erased) => assert_eq!(erased.len(), RECORDS / 1_000),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.len(), RECORDS - RECORDS / 1_000);
    assert!(found(&mut store, filter()).is_empty());
}

#[test]
fn records_of_sessions_that_are_over_make_room_the_oldest_first() {
    let mut store = limited(64 * 1024);
    let mut over = 0;
    for number in 0..1_000 {
        let id = format!("call-{number}");
        store.apply(set(&id, &[("dir", "in")])).unwrap();
        if number % 2 == 0 {
            store.apply(Write::Finish(id.as_str().into())).unwrap();
            over += 1;
        }
        if store.len() < number {
            break;
        }
    }
    assert!(over < 400);
    assert!(store.record("call-0").is_none());
    assert!(store.record("call-1").is_some());
}

#[test]
fn without_room_a_write_is_lost_and_nothing_else() {
    let mut store = limited(16 * 1024);
    let mut lost = 0;
    for number in 0..1_000 {
        let id = format!("call-{number}");
        lost += usize::from(store.apply(set(&id, &[("dir", "in")])).is_err());
    }
    assert_eq!(lost + store.len(), 1_000);
    assert!(store.len() > 20);
    store
        .apply(set("call-0", &[("dir", "out")]))
        .unwrap_or_default();
    store.apply(Write::Finish("call-1".into())).unwrap();
    store.apply(set("new", &[("dir", "in")])).unwrap();
    assert!(store.record("call-1").is_none());
}

#[test]
fn one_record_does_not_take_all_memory() {
    let mut store = store();
    let mut lost = 0;
    for number in 0..2_000 {
        let name = Name::Owned(format!("n{number}"));
        let write = Write::Set("a".into(), vec![(name, "x".into())]);
        lost += usize::from(store.apply(write).is_err());
        let write = Write::Add("b".into(), "list".into(), "x".into());
        lost += usize::from(store.apply(write).is_err());
    }
    assert_eq!(lost, 2 * (2_000 - 1024));
    let long = Value::from("x".repeat(2 << 20));
    assert_eq!(
        store.apply(Write::Set("c".into(), vec![("x".into(), long)])),
        Err(Lost)
    );
    assert!(store.record("c").is_none());
}

#[test]
fn what_is_over_or_expired_is_collected_and_nothing_else() {
    let mut store = store();
    for id in ["over", "expired", "later", "runs"] {
        store.apply(set(id, &[("x", "1")])).unwrap();
    }
    store.apply(Write::Finish("over".into())).unwrap();
    store.expire(&"expired".into(), at(5));
    store.expire(&"later".into(), at(50));
    assert!(store.collect(at(10)));
    assert_eq!(
        found(&mut store, Search::list(Wanted::All)),
        ["later", "runs"]
    );
    store.expire(&"later".into(), at(100));
    assert!(store.collect(at(60)));
    assert_eq!(store.len(), 2);
    assert!(store.collect(at(100)));
    assert_eq!(found(&mut store, Search::list(Wanted::All)), ["runs"]);
}

#[test]
fn a_session_that_begins_anew_is_not_over() {
    let mut store = store();
    store.apply(set("a", &[("x", "1")])).unwrap();
    store.apply(Write::Finish("a".into())).unwrap();
    assert_eq!(found(&mut store, Search::list(Wanted::Finished)), ["a"]);
    store
        .apply(Write::Begin("a".into(), vec![("dir".into(), "in".into())]))
        .unwrap();
    assert_eq!(found(&mut store, Search::list(Wanted::Active)), ["a"]);
    assert_eq!(store.attribute("a", "x"), Some(&"1".into()));
}

#[test]
fn samples_count_for_a_while() {
    let mut store = store();
    let sample = |store: &mut Store, second: u64, count: i64| {
        store
            .sample(at(second), "s".into(), "n".into(), at(second), count)
            .unwrap();
    };
    for second in 0..5 {
        sample(&mut store, second, 2);
    }
    assert_eq!(store.count("s", "n", at(2)), Some(4));
    assert_eq!(store.counts("s", at(0)), [("n".into(), 8)]);
    sample(&mut store, 13, 1);
    assert_eq!(store.count("s", "n", at(0)), Some(5));
    assert!(store.collect(at(100)));
    assert_eq!(store.count("s", "n", Duration::ZERO), None);
}

#[test]
fn the_memory_of_what_is_gone_is_given_back() {
    let mut ids = crate::ids::Ids::from_seed([9; 32]);
    let mut random = || ids.ssrc() as usize;
    let mut store = limited(1 << 20);
    for step in 0..20_000 {
        let id: RecordId = format!("{}", random() % 50).into();
        let name = || Name::Owned(format!("n{}", step % 7));
        let value = Value::from("x".repeat(step % 100));
        let _ = store.apply(match random() % 7 {
            0 => Write::Erase(id),
            1 => Write::Remove(id, name()),
            2 => Write::Add(id, name(), value),
            3 => Write::Count(id, name(), 1),
            4 => Write::Finish(id),
            _ => Write::Set(id, vec![(name(), value)]),
        });
    }
    for id in 0..50 {
        store.apply(Write::Erase(format!("{id}").into())).unwrap();
    }
    // What does not fit beside an empty store would not fit now, were anything left.
    let big = || Value::from("x".repeat((1 << 20) - 500));
    let write = Write::Set("a".into(), vec![("n".into(), big())]);
    store.apply(write).unwrap();
}
