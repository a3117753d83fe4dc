use tempfile::TempDir;

use super::*;
use crate::codec::CodecId;
use crate::media::{MediaConfig, MediaPool};
use crate::probe::peak;

const NEVER: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const PCMU: CodecId = CodecId::PCMU;

fn named(name: &str) -> AudioFile {
    AudioFile::Name(name.to_owned())
}

/// A folder of audio files and a store over it that looks at the disk only when told to.
struct Folder {
    folder: TempDir,
    store: Arc<PromptStore>,
}

impl Folder {
    fn new(limit_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = PromptStore::new(vec![folder.path().to_owned()], limit_bytes, MINUTE);
        store.recheck = NEVER;
        let store = Arc::new(store);
        Self { folder, store }
    }

    /// Writes a file of so many samples.
    fn write(&self, name: &str, samples: usize) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let path = self.folder.path().join(name);
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for _ in 0..samples {
            writer.write_sample(1000i16).unwrap();
        }
        writer.finalize().unwrap();
    }

    /// What is known has become old.
    fn pass_time(&mut self, recheck: Duration) {
        let store = Arc::get_mut(&mut self.store).unwrap();
        store.recheck = recheck;
    }

    async fn load(&self, name: &str) -> Result<Arc<Prompt>, PromptError> {
        self.load_as(&named(name), PCMU).await
    }

    async fn load_as(&self, file: &AudioFile, codec: CodecId) -> Result<Arc<Prompt>, PromptError> {
        self.store.load(file, codec.into()).await.map(whole)
    }
}

fn whole(playable: Playable) -> Arc<Prompt> {
    match playable {
        Playable::Whole(prompt) => prompt,
        Playable::Long(path) => panic!("{} is not loaded", path.display()),
    }
}

/// A file that another program made.
fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    folder.join(name)
}

#[tokio::test]
async fn a_file_of_any_format_is_a_prompt_and_may_replace_one_of_another() {
    let mut folder = Folder::new(1 << 20);
    folder.pass_time(Duration::ZERO);
    for name in [
        "tones.mp3",
        "tones.flac",
        "tones.ogg",
        "tones.opus",
        "tones-gsm.wav",
        "tones.gsm",
    ] {
        std::fs::copy(fixture(name), folder.folder.path().join(name)).unwrap();
        let prompt = folder.load(name).await.unwrap();
        // GSM in WAV comes in pairs of frames.
        assert!((4_000..=4_160).contains(&prompt.pcm().len()), "{name}");
        assert!(peak(prompt.pcm()) > 10_000, "{name}");
    }
    // The name says mp3, the content is what counts.
    folder.write("tones.mp3", 123);
    assert_eq!(folder.load("tones.mp3").await.unwrap().pcm(), [1_000; 123]);
    std::fs::copy(
        fixture("tones.opus"),
        folder.folder.path().join("tones.mp3"),
    )
    .unwrap();
    assert_eq!(folder.load("tones.mp3").await.unwrap().pcm().len(), 4_000);
}

#[tokio::test]
async fn a_long_file_is_not_kept_in_memory_but_opened_for_each_play() {
    let folder = Folder::new(1 << 20);
    let media = MediaPool::start(MediaConfig::default()).unwrap();
    let item = async |name: &str, looped| {
        let (store, file) = (&folder.store, named(name));
        store.item(media.files(), &file, PCMU.into(), looped).await
    };
    folder.write("minute.wav", 60 * 8_000);
    folder.write("long.wav", 60 * 8_000 + 1);
    for looped in [false, true] {
        let short = item("minute.wav", looped).await.unwrap();
        assert!(matches!(short, PlaylistItem::Prompt { looped: l, .. } if l == looped));
    }
    let before = folder.store.memory_bytes();
    for _ in 0..2 {
        let Ok(PlaylistItem::Stream(mut sound)) = item("long.wav", false).await else {
            panic!("it is long");
        };
        let mut pcm = [0; 8_000];
        assert_eq!((sound.read(&mut pcm), pcm), (8_000, [1_000; 8_000]));
    }
    assert!(folder.store.memory_bytes() < before + 1_000);
    // It is gone by the time it is played again.
    std::fs::remove_file(folder.folder.path().join("long.wav")).unwrap();
    let gone = item("long.wav", false).await.unwrap_err();
    assert!(gone.to_string().contains("long.wav"), "{gone}");
}

