//! CPU time and memory of processes, from Linux' /proc (proc_pid_stat(5), proc_pid_status(5)).

use super::BenchError;

/// What a process had used at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// The process.
    pub(super) pid: u32,
    /// CPU time in seconds, user and system.
    pub(super) cpu_seconds: f64,
    /// Resident memory in bytes (VmRSS).
    pub(super) resident_bytes: u64,
    /// Its greatest value so far (VmHWM).
    pub(super) resident_bytes_max: u64,
}

/// The servers and the generator at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// In the order of `--server-pid`.
    pub(super) servers: Vec<Usage>,
    /// This process' CPU seconds; `None` where there is no /proc.
    pub(super) generator_cpu_seconds: Option<f64>,
}

impl Snapshot {
    /// Reads all; a server that cannot be read is an error.
    pub(super) fn take(server_pids: &[u32]) -> Result<Snapshot, BenchError> {
        let servers: Result<_, _> = server_pids.iter().map(|pid| read(*pid)).collect();
        let own = read(std::process::id()).ok().map(|usage| usage.cpu_seconds);
        Ok(Snapshot { servers: servers?, generator_cpu_seconds: own })
    }
}

fn read(pid: u32) -> Result<Usage, BenchError> {
    let fail = |error: String| BenchError::Usage { pid, error };
    let file = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        std::fs::read_to_string(&path).map_err(|error| fail(format!("{path}: {error}")))
    };
    let (stat, status) = (file("stat")?, file("status")?);
    parse(pid, &stat, &status, ticks_per_second())
        .ok_or_else(|| fail("its stat and status are not understood".to_owned()))
}

/// Makes the greatest resident memory so far that of now (`clear_refs` of proc(5)).
pub(super) fn forget_peak(pid: u32) -> Result<(), BenchError> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "5")
        .map_err(|error| BenchError::Usage { pid, error: format!("{path}: {error}") })
}

fn ticks_per_second() -> f64 {
    // SAFETY: sysconf takes an integer and touches no memory of this process.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

fn parse(pid: u32, stat: &str, status: &str, ticks_per_second: f64) -> Option<Usage> {
    // The name is in parentheses and may have some itself; what follows begins with field 3.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let (user, system) = (ticks(14)?, ticks(15)?);
    Some(Usage {
        pid,
        cpu_seconds: (user + system) as f64 / ticks_per_second,
        resident_bytes: kib(status, "VmRSS:")?,
        resident_bytes_max: kib(status, "VmHWM:")?,
    })
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 100 1 2";
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let usage = parse(7, stat, status, 100.0).unwrap();
        assert_eq!(usage.cpu_seconds, 3.0);
        assert_eq!((usage.resident_bytes, usage.resident_bytes_max), (1 << 20, 2 << 20));
        assert_eq!(parse(7, "", status, 100.0), None);
        assert_eq!(parse(7, stat, "VmRSS: x kB", 100.0), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = Snapshot::take(&[u32::MAX]).unwrap_err().to_string();
        assert!(error.contains("--server-pid 4294967295"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_read() {
        let snapshot = Snapshot::take(&[std::process::id()]).unwrap();
        assert!(snapshot.servers[0].resident_bytes > 0);
        assert!(snapshot.generator_cpu_seconds.is_some());
    }
}
