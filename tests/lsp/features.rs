//! Completion, hover, signature help, code actions, colours.

use serde_json::{Value, json};

use super::editor::{Editor, uri};

#[track_caller]
fn offers(fixture: &str, wanted: &[&str], unwanted: &[&str]) {
    let found = Editor::new(fixture).completions();
    for label in wanted {
        assert!(
            found.iter().any(|one| one == label),
            "{label} is missing: {found:?}"
        );
    }
    for label in unwanted {
        assert!(
            found.iter().all(|one| one != label),
            "{label} is offered: {found:?}"
        );
    }
}

fn hover(fixture: &str) -> String {
    let answer = Editor::new(fixture).ask_here("textDocument/hover", json!({}));
    answer["contents"]["value"]
        .as_str()
        .unwrap_or("")
        .to_owned()
}

#[test]
fn what_may_stand_at_a_place_is_offered() {
    let head = "import(mod_dlg);\nfunction greet() { stop(); };\ninitial state START;\nstate \"the menu\";\n";
    let at = |rest: &str| format!("{head}{rest}");
    offers(
        &at("$0"),
        &["transition", "state", "import"],
        &["playFile", "START"],
    );
    offers(&at("tra$0"), &["transition"], &["playFile"]);
    offers("import(mod$0", &["mod_dlg"], &["START"]);
    offers(&at("state X $0"), &["enter", "exit"], &["transition"]);
    offers(
        &at("state X enter { pl$0 };"),
        &["playFile", "dlg.reply", "greet", "if"],
        &["key"],
    );
    offers(
        &at("state X enter { if te$0"),
        &["test", "key", "not"],
        &["playFile"],
    );
    offers(
        &at("state X enter { if test($x) { st$0"),
        &["stop"],
        &["key"],
    );
    offers(&at("function f() { $0"), &["stop", "for"], &["test"]);
    offers(&at("transition \"x\" $0"), &["START", "the menu"], &["END"]);
    offers(
        &at("transition \"x\" (START, $0"),
        &["the menu"],
        &["playFile"],
    );
    offers(
        &at("transition \"x\" START - $0"),
        &["key", "exception", "dlg.isReplied"],
        &["stop"],
    );
    offers(
        &at("transition \"x\" START - key; $0"),
        &["test"],
        &["stop"],
    );
    offers(
        &at("transition \"x\" START - key / $0"),
        &["stop", "greet"],
        &["test"],
    );
    offers(
        &at("transition \"x\" START - key / { stop(); } -> $0"),
        &["the menu"],
        &["stop"],
    );
    offers(
        &at("transition \"x\" START - key -> \"the$0"),
        &["the menu"],
        &["stop"],
    );
    offers(&at("-- a comment $0"), &[], &["transition", "stop"]);
}

#[test]
fn arguments_offer_what_they_hold() {
    let files = "//- /audio/hello.wav\n//- /audio/digits/1.wav\n//- /other.dsm\ninitial state O;\n\
                 //- /part.dsm\nstate P;\n";
    let with =
        |text: &str| format!("{files}//- /main.dsm\ninitial state A enter {{ set($pin=1); {text}");
    offers(&with("playFile($0"), &["hello.wav", "digits/"], &["pin"]);
    offers(
        &with("playFile(\"digits/$0"),
        &["digits/1.wav"],
        &["hello.wav"],
    );
    offers(&with("callFSM($0"), &["other", "main"], &["part"]);
    offers(&with("info(\"it is $$0"), &["pin", "errno"], &["hello.wav"]);
    offers(&with("info(\"it is $(p$0"), &["pin"], &["p"]);
    offers(&with("inc(p$0"), &["pin"], &[]);
    offers(&with("info(\"@$0"), &["user", "callid"], &["pin"]);
    offers(&with("stop($0"), &["true"], &["pin"]);
    let event = "initial state A;\ntransition \"k\" A - key(#$0";
    offers(event, &["key", "duration"], &["code"]);
    let event = "initial state A;\ntransition \"k\" A - failed / { set($c=#$0";
    offers(event, &["code", "reason"], &["key"]);
    offers(
        "#include \"$0\n//- /lib/x.dsm\n//- /b.dsm\nstate B;\n",
        &["b.dsm", "lib/"],
        &["main.dsm"],
    );
}

