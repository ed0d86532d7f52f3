//! One child process: started so that it cannot outlive the demo, its output in a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::DemoError;
use super::plan::NodePlan;

/// Lines of a log that are shown when its node could not be started.
const LOG_TAIL_LINES: usize = 15;
/// Bytes of a log that are read for that.
const LOG_TAIL_BYTES: u64 = 16 << 10;

/// Starts `executable` as the node of the plan.
pub(super) fn spawn(executable: &Path, plan: &NodePlan) -> Result<Child, DemoError> {
    let log = |error| DemoError::io(format!("cannot write the log {:?}", plan.log), error);
    if let Some(directory) = plan.log.parent() {
        std::fs::create_dir_all(directory).map_err(log)?;
    }
    let stdout = File::options().create(true).append(true).open(&plan.log).map_err(log)?;
    let stderr = stdout.try_clone().map_err(log)?;
    let mut command = Command::new(executable);
    command.args(&plan.args).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // Of its own group: a Ctrl-C on the terminal reaches the demo only, which stops its nodes.
    command.process_group(0).kill_on_drop(true);
    die_with_this_thread(&mut command);
    command.spawn().map_err(|error| DemoError::io(format!("cannot start {executable:?}"), error))
}

/// Has the kernel kill the child when the thread that started it ends, however it ends.
#[cfg(target_os = "linux")]
fn die_with_this_thread(command: &mut Command) {
    let parent = std::process::id();
    let ask = move || {
        // SAFETY: both are plain system calls on integers, allowed between fork and exec.
        let (asked, now) = unsafe {
            (libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong), libc::getppid())
        };
        if asked != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // The parent may have ended before the kernel was asked.
        if u32::try_from(now) != Ok(parent) {
            return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing, takes no lock and makes only the calls above.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Elsewhere a child outlives a demo that was killed with SIGKILL; any other end stops it.
#[cfg(not(target_os = "linux"))]
fn die_with_this_thread(_command: &mut Command) {}

/// Asks a process to end. One that is gone already is as wanted.
pub(super) fn terminate(child: &Child) {
    // `id` is None once the child was waited for, so the number cannot be another process's.
    let Some(pid) = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) else { return };
    // SAFETY: kill takes two integers and touches no memory of this process.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
    }
}

/// The last lines of a log, indented; a note when there are none.
pub(super) fn log_tail(path: &Path) -> String {
    let text = read_end(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let first = lines.len().saturating_sub(LOG_TAIL_LINES);
    let tail: Vec<_> = lines[first..].iter().map(|line| format!("  {line}")).collect();
    if tail.is_empty() { "  (it wrote nothing)".to_owned() } else { tail.join("\n") }
}

fn read_end(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The signals that end the demo.
pub(super) struct Signals([Signal; 3]);

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    pub(super) fn listen() -> Result<Signals, DemoError> {
        let on = |kind| signal(kind).map_err(|error| DemoError::io("cannot take signals", error));
        Ok(Signals([
            on(SignalKind::interrupt())?,
            on(SignalKind::terminate())?,
            on(SignalKind::hangup())?,
        ]))
    }

    /// Resolves at the next one.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.log");
        assert!(log_tail(&path).contains("nothing"));
        let text: String = (0..5000).map(|i| format!("line {i}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let tail = log_tail(&path);
        assert_eq!(tail.lines().count(), LOG_TAIL_LINES);
        assert!(tail.ends_with("  line 4999"));
    }
}