#[tokio::test]
async fn a_file_that_is_damaged_in_the_middle_is_a_prompt_up_to_there() {
    let folder = Folder::new(1 << 20);
    let mut bytes = std::fs::read(fixture("tones.opus")).unwrap();
    let again = bytes.clone();
    bytes.extend(again);
    // The second stream has another number, and no right to be there.
    let second = bytes.len() / 2;
    bytes[second + 20] ^= 1;
    std::fs::write(folder.folder.path().join("a.opus"), bytes).unwrap();
    assert_eq!(folder.load("a.opus").await.unwrap().pcm().len(), 4_000);
}

#[tokio::test]
async fn a_loaded_file_is_shared_and_not_read_again() {
    let folder = Folder::new(1 << 20);
    folder.write("a.wav", 800);
    assert!(folder.store.cached(&named("a.wav"), PCMU.into()).is_none());
    let first = folder.load("a.wav").await.unwrap();
    assert_eq!(first.pcm().len(), 800);
    assert!(first.ready(PCMU).is_some());
    folder.write("a.wav", 400);
    let second = folder.load("a.wav").await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let cached = folder
        .store
        .cached(&named("a.wav"), PCMU.into())
        .unwrap()
        .unwrap();
    assert!(Arc::ptr_eq(&first, &whole(cached)));
}

#[tokio::test]
async fn a_file_is_kept_without_payloads_for_a_codec_that_does_not_join_them() {
    let folder = Folder::new(1 << 20);
    folder.write("a.wav", 800);
    let prompt = folder
        .load_as(&named("a.wav"), CodecId::G722)
        .await
        .unwrap();
    assert!(prompt.ready(CodecId::G722).is_none());
    assert_eq!((prompt.sample_rate(), prompt.pcm().len()), (16_000, 1_600));
    assert_eq!(folder.store.memory_bytes(), prompt.size_bytes());
}

#[tokio::test]
async fn a_replaced_file_is_noticed_and_an_unchanged_one_kept() {
    let mut folder = Folder::new(1 << 20);
    folder.write("a.wav", 800);
    let first = folder.load("a.wav").await.unwrap();
    folder.pass_time(Duration::ZERO);
    let same = folder.load("a.wav").await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    folder.write("a.wav", 400);
    let replaced = folder.load("a.wav").await.unwrap();
    assert_eq!(replaced.pcm().len(), 400);
    assert_eq!(folder.store.memory_bytes(), replaced.size_bytes());
    std::fs::remove_file(folder.folder.path().join("a.wav")).unwrap();
    let gone = folder.load("a.wav").await;
    assert!(matches!(gone, Err(PromptError::Missing { .. })));
    assert_eq!(folder.store.memory_bytes(), 0);
}

#[tokio::test]
async fn that_a_file_is_missing_is_remembered_for_a_while() {
    let mut folder = Folder::new(1 << 20);
    let missing = folder.load("a.wav").await.unwrap_err();
    let text = missing.to_string();
    let path = folder.folder.path().display().to_string();
    assert!(text.contains("a.wav") && text.contains(&path), "{text}");
    folder.write("a.wav", 800);
    assert_eq!(folder.load("a.wav").await.unwrap_err(), missing);
    assert!(matches!(
        folder.store.cached(&named("a.wav"), PCMU.into()),
        Some(Err(_))
    ));
    folder.pass_time(Duration::ZERO);
    assert!(folder.store.cached(&named("a.wav"), PCMU.into()).is_none());
    folder.load("a.wav").await.unwrap();
    folder.pass_time(NEVER);
    // The old knowledge is not believed again.
    assert!(matches!(
        folder.store.cached(&named("a.wav"), PCMU.into()),
        Some(Ok(_))
    ));
}

#[tokio::test]
async fn the_missing_that_are_remembered_are_limited() {
    let folder = Folder::new(1 << 20);
    for name in 0..=MAX_MISSING {
        folder.load(&format!("{name}.wav")).await.unwrap_err();
    }
    assert!(folder.store.lock().missing.len() <= MAX_MISSING);
}

