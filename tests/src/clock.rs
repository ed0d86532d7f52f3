//! Wall clock, bounded waits and threads of the harness: the one file that uses them.
#![allow(clippy::disallowed_methods, reason = "the harness stands outside of the product's seams")]

use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Pause between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(since.as_millis()).expect("milliseconds fit for millions of years")
}

/// Looks until `look` gives a value. Panics after `limit` with `what`, which was waited for, and
/// with the last thing that `look` said instead.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        let last = match look() {
            Ok(value) => return value,
            Err(last) => last,
        };
        assert!(started.elapsed() < limit, "waited {limit:?} for {what}; at last: {last}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Lets time pass.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Runs `work` on a thread of its own.
pub fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::spawn(work)
}