#[test]
fn a_completion_replaces_what_is_typed_and_fills_in_parameters() {
    let snippets =
        json!({"textDocument": {"completion": {"completionItem": {"snippetSupport": true}}}});
    let mut editor = Editor::with("initial state A enter { playF$0 };\n", snippets);
    let items = editor.ask_here("textDocument/completion", json!({}));
    let item = items
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["label"] == "playFile")
        .unwrap();
    assert_eq!(item["textEdit"]["newText"], "playFile(\"${1:path}\");$0");
    assert_eq!(
        item["textEdit"]["range"]["start"],
        json!({"line": 0, "character": 24})
    );
    assert_eq!(item["detail"], "playFile(path[, loop])");
}

#[test]
fn names_in_quotes_are_completed_with_them() {
    let text = "initial state \"the start\";\ntransition \"x\" \"the start\" - key -> $0";
    let mut editor = Editor::new(text);
    let items = editor.ask_here("textDocument/completion", json!({}));
    assert_eq!(items[0]["textEdit"]["newText"], "\"the start\"");
}

#[test]
fn hovering_tells_what_a_name_is() {
    let text = hover("initial state A enter { play$0File(a.wav); };\n");
    assert!(text.contains("playFile(path[, loop])"), "{text}");
    let text = hover("initial state A;\ntransition \"k\" A - ke$0y(#key == 1) -> A;\n");
    assert!(text.contains("`#duration`"), "{text}");
    let text = hover("initial state $0A;\nstate B;\ntransition \"k\" A - key; test($a==1) -> B;\n");
    assert!(
        text.contains("- key; test($a==1) → B") && text.contains("initial"),
        "{text}"
    );
    let text = hover("initial state A enter { set($pin=1); info(\"$p$0in\"); };\n");
    assert!(text.contains("main.dsm:1"), "{text}");
    assert!(hover("initial state A enter { info(\"@us$0er\"); };\n").contains("request URI"));
    assert!(hover("initial state A enter { info(\"$errn$0o\"); };\n").contains("last action"));
    assert_eq!(hover("initial$0 state A;\n"), "");
    let text = hover("initial state A;\ntransition \"k\" A - key(#dura$0tion == 1) -> A;\n");
    assert!(text.contains("milliseconds"), "{text}");
}

#[test]
fn hovering_an_action_tells_what_comes_of_it() {
    let text = hover("initial state A enter { play$0File(a.wav); };\n");
    assert!(text.contains("Throws `file #path`."), "{text}");
    assert!(text.contains("Success clears `$errno`."), "{text}");
    let text = hover("initial state A enter { set$0Timer(1, 5); };\n");
    assert!(text.contains("`$errno` is `arg`, `config`."), "{text}");
    let text = hover("initial state A enter { DIget$0Result(a, b); };\n");
    assert!(text.contains("Sets `$DI_res`."), "{text}");
    let text = hover("import(mod_utils);\ninitial state A enter { utils.sp$0ell(a, b); };\n");
    assert!(text.contains("utils.spell(word[, folder])"), "{text}");
    assert!(text.contains("From `mod_utils`."), "{text}");
}

#[test]
fn hovering_a_condition_on_values_tells_its_arguments() {
    let text = hover(
        "import(mod_utils);\ninitial state A;\ntransition \"k\" A - key; utils.isIn$0List(#key, $a) -> A;\n",
    );
    assert!(text.contains("utils.isInList(key, list)"), "{text}");
    let text = "import(mod_utils);\ninitial state A;\ntransition \"k\" A - key; utils.isInList(#ke$0y, $a) -> A;\n";
    assert!(hover(text).contains("#key"));
}

