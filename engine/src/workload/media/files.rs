//! Files that a dataset names: which of them may be read, and how.

use crate::error::{Error, Result};
use crate::files;
use crate::plan::LocalMedia;
use crate::setting::Setting::{AnyMedia, MediaRoot};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads the files that rows name.
#[derive(Debug)]
pub(in crate::workload) struct MediaFiles {
    /// The folder that holds them all, without links; `None` allows any file.
    root: Option<PathBuf>,
    /// The folder that relative paths begin in.
    base: PathBuf,
    limit: u64,
}

impl MediaFiles {
    /// The files that the rows of a dataset may name.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when their folder is not there.
    pub(in crate::workload) fn new(dataset: &Path, allowed: &LocalMedia) -> Result<Self> {
        let (setting, folder) = match allowed {
            LocalMedia::Under(folder) => (format!("{MediaRoot} "), folder.as_path()),
            LocalMedia::Beside | LocalMedia::Anywhere if dataset.is_dir() => (String::new(), dataset),
            LocalMedia::Beside | LocalMedia::Anywhere => (String::new(), dataset.parent().unwrap_or(dataset)),
        };
        // The parent of a bare name is empty.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let found = folder.canonicalize().and_then(|found| found.read_dir().map(|_| found));
        let base = found.map_err(|e| {
            Error::usage(
                format!("{setting}{}: {e}", folder.display()),
                format!("write {MediaRoot} DIR, the folder of the images, audio and video that the dataset names"),
            )
        })?;
        let confined = *allowed != LocalMedia::Anywhere;
        Ok(Self { root: confined.then(|| base.clone()), base, limit: MOST_OF_A_FILE })
    }

    /// The bytes of a file, by the path that a row has for it. Endings in `endings` are the only ones read.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when the ending says no format, the file lies outside the folder, is no regular file,
    /// cannot be read, or is over the limit.
    pub(super) fn read(&self, path: &str, endings: &[&'static str]) -> Result<(Vec<u8>, &'static str)> {
        let ending = Path::new(path).extension().unwrap_or_default();
        let Some(ending) = endings.iter().find(|known| ending.eq_ignore_ascii_case(known)) else {
            return Err(Error::usage(
                format!("{path}: its ending says no format"),
                "write .png, .jpg, .gif or .webp for images, .wav or .mp3 for audio, .mp4 or .webm for video",
            ));
        };
        let fault = |what: String| {
            Error::usage(
                format!("{path}: {what}"),
                format!("name a file that this user may read, from the dataset's folder (or {MediaRoot}); or a URL"),
            )
        };
        let found = self.locate(path).map_err(|e| fault(e.to_string()))?;
        if let Some(root) = self.root.as_ref().filter(|root| !found.starts_with(root)) {
            return Err(Error::usage(
                format!(
                    "{path}: the file lies outside of {}, and a dataset may name only files in there",
                    root.display()
                ),
                format!(
                    "write {MediaRoot} DIR, a folder that holds it; or {AnyMedia}, if you trust the dataset with every file that you may read"
                ),
            ));
        }
        // Links have been followed by now.
        let file = files::regular(&found, false).map_err(|e| fault(e.to_string()))?;
        let mut bytes = Vec::new();
        file.take(self.limit + 1).read_to_end(&mut bytes).map_err(|e| fault(e.to_string()))?;
        if bytes.len() as u64 > self.limit {
            return Err(fault(format!("it has more than the limit of {} bytes for one file", self.limit)));
        }
        Ok((bytes, ending))
    }

    /// The path without links: from the dataset's folder, else from the folder of the command.
    fn locate(&self, path: &str) -> std::io::Result<PathBuf> {
        let ours = self.base.join(path).canonicalize();
        match ours {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Path::new(path).canonicalize().map_err(|_| e),
            other => other,
        }
    }
}

/// Largest file of an image, audio or video.
const MOST_OF_A_FILE: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const IMAGES: [&str; 2] = ["png", "jpg"];

