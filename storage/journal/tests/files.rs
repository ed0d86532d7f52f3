//! One suite for every disk, and what the one in memory forgets on a crash.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use journal::files::faulty::FaultyFiles;
use journal::files::memory::{Crash, MemoryFiles};
use journal::files::{Files, OpenMode, OsFiles};

fn conforms(files: &dyn Files, root: &Path) {
    let dir = root.join("a/b");
    files.create_dir_durable(&dir).unwrap();
    let path = dir.join("x");
    let absent = files.open(&path, OpenMode::READ).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    assert!(absent.to_string().contains("x"), "errors name the path: {absent}");
    assert!(!files.exists(&path).unwrap());

    let file = files.open(&path, OpenMode::CREATE_NEW).unwrap();
    let again = files.open(&path, OpenMode::CREATE_NEW).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    file.write_all_at(b"hello", 3).unwrap();
    let mut buffer = [9; 10];
    assert_eq!(file.read_at(&mut buffer, 0).unwrap(), 8);
    assert_eq!(&buffer[..8], b"\0\0\0hello");
    assert_eq!(file.read_at(&mut buffer, 8).unwrap(), 0);
    let short = file.read_exact_at(&mut buffer, 0).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::UnexpectedEof);
    file.set_len(4).unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    assert_eq!((file.len().unwrap(), files.len(&path).unwrap()), (4, 4));
    assert_eq!(files.read(&path).unwrap(), b"\0\0\0h");

    files.write_atomic(&dir.join("y"), b"one").unwrap();
    files.write_atomic(&dir.join("y"), b"2").unwrap();
    assert_eq!(files.read(&dir.join("y")).unwrap(), b"2");
    files.rename(&path, &dir.join("z")).unwrap();
    let names: Vec<_> = files.list(&dir).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["y", "z"]);
    assert!(files.list(root).unwrap().iter().any(|e| e.name == "a" && e.is_dir));
    files.remove_file(&dir.join("z")).unwrap();
    assert_eq!(files.remove_file(&dir.join("z")).unwrap_err().kind(), ErrorKind::NotFound);
    files.remove_dir_all(&root.join("a")).unwrap();
    assert!(!files.exists(&dir.join("y")).unwrap());
}

#[test]
fn every_disk_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conforms(&OsFiles, dir.path());
    conforms(&MemoryFiles::default(), Path::new("/"));
    conforms(&FaultyFiles::new(Arc::new(MemoryFiles::default())), Path::new("/"));
}

#[test]
fn a_crash_forgets_unsynced_names_and_bytes() {
    let files = MemoryFiles::default();
    files.create_dir_durable(Path::new("/d")).unwrap();
    let unnamed = files.open(Path::new("/d/unnamed"), OpenMode::CREATE).unwrap();
    unnamed.write_all_at(b"x", 0).unwrap();
    unnamed.sync_all().unwrap();
    files.crash(Crash::Clean);
    assert!(!files.exists(Path::new("/d/unnamed")).unwrap());
    assert!(unnamed.len().is_err(), "handles do not outlive a crash");

    let named = files.open(Path::new("/d/named"), OpenMode::CREATE).unwrap();
    named.write_all_at(b"kept", 0).unwrap();
    named.sync_data().unwrap();
    named.write_all_at(b"lost", 4).unwrap();
    files.sync_dir(Path::new("/d")).unwrap();
    files.rename(Path::new("/d/named"), Path::new("/d/other")).unwrap();
    files.crash(Crash::Clean);
    assert_eq!(files.read(Path::new("/d/named")).unwrap(), b"kept");
    assert!(!files.exists(Path::new("/d/other")).unwrap());
}

#[test]
fn an_atomic_write_is_old_or_new_after_any_crash() {
    let path = Path::new("/d/meta");
    for operations in 0..12 {
        for seed in 0..8 {
            let files = MemoryFiles::default();
            files.create_dir_durable(Path::new("/d")).unwrap();
            files.write_atomic(path, &[1; 2000]).unwrap();
            files.cut_power_after(operations);
            let written = files.write_atomic(path, &[2; 1500]).is_ok();
            files.crash(Crash::Torn { seed });
            let content = files.read(path).unwrap();
            let new = content == [2; 1500];
            assert!(new || (!written && content == [1; 2000]), "{operations} {seed}");
        }
    }
}