#[test]
fn hovering_an_allow_comment_tells_what_the_code_means() {
    let text = hover("initial state A; -- muleteer: allow(empty-name, hangup-$0unhandled)\n");
    assert!(text.starts_with("`hangup-unhandled` (warning): "), "{text}");
    assert_eq!(hover("initial state A; -- muleteer: al$0low(x)\n"), "");
    assert_eq!(hover("-- hangup-unhan$0dled\ninitial state A;\n"), "");
}

#[test]
fn the_parameter_that_is_typed_is_shown() {
    let help = |text: &str| Editor::new(text).ask_here("textDocument/signatureHelp", json!({}));
    let answer = help("initial state A enter { setTimer(1, $0");
    assert_eq!(answer["signatures"][0]["label"], "setTimer(id, seconds)");
    assert_eq!(answer["activeParameter"], 1);
    assert_eq!(
        help("initial state A enter { set($a=$0")["activeParameter"],
        1
    );
    let answer = help("initial state A;\ntransition \"k\" A - key($0");
    assert_eq!(answer["signatures"][0]["label"], "key(expression)");
    assert_eq!(help("initial state A enter { $0"), Value::Null);
}

/// The quick fixes at the cursor: titles, and the text after each. Those that are sure, or the others.
fn fixes(fixture: &str, sure: bool) -> Vec<(String, String)> {
    let mut editor = Editor::new(fixture);
    let position = editor.here()["position"].clone();
    let mut params = editor.document();
    params["range"] = json!({"start": position, "end": position});
    params["context"] = json!({"diagnostics": []});
    let actions = editor.ask("textDocument/codeAction", params);
    let actions = actions.as_array().unwrap().iter();
    let wanted = actions.filter(|action| action["isPreferred"] == sure);
    let fixed = wanted.map(|action| {
        let text = editor.apply(&action["edit"])["/main.dsm"].clone();
        (action["title"].as_str().unwrap().to_owned(), text)
    });
    fixed.collect()
}

/// The text after the only sure quick fix at the cursor, and its title.
#[track_caller]
fn fixed(fixture: &str) -> (String, String) {
    let mut fixes = fixes(fixture, true);
    assert_eq!(fixes.len(), 1, "{fixes:#?}");
    fixes.remove(0)
}

