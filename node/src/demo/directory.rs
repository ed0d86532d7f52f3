//! The demo's data directory: a given one, or a temporary one that goes away with the demo.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{DemoError, progress};

/// Most names that are tried for a temporary directory.
const NAMES_MAX: u32 = 100;

/// A directory; a temporary one is removed on drop.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    temporary: bool,
}

impl DataDir {
    /// Makes `given`, or a new directory of this process under the system's temporary one.
    pub(super) fn make(given: Option<&Path>) -> Result<DataDir, DemoError> {
        let Some(given) = given else { return DataDir::temporary() };
        let fail = |error| DemoError::io(format!("cannot make --data-dir {given:?}"), error);
        std::fs::create_dir_all(given).map_err(fail)?;
        let path = given.canonicalize().map_err(fail)?;
        Ok(DataDir { path, temporary: false })
    }

    fn temporary() -> Result<DataDir, DemoError> {
        let base = std::env::temp_dir();
        for number in 0..NAMES_MAX {
            let path = base.join(format!("granary-demo-{}-{number}", std::process::id()));
            // Made, not taken over: what is there already is someone else's.
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(DataDir { path, temporary: true }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(DemoError::io(format!("cannot make {path:?}"), error)),
            }
        }
        let error = std::io::Error::from(ErrorKind::AlreadyExists);
        Err(DemoError::io(format!("cannot make a new directory in {base:?}"), error))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if !self.temporary {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            progress(&format!("cannot remove {:?}: {error}", self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_away_and_a_given_one_stays() {
        let path = {
            let directory = DataDir::make(None).unwrap();
            std::fs::write(directory.path().join("file"), "x").unwrap();
            directory.path().to_owned()
        };
        assert!(!path.exists());
        let kept = tempfile::tempdir().unwrap();
        drop(DataDir::make(Some(&kept.path().join("sub"))).unwrap());
        assert!(kept.path().join("sub").is_dir());
    }

    #[test]
    fn two_temporary_directories_are_not_one() {
        let (one, two) = (DataDir::make(None).unwrap(), DataDir::make(None).unwrap());
        assert_ne!(one.path(), two.path());
    }
}
