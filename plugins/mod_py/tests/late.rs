//! Code that does not come to an end.
#![allow(
    clippy::disallowed_methods,
    reason = "the tests look at how long something takes"
)]

use std::time::{Duration, Instant};

use mod_py::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

const CONFIG: &str = r#"{"timeout_ms":2000,"condition_timeout_ms":300}"#;

fn session() -> ModuleTest {
    ModuleTest::configured(muleteer_module(), CONFIG)
}

#[track_caller]
fn eventually(t: &mut ModuleTest, expression: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !t.test("py", &[expression]) {
        assert!(Instant::now() < until, "{expression}");
    }
}

#[test]
fn code_that_takes_too_long_is_a_failure() {
    let mut t = session();
    // Both clocks may be the first: that of the code, which ends it, and that of the session.
    for code in ["while True: pass", "import time; time.sleep(20)"] {
        assert_eq!(t.run("py", &[code]).errno(), "general", "{code}");
        assert_eq!(t.var("strerror"), "the Python code is not done in time");
    }
}

#[test]
fn code_that_runs_for_ever_is_ended() {
    let mut t = session();
    let code = "
global ended
try:
  n = 0
  while True: n += 1
except dsm.TimeLimit:
  ended = True";
    t.run("py", &[code]);
    eventually(&mut t, "ended");
}

#[test]
fn code_that_catches_everything_is_ended_again_and_again() {
    let mut t = session();
    let code = "
global caught, last
caught = 0
def spin():
  while True: pass
try:
  while caught < 3:
    try:
      n = spin()
    except:
      caught += 1
  spin()
except dsm.TimeLimit:
  last = True";
    t.run("py", &[code]);
    eventually(&mut t, "last and caught == 3");
}

#[test]
fn what_is_said_of_an_exception_is_ended_too() {
    let mut t = session();
    let code = "
class Slow(Exception):
  def __str__(self):
    global told
    try:
      n = 0
      while True: n += 1
    except dsm.TimeLimit:
      told = True
    return ''
raise Slow()";
    t.run("py", &[code]);
    eventually(&mut t, "told");
}

#[test]
fn a_condition_that_runs_for_ever_is_not_true_in_time() {
    let mut t = session();
    let began = Instant::now();
    assert!(!t.test("py", &["[0 for _ in iter(int, 1)]"]));
    assert!(began.elapsed() >= Duration::from_millis(300));
    eventually(&mut t, "True");
}

#[test]
fn nobody_waits_for_code_that_hangs() {
    let mut t = session();
    let began = Instant::now();
    // Not in Python, so nothing can end it.
    t.run("py", &["import time; time.sleep(20)"]);
    assert!(!t.test("py", &["__import__('time').sleep(20)"]));
    assert!(began.elapsed() < Duration::from_secs(15));
    // Other threads go on.
    assert_eq!(t.run("py", &["session.setvar('a', 1)"]), Outcome::Done);
    eventually(&mut t, "True");
}

#[test]
fn code_that_asks_again_and_again_gets_no_more_time() {
    let mut t = session();
    let code = "
global asked
def ask():
  while True: session.var('a')
def insist():
  global asked
  try:
    for _ in range(20):
      try:
        ask()
      except BaseException:
        pass
  finally:
    asked = True
insist()";
    let began = Instant::now();
    assert_eq!(t.run("py", &[code]).errno(), "general");
    eventually(&mut t, "asked");
    assert_eq!(
        t.run("py", &["\nglobal asked\nasked = False"]),
        Outcome::Done
    );
    assert!(!t.test("py", &["insist()"]));
    assert!(began.elapsed() < Duration::from_secs(30));
    eventually(&mut t, "asked");
}
