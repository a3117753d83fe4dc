//! `muleteer sim`: the terminal of the simulator.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::cell::RefCell;
use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};

use super::input::{PathError, STDIN, one_file, relative};
use super::output::{complain, print_error, printed, say, write};
use super::{Exit, SimArgs};
use crate::audio::decode::DecodeError;
use crate::dsm::loader::FileSystem;
use crate::dsm::sim::{Reply, Simulator, Sounds, Tone};
use crate::dsm::testing::registry_over;
use crate::media::open_sound;
use crate::session::safe_path;

/// Runs the command.
pub fn run(args: &SimArgs) -> Exit {
    let path = args.file.to_string_lossy();
    if path == STDIN {
        complain!("sim reads what happens from standard input; name the file of the diagram");
        return Exit::Usage;
    }
    if let Err(error) = one_file(&path) {
        complain!("{error}");
        return Exit::Usage;
    }
    let folders = AudioFolders {
        folders: args.audio.clone(),
        unknown: args.unknown_length,
    };
    let screen = Screen {
        colours: io::stdout().is_terminal(),
    };
    let (simulator, reply) = match Simulator::with_registry(
        &path,
        &args.vars,
        &FileSystem,
        &folders,
        registry_over(args.modules.registry()),
    ) {
        Ok(started) => started,
        Err(findings) => {
            print_error(&findings.to_string());
            return Exit::Input;
        }
    };
    screen.show(&reply);
    let session = Session {
        simulator: Rc::new(RefCell::new(simulator)),
        diagram: &args.file,
        screen,
    };
    let exit = match &args.script {
        Some(script) => session.script(script),
        None if io::stdin().is_terminal() => session.type_lines(),
        None => session.lines(io::stdin().lock(), "standard input"),
    };
    match &args.save {
        Some(file) if exit == Exit::Good => session.save(file),
        _ => exit,
    }
}

struct Session<'a> {
    simulator: Rc<RefCell<Simulator<'a>>>,
    diagram: &'a Path,
    screen: Screen,
}

impl Session<'_> {
    fn script(&self, path: &Path) -> Exit {
        let name = path.to_string_lossy();
        match one_file(&name) {
            // A script may come from another command.
            Ok(()) | Err(PathError::NeitherFileNorFolder(_)) => {}
            Err(error) => {
                complain!("{error}");
                return Exit::Usage;
            }
        }
        match fs::File::open(path) {
            Ok(file) => self.lines(io::BufReader::new(file), &name),
            Err(error) => {
                complain!("{name}: cannot be read: {error}");
                Exit::Usage
            }
        }
    }

    /// Lines of a file, each shown before what it does; the first that fails ends it.
    fn lines(&self, from: impl BufRead, name: &str) -> Exit {
        for (index, line) in from.lines().enumerate() {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    complain!("{name}: cannot be read: {error}");
                    return Exit::Usage;
                }
            };
            if let Err(error) = write(format!("> {line}\n").as_bytes()) {
                return printed(Err(error));
            }
            let reply = self.simulator.borrow_mut().line(&line);
            match self.answer(&reply) {
                Some(exit) => return exit,
                None if reply.failed => {
                    complain!("{name}:{}: stopped at this line", index + 1);
                    return Exit::Input;
                }
                None => {}
            }
        }
        Exit::Good
    }

    /// Lines of a person at a terminal.
    fn type_lines(&self) -> Exit {
        let mut editor = match Editor::<Words<'_>, DefaultHistory>::new() {
            Ok(editor) => editor,
            Err(error) => {
                complain!("cannot use this terminal: {error}");
                return Exit::Usage;
            }
        };
        editor.set_helper(Some(Words(self.simulator.clone())));
        say!("'help' lists what can be typed; the tab key completes it.");
        loop {
            match editor.readline("> ") {
                Ok(line) => {
                    // A line that cannot be kept is only not offered again.
                    let _ = editor.add_history_entry(line.as_str());
                    let reply = self.simulator.borrow_mut().line(&line);
                    // A file that cannot be written is said; the user may name another.
                    if self.answer(&reply) == Some(Exit::Good) {
                        return Exit::Good;
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Exit::Good,
                Err(error) => {
                    complain!("cannot read from the terminal: {error}");
                    return Exit::Usage;
                }
            }
        }
    }

    /// Shows a reply and writes the file it asks for; how to end, if that is the end.
    fn answer(&self, reply: &Reply) -> Option<Exit> {
        self.screen.show(reply);
        if let Some(file) = &reply.save
            && let failed @ (Exit::Usage | Exit::Input) = self.save(Path::new(file))
        {
            return Some(failed);
        }
        reply.quit.then_some(Exit::Good)
    }

    fn save(&self, file: &Path) -> Exit {
        let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let named = |path: &str| relative(folder, path);
        let beside = Path::new(&named(&self.diagram.to_string_lossy())).with_extension("expect");
        let beside = beside.as_os_str() == file.file_name().unwrap_or_default();
        match self.simulator.borrow().as_test(beside, named) {
            Ok(text) => self.write(file, &text),
            Err(error) => {
                complain!("{}: not saved: {error}", file.display());
                Exit::Input
            }
        }
    }

    fn write(&self, file: &Path, text: &str) -> Exit {
        if let Err(error) = fs::write(file, text) {
            complain!("{}: cannot be written: {error}", file.display());
            return Exit::Usage;
        }
        say!("saved as {}", file.display());
        if file.extension().is_none_or(|it| it != "expect") {
            say!("tests are files with the ending .expect; 'muleteer test' does not take this one");
        }
        Exit::Good
    }
}

