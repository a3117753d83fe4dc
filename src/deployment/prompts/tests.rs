use tempfile::TempDir;

use super::*;
use crate::probe::wav_file;

/// A folder with lists and sounds.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn sound(&self, name: &str) -> PathBuf {
        self.write(name, wav_file(&[1; 80], 8_000))
    }

    /// What is found wrong with a list, and the set it makes.
    fn take(&self, list: &Path, audio: &[PathBuf]) -> (Vec<String>, PromptSet) {
        let lists = PromptLists {
            default: &[],
            required: &[],
            default_key: "[dsm] prompts",
            required_key: "[dsm] required_prompts",
            sets_path: self.0.path(),
            sets: &[],
            audio,
        };
        let mut set = PromptSet::new();
        let text = read_list(list).unwrap();
        let findings = lists.take(list, &text, &mut set);
        (findings.iter().map(ToString::to_string).collect(), set)
    }
}

#[test]
fn a_path_is_looked_up_beside_the_list_and_then_in_the_audio_folders() {
    let folder = Folder::new();
    let list = folder.write(
        "lists/a.conf",
        format!(
            "beside=one.wav\nbelow=audio.wav\nboth=both.wav\nabsolute={}\n",
            folder.path("anywhere.wav").display()
        ),
    );
    let expected = [
        ("absolute", folder.sound("anywhere.wav")),
        ("below", folder.sound("audio/audio.wav")),
        ("beside", folder.sound("lists/one.wav")),
        ("both", folder.sound("lists/both.wav")),
    ];
    folder.sound("audio/both.wav");
    let (findings, set) = folder.take(&list, &[folder.path("audio")]);
    assert_eq!(findings, Vec::<String>::new());
    let set: Vec<_> = set
        .iter()
        .map(|(name, path)| (&**name, path.to_path_buf()))
        .collect();
    assert_eq!(set, expected);
}

#[test]
fn what_cannot_be_played_is_told_with_its_line_and_left_out() {
    let folder = Folder::new();
    folder.write("notes.wav", "not a sound");
    folder.sound("first.wav");
    folder.sound("last.wav");
    let list = folder.write(
        "a.conf",
        "# prompts\ngone=gone.wav\nnotes=notes.wav\nno prompt\ntwice=first.wav\ntwice=last.wav\ntwice=gone.wav\n",
    );
    let (findings, set) = folder.take(&list, &[folder.path("audio")]);
    assert_eq!(set.len(), 1);
    assert!(set["twice"].ends_with("last.wav"), "{set:?}");
    let expected = [
        ("2: ", "gone.wav or "),
        ("3: ", "expected WAV, FLAC, MP3"),
        ("4: ", "NAME=PATH"),
        ("6: ", "of line 5"),
        ("7: ", "left out"),
    ];
    assert_eq!(findings.len(), expected.len(), "{findings:#?}");
    for (finding, (line, text)) in findings.iter().zip(expected) {
        assert!(
            finding.starts_with(line) && finding.contains(text),
            "{finding}"
        );
    }
}

#[test]
fn a_sound_with_much_before_it_is_a_sound() {
    let folder = Folder::new();
    let plain = wav_file(&[1; 80], 8_000);
    let mut bytes = plain[..12].to_vec();
    bytes.extend(b"LIST");
    bytes.extend(100_000u32.to_le_bytes());
    bytes.extend([0; 100_000]);
    bytes.extend(&plain[12..]);
    let path = folder.write("a.wav", bytes);
    assert_eq!(playable(&path), Ok(()));
    let cut = folder.write("b.wav", &plain[..20]);
    assert!(playable(&cut).is_err());
}

#[test]
fn a_list_that_is_too_large_or_no_text_is_refused() {
    let folder = Folder::new();
    let large = folder.write("large.conf", vec![b'\n'; (10 << 20) + 1]);
    let refused = read_list(&large).unwrap_err().to_string();
    assert!(refused.contains("larger than"), "{refused}");
    let noise = folder.write("noise.conf", [0xff, 0xfe, 0, b'=', b'\n', 0xc3]);
    assert!(read_list(&noise).is_err());
}

#[test]
fn sets_are_files_of_their_name_and_what_is_missing_leaves_them_empty() {
    let folder = Folder::new();
    folder.sound("sets/a.wav");
    folder.write("sets/plain", "a=a.wav\n");
    folder.write("sets/conf.conf", "a=a.wav\n");
    let sets = ["plain", "conf", "none"].map(str::to_owned);
    let lists = PromptLists {
        default: &[folder.path("nowhere.conf")],
        required: &[],
        default_key: "[dsm] prompts",
        required_key: "[dsm] required_prompts",
        sets_path: &folder.path("sets"),
        sets: &sets,
        audio: &[],
    };
    let prompts = lists.load().unwrap();
    for (set, found) in [("plain", true), ("conf", true), ("none", false)] {
        assert_eq!(
            prompts.find(Some(set), "a", false).is_some(),
            found,
            "{set}"
        );
        assert!(prompts.has(set));
    }
}

#[test]
fn a_required_prompt_that_is_missing_says_where_to_add_it() {
    let folder = Folder::new();
    folder.sound("a.wav");
    let list = folder.write("my.conf", "welcome=a.wav\ngone=gone.wav\n");
    let load = |default: &[PathBuf], required: &[&str]| {
        let required: Vec<_> = required.iter().map(ToString::to_string).collect();
        let lists = PromptLists {
            default,
            required: &required,
            default_key: "[dsm] prompts",
            required_key: "[dsm] required_prompts",
            sets_path: Path::new(""),
            sets: &[],
            audio: &[],
        };
        lists.load().map_err(|error| error.to_string())
    };
    assert!(load(std::slice::from_ref(&list), &["welcome"]).is_ok());
    let error = load(std::slice::from_ref(&list), &["gone", "welcom", "welcome"]).unwrap_err();
    for text in [
        "\"gone\", \"welcom\" (is it \"welcome\"?)",
        "add `gone=FILE` to",
        "my.conf",
    ] {
        assert!(error.contains(text), "{error}");
    }
    let error = load(&[], &["welcome"]).unwrap_err();
    assert!(error.contains("[dsm] prompts"), "{error}");
}
