//! The one place where a name from a script or from the network becomes a path.

use std::path::{Component, Path, PathBuf};

/// Joins `name` to `root`, or refuses it.
///
/// `name` may have folders in it (`digits/1.wav`; doubled slashes count once). Refused are: an
/// empty name, a part that begins with a dot (so `..` and hidden files), NUL, a backslash, and an
/// absolute name that does not lie below `root`. Only names are looked at: what a symbolic link
/// inside the root points to is the operator's choice.
pub fn join(root: &Path, name: &str) -> Option<PathBuf> {
    if name.contains(['\0', '\\']) {
        return None;
    }
    let relative = match Path::new(name).strip_prefix("/") {
        Ok(_) => Path::new(name).strip_prefix(root).ok()?,
        Err(_) => Path::new(name),
    };
    let mut path = root.to_path_buf();
    let before = path.as_os_str().len();
    for component in relative.components() {
        match component {
            Component::Normal(part) if !part.as_encoded_bytes().starts_with(b".") => {
                path.push(part);
            }
            _ => return None,
        }
    }
    (path.as_os_str().len() > before).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(name: &str) -> Option<String> {
        join(Path::new("/srv/audio"), name).map(|path| path.display().to_string())
    }

    #[test]
    fn names_below_the_root_are_joined() {
        assert_eq!(joined("a.wav").as_deref(), Some("/srv/audio/a.wav"));
        assert_eq!(
            joined("wav//default_en.wav").as_deref(),
            Some("/srv/audio/wav/default_en.wav")
        );
        assert_eq!(
            joined("/srv/audio/x/y.wav").as_deref(),
            Some("/srv/audio/x/y.wav")
        );
    }

    #[test]
    fn names_that_leave_the_root_are_refused() {
        for name in [
            "",
            "/",
            "..",
            "../a",
            "a/../../b",
            ".hidden",
            "a/.b",
            "/etc/passwd",
            "a\0b",
            "a\\b",
            ".",
        ] {
            assert_eq!(joined(name), None, "{name:?}");
        }
        assert_eq!(joined("/srv/audio/../secret"), None);
        assert_eq!(joined("/srv/audiology/a"), None);
    }
}
