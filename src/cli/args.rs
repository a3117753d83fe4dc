//! Commands, options and the help they print.

mod examples;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::examples::{
    CALL_EXAMPLES, CHECK_EXAMPLES, FMT_EXAMPLES, GRAPH_EXAMPLES, LSP_EXAMPLES, OVERVIEW,
    SERVE_EXAMPLES, SIM_EXAMPLES, TEST_EXAMPLES,
};
pub use self::values::Denied;
use self::values::{code, jobs, local_address, seconds, setting, uri, variable};
use super::dtmf::DtmfSequence;
use crate::codec::CodecId;
use crate::config::{Config, LoadError, LogFormat, LogLevel, load};
use crate::dsm::Registry;
use crate::dsm::diagnostic::Code;
use crate::plugin::module::Modules;
use crate::sip::message::Uri;

/// A SIP media server that is programmed with state diagrams.
#[derive(Debug, Parser)]
#[command(name = "muleteer", version, max_term_width = 100, after_help = OVERVIEW)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of this build.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    ///
    /// Without --config every key has its default, and paths start from the current directory. SIGTERM
    /// and SIGINT stop the server: no new calls, and a BYE to those that are left after the grace
    /// period. SIGHUP reads again: diagrams, the sections app, dsm, application.* and tls with its files, and
    /// the file of users. All else, such as the rest of auth and the registrations, needs a restart.
    Serve(ServeArgs),
    /// Find mistakes in state diagrams
    ///
    /// Syntax, names, arguments, states and called diagrams are checked as when the server loads them.
    /// The exit code is 1 if there is an error and 2 if a path names nothing to check; warnings alone are 0.
    /// A comment '-- muleteer: allow(CODE)' behind a line, or above a line or declaration, says that a
    /// finding is meant; above the first line it is for the whole file.
    Check(CheckArgs),
    /// Put state diagrams into the canonical layout
    ///
    /// Comments, names and arguments stay as they are written, includes are not followed, and the
    /// meaning does not change: what cannot be formatted safely is left alone. Formatting twice changes
    /// nothing more. The exit code is 1 if a diagram has mistakes, or would change with --check, and 2
    /// if a path names nothing to format or cannot be written.
    Fmt(FmtArgs),
    /// Draw a state diagram
    ///
    /// As an SVG picture, or as text for Graphviz or Mermaid. What a file with errors still says is
    /// drawn too, and the errors are printed; the exit code is 1 if nothing can be drawn and 2 if a file
    /// cannot be read or written.
    Graph(GraphArgs),
    /// Try a state diagram by typing events
    ///
    /// Runs FILE without a call: type what happens (`sessionStart`, `key 1`, `hangup`, `wait 5s`) and see
    /// transitions, states, actions, variables. Time passes only when told to. Other diagrams of the
    /// folder can be called. `help` lists the commands; `save FILE.expect` keeps what was done as a test.
    /// Actions of loaded modules run for real, and again when all is replayed, unless `skip` or `fail` names
    /// them.
    Sim(SimArgs),
    /// Run tests of state diagrams
    ///
    /// A test is a file NAME.expect beside NAME.dsm: events, and what the diagram has to do for each.
    /// docs/testing-diagrams.md describes the format. The last line is "N passed, M failed"; the exit code is 1
    /// if a test fails and 2 if a path cannot be read or holds no test. Actions of loaded modules run for
    /// real, unless the test says `skip` or `fail`.
    Test(TestArgs),
    /// Serve an editor: diagnostics, completion, navigation and renaming in state diagrams
    ///
    /// Speaks the Language Server Protocol on standard input and output, so an editor starts it;
    /// docs/editors.md says how. Prompts are looked up in the folder audio/ of the workspace, or in what
    /// the editor sets as muleteer.audioPath. Log lines go to standard error.
    Lsp(LspArgs),
    /// Look at the modules that diagrams can import
    Module(ModuleArgs),
    /// Place a call: a test phone
    ///
    /// Calls URI, plays a file, presses keys, and records what it hears, until the other side hangs up
    /// or --duration is over.
    Call(Box<CallArgs>),
}

