//! Bugs that are planted on purpose, to see whether the simulator finds them.
//!
//! `journal::planted!("M3")` is the constant `false` in the product. With the feature `planted`,
//! which only the simulator's second binary turns on, it says whether this process carries the bug
//! of that id. What each one is stands in a table of the simulator.

/// Whether a planted bug is active; `false` without the feature `planted`.
#[cfg(not(feature = "planted"))]
#[macro_export]
macro_rules! planted {
    ($id:literal) => {
        false
    };
}

/// Whether a planted bug is active; `false` without the feature `planted`.
#[cfg(feature = "planted")]
#[macro_export]
macro_rules! planted {
    ($id:literal) => {
        $crate::planted::is($id)
    };
}

#[cfg(feature = "planted")]
static PLANTED: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Plants a bug for the rest of the process. Only the first call counts.
#[cfg(feature = "planted")]
pub fn plant(id: &str) {
    PLANTED.get_or_init(|| id.to_owned());
}

/// Whether the bug of this id was planted.
#[cfg(feature = "planted")]
pub fn is(id: &str) -> bool {
    PLANTED.get().is_some_and(|planted| planted == id)
}
