//! Examples below the help of each command. A test parses them all.

pub(super) const OVERVIEW: &str = "\
Examples:
  muleteer serve                                   run with all defaults
  muleteer check dsm/                              check every diagram of a folder
  muleteer test dsm/                               run the tests beside the diagrams
  muleteer graph dsm/demo.dsm -o demo.svg          draw a diagram
  muleteer fmt dsm/                                give every diagram of a folder one layout
  muleteer sim dsm/demo.dsm                        type events and see what the diagram does
  muleteer module list                             show the modules that diagrams can import
  muleteer call sip:echo@127.0.0.1 --dtmf 1,2#     call, press 1, wait, press 2 and #

`muleteer COMMAND --help` says more.";

pub(super) const SERVE_EXAMPLES: &str = "\
Examples:
  muleteer serve --config conf/muleteer.toml
  muleteer serve --set app.application=echo --set rtp.ports=20000-20999
  muleteer serve --set 'sip.listen=[\"udp:192.0.2.10:5060\", \"tcp:192.0.2.10:5060\"]'
  muleteer serve --set application.announcement.loop=true --log-level debug
  muleteer serve --config /etc/muleteer/muleteer.toml --log-format json";

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  muleteer check dsm/greeting.dsm
  muleteer check dsm/ --deny warnings
  muleteer check dsm/ --format sarif > findings.sarif
  muleteer check dsm/ --config conf/muleteer.toml
  muleteer check --explain unknown-action";

pub(super) const TEST_EXAMPLES: &str = "\
Examples:
  muleteer test dsm/menu.expect --verbose
  muleteer test dsm/ --coverage --junit results.xml
  muleteer test dsm/menu.expect --update
  muleteer test --explore dsm/ --write generated/";

pub(super) const GRAPH_EXAMPLES: &str = "\
Examples:
  muleteer graph dsm/demo.dsm -o demo.svg
  muleteer graph dsm/demo.dsm --format mermaid
  muleteer graph dsm/demo.dsm --format dot -o demo.dot";

pub(super) const FMT_EXAMPLES: &str = "\
Examples:
  muleteer fmt dsm/
  muleteer fmt --check dsm/ lib/menu.dsm
  muleteer fmt -";

pub(super) const SIM_EXAMPLES: &str = "\
Examples:
  muleteer sim dsm/demo.dsm
  muleteer sim dsm/demo.dsm --script walk.txt
  muleteer sim menu.dsm --var config.language=en --audio prompts --save menu.expect";

pub(super) const CALL_EXAMPLES: &str = "\
Examples:
  muleteer call sip:echo@127.0.0.1 --play audio/hello.wav --record heard.wav
  muleteer call sip:menu@192.0.2.10 --dtmf ,,1,2# --duration 20
  muleteer call sip:conference@192.0.2.10 --codec PCMA,PCMU --local 192.0.2.7:5080
  muleteer call sip:200@pbx.example.net --from sip:alice@example.net";

pub(super) const LSP_EXAMPLES: &str = "\
Examples:
  muleteer lsp --stdio";
