//! openraft's own suite on the log and the state machine, and the log over restarts, crashes and
//! failing disks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::Files;
use journal::files::faulty::{FaultyFiles, Operation};
use journal::files::memory::{Crash, MemoryFiles};
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::vote::RaftLeaderId;
use openraft::{EntryPayload, StorageError};
use tokio::sync::watch;

use super::log::{LogSizes, RaftLog};
use super::machine::Machine;
use super::snapshot::{Applied, SnapshotFile};
use super::types::{Entry, LogId, Rt, TypeConfig, Vote};
use crate::error::{ClusterError, Result};
use crate::kv::{KeyValue, MemoryStore};
use crate::options::run_inline;
use crate::state::{Answer, ClusterState, Command};

const SIZES: LogSizes = LogSizes { segment_bytes: 16 << 10, ballast_bytes: 0 };
const SNAPSHOT: &str = "/raft/snapshot";

fn try_open(files: &Arc<dyn Files>, seed: u64) -> Result<RaftLog> {
    let fatal = watch::Sender::new(None);
    RaftLog::open(files.clone(), Path::new("/raft/log"), (SIZES, seed), run_inline(), fatal)
}

fn open_log(files: &Arc<dyn Files>, seed: u64) -> RaftLog {
    try_open(files, seed).unwrap()
}

fn disk() -> Arc<MemoryFiles> {
    let files = Arc::new(MemoryFiles::default());
    files.create_dir_durable(Path::new("/raft")).unwrap();
    files
}

fn machine(files: &Arc<dyn Files>, kv: &Arc<MemoryStore>, log: &RaftLog) -> Arc<Machine> {
    let file = SnapshotFile::new(files.clone(), PathBuf::from(SNAPSHOT));
    Arc::new(Machine::open(kv.clone(), file, log, run_inline()).unwrap())
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new(openraft::vote::leader_id_adv::CommittedLeaderId::new(term, 1), index)
}

fn entry(term: u64, index: u64) -> Entry {
    let command = Command::Unroute { tenant: format!("tenant-{index}") };
    Entry::new(id(term, index), EntryPayload::Normal(command))
}

async fn append(log: &mut RaftLog, entries: Vec<Entry>) {
    log.append(entries, IOFlushed::noop()).await.unwrap();
}

async fn indexes(log: &mut RaftLog) -> Vec<u64> {
    let entries = log.try_get_log_entries(..).await.unwrap();
    entries.iter().map(|e| e.log_id().index).collect()
}

struct Builder;

impl StoreBuilder<TypeConfig, RaftLog, Arc<Machine>> for Builder {
    async fn build(
        &self,
    ) -> std::result::Result<((), RaftLog, Arc<Machine>), StorageError<TypeConfig>> {
        let files: Arc<dyn Files> = disk();
        let log = open_log(&files, 1);
        let machine = machine(&files, &Arc::default(), &log);
        Ok(((), log, machine))
    }
}

#[tokio::test]
async fn log_and_state_machine_pass_the_suite_of_openraft() {
    Rt::scope(1, Suite::test_all(Builder)).await.unwrap();
}

#[tokio::test]
async fn the_log_is_the_same_after_a_crash() {
    let disk = disk();
    let files: Arc<dyn Files> = disk.clone();
    let mut log = open_log(&files, 1);
    log.save_vote(&Vote::new(3, 1)).await.unwrap();
    append(&mut log, (0..8).map(|n| entry(1, n)).collect()).await;
    log.save_committed(Some(id(1, 4))).await.unwrap();
    log.truncate_after(Some(id(1, 5))).await.unwrap();
    append(&mut log, vec![entry(3, 6)]).await;
    log.purge(id(1, 2)).await.unwrap();
    drop(log);
    disk.crash(Crash::Clean);

    let mut log = open_log(&files, 2);
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(3, 1)));
    assert_eq!(log.read_committed().await.unwrap(), Some(id(1, 4)));
    assert_eq!(indexes(&mut log).await, [3, 4, 5, 6]);
    let state = log.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, Some(id(1, 2)));
    assert_eq!(state.last_log_id, Some(id(3, 6)));
    assert!(log.contains(&id(3, 6)) && log.contains(&id(1, 2)) && !log.contains(&id(1, 6)));
}

