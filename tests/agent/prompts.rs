//! `playPrompt` and its relatives: which file is played, and what happens if there is none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use muleteer::session::catalog::{Catalog, DiagramApplication};
use muleteer::session::prompt_sets::{PromptSet, PromptSets};

use super::{Scene, diagram};

fn set(prompts: &[(&str, &str)]) -> PromptSet {
    let prompt = |(name, path): &(&str, &str)| ((*name).to_owned(), Path::new(path).into());
    prompts.iter().map(prompt).collect()
}

/// Does `actions` when the session starts. An exception is played as the file `TYPE NAME`.
fn application(actions: &str) -> DiagramApplication {
    let text = format!(
        "initial state START; state END;
         transition \"go\" START - sessionStart / {{ {actions} }} -> END;
         transition \"failed\" START - exception / {{
           sets($what=\"#(type) #(name)\");
           playFile($what);
         }} -> END;
         transition \"bye\" (START, END) - hangup / stop(false); -> END;"
    );
    let english = set(&[("hello", "/p/hello.wav"), ("only", "/p/only.wav")]);
    let german = set(&[("hello", "/p/hallo.wav"), ("gone", "/p/gone.wav")]);
    let sets = PromptSets::new(english, BTreeMap::from([("german".to_owned(), german)]));
    DiagramApplication {
        prompts: Arc::new(sets),
        ..diagram("menu", &text)
    }
}

/// What is put into the playlist.
fn played(actions: &str) -> Vec<String> {
    let mut scene = Scene::new("menu", application(actions));
    scene.agent().add_prompts(&[
        "/p/hello.wav",
        "/p/only.wav",
        "/p/hallo.wav",
        "prompt gone",
        "prompt nothing",
        "prompt only",
        "prompt french",
        "a.wav",
    ]);
    scene.call();
    let media = scene.media();
    scene.bye();
    scene.ends_clean();
    let puts = |words: &String| words.starts_with("append") || words.starts_with("prepend");
    media.into_iter().filter(puts).collect()
}

#[test]
fn prompts_are_played_once_again_and_again_and_first() {
    assert_eq!(
        played("playPrompt(hello); playPromptLooped(only); playPromptFront(only);"),
        [
            "append /p/hello.wav",
            "append /p/only.wav looped",
            "prepend /p/only.wav"
        ]
    );
}

#[test]
fn a_prompt_that_is_not_there_is_an_exception_with_its_name() {
    for actions in ["playPrompt(nothing);", "playPromptFront(nothing);"] {
        assert_eq!(played(actions), ["append prompt nothing"], "{actions}");
    }
    // It is in the list, but its file is gone.
    assert_eq!(
        played("setPrompts(german); playPrompt(gone);"),
        ["append prompt gone"]
    );
}

#[test]
fn a_set_is_selected_and_the_default_one_helps_out_if_it_may() {
    assert_eq!(
        played("setPrompts(german); playPrompt(hello);"),
        ["append /p/hallo.wav"]
    );
    assert_eq!(
        played("setPromptSet(german); playPrompt(only);"),
        ["append prompt only"]
    );
    assert_eq!(
        played("set($prompts.default_fallback=yes); setPrompts(german); playPrompt(only);"),
        ["append /p/only.wav"]
    );
    assert_eq!(
        played("set($prompts.default_fallback=no); setPrompts(german); playPrompt(only);"),
        ["append prompt only"]
    );
}

#[test]
fn an_unknown_set_is_an_exception_and_the_active_one_stays() {
    assert_eq!(
        played("setPrompts(french); playPrompt(hello);"),
        ["append prompt french"]
    );
}

#[test]
fn running_calls_keep_their_prompts_and_new_ones_get_the_new_lists() {
    let waits = "initial state START; state END;
        transition \"key\" START - key / playPrompt(hello); -> START;
        transition \"bye\" (START, END) - hangup / stop(false); -> END;";
    let application = |path: &str| {
        let sets = PromptSets::new(set(&[("hello", path)]), BTreeMap::new());
        DiagramApplication {
            prompts: Arc::new(sets),
            ..diagram("menu", waits)
        }
    };
    let mut scene = Scene::new("menu", application("/p/old.wav"));
    scene.agent().add_prompts(&["/p/old.wav", "/p/new.wav"]);
    scene.call();
    let new = Catalog::new([application("/p/new.wav")]);
    scene.agent().reload(new);
    scene.media();
    scene.press("1");
    assert_eq!(scene.media(), ["append /p/old.wav"]);
    scene.bye();
    scene.peer().new_call("menu");
    scene.call();
    scene.media();
    scene.press("1");
    assert_eq!(scene.media(), ["append /p/new.wav"]);
    scene.bye();
    scene.ends_clean();
}
