use std::time::Instant;

use super::*;

fn local(deadline_ms: u64) -> Local {
    Local::new(LocalPolicy {
        folders: Vec::new(),
        commands: true,
        deadline: Duration::from_millis(deadline_ms),
    })
}

fn popen(command: &str) -> LocalWork {
    LocalWork::Popen {
        variable: "o".to_owned(),
        command: command.to_owned(),
    }
}

fn cause(result: ActionResult) -> String {
    match result {
        Err(ActionError::Exception(exception)) => {
            assert_eq!(exception.kind(), "popen");
            exception.cause().unwrap_or_default().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

/// A process that writes its number into a file, and whether it still runs.
struct Victim(tempfile::TempDir);

impl Victim {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Runs in the background of a shell that goes on.
    fn command(&self) -> String {
        let file = self.0.path().join("pid");
        format!(
            "sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600' & wait",
            file.display()
        )
    }

    async fn number(&self) -> i32 {
        loop {
            if let Ok(text) = std::fs::read_to_string(self.0.path().join("pid")) {
                return text.trim().parse().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until it is gone; if it never is, the test does not end.
    async fn dies(&self) {
        let status = format!("/proc/{}/stat", self.number().await);
        loop {
            let stat = std::fs::read_to_string(&status).unwrap_or_default();
            // Dead, or waiting for somebody to read its end.
            if stat.is_empty() || stat.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_with_all_that_it_started() {
    let victim = Victim::new();
    let result = local(1_000).perform(popen(&victim.command())).await;
    assert_eq!(cause(result), "timeout");
    victim.dies().await;
}

#[tokio::test]
async fn a_condition_that_takes_too_long_does_not_hold() {
    let command = "sleep 600".to_owned();
    let begun = Instant::now();
    let result = local(50).perform(LocalWork::System { command }).await;
    assert_eq!(result, Ok(Answer::Value(false.into())));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_killed() {
    let victim = Victim::new();
    let local = local(600_000);
    let work = tokio::spawn(local.perform(popen(&victim.command())));
    victim.number().await;
    work.abort();
    victim.dies().await;
}

#[tokio::test]
async fn a_command_that_says_too_much_is_stopped() {
    let result = local(60_000).perform(popen("yes")).await;
    let cause = cause(result);
    assert!(cause.contains("bytes of output"), "{cause}");
    let just_enough = format!("head -c {} /dev/zero", process::MAX_OUTPUT);
    let result = local(60_000).perform(popen(&just_enough)).await;
    let Ok(Answer::Assign(assigned)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(assigned[1].1.len(), process::MAX_OUTPUT);
}

#[tokio::test]
async fn a_command_gets_no_input_and_no_terminal() {
    let result = local(60_000).perform(popen("cat; echo $?")).await;
    let Ok(Answer::Assign(assigned)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(assigned[1].1, "0\n");
}

#[tokio::test]
async fn only_so_many_commands_run_at_a_time() {
    let local = local(600_000);
    let sleepers: Vec<_> = (0..MAX_COMMANDS)
        .map(|_| tokio::spawn(local.perform(popen("sleep 600"))))
        .collect();
    while local.commands.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    // Its turn does not come before its time is over.
    let late = Arc::new(Semaphore::new(0));
    let done = process::run("true", false, late, Duration::from_millis(20)).await;
    assert!(matches!(done, Err(CommandError::Timeout)), "{done:?}");
    // Whose work is given up gives its place back.
    for sleeper in sleepers {
        sleeper.abort();
        assert!(sleeper.await.unwrap_err().is_cancelled());
    }
    assert_eq!(local.commands.available_permits(), MAX_COMMANDS);
}

#[tokio::test]
async fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe").display().to_string();
    let made = local(60_000)
        .perform(popen(&format!("mkfifo {path}")))
        .await;
    assert!(made.is_ok(), "{made:?}");
    let wanted = true;
    let work = LocalWork::Files(FileWork::Exists { path, wanted });
    let there = local(60_000).perform(work).await;
    assert_eq!(there, Ok(Answer::Value(true.into())));
}