/// Arguments of `muleteer serve`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Set one key, as in sip.t1_ms=500; overrides the file and may be repeated
    ///
    /// VALUE is a number, true, false, a quoted string or a list as in the file; anything else is taken
    /// as a string. A path given here is relative to the current directory.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Write log lines as text or json
    #[arg(long, value_name = "FORMAT", value_parser = setting::<LogFormat>)]
    pub log_format: Option<LogFormat>,

    /// Log from this level up: error, warn, info, debug, trace
    ///
    /// The variable RUST_LOG, if set, is used instead and can tell parts of the server apart:
    /// RUST_LOG=warn,muleteer::session=debug
    #[arg(long, value_name = "LEVEL", value_parser = setting::<LogLevel>)]
    pub log_level: Option<LogLevel>,
}

/// Arguments of `muleteer check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// Diagrams (*.dsm), folders of them, or - for standard input
    #[arg(value_name = "PATH", required_unless_present = "explain")]
    pub paths: Vec<PathBuf>,

    /// How to report
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,

    /// Take findings for errors: a code, warnings, or notes (which are warnings too)
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = Denied::parse)]
    pub deny: Vec<Denied>,

    /// Configuration file (TOML): look for the audio files and prompts that diagrams name
    #[arg(long, value_name = "FILE", conflicts_with = "audio")]
    pub config: Option<PathBuf>,

    /// Look for audio files in this folder; may be repeated
    #[arg(long, value_name = "DIR")]
    pub audio: Vec<PathBuf>,

    /// Print what a code means, with an example and what to do
    #[arg(long, value_name = "CODE", value_parser = code, conflicts_with_all = ["paths", "deny", "config", "audio"])]
    pub explain: Option<&'static Code>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub modules: ModuleFolders,
}

/// Arguments of `muleteer test`.
#[derive(Debug, Clone, Args)]
#[command(after_help = TEST_EXAMPLES)]
pub struct TestArgs {
    /// Tests (*.expect), or folders that hold some, at any depth; with --explore diagrams (*.dsm)
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    /// Run only tests whose path contains TEXT
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// Write the traces that came into tests whose traces differ
    ///
    /// So a test can be begun with its events alone. What changed is then read with git diff.
    /// Assertions stay as they are.
    #[arg(long)]
    pub update: bool,

    /// Print the trace of every test
    #[arg(long, short)]
    pub verbose: bool,

    /// Say how many states and transitions the tests reached, and which they did not
    #[arg(long)]
    pub coverage: bool,

    /// Write the same as JSON
    #[arg(long, value_name = "FILE")]
    pub coverage_json: Option<PathBuf>,

    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Try diagrams without tests: every event and failure that their conditions look at
    ///
    /// Reports calls that hang up and are not ended (exit code 1), exceptions that nobody handles, and
    /// states and transitions that cannot be reached, with the shortest way to each. Actions of loaded modules
    /// do not run: each is taken to work, and to fail in every way that it declares.
    #[arg(long, conflicts_with_all = ["update", "junit", "jobs"])]
    pub explore: bool,

    /// Write the ways that were found as tests into DIR
    #[arg(long, value_name = "DIR", requires = "explore")]
    pub write: Option<PathBuf>,

    /// Run so many tests at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub modules: ModuleFolders,
}

/// Arguments of `muleteer graph`.
#[derive(Debug, Clone, Args)]
#[command(after_help = GRAPH_EXAMPLES)]
pub struct GraphArgs {
    /// The diagram (*.dsm), or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// How to write it [default: as the name given with -o says, else svg]
    #[arg(long, value_enum)]
    pub format: Option<PictureFormat>,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub modules: ModuleFolders,
}

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PictureFormat {
    /// A picture for browsers and documents
    #[default]
    Svg,
    /// For Graphviz
    Dot,
    /// For Mermaid: a diagram in a Markdown page
    Mermaid,
}

