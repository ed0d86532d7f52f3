//! Threads of a host: tasks, whose turns a slow disk can hold up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use node::env::{Blocking, Threads};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long each turn of a host's disk work is held up. Clones share it.
#[derive(Clone, Debug)]
pub struct Slowness {
    /// At least so long: what the disk is like without faults.
    base: Duration,
    /// While a process starts at least so long: nothing is in the page cache.
    cold: Duration,
    is_cold: Arc<AtomicBool>,
    delay: Arc<Mutex<Duration>>,
}

impl Slowness {
    /// A disk without faults, of which every turn takes so long, and so long at a start.
    pub fn new(base: Duration, cold: Duration) -> Slowness {
        Slowness { base, cold, is_cold: Arc::default(), delay: Arc::default() }
    }

    /// Takes down whether a process is on its way up.
    pub fn set_starting(&self, is_starting: bool) {
        self.is_cold.store(is_starting, Ordering::Relaxed);
    }

    /// Holds every later turn up for so long.
    pub fn set(&self, delay: Duration) {
        *self.delay.lock() = delay;
    }

    fn get(&self) -> Duration {
        let cold = if self.is_cold.load(Ordering::Relaxed) { self.cold } else { Duration::ZERO };
        self.base.max(cold).max(*self.delay.lock())
    }
}

/// Threads as tasks of the host's runtime.
pub struct Tasks {
    /// How many lanes a node makes of them.
    pub cores: usize,
    /// How slow the disk is.
    pub slowness: Slowness,
}

impl Threads for Tasks {
    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> std::io::Result<()> {
        // Only the journal's driver waits for the disk.
        if name == "journal" {
            tokio::spawn(Paced { work, slowness: self.slowness.clone(), pause: None });
        } else {
            tokio::spawn(work);
        }
        Ok(())
    }

    fn block(&self, work: Blocking) {
        let delay = self.slowness.get();
        if delay.is_zero() {
            return work();
        }
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            work();
        });
    }

    fn cores(&self) -> usize {
        self.cores
    }
}

/// Work whose every turn comes late while the disk is slow.
struct Paced {
    work: BoxFuture<'static, ()>,
    slowness: Slowness,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Future for Paced {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let delay = self.slowness.get();
        if self.pause.is_none() && !delay.is_zero() {
            self.pause = Some(Box::pin(sleep_until(Instant::now() + delay)));
        }
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        self.work.as_mut().poll(cx)
    }
}
