//! Sizes in bytes: `16MiB` (powers of 1024), `64MB` (powers of 1000) or a plain number.

use super::Reason;

/// Largest size: budgets count in fewer bits than an integer has.
const SIZE_MAX: u64 = 1 << 50;

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads a size of at least one byte.
pub fn size(text: &str) -> Result<u64, Reason> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("is no size".to_owned());
    }
    let unit = unit.trim();
    let (_, bytes) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .ok_or_else(|| format!("has the unknown unit {unit:?} (known are KiB, MiB, GiB, TiB)"))?;
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*bytes));
    match size {
        Some(0) => Err("must be more than nothing".to_owned()),
        Some(size) if size <= SIZE_MAX => Ok(size),
        _ => Err("is more than 1024TiB".to_owned()),
    }
}

/// Writes a size so that [`size`] reads the same, in the largest power of 1024 that divides it.
pub fn size_text(bytes: u64) -> String {
    let divides = |(_, unit): &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(*unit);
    match UNITS[2..6].iter().rev().find(divides) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_or_decimal() {
        assert_eq!(size("16MiB"), Ok(16 << 20));
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(size("1gib"), Ok(1 << 30));
        assert_eq!(size("4096"), Ok(4096));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "-1", "1.5GiB", "16 parsecs", "0", "1025TiB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_reads_back() {
        for bytes in [1, 1000, 1024, 16 << 20, (1 << 40) * 3, (1 << 20) + 1] {
            assert_eq!(size(&size_text(bytes)), Ok(bytes));
        }
        assert_eq!(size_text(16 << 20), "16MiB");
    }
}
