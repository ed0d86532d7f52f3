//! Takes the operating system's random numbers and wall clock over, for this process alone: a
//! safety net below the seams, for code of others (hashers' keys, the `Date` header). The product
//! never links this.

#![allow(unsafe_code, reason = "these two symbols replace libc's")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::world::clock::EPOCH_MS;

static STATE: AtomicU64 = AtomicU64::new(0x5eed);
static NOW_MS: AtomicI64 = AtomicI64::new(EPOCH_MS);

/// Starts the sequence of random numbers anew.
pub fn seed(seed: u64) {
    STATE.store(seed, Ordering::Relaxed);
}

/// Sets the wall clock, in milliseconds since 1970.
pub fn set_wall_clock_ms(now_ms: i64) {
    NOW_MS.store(now_ms, Ordering::Relaxed);
}

fn bits() -> u64 {
    let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    crate::random::Random::new(state).bits()
}

/// Fills a buffer as `getrandom(2)` does.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    _flags: libc::c_uint,
) -> libc::ssize_t {
    // SAFETY: by the contract of getrandom(2) the buffer is the caller's and has this length.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for piece in bytes.chunks_mut(8) {
        piece.copy_from_slice(&bits().to_le_bytes()[..piece.len()]);
    }
    length.cast_signed()
}

/// Fills a buffer as `getentropy(3)` does.
///
/// # Safety
/// As [`getrandom`].
#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut libc::c_void, length: libc::size_t) -> libc::c_int {
    // SAFETY: the contract is the same.
    unsafe { getrandom(buffer, length, 0) };
    0
}

type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

/// libc's own `clock_gettime`, which needs no system call: tokio asks for the time at every turn.
fn system_clock() -> ClockGettime {
    static FOUND: OnceLock<ClockGettime> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name ends with a zero byte.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"clock_gettime".as_ptr()) };
        assert!(!found.is_null(), "libc has clock_gettime");
        // SAFETY: the symbol of this name is a function of this type.
        unsafe { std::mem::transmute::<*mut libc::c_void, ClockGettime>(found) }
    })
}

/// Tells the simulated wall clock; every other clock is the system's.
///
/// # Safety
/// `time` is writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    if clock != libc::CLOCK_REALTIME {
        // SAFETY: passes the caller's arguments on to libc's function of this name.
        return unsafe { system_clock()(clock, time) };
    }
    let now_ms = NOW_MS.load(Ordering::Relaxed);
    // SAFETY: by the contract of clock_gettime(2) `time` is the caller's to be written.
    unsafe {
        (*time).tv_sec = now_ms / 1000;
        (*time).tv_nsec = now_ms % 1000 * 1_000_000;
    }
    0
}
