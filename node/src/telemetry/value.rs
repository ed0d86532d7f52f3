//! Texts as logfmt and JSON values.

use std::borrow::Cow;
use std::fmt::Write;

/// A logfmt value: bare if nothing in it could be misread, else in quotes with JSON's escapes.
pub(super) fn logfmt_text(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(json_text(text))
}

/// A JSON string, quotes included. Control characters of any kind are escaped, so that no text can
/// steer a terminal.
pub(super) fn json_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("writing to a text cannot fail");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logfmt_quotes_what_could_be_misread() {
        for (text, expected) in [
            ("plain", "plain"),
            ("127.0.0.1:10902", "127.0.0.1:10902"),
            ("größe", "größe"),
            ("", r#""""#),
            ("two words", r#""two words""#),
            ("a=b", r#""a=b""#),
            ("say \"x\"", r#""say \"x\"""#),
            ("a\nb\tc\r", r#""a\nb\tc\r""#),
            ("c:\\d", r#""c:\\d""#),
            ("\u{1b}[31m", r#""\u001b[31m""#),
            ("\u{85}", r#""\u0085""#),
        ] {
            assert_eq!(logfmt_text(text), expected);
        }
    }

    #[test]
    fn json_reads_back() {
        for text in ["", "plain", "a\"b\\c\n\u{1b}\u{7f}\u{9f}ü漢"] {
            let read: String = serde_json::from_str(&json_text(text)).expect("valid JSON");
            assert_eq!(read, text);
        }
    }
}
