//! openraft's own suite on the log and the state machine, and the log over restarts.

use std::path::Path;
use std::sync::Arc;

use journal::files::Files;
use journal::files::memory::MemoryFiles;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tokio::sync::watch;

use super::log::RaftLog;
use super::machine::Machine;
use super::snapshot::SnapshotFile;
use super::types::{Rt, TypeConfig};
use crate::kv::MemoryStore;
use crate::options::run_inline;

fn open_log(files: &Arc<dyn Files>, seed: u64) -> RaftLog {
    let fatal = watch::Sender::new(None);
    RaftLog::open(files.clone(), Path::new("/raft/log"), seed, run_inline(), fatal).unwrap()
}

fn disk() -> Arc<dyn Files> {
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::default());
    files.create_dir_durable(Path::new("/raft")).unwrap();
    files
}

fn machine(files: &Arc<dyn Files>, log: &RaftLog) -> Arc<Machine> {
    let file = SnapshotFile::new(files.clone(), Path::new("/raft/snapshot").to_path_buf());
    Arc::new(Machine::open(Arc::new(MemoryStore::default()), file, log, run_inline()).unwrap())
}

struct Builder;

impl StoreBuilder<TypeConfig, RaftLog, Arc<Machine>> for Builder {
    async fn build(&self) -> Result<((), RaftLog, Arc<Machine>), StorageError<TypeConfig>> {
        let files = disk();
        let log = open_log(&files, 1);
        let machine = machine(&files, &log);
        Ok(((), log, machine))
    }
}

#[tokio::test]
async fn log_and_state_machine_pass_the_suite_of_openraft() {
    Rt::scope(1, Suite::test_all(Builder)).await.unwrap();
}