/// Arguments of `muleteer fmt`.
#[derive(Debug, Clone, Args)]
#[command(after_help = FMT_EXAMPLES)]
pub struct FmtArgs {
    /// Diagrams, folders with all *.dsm directly in them, or - for standard input to output
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    /// Change nothing; show what would change
    #[arg(long)]
    pub check: bool,
}

/// Arguments of `muleteer sim`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SIM_EXAMPLES)]
pub struct SimArgs {
    /// The diagram
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Read commands from this file; exit 1 at the first that is wrong or not as expected
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,

    /// Write what was done as an .expect test at the end
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Set a variable before the start, as in config.language=en; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, String)>,

    /// Folder of audio files, for how long they play; may be repeated
    #[arg(long, value_name = "FOLDER", default_value = "audio")]
    pub audio: Vec<PathBuf>,

    /// How long a file plays that is not found there, and a prompt
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub unknown_length: Duration,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub modules: ModuleFolders,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReportFormat {
    /// For people: place, message, source line, hint
    #[default]
    Text,
    /// For programs: one JSON array
    Json,
    /// For code scanning: SARIF 2.1.0, paths relative to the current folder
    Sarif,
}

/// Arguments of `muleteer lsp`.
#[derive(Debug, Clone, Args)]
#[command(after_help = LSP_EXAMPLES)]
pub struct LspArgs {
    /// Talk over standard input and output: what happens anyway, and what some editors write
    #[arg(long)]
    pub stdio: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub modules: ModuleFolders,
}

/// Where modules are looked for.
#[derive(Debug, Clone, Default, Args)]
pub struct ModuleFolders {
    /// Look for loadable modules in this folder; may be repeated [default: where this program is]
    #[arg(long = "modules", value_name = "DIR")]
    folders: Vec<PathBuf>,
}

impl ModuleFolders {
    /// What there is.
    pub fn modules(&self) -> Modules {
        match self.folders.is_empty() {
            true => Modules::beside_program(),
            false => Modules::new(self.folders.clone(), BTreeMap::new()),
        }
    }

    /// What diagrams can use.
    pub fn registry(&self) -> Registry {
        self.modules().registry()
    }
}

/// Arguments of `muleteer module`.
#[derive(Debug, Clone, Args)]
pub struct ModuleArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ModuleCommand,
}

/// What can be done with modules.
#[derive(Debug, Clone, Subcommand)]
pub enum ModuleCommand {
    /// Show the modules that are there: version, actions, and why one is refused
    ///
    /// All of them are loaded, so those that need settings want --config. The exit code is 1 if one is
    /// refused.
    List {
        /// Configuration file (TOML): the folders of `[dsm] modules`, and the settings of `[module.NAME]`
        #[arg(long, value_name = "FILE", conflicts_with = "folders")]
        config: Option<PathBuf>,

        #[command(flatten)]
        #[allow(missing_docs)]
        modules: ModuleFolders,

        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print the reference of a module, as Markdown
    Show {
        /// As it is imported
        #[arg(value_name = "NAME")]
        name: String,

        /// Configuration file (TOML), as for list
        #[arg(long, value_name = "FILE", conflicts_with = "folders")]
        config: Option<PathBuf>,

        #[command(flatten)]
        #[allow(missing_docs)]
        modules: ModuleFolders,
    },
}

/// Arguments of `muleteer call`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CALL_EXAMPLES)]
pub struct CallArgs {
    /// Whom to call, such as sip:echo@127.0.0.1
    #[arg(value_name = "URI", value_parser = uri)]
    pub uri: Uri,

    /// Play this file once the call is answered
    #[arg(long, value_name = "WAV")]
    pub play: Option<PathBuf>,

    /// Record what is heard to this file
    #[arg(long, value_name = "WAV")]
    pub record: Option<PathBuf>,

    /// Press these keys once the call is answered: 0-9 * # A-D; each comma waits a second
    #[arg(long, value_name = "KEYS")]
    pub dtmf: Option<DtmfSequence>,

