//! External labels: `name="value"`, as Thanos writes them.

use super::Reason;

/// Longest value of an external label in bytes.
const VALUE_BYTES_MAX: usize = 1024;

/// Name of a label: letters, digits and `_`, no digit first, not reserved by `__`.
pub fn label_name(text: &str) -> Result<String, Reason> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit_first = text.starts_with(|c: char| c.is_ascii_digit());
    if text.is_empty() || digit_first || !text.chars().all(plain) {
        return Err(format!("has no valid label name ({text:?})"));
    }
    match text.starts_with("__") {
        true => Err(format!("has the label name {text:?}, and those with __ are reserved")),
        false => Ok(text.to_owned()),
    }
}

/// One or more labels, separated by commas. The quotes may be missing, since shells eat them.
pub fn labels(text: &str) -> Result<Vec<(String, String)>, Reason> {
    let (mut labels, mut rest) = (Vec::new(), text.trim());
    loop {
        let (name, after) = rest.split_once('=').ok_or("has no name=\"value\"")?;
        let name = label_name(name.trim())?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => plain_value(after),
        };
        labels.push((name, checked_value(value)?));
        match after.trim_start().strip_prefix(',') {
            Some(next) => rest = next,
            None if after.trim().is_empty() => return Ok(labels),
            None => return Err("has text behind the closing quote".to_owned()),
        }
    }
}

fn checked_value(value: String) -> Result<String, Reason> {
    if value.is_empty() {
        return Err("has an empty value".to_owned());
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(format!("has a value of more than {VALUE_BYTES_MAX} bytes"));
    }
    Ok(value)
}

/// Up to the next comma, and what follows.
fn plain_value(text: &str) -> (String, &str) {
    let end = text.find(',').unwrap_or(text.len());
    (text[..end].trim().to_owned(), &text[end..])
}

/// Up to the closing quote, and what follows.
fn quoted_value(text: &str) -> Result<(String, &str), Reason> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, 'n')) => value.push('\n'),
                _ => return Err("has an unknown escape (\\\", \\\\ and \\n are known)".to_owned()),
            },
            c => value.push(c),
        }
    }
    Err("has no closing quote".to_owned())
}

/// Writes a label so that [`labels`] reads the same.
pub fn label_text(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        labels(text).expect(text)
    }

    #[test]
    fn labels_read_with_and_without_quotes() {
        let one = vec![("receive_replica".to_owned(), "a".to_owned())];
        assert_eq!(read("receive_replica=\"a\""), one);
        assert_eq!(read("receive_replica=a"), one);
        assert_eq!(read(r#"a="x,y", b="\"q\"\\""#)[1].1, "\"q\"\\");
        assert_eq!(read(r#"a="x,y",b=z"#).len(), 2);
    }

    #[test]
    fn text_reads_back() {
        for value in ["a", "x,y", "\"q\" \\ \n=", " spaced "] {
            assert_eq!(read(&label_text("a", value)), [("a".to_owned(), value.to_owned())]);
        }
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for text in [
            "",
            "a",
            "=b",
            "1a=b",
            "__name__=b",
            "a=",
            "a=\"\"",
            "a=\"b",
            "a=\"b\"c",
            "a=\"\\x\"",
            "a=b,",
            "a-b=c",
        ] {
            assert!(labels(text).is_err(), "{text}");
        }
    }
}