#[tokio::test]
async fn beyond_the_limit_the_longest_unused_goes() {
    let probe = Folder::new(1 << 20);
    probe.write("a.wav", 8000);
    let one = probe.load("a.wav").await.unwrap().size_bytes();

    let folder = Folder::new(2 * one);
    for name in ["a.wav", "b.wav", "c.wav"] {
        folder.write(name, 8000);
    }
    folder.load("a.wav").await.unwrap();
    folder.load("b.wav").await.unwrap();
    folder.load("a.wav").await.unwrap();
    folder.load("c.wav").await.unwrap();
    let cached = |name| folder.store.cached(&named(name), PCMU.into()).is_some();
    assert!(cached("a.wav") && !cached("b.wav") && cached("c.wav"));
    assert_eq!(folder.store.memory_bytes(), 2 * one);
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_played_all_the_same() {
    let folder = Folder::new(1);
    folder.write("a.wav", 8000);
    folder.write("b.wav", 8000);
    let a = folder.load("a.wav").await.unwrap();
    folder.load("b.wav").await.unwrap();
    assert_eq!(folder.store.memory_bytes(), a.size_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_at_one_time_share_one_read() {
    let folder = Folder::new(1 << 20);
    folder.write("a.wav", 80_000);
    let loads = (0..20).map(|_| {
        let store = folder.store.clone();
        tokio::spawn(async move { whole(store.load(&named("a.wav"), PCMU.into()).await.unwrap()) })
    });
    let loads: Vec<_> = loads.collect();
    let mut prompts = Vec::new();
    for load in loads {
        prompts.push(load.await.unwrap());
    }
    let (first, others) = prompts.split_first().unwrap();
    assert!(others.iter().all(|other| Arc::ptr_eq(first, other)));
    assert_eq!(folder.store.memory_bytes(), first.size_bytes());
}

#[tokio::test]
async fn each_codec_has_a_prompt_of_its_own() {
    let folder = Folder::new(1 << 20);
    folder.write("a.wav", 800);
    let narrow = folder.load("a.wav").await.unwrap();
    let wide = folder
        .load_as(&named("a.wav"), CodecId::OPUS)
        .await
        .unwrap();
    assert_eq!((narrow.sample_rate(), wide.sample_rate()), (8000, 16_000));
    let bytes = narrow.size_bytes() + wide.size_bytes();
    assert_eq!(folder.store.memory_bytes(), bytes);
}

#[tokio::test]
async fn what_is_no_audio_says_which_file_and_why() {
    let folder = Folder::new(1 << 20);
    let path = folder.folder.path().join("a.wav");
    std::fs::write(&path, "no audio").unwrap();
    let error = folder.load("a.wav").await.unwrap_err();
    let PromptError::Unreadable { path: named, cause } = &error else {
        panic!("{error}");
    };
    assert_eq!(**named, *path.display().to_string());
    assert!(!cause.is_empty());
    assert_eq!(folder.store.memory_bytes(), 0);
    // It is tried again at once.
    folder.write("a.wav", 800);
    folder.load("a.wav").await.unwrap();
}

#[tokio::test]
async fn folders_are_searched_in_order() {
    let (first, second) = (Folder::new(0), Folder::new(0));
    first.write("a.wav", 100);
    second.write("a.wav", 200);
    second.write("b.wav", 300);
    let roots = [&first, &second].map(|one| one.folder.path().to_owned());
    let store = Arc::new(PromptStore::new(roots.into(), 1 << 20, MINUTE));
    for (name, samples) in [("a.wav", 100), ("b.wav", 300)] {
        let prompt = whole(store.load(&named(name), PCMU.into()).await.unwrap());
        assert_eq!(prompt.pcm().len(), samples);
    }
}

#[tokio::test]
async fn names_that_leave_the_folders_are_refused() {
    let folder = Folder::new(1 << 20);
    for name in [
        "../a.wav",
        "",
        "/etc/passwd",
        "x/../../a.wav",
        ".hidden.wav",
    ] {
        let error = folder.load(name).await.unwrap_err();
        assert_eq!(error, PromptError::Name(name.into()));
    }
    std::fs::create_dir(folder.folder.path().join("folder.wav")).unwrap();
    let error = folder.load("folder.wav").await.unwrap_err();
    assert!(matches!(error, PromptError::Missing { .. }));
}

#[tokio::test]
async fn a_file_that_the_server_wrote_is_read_anew_at_once() {
    let folder = Folder::new(1 << 20);
    let path = folder.folder.path().join("a.wav");
    folder.load("a.wav").await.unwrap_err();
    folder.write("a.wav", 800);
    folder.store.changed(&path);
    assert_eq!(folder.load("a.wav").await.unwrap().pcm().len(), 800);
    // Of the same length and, on a coarse clock, of the same time.
    folder.write("b.wav", 800);
    let other = folder.load("b.wav").await.unwrap();
    let before = folder.load("a.wav").await.unwrap();
    folder.write("a.wav", 800);
    folder.store.changed(&folder.folder.path().join("./a.wav"));
    let after = folder.load("a.wav").await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert!(Arc::ptr_eq(&other, &folder.load("b.wav").await.unwrap()));
    let bytes = after.size_bytes() + other.size_bytes();
    assert_eq!(folder.store.memory_bytes(), bytes);
}

#[tokio::test]
async fn a_path_of_the_operator_is_taken_from_anywhere() {
    let (folder, elsewhere) = (Folder::new(1 << 20), Folder::new(0));
    elsewhere.write("a.wav", 300);
    let path = elsewhere.folder.path().join("a.wav");
    let load = |file: AudioFile| {
        let store = folder.store.clone();
        async move { store.load(&file, PCMU.into()).await.map(whole) }
    };
    let prompt = load(AudioFile::Path(path.as_path().into())).await.unwrap();
    assert_eq!(prompt.pcm().len(), 300);
    assert_eq!(folder.store.memory_bytes(), prompt.size_bytes());
    // The same text in a script is a name, and leaves the folders.
    let refused = load(named(path.to_str().unwrap())).await.unwrap_err();
    assert!(matches!(refused, PromptError::Name(_)));
    std::fs::remove_file(&path).unwrap();
    let other = AudioFile::Path(elsewhere.folder.path().join("b.wav").as_path().into());
    let missing = load(other).await.unwrap_err().to_string();
    assert!(missing.contains("b.wav"), "{missing}");
}

#[tokio::test]
async fn missing_names_of_any_length_cost_no_memory() {
    let folder = Folder::new(1 << 20);
    let short = "s".repeat(MAX_MISSING_NAME);
    let long = "l".repeat(MAX_MISSING_NAME + 1);
    for name in [&short, &long] {
        let error = folder.load(name).await.unwrap_err();
        assert!(matches!(error, PromptError::Missing { .. }));
    }
    assert!(folder.store.cached(&named(&short), PCMU.into()).is_some());
    assert!(folder.store.cached(&named(&long), PCMU.into()).is_none());
}

#[tokio::test]
async fn what_is_written_overtakes_that_file_and_nothing_else() {
    let folder = Folder::new(1 << 20);
    folder.write("a.wav", 80);
    folder.write("b.wav", 80);
    let key = |name: &str| Key {
        file: named(name),
        form: Form::Encoded(PCMU.into()),
    };
    // Somebody waits for each of them, and the third is known to be missing.
    let [a, b] = ["a.wav", "b.wav"].map(|name| folder.store.cell(&key(name)));
    assert!(folder.load("c.wav").await.is_err());
    folder.store.changed(&folder.folder.path().join("a.wav"));
    assert!(folder.store.cached(&named("c.wav"), PCMU.into()).is_some());
    for (name, cell, stays) in [("a.wav", a, false), ("b.wav", b, true)] {
        folder.store.forget_if_changed(&key(name)).await;
        let now = folder.store.cell(&key(name));
        assert_eq!(Arc::ptr_eq(&cell, &now), stays, "{name}");
    }
}

#[test]
fn names_of_written_files_do_not_pile_up() {
    let mut folder = Folder::new(1 << 20);
    folder.pass_time(Duration::ZERO);
    for number in 0..10 * MIN_CROWD {
        let name = format!("{number}.wav");
        folder.store.changed(Path::new(&name));
    }
    assert!(folder.store.lock().written.len() < MIN_CROWD);
}