/// Entries and votes in turn until the power fails; answers the last vote and entry that were
/// acknowledged.
async fn write_until_power_fails(log: &mut RaftLog) -> u64 {
    for term in 1..12 {
        append(log, vec![entry(term, term - 1)]).await;
        if term == 6 && log.purge(id(2, 1)).await.is_err() {
            return 5;
        }
        if log.save_vote(&Vote::new(term, 1)).await.is_err() {
            return term - 1;
        }
    }
    11
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_wherever_the_power_fails() {
    let mut lost_power = 0;
    for operations in 1..60 {
        let disk = disk();
        let files: Arc<dyn Files> = disk.clone();
        let mut log = open_log(&files, 1);
        disk.cut_power_after(operations);
        let acked = write_until_power_fails(&mut log).await;
        lost_power += u64::from(acked < 11);
        drop(log);
        disk.crash(Crash::Torn { seed: operations });
        let mut log = open_log(&files, 2);
        assert_eq!(log.owed(), None, "a torn write owes nothing, power cut at {operations}");
        let vote = log.read_vote().await.unwrap().map_or(0, |v| v.leader_id().term);
        assert!(vote >= acked, "vote {vote}, acknowledged {acked}, power cut at {operations}");
        let last = log.get_log_state().await.unwrap().last_log_id.map_or(0, |id| id.index + 1);
        assert!(last >= acked, "{last} entries, acknowledged {acked}, power cut at {operations}");
        log.save_vote(&Vote::new(99, 1)).await.unwrap();
        drop(log);
        assert!(try_open(&files, 3).is_ok(), "and it opens again");
    }
    assert!(lost_power > 10, "the power failed {lost_power} times while writing");
}

#[tokio::test]
async fn purging_gives_segments_back() {
    let files: Arc<dyn Files> = disk();
    let mut log = open_log(&files, 1);
    let mut most = 0;
    for index in 0..2_000 {
        append(&mut log, vec![entry(1, index)]).await;
        if index % 50 == 49 {
            log.purge(id(1, index - 10)).await.unwrap();
        }
        most = most.max(files.list(Path::new("/raft/log")).unwrap().len());
    }
    assert!(most < 10, "{most} files");
    drop(log);
    let mut log = open_log(&files, 2);
    assert_eq!(indexes(&mut log).await, (1_990 - 1..2_000).skip(1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_vote_is_on_the_disk_before_it_is_given() {
    let disk = disk();
    let faulty = Arc::new(FaultyFiles::new(disk.clone()));
    let files: Arc<dyn Files> = faulty.clone();
    let mut log = open_log(&files, 1);
    log.save_vote(&Vote::new(1, 1)).await.unwrap();
    faulty.faults().fail_all(Operation::Sync, io::ErrorKind::Other, |_| true);
    assert!(log.save_vote(&Vote::new(2, 1)).await.is_err());
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(1, 1)), "not given");
    faulty.faults().heal();
    assert!(log.save_vote(&Vote::new(2, 1)).await.is_err(), "a failed fsync is never retried");
}

/// Turns over a bit in every copy of these bytes in the log.
fn damage(disk: &MemoryFiles, needle: &[u8]) {
    let dir = Path::new("/raft/log");
    let mut found = 0;
    for path in disk.list(dir).unwrap().into_iter().map(|e| dir.join(e.name)) {
        let bytes = disk.read(&path).unwrap();
        for at in (0..bytes.len()).filter(|at| bytes[*at..].starts_with(needle)) {
            assert!(disk.flip(&path, at as u64, 1));
            found += 1;
        }
    }
    assert!(found > 0, "it is nowhere in the log");
}

async fn log_of(disk: &Arc<MemoryFiles>, entries: u64) {
    let files: Arc<dyn Files> = disk.clone();
    let mut log = open_log(&files, 1);
    log.save_vote(&Vote::new(1, 1)).await.unwrap();
    for index in 0..entries {
        append(&mut log, vec![entry(1, index)]).await;
    }
    log.save_vote(&Vote::new(2, 1)).await.unwrap();
}

#[tokio::test]
async fn a_log_that_was_damaged_owes_what_it_lost_until_it_is_there_again() {
    for lost in [0, 7, 39] {
        let disk = disk();
        log_of(&disk, 40).await;
        let files: Arc<dyn Files> = disk.clone();
        damage(&disk, format!("tenant-{lost}\"").as_bytes());
        for seed in 2..4 {
            let mut log = open_log(&files, seed);
            assert_eq!(log.owed(), Some(id(1, 39)), "start {seed}");
            assert_eq!(indexes(&mut log).await, (0..lost).collect::<Vec<_>>());
            assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(2, 1)), "kept");
        }
        let mut log = open_log(&files, 4);
        let mut rest: Vec<Entry> = (lost..40).map(|n| entry(1, n)).collect();
        let end = rest.split_off(rest.len() - 1);
        if !rest.is_empty() {
            append(&mut log, rest).await;
            assert_eq!(log.owed(), Some(id(1, 39)), "not all of it");
            log = open_log(&files, 5);
            assert_eq!(log.owed(), Some(id(1, 39)), "nor after a start");
        }
        append(&mut log, end).await;
        assert_eq!(log.owed(), None);
        let mut log = open_log(&files, 6);
        assert_eq!((log.owed(), indexes(&mut log).await.len()), (None, 40));
    }
}

