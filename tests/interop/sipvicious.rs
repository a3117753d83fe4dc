//! SIPVicious, which looks for servers, for users and for their passwords.

use muleteer::sip::message::StatusCode;

use super::tool;
use crate::support::caller::Caller;
use crate::support::process::{Ended, Folder, Process, ServerProcess, free_port};

/// 100 and 101 are users, all others are not.
const USERS: &str = "100:muleteer:password:wonderland\n101:muleteer:password:builder\n";

/// An address of loopback that nobody else has: the tools wait until nothing more comes. svcrack takes 127.0.0.1
/// whatever it is told.
const ATTACKER: &str = "127.0.0.66";

struct Victim {
    server: ServerProcess,
    folder: Folder,
}

impl Victim {
    /// A server that asks everybody, in the one algorithm that SIPVicious knows.
    fn new(max_failures: u32) -> Self {
        let folder = Folder::new(&[("users.conf", USERS)]);
        let path = folder.file("users.conf").display().to_string();
        let (users, failures) = (
            format!("auth.users={path:?}"),
            format!("auth.max_failures={max_failures}"),
        );
        let server = ServerProcess::start(&[
            "--set",
            "auth.applications=\"*\"",
            "--set",
            "auth.algorithms=[\"MD5\"]",
            "--set",
            &users,
            "--set",
            &failures,
        ]);
        Self { server, folder }
    }

    /// Starts one of the tools against the server, telling all it does.
    fn attack(&self, name: &str, arguments: &[&str]) -> Process {
        let mut command = tool(name, "sipvicious");
        command.args(["-v", "-b", ATTACKER, "-x", ATTACKER]);
        command.args(["-P", &free_port().to_string()]);
        command.args(["-p", &self.server.address.port().to_string()]);
        command.args(arguments).arg("127.0.0.1");
        command.current_dir(self.folder.path());
        Process::start(&mut command)
    }

    fn crack(&self, words: &str) -> Process {
        self.folder.write("words", words);
        self.attack("svcrack", &["-m", "OPTIONS", "-u", "100", "-d", "words"])
    }

    fn stop(self) -> Ended {
        self.server.stop()
    }
}

#[test]
fn svmap_finds_the_server() {
    let victim = Victim::new(10);
    let found = victim.attack("svmap", &[]).ended();
    found
        .expect("Muleteer/")
        .expect(&victim.server.address.to_string());
    victim.stop();
}

#[test]
fn svwar_cannot_tell_a_user_from_no_user() {
    let victim = Victim::new(10);
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        for force in [&[][..], &["--force"]] {
            let arguments = [&["-m", method, "-e", "98-103"], force].concat();
            let found = victim.attack("svwar", &arguments).ended();
            let found = found.expect("found nothing");
            assert!(!found.text().contains("exists"), "{}", found.text());
        }
    }
    victim.stop();
}

#[test]
fn svcrack_finds_a_password_of_its_list() {
    let mut victim = Victim::new(10);
    let mut crack = victim.crack("one\ntwo\nwonderland\n");
    crack.line("The password for 100 is wonderland");
    let lines = "authentication failed from 127.0.0.1: wrong user or password; method OPTIONS, user \"100\"";
    for _ in ["one", "two"] {
        victim.server.process.line(lines);
    }
    drop(crack);
    let text = victim.stop().expect("authentication.failed=2").text();
    assert!(!text.contains("blocked for"), "{text}");
}

#[test]
fn svcrack_does_not_find_a_password_that_is_not_in_its_list() {
    let victim = Victim::new(0);
    let mut crack = victim.crack("one\ntwo\nthree\n");
    crack.line("no more passwords");
    assert!(!crack.has_written("The password for"));
    drop(crack);
    victim.stop();
}

#[tokio::test]
async fn svcrack_is_shut_out_before_it_comes_to_the_password() {
    const MAX_FAILURES: usize = 5;
    let mut victim = Victim::new(MAX_FAILURES as u32);
    let wrong: String = (0..50).map(|number| format!("{number}\n")).collect();
    let mut crack = victim.crack(&(wrong + "wonderland\n"));
    for _ in 0..MAX_FAILURES {
        victim
            .server
            .process
            .line("authentication failed from 127.0.0.1: ");
    }
    victim
        .server
        .process
        .line("authentication blocked for 127.0.0.1");
    // It goes on to ask, and nobody at this address is told anything but this.
    let mut caller = Caller::new(victim.server.address, "100").await;
    let options = caller.request("OPTIONS", "");
    caller.send(options).await;
    let status = caller.final_response().await.status;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(!crack.has_written("The password for"));
    drop(crack);
    let text = victim.stop().expect("authentication.blocked=").text();
    assert_eq!(text.matches("authentication failed").count(), MAX_FAILURES);
    assert!(!text.contains("authentication.accepted="), "{text}");
}