    /// Hang up so many seconds after the answer
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,

    /// Codecs to offer, best first [default: all but L16]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = setting::<CodecId>)]
    pub codec: Vec<CodecId>,

    /// Address, or address and port, to call from [default: the one that routes to URI]
    #[arg(long, value_name = "ADDR", value_parser = local_address)]
    pub local: Option<SocketAddr>,

    /// Encrypt the audio: offer SRTP and nothing else
    #[arg(long)]
    pub srtp: bool,

    /// Certificates of the authorities that the other side's may come from [default: the system's]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,

    /// Take any certificate of the other side, whoever it is
    #[arg(long)]
    pub insecure: bool,

    /// Who calls, for the From header
    #[arg(long, value_name = "URI", value_parser = uri)]
    pub from: Option<Uri>,

    /// Name to answer with when the other side asks for a password
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,

    /// File whose first line is the password; where others can see the command line, it is no place for one
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
}

impl ServeArgs {
    /// Loads the configuration with everything that the command line says about it.
    ///
    /// # Errors
    ///
    /// As [`load`].
    pub fn load_config(&self) -> Result<Config, LoadError> {
        let mut config = load(self.config.as_deref(), &self.set)?;
        config.log.level = self.log_level.unwrap_or(config.log.level);
        config.log.format = self.log_format.unwrap_or(config.log.format);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Cli::try_parse_from(line.split(' '))
            .map(|cli| cli.command)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_that_parse() {
        let mut examples = 0;
        let mut command = Cli::command();
        for sub in command.get_subcommands_mut() {
            let help = sub.render_long_help().to_string();
            for line in help
                .lines()
                .filter_map(|line| line.strip_prefix("  muleteer "))
            {
                let line = format!(
                    "muleteer {}",
                    line.replace("\", \"", "\",\"").replace('\'', "")
                );
                parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                examples += 1;
            }
        }
        assert_eq!(examples, 28);
    }

    #[test]
    fn only_what_this_build_can_do_is_listed() {
        let names: Vec<String> = Cli::command()
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "serve", "check", "fmt", "graph", "sim", "test", "lsp", "module", "call"
            ]
        );
    }

    #[test]
    fn options_of_serve_win_over_overrides_and_overrides_over_defaults() {
        let line = "muleteer serve --set log.level=debug --set sip.t1_ms=100 --log-level warn";
        let Ok(Command::Serve(args)) = parse(line) else {
            panic!("{line}")
        };
        let config = args.load_config().unwrap();
        assert_eq!(config.log.level, LogLevel::Warn);
        assert_eq!(config.sip.t1, Duration::from_millis(100));
    }

    #[test]
    fn options_of_call_are_typed() {
        let line = "muleteer call sip:a@b --duration 2.5 --local ::1 --codec opus,pcmu --dtmf 1,#";
        let Ok(Command::Call(args)) = parse(line) else {
            panic!("{line}")
        };
        assert_eq!(args.duration, Some(Duration::from_millis(2500)));
        assert_eq!(args.local, Some("[::1]:0".parse().unwrap()));
        assert_eq!(args.codec, [CodecId::OPUS, CodecId::PCMU]);
        assert_eq!(args.dtmf.unwrap().steps().len(), 3);
    }

    #[test]
    fn wrong_values_say_what_was_expected() {
        let cases = [
            ("muleteer serve --log-level loud", "expected one of `error`"),
            ("muleteer call sip:a@b --duration 0", "expected seconds"),
            ("muleteer call sip:a@b --dtmf 1x", "found `x` at position 2"),
            ("muleteer call sip:a@b --local host", "expected ADDRESS"),
            (
                "muleteer call sip:a@b --codec G729",
                "expected one of `opus`, `G722`, `PCMU`, `PCMA`",
            ),
            ("muleteer call bob", "invalid value 'bob' for '<URI>'"),
            ("muleteer check", "<PATH>..."),
            ("muleteer test x --jobs 0", "expected a number from 1"),
        ];
        for (line, expected) in cases {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
