//! Files and sound that a database holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use muleteer_sdk::module::{
    Action, Args, Audio, Context, Failure, Flow, Kind, Parameter, action, need,
};

use crate::connection::Rows;
use crate::problem::Problem;
use crate::session::{connection, deadline, run, statement, statement_with_file};
use crate::table::Outcome;

/// The largest file that is stored.
const MAX_FILE: u64 = 64 << 20;

const AUDIO: &[Parameter] = &[need("statement", Kind::Sql), need("name", Kind::Literal)];

const fn plays(
    name: &'static str,
    run: fn(&mut Context<'_>, &Args<'_>) -> Result<Flow, Failure>,
) -> Action {
    action(name, run)
        .parameters(AUDIO)
        .last_comma()
        .errno(&["connection", "query", "result", "file"])
        .throws(&["core #cause"])
        .sets(&["$db.errno", "$db.ereason"])
}

/// `mysql.playDBAudio`
pub const PLAY: Action = plays("mysql.playDBAudio", |cx, args| play(cx, args, false, false)).doc(
    "Plays the first column of the first row; the ending of the name, as in x.wav, tells its format.",
);

/// `mysql.playDBAudioFront`
pub const PLAY_FRONT: Action = plays("mysql.playDBAudioFront", |cx, args| {
    play(cx, args, true, false)
})
.doc("Plays the first column of the first row before the rest of the playlist.");

/// `mysql.playDBAudioLooped`
pub const PLAY_LOOPED: Action = plays("mysql.playDBAudioLooped", |cx, args| {
    play(cx, args, false, true)
})
.doc("Plays the first column of the first row again and again.");

/// `mysql.getFileFromDB`
pub const GET_FILE: Action = action("mysql.getFileFromDB", get_file)
    .doc("Writes the first column of the first row to a file.")
    .parameters(&[need("statement", Kind::Sql), need("file", Kind::Value)])
    .last_comma()
    .errno(&["connection", "query", "result", "file"])
    .sets(&["$db.errno", "$db.ereason"]);

/// `mysql.putFileToDB`
pub const PUT_FILE: Action = action("mysql.putFileToDB", put_file)
    .doc("Runs a statement in which the content of a file stands for the first __FILE__.")
    .parameters(&[need("statement", Kind::Sql), need("file", Kind::Value)])
    .last_comma()
    .errno(&["connection", "query", "arg", "file"])
    .sets(&["$db.rows", "$db.insert_id", "$db.errno", "$db.ereason"]);

/// The first column of the first row, which has to be there.
fn content(outcome: &mut Outcome) -> Result<Vec<u8>, Problem> {
    let cell = outcome.first_cell().filter(|content| !content.is_empty());
    cell.ok_or_else(|| Problem::result("there is no row, or no data in its first column"))
}

fn play(cx: &mut Context<'_>, args: &Args<'_>, front: bool, looped: bool) -> Result<Flow, Failure> {
    let name = args.text(1).to_owned();
    run(cx, args.text(0), Rows::Kept, move |cx, mut outcome| {
        let bytes = content(&mut outcome).map_err(|problem| problem.told(cx))?;
        let audio = Audio {
            name: &name,
            bytes: &bytes,
            front,
            looped,
        };
        Ok(cx.play_then(audio, |_, played| match played {
            Ok(()) => Ok(Flow::Next),
            Err(Failure::Thrown(exception)) if exception.kind() == "file" => {
                let text = "the data is no audio of the format that the name says";
                Err(Failure::errno("file", text))
            }
            Err(failure) => Err(failure),
        }))
    })
}

fn get_file(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let connection = connection(cx)?;
    let statement = statement(cx, args.text(0))?;
    let path = PathBuf::from(args.text(1));
    Ok(cx.later(
        deadline(),
        async move {
            let mut outcome = connection.run(statement, None, Rows::Kept).await?;
            write(&path, &content(&mut outcome)?).await
        },
        |cx, written| match written {
            Ok(()) => Ok(Flow::Next),
            Err(problem) => Err(problem.told(cx)),
        },
    ))
}

fn put_file(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let connection = connection(cx)?;
    let statement = statement_with_file(cx, args.text(0))?;
    let path = PathBuf::from(args.text(1));
    Ok(cx.later(
        deadline(),
        async move {
            let content = read(&path).await?;
            connection
                .run(statement, Some(content), Rows::Counted)
                .await
        },
        |cx, outcome| match outcome {
            Ok(outcome) => {
                cx.set("db.rows", outcome.count.to_string())?;
                cx.set("db.insert_id", outcome.insert_id.to_string())?;
                Ok(Flow::Next)
            }
            Err(problem) => Err(problem.told(cx)),
        },
    ))
}

async fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let problem = |what: String| Problem::File(format!("{}: {what}", path.display()));
    let metadata = tokio::fs::metadata(path).await;
    let metadata = metadata.map_err(|error| problem(error.to_string()))?;
    if !metadata.is_file() {
        return Err(problem("no file".to_owned()));
    }
    if metadata.len() > MAX_FILE {
        return Err(problem(format!("larger than {MAX_FILE} bytes")));
    }
    let content = tokio::fs::read(path)
        .await
        .map_err(|error| problem(error.to_string()))?;
    match content.is_empty() {
        true => Err(problem("empty".to_owned())),
        false => Ok(content),
    }
}

/// Writes a file that is there as a whole or not at all.
async fn write(path: &Path, content: &[u8]) -> Result<(), Problem> {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}-{number}.part", std::process::id()));
    let written = async {
        tokio::fs::write(&part, content).await?;
        tokio::fs::rename(&part, path).await
    };
    if let Err(error) = written.await {
        // It may not even be there; the error that counts is the first one.
        let _ = tokio::fs::remove_file(&part).await;
        return Err(Problem::File(format!("{}: {error}", path.display())));
    }
    Ok(())
}
