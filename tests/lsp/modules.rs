//! What an editor is told of modules that are loaded.

use muleteer::plugin::module::Modules;
use serde_json::{Value, json};

use super::editor::Editor;
use crate::modules::objects::modules;
use crate::support::process::Folder;

fn editor(fixture: &str) -> Editor {
    Editor::over(fixture, modules().registry())
}

fn hover(fixture: &str) -> String {
    let answer = editor(fixture).ask_here("textDocument/hover", json!({}));
    let text = answer["contents"]["value"].as_str();
    text.unwrap_or_default().to_owned()
}

/// The completion of this label.
fn offer(fixture: &str, label: &str) -> Option<Value> {
    let items = editor(fixture).ask_here("textDocument/completion", json!({}));
    let mut items = items.as_array().expect("a list").iter();
    items.find(|item| item["label"] == label).cloned()
}

#[test]
fn an_import_offers_what_is_in_the_server_in_the_folders_and_still_to_build() {
    let folder = Folder::new(&[("libmod_found.so", "not even an object"), ("mod_no.so", "")]);
    let modules = Modules::new(vec![folder.path().to_owned()], Default::default());
    let mut editor = Editor::over("import(mod_$0", modules.registry());
    let items = editor.ask_here("textDocument/completion", json!({}));
    let items = items.as_array().expect("a list").iter();
    let offers: Vec<_> = items
        .map(|item| {
            let detail = item["detail"].as_str().unwrap_or_default();
            format!("{} {detail}", item["label"].as_str().unwrap())
        })
        .collect();
    for offer in [
        "mod_utils ",
        "mod_found loadable",
        "mod_curl not here: `make plugins` builds it",
    ] {
        assert!(offers.iter().any(|one| one == offer), "{offer}: {offers:?}");
    }
    assert!(
        !offers.iter().any(|one| one.contains("mod_no")),
        "{offers:?}"
    );
    assert_eq!(
        offer("import(mod_$0", "mod_example").unwrap()["detail"],
        "loadable"
    );
}

#[test]
fn actions_conditions_and_events_of_a_module_are_offered_where_it_is_imported() {
    let action = "import(mod_example);\ninitial state A enter { example.$0 };\n";
    let item = offer(action, "example.join").expect("an offer");
    assert_eq!(item["detail"], "example.join(variable[, text, ..])");
    let doc = item["documentation"]["value"].as_str().unwrap();
    assert!(
        doc.contains("Joins texts.") && doc.contains("From `mod_example`."),
        "{doc}"
    );
    assert_eq!(
        offer("initial state A enter { example.$0 };\n", "example.join"),
        None
    );
    let condition = "import(mod_example);\ninitial state A;\ntransition \"t\" A - $0";
    let item = offer(condition, "example.told").expect("an offer");
    assert_eq!(item["detail"], "#by #text");
    assert!(offer(condition, "example.is_even").is_some());
    // C tells as much as Rust.
    let action = "import(mod_example_c);\ninitial state A enter { example_c.u$0 };\n";
    let item = offer(action, "example_c.upper").expect("an offer");
    assert_eq!(item["detail"], "example_c.upper(variable=text)");
}

#[test]
fn hovering_tells_what_a_module_and_its_names_do() {
    let text = hover("import(mod_ex$0ample);\ninitial state A;\n");
    assert!(
        text.contains("example.wait(milliseconds[, variable])"),
        "{text}"
    );
    assert!(text.contains("example.is_even  -- a condition"), "{text}");
    let text = hover("import(mod_cu$0rl_that_is_not_here);\ninitial state A;\n");
    assert!(
        text.contains("cannot be used. libmod_curl_that_is_not_here.so is in none"),
        "{text}"
    );
    let text = hover("import(mod_example);\ninitial state A enter { example.wa$0it(1); };\n");
    assert!(text.contains("Waits without blocking anybody."), "{text}");
    assert!(
        text.contains("On failure `$errno` is `arg`, `general`."),
        "{text}"
    );
    let text = hover(
        "import(mod_example);\ninitial state A;\ntransition \"t\" A - example.to$0ld(#by == timer) -> A;\n",
    );
    assert!(text.contains("`#by`: Always timer."), "{text}");
    let text = hover(
        "import(mod_example);\ninitial state A;\ntransition \"t\" A - key; example.is_ev$0en(2) -> A;\n",
    );
    assert!(text.contains("Holds for even numbers."), "{text}");
}

#[test]
fn the_parameters_of_a_module_are_shown_while_they_are_typed() {
    let help = |text: &str| editor(text).ask_here("textDocument/signatureHelp", json!({}));
    let answer = help("import(mod_example);\ninitial state A enter { example.timer(1, $0");
    let signature = &answer["signatures"][0];
    assert_eq!(signature["label"], "example.timer(id, seconds)");
    assert_eq!(
        signature["documentation"]["value"],
        "Does setTimer of the server."
    );
    assert_eq!(answer["activeParameter"], 1);
    let answer = help(
        "import(mod_example);\ninitial state A;\ntransition \"t\" A - key; example.is_even($0",
    );
    assert_eq!(answer["signatures"][0]["label"], "example.is_even(number)");
    let answer = help("import(mod_example_c);\ninitial state A enter { example_c.upper($$x=$0");
    assert_eq!(answer["activeParameter"], 1);
}

#[test]
fn a_name_that_is_nearly_a_module_is_told() {
    let mut editor =
        editor("import(mod_exampel);\ninitial state A enter { exampel.count(); };\n$0");
    let found = editor.findings("/main.dsm");
    assert_eq!(found, ["0:7 unknown-module"], "{:?}", editor.heard);
    let heard = json!(editor.heard).to_string();
    assert!(heard.contains("did you mean 'mod_example'?"), "{heard}");
    editor.change(
        "/main.dsm",
        "import(mod_example);\ninitial state A enter { example.count(); };\n",
    );
    assert_eq!(editor.findings("/main.dsm"), ["1:14 hangup-unhandled"]);
}
