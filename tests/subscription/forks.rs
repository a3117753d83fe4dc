//! SUBSCRIBEs that reach several notifiers (RFC 6665 §4.1.2.4).

use std::collections::BTreeSet;

use super::{SUBSCRIBE, end, header, notify_from, respond, scene, told};
use crate::agent::Scene;

/// Handle and status of all that was told.
fn news(scene: &mut Scene) -> Vec<(String, String)> {
    let told = told(scene).into_iter();
    told.map(|told| (told["about"].clone(), told["status"].clone()))
        .collect()
}

/// A subscription that two notify: the scene, and the handles of both.
fn forked(on_key: &str) -> (Scene, [String; 2]) {
    let create = format!("{SUBSCRIBE} set($s.expires=600); subscription.create(s);");
    let mut scene = scene(&create, on_key);
    // The NOTIFY of one fork comes before the 200 of the other.
    notify_from(&mut scene, "other", "active;expires=600", "one");
    respond(&mut scene, 200, "600");
    notify_from(&mut scene, "n", "active;expires=600", "two");
    let told = news(&mut scene);
    let [(first, _), (fork, _)] = <[_; 2]>::try_from(told).unwrap();
    assert_eq!(scene.peer().statuses("NOTIFY"), [200, 200]);
    (scene, [first, fork])
}

/// To tags of the SUBSCRIBEs in dialogs, with their Expires. Their CSeq numbers are alike.
fn later(scene: &mut Scene) -> BTreeSet<(String, String)> {
    let requests = scene.peer().requests();
    let subscribes = requests.filter(|request| request.method.as_str() == "SUBSCRIBE");
    let with_tag = subscribes.filter_map(|request| {
        let tag = request.headers.to_tag().unwrap()?;
        Some((tag.into_owned(), header(request, "Expires")))
    });
    with_tag.collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    let pairs = pairs.into_iter();
    pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

#[test]
fn rfc6665_4_1_2_4_each_fork_that_notifies_is_a_subscription() {
    let (mut scene, [first, fork]) = forked("");
    assert!(fork.starts_with(&format!("{first}.")), "{fork}");
    // Each is told under its own handle, and refreshed in its own dialog.
    notify_from(&mut scene, "n", "active;expires=600", "three");
    notify_from(&mut scene, "other", "active;expires=600", "four");
    let active = |handle: &String| (handle.clone(), "active".to_owned());
    assert_eq!(news(&mut scene), [active(&fork), active(&first)]);
    scene.run(570_000);
    assert_eq!(later(&mut scene), pairs([("n", "600"), ("other", "600")]));
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(200_000);
    scene.ends_clean();
}

#[test]
fn who_removes_the_first_removes_its_forks() {
    let (mut scene, [first, fork]) = forked("subscription.remove($s.handle);");
    scene.press("1");
    assert_eq!(later(&mut scene), pairs([("n", "0"), ("other", "0")]));
    notify_from(&mut scene, "n", "terminated", "");
    notify_from(&mut scene, "other", "terminated", "");
    // No more of them after that.
    notify_from(&mut scene, "third", "active;expires=600", "");
    let over = |handle: &String| (handle.clone(), "terminated".to_owned());
    assert_eq!(news(&mut scene), [over(&fork), over(&first)]);
    assert_eq!(scene.peer().statuses("NOTIFY").last(), Some(&481));
    end(&mut scene);
}

#[test]
fn a_fork_goes_on_and_is_removed_without_the_first() {
    let (mut scene, [_, fork]) = forked("subscription.remove($about);");
    notify_from(&mut scene, "other", "terminated;reason=noresource", "");
    news(&mut scene);
    notify_from(&mut scene, "n", "active;expires=600", "three");
    assert_eq!(news(&mut scene), [(fork.clone(), "active".to_owned())]);
    scene.press("1");
    assert_eq!(later(&mut scene), pairs([("n", "0")]));
    notify_from(&mut scene, "n", "terminated", "");
    assert_eq!(news(&mut scene), [(fork, "terminated".to_owned())]);
    end(&mut scene);
}

#[test]
fn where_one_subscription_is_wanted_forks_get_481() {
    for one in ["set($s.forks=false);", "set($s.event=presence);"] {
        let mut scene = scene(&format!("{SUBSCRIBE} {one} subscription.create(s);"), "");
        respond(&mut scene, 200, "600");
        for tag in ["n", "other", "n"] {
            notify_from(&mut scene, tag, "active;expires=600", "");
        }
        assert_eq!(scene.peer().statuses("NOTIFY"), [200, 481, 200], "{one}");
        assert_eq!(news(&mut scene).len(), 2);
        end(&mut scene);
    }
}

#[test]
fn a_broken_notify_makes_no_fork_and_neither_does_one_that_comes_late() {
    let mut scene = scene(&format!("{SUBSCRIBE} subscription.create(s);"), "");
    respond(&mut scene, 200, "600");
    notify_from(&mut scene, "n", "active;expires=600", "");
    notify_from(&mut scene, "other", "a sleep", "");
    scene.run(32_000);
    notify_from(&mut scene, "other", "active;expires=600", "");
    assert_eq!(scene.peer().statuses("NOTIFY"), [200, 400, 481]);
    assert_eq!(news(&mut scene).len(), 1);
    end(&mut scene);
}

#[test]
fn forks_of_one_subscribe_are_limited() {
    let mut scene = scene(&format!("{SUBSCRIBE} subscription.create(s);"), "");
    respond(&mut scene, 200, "600");
    for number in 0..18 {
        notify_from(&mut scene, &format!("f{number}"), "active;expires=600", "");
    }
    let statuses = scene.peer().statuses("NOTIFY");
    assert_eq!((statuses[16], statuses[17]), (200, 481));
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(100_000);
    scene.ends_clean();
}
