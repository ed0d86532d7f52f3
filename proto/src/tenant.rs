//! Tenant names: checked once at the edge, trusted behind it.

use std::fmt;
use std::sync::Arc;

/// Longest tenant name in bytes.
pub const TENANT_NAME_BYTES_MAX: usize = 150;

/// Name of a tenant: 1 to 150 bytes of `A-Z a-z 0-9 ! - _ . * ' ( )`, not `.` or `..`. The set is
/// safe in paths, object names, headers and label values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(Arc<str>);

/// Why a text is no tenant name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TenantNameError {
    /// Nothing was given.
    #[error("the tenant name is empty")]
    Empty,
    /// Longer than [`TENANT_NAME_BYTES_MAX`].
    #[error("the tenant name has {0} bytes; at most 150 are allowed")]
    TooLong(usize),
    /// A character outside of the set.
    #[error(
        "the tenant name {0:?} has the character {1:?}; allowed are A-Z a-z 0-9 ! - _ . * ' ( )"
    )]
    BadCharacter(String, char),
    /// `.` or `..`.
    #[error("the tenant name may not be {0:?}")]
    Dots(String),
}

impl TenantName {
    /// Checks and takes a name.
    pub fn new(name: &str) -> Result<TenantName, TenantNameError> {
        if name.is_empty() {
            return Err(TenantNameError::Empty);
        }
        if name.len() > TENANT_NAME_BYTES_MAX {
            return Err(TenantNameError::TooLong(name.len()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
        if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
            return Err(TenantNameError::BadCharacter(name.to_owned(), bad));
        }
        if name == "." || name == ".." {
            return Err(TenantNameError::Dots(name.to_owned()));
        }
        Ok(TenantName(Arc::from(name)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_path_are_refused() {
        assert!(TenantName::new("team-a_1.prod").is_ok());
        assert_eq!(TenantName::new(""), Err(TenantNameError::Empty));
        assert!(matches!(TenantName::new(".."), Err(TenantNameError::Dots(_))));
        assert!(matches!(TenantName::new("a/b"), Err(TenantNameError::BadCharacter(_, '/'))));
        assert_eq!(TenantName::new(&"x".repeat(151)), Err(TenantNameError::TooLong(151)));
    }
}