#[test]
fn a_finding_that_is_meant_can_be_allowed() {
    let bye = "transition \"bye\" A - hangup / stop(false) -> A;\n";
    let with = |rest: &str| format!("initial state A;\n{bye}{rest}");
    let fixes_at = |rest: &str| fixes(&with(rest), false);
    let found =
        fixes_at("transition \"k\" A - key / {\n\tset($a=1);\n\tplay$0File(\"x\");\n} -> NO;\n");
    assert_eq!(found, []);
    let found =
        fixes_at("transition \"k\" A - key / {\n\tset($a=1);\n\tsetTi$0mer(1, 5);\n} -> A;\n");
    let [(title, text)] = &found[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(title, "allow 'timer-unhandled' here");
    let line = "\n\t-- muleteer: allow(timer-unhandled)\n\tsetTimer(1, 5);\n";
    assert!(text.contains(line), "{text}");
    // The comment does what it promises.
    let editor = Editor::new(&format!("{text}$0"));
    assert_eq!(editor.findings("/main.dsm"), [""; 0]);

    let found = fixes("initial state A$0;\n", false);
    assert_eq!(found[0].0, "allow 'hangup-unhandled' in this file");
    let unknown = fixes("initial state A enter { play$0Fiel(a.wav); };\n", false);
    assert_eq!(unknown, []);
    // Inside of a text the line would be taken out of it.
    let found = fixes_at("transition \"k\" A - key / info(\"a\n $(b$0 c)\") -> A;\n");
    assert_eq!(found, []);
}

/// The text after the edits that a request for a layout gives; `None` if it gives none.
fn formatted(text: &str, method: &str, more: Value) -> Option<String> {
    let mut editor = Editor::new(&format!("{text}$0"));
    let mut params = editor.document();
    params["options"] = json!({"tabSize": 4, "insertSpaces": true});
    super::editor::merge(&mut params, more);
    let edits = editor.ask(method, params);
    edits.as_array()?;
    let edit = json!({"changes": {uri("/main.dsm"): edits}});
    Some(editor.apply(&edit)["/main.dsm"].clone())
}

const UGLY: &str = "-- é😀\ninitial   state A;\nstate B enter {\ninfo(\"x\");\n};\n\n\n\n\
    transition  \"k\"  A - key ->   B;\n";

#[test]
fn a_document_gets_the_canonical_layout() {
    let format = |text: &str| formatted(text, "textDocument/formatting", json!({}));
    let wanted = muleteer::dsm::format("main.dsm", UGLY).expect("it can be formatted");
    assert_ne!(wanted, UGLY);
    assert_eq!(format(UGLY), Some(wanted.clone()));
    assert_eq!(format(&wanted), Some(wanted));
    let windows = UGLY.replace('\n', "\r\n");
    let wanted = muleteer::dsm::format("main.dsm", &windows).expect("it can be formatted");
    assert_eq!(format(&windows), Some(wanted));
    assert_eq!(format("initial state A enter {\n"), None);
}

#[test]
fn selected_lines_get_the_canonical_layout() {
    let range = |first: u32, last: u32| {
        let range = json!({"start": {"line": first, "character": 3}, "end": {"line": last, "character": 1}});
        formatted(
            UGLY,
            "textDocument/rangeFormatting",
            json!({"range": range}),
        )
    };
    let one = range(3, 3).expect("edits");
    assert!(
        one.contains("initial state A;\n\nstate B\n  enter {\n    info(\"x\");\n  };\n"),
        "{one}"
    );
    assert!(
        one.ends_with("transition  \"k\"  A - key ->   B;\n"),
        "{one}"
    );
    let all = muleteer::dsm::format("main.dsm", UGLY).expect("it can be formatted");
    assert_eq!(range(0, 9), Some(all));
    assert_eq!(range(0, 0).as_deref(), Some(UGLY));
}

#[test]
fn simple_mistakes_are_put_right() {
    let (title, text) = fixed("initial state A enter { play$0Fiel(a.wav); };\n");
    assert_eq!(
        (title.as_str(), text.as_str()),
        (
            "write 'playFile'",
            "initial state A enter { playFile(a.wav); };\n"
        )
    );
    let (_, text) = fixed("initial state START;\ntransition \"k\" START - key -> STAR$0;\n");
    assert!(text.ends_with("-> START;\n"), "{text}");
    let (_, text) = fixed("initial state A;\nstate B$0\ntransition \"k\" A - key -> B;\n");
    assert!(text.contains("state B;\ntransition"), "{text}");
    let (_, text) = fixed("initial state A enter { dlg.r$0eply(200); };\n");
    assert!(text.starts_with("import(mod_dlg);\ninitial"), "{text}");
    let (_, text) = fixed("initial state A enter { play$0file(a.wav); };\n");
    assert!(text.contains("playFile(a.wav)"), "{text}");
}

#[test]
fn names_have_colours() {
    let mut editor = Editor::new("-- é😀$0\ninitial state A enter { info(\"$v\"); };\n");
    let params = json!({"textDocument": {"uri": uri("/main.dsm")}});
    let tokens = editor.ask("textDocument/semanticTokens/full", params);
    let data: Vec<u64> = tokens["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    let kinds: Vec<(u64, u64, u64, u64)> =
        data.chunks(5).map(|t| (t[0], t[1], t[2], t[3])).collect();
    let expected = [
        (0, 0, 6, 1),
        (1, 0, 7, 0),
        (0, 8, 5, 0),
        (0, 6, 1, 2),
        (0, 2, 5, 0),
        (0, 8, 4, 4),
        (0, 7, 1, 6),
    ];
    assert_eq!(kinds, expected);
}