    /// A folder with a dataset's folder in it, an image inside and one outside.
    fn folders() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::create_dir(dir.path().join("data/images")).unwrap();
        fs::create_dir(dir.path().join("data-other")).unwrap();
        fs::write(dir.path().join("data/images/in.png"), b"inside").unwrap();
        fs::write(dir.path().join("out.png"), b"outside").unwrap();
        fs::write(dir.path().join("data-other/out.png"), b"outside").unwrap();
        dir
    }

    fn under(dir: &tempfile::TempDir) -> MediaFiles {
        MediaFiles::new(&dir.path().join("data/rows.jsonl"), &LocalMedia::Beside).unwrap()
    }

    #[test]
    fn files_of_the_folder_are_read_by_relative_and_absolute_paths_and_links() {
        let dir = folders();
        let data = dir.path().join("data");
        symlink(data.join("images/in.png"), data.join("link.png")).unwrap();
        symlink(&data, dir.path().join("also-data")).unwrap();
        let files = under(&dir);
        let linked = LocalMedia::Under(dir.path().join("also-data"));
        let linked = MediaFiles::new(Path::new("rows.jsonl"), &linked).unwrap();
        for path in [
            "images/in.png".to_owned(),
            "./images/../images/in.png".to_owned(),
            "link.png".to_owned(),
            data.join("images/in.png").display().to_string(),
            dir.path().join("also-data/images/in.png").display().to_string(),
        ] {
            assert_eq!(files.read(&path, &IMAGES).unwrap(), (b"inside".to_vec(), "png"), "{path}");
            assert_eq!(linked.read(&path, &IMAGES).unwrap().0, b"inside", "{path}");
        }
    }

    #[test]
    fn what_lies_outside_needs_a_flag() {
        let dir = folders();
        let data = dir.path().join("data");
        symlink(dir.path().join("out.png"), data.join("link.png")).unwrap();
        symlink(dir.path(), data.join("up")).unwrap();
        let files = under(&dir);
        let anywhere = MediaFiles::new(&data, &LocalMedia::Anywhere).unwrap();
        for path in [
            dir.path().join("out.png").display().to_string(),
            "../out.png".to_owned(),
            "images/../../out.png".to_owned(),
            "link.png".to_owned(),
            "up/out.png".to_owned(),
            "../data-other/out.png".to_owned(),
        ] {
            let e = files.read(&path, &IMAGES).unwrap_err();
            assert!(e.what.starts_with(&path) && e.what.contains("lies outside of"), "{e}");
            assert!(e.remedy.contains("media.under`") && e.remedy.contains("media = \"anywhere\"`"), "{e}");
            assert_eq!(anywhere.read(&path, &IMAGES).unwrap().0, b"outside", "{path}");
        }
    }

    #[test]
    fn the_ending_comes_before_the_file() {
        let dir = folders();
        let anywhere = MediaFiles::new(dir.path(), &LocalMedia::Anywhere).unwrap();
        for path in ["/etc/passwd", "/no/such/file.txt", "in.png.", "png", "/dev/zero"] {
            let e = anywhere.read(path, &IMAGES).unwrap_err();
            assert!(e.what.contains("ending says no format"), "{path}: {e}");
        }
    }

    #[test]
    fn fifos_devices_folders_and_sockets_are_not_opened() {
        let dir = folders();
        let data = dir.path().join("data");
        // A reader would wait for ever for a writer to the FIFO.
        let made = std::process::Command::new("mkfifo").arg(data.join("fifo.png")).status().unwrap();
        assert!(made.success());
        fs::create_dir(data.join("folder.png")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(data.join("socket.png")).unwrap();
        symlink("/dev/zero", data.join("zero.png")).unwrap();
        let anywhere = MediaFiles::new(&data, &LocalMedia::Anywhere).unwrap();
        for path in ["fifo.png", "folder.png", "socket.png", "zero.png"] {
            let e = anywhere.read(path, &IMAGES).unwrap_err();
            assert!(e.what.contains("not a regular file"), "{path}: {e}");
        }
        let e = anywhere.read("no.png", &IMAGES).unwrap_err();
        assert!(e.what.contains("No such file"), "{e}");
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let dir = folders();
        let mut files = under(&dir);
        files.limit = 6;
        assert_eq!(files.read("images/in.png", &IMAGES).unwrap().0.len(), 6);
        files.limit = 5;
        let e = files.read("images/in.png", &IMAGES).unwrap_err();
        assert!(e.what.contains("limit of 5 bytes"), "{e}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let dir = folders();
        for path in ["no-such-folder", "out.png"] {
            let media = LocalMedia::Under(dir.path().join(path));
            let e = MediaFiles::new(Path::new("rows.jsonl"), &media).unwrap_err();
            assert!(e.what.starts_with("`plan.prompts.replay.media.under`") && e.what.contains(path), "{e}");
        }
    }
}