#[tokio::test]
async fn entries_of_a_later_term_pay_what_is_owed() {
    let disk = disk();
    log_of(&disk, 10).await;
    let files: Arc<dyn Files> = disk.clone();
    damage(&disk, b"tenant-8\"");
    let mut log = open_log(&files, 2);
    append(&mut log, vec![entry(3, 8)]).await;
    assert_eq!(log.owed(), None, "whoever leads a later term has all that was committed");
}

#[tokio::test]
async fn a_snapshot_pays_what_is_owed() {
    let disk = disk();
    log_of(&disk, 10).await;
    let files: Arc<dyn Files> = disk.clone();
    damage(&disk, b"tenant-8\"");
    let mut log = open_log(&files, 2);
    log.purge(id(1, 8)).await.unwrap();
    assert_eq!(log.owed(), Some(id(1, 9)));
    log.purge(id(1, 9)).await.unwrap();
    assert_eq!(log.owed(), None);
}

#[tokio::test]
async fn entries_that_were_cut_are_not_owed() {
    let disk = disk();
    log_of(&disk, 10).await;
    let files: Arc<dyn Files> = disk.clone();
    open_log(&files, 2).truncate_after(Some(id(1, 5))).await.unwrap();
    let mut log = open_log(&files, 3);
    assert_eq!((log.owed(), indexes(&mut log).await.len()), (None, 6));
}

#[tokio::test]
async fn a_damaged_vote_is_known_all_the_same() {
    let disk = disk();
    log_of(&disk, 3).await;
    let files: Arc<dyn Files> = disk.clone();
    damage(&disk, b"\"term\":2");
    let mut log = open_log(&files, 2);
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(2, 1)));
    assert_eq!(log.owed(), None);
}

#[tokio::test]
async fn damage_stops_the_node_when_nothing_says_what_was_acknowledged() {
    let disk = disk();
    log_of(&disk, 40).await;
    let files: Arc<dyn Files> = disk.clone();
    damage(&disk, b"tenant-7\"");
    for slot in [0, 4096] {
        assert!(disk.flip(Path::new("/raft/acknowledged"), slot + 30, 1));
    }
    match try_open(&files, 2) {
        Err(ClusterError::Damaged(why)) => assert!(why.contains("empty one"), "{why}"),
        other => panic!("{other:?}"),
    }
}

async fn apply_all(machine: &mut Arc<Machine>, entries: Vec<Entry>) {
    let entries = entries.into_iter().map(|entry| Ok((entry, None)));
    machine.apply(futures::stream::iter(entries)).await.unwrap();
}

#[tokio::test]
async fn a_cached_state_counts_only_if_it_fits_to_the_log() {
    let files: Arc<dyn Files> = disk();
    let kv: Arc<MemoryStore> = Arc::default();
    let mut log = open_log(&files, 1);
    append(&mut log, vec![entry(1, 0), entry(1, 1)]).await;
    let mut first = machine(&files, &kv, &log);
    apply_all(&mut first, vec![entry(1, 0), entry(1, 1)]).await;
    assert_eq!(machine(&files, &kv, &log).applied_state().await.unwrap().0, Some(id(1, 1)));

    log.truncate_after(Some(id(1, 0))).await.unwrap();
    let again = machine(&files, &kv, &log).applied_state().await.unwrap().0;
    assert_eq!(again, None, "the log does not have the entry: rebuilt from snapshot and log");
    kv.put(b"raft/applied", b"nonsense").unwrap();
    assert_eq!(machine(&files, &kv, &log).applied_state().await.unwrap().0, None);
}

#[test]
fn a_damaged_snapshot_is_noticed() {
    let files: Arc<dyn Files> = disk();
    let file = SnapshotFile::new(files.clone(), PathBuf::from(SNAPSHOT));
    assert!(file.read().unwrap().is_none());
    let mut state = ClusterState::default();
    let glob = Command::Unroute { tenant: "t".to_owned() };
    assert_eq!(state.apply(&glob), Answer::Done);
    let applied = Applied { log_id: Some(id(2, 9)), state: Arc::new(state), ..Applied::default() };
    file.write(&applied).unwrap();
    assert_eq!(file.read().unwrap(), Some(applied));
    let whole = files.read(Path::new(SNAPSHOT)).unwrap();
    for byte in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        files.write_atomic(Path::new(SNAPSHOT), &damaged).unwrap();
        assert!(file.read().is_err(), "byte {byte}");
    }
}