#[derive(Clone, Copy)]
struct Screen {
    colours: bool,
}

impl Screen {
    fn show(self, reply: &Reply) {
        for line in &reply.lines {
            match colour(line.tone).filter(|_| self.colours) {
                Some(code) => say!("\x1b[{code}m{}\x1b[0m", line.text),
                None => say!("{}", line.text),
            }
        }
    }
}

/// The number of the terminal's colour or weight.
fn colour(tone: Tone) -> Option<u8> {
    const BOLD: u8 = 1;
    const RED: u8 = 31;
    const CYAN: u8 = 36;
    const DIM: u8 = 2;
    match tone {
        Tone::Event => Some(BOLD),
        Tone::Trace => None,
        Tone::State => Some(CYAN),
        Tone::Problem => Some(RED),
        Tone::Note => Some(DIM),
    }
}

/// Lengths of WAV files in some folders.
struct AudioFolders {
    folders: Vec<PathBuf>,
    unknown: Duration,
}

impl Sounds for AudioFolders {
    fn length(&self, name: &str) -> Duration {
        let paths = self
            .folders
            .iter()
            .filter_map(|folder| safe_path::join(folder, name));
        let mut lengths = paths.filter_map(|path| length_of(&path).ok());
        lengths.next().unwrap_or(self.unknown)
    }
}

/// How long a file plays; found by decoding all of it.
fn length_of(path: &Path) -> Result<Duration, DecodeError> {
    let mut source = open_sound(path)?;
    let mut samples = 0;
    let mut part = [0; 4_096];
    loop {
        match source.read(&mut part)? {
            0 => break,
            count => samples += count,
        }
    }
    Ok(Duration::from_secs_f64(
        samples as f64 / f64::from(source.sample_rate()),
    ))
}

/// Completes words of commands.
struct Words<'a>(Rc<RefCell<Simulator<'a>>>);

impl Completer for Words<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.borrow().completions(&line[..cursor]))
    }
}

impl Hinter for Words<'_> {
    type Hint = String;
}
impl Highlighter for Words<'_> {}
impl Validator for Words<'_> {}
impl Helper for Words<'_> {}
