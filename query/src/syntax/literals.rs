//! Number and string literals.

use super::durations::{duration_len, parse_duration_ms};

/// Length of the number or duration at the start of `text`, its value in units of one (durations:
/// seconds), and whether it is a duration.
pub(super) fn number(text: &str) -> Result<(usize, f64, bool), String> {
    let duration = duration_len(text);
    if duration > 0 {
        let ms = parse_duration_ms(&text[..duration])?;
        return Ok((duration, ms as f64 / 1000.0, true));
    }
    let length = number_len(text);
    let next = text[length..].chars().next();
    if let Some(c) = next.filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
        return Err(format!("bad number or duration syntax: {:?}", &text[..length + c.len_utf8()]));
    }
    match parse_number(&text[..length]) {
        Some(value) if value.is_infinite() => {
            Err("error parsing number: value out of range".into())
        }
        Some(value) => Ok((length, value, false)),
        None => Err(format!("bad number or duration syntax: {:?}", &text[..length])),
    }
}

fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize, hex: bool| {
        let digit =
            |b: &u8| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() } || *b == b'_';
        from + bytes[from..].iter().take_while(|b| digit(b)).count()
    };
    if text.starts_with("0x") || text.starts_with("0X") {
        return digits(2, true);
    }
    let mut end = digits(0, false);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1, false);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign, false);
        }
    }
    end
}

/// Value of a number as Go's `ParseInt(base 0)`, else `ParseFloat` read it; underscores only
/// between digits.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let bad_underscore =
        text.starts_with('_') || text.ends_with('_') || text.contains("__") || text.contains("._");
    if bad_underscore {
        return None;
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().map(|n| n as f64);
    }
    let octal = plain.len() > 1 && plain.starts_with('0');
    if octal && plain.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return u64::from_str_radix(&plain, 8).ok().map(|n| n as f64);
    }
    plain.parse().ok()
}

/// Length of the string literal at the start of `text` (which starts with a quote) and the bytes
/// it stands for.
pub(super) fn string(text: &str) -> Result<(usize, Vec<u8>), String> {
    let quote = text.as_bytes()[0];
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        let rest = &text[at..];
        match rest.chars().next() {
            None => return Err(unterminated(quote)),
            Some('\n') if quote != b'`' => return Err(unterminated(quote)),
            Some(c) if c.is_ascii() && c as u8 == quote => return Ok((at + 1, out)),
            Some('\\') if quote != b'`' => at += escape(rest, quote, &mut out)?,
            Some(c) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += c.len_utf8();
            }
        }
    }
}

fn unterminated(quote: u8) -> String {
    match quote {
        b'`' => "unterminated raw string".to_owned(),
        _ => "unterminated quoted string".to_owned(),
    }
}

/// Reads the escape at the start of `text`, appends what it stands for and gives its length.
fn escape(text: &str, quote: u8, out: &mut Vec<u8>) -> Result<usize, String> {
    let kind = *text.as_bytes().get(1).ok_or("escape sequence not terminated")?;
    let simple = match kind {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        _ if kind == quote => quote,
        b'x' => return byte_escape(text, 2, 2, 16, out),
        b'0'..=b'7' => return byte_escape(text, 1, 3, 8, out),
        b'u' => return rune_escape(text, 4, out),
        b'U' => return rune_escape(text, 8, out),
        _ => {
            let c = text.chars().nth(1).unwrap_or(' ');
            return Err(format!("unknown escape sequence U+{:04X} {c:?}", c as u32));
        }
    };
    out.push(simple);
    Ok(2)
}

fn digits_of(text: &str, from: usize, count: usize, radix: u32) -> Result<u32, String> {
    let digits = text.get(from..from + count).ok_or("escape sequence not terminated")?;
    let all_digits = digits.chars().all(|c| c.is_digit(radix));
    let value = if all_digits { u32::from_str_radix(digits, radix).ok() } else { None };
    value.ok_or_else(|| "illegal character in escape sequence".to_owned())
}

fn byte_escape(
    text: &str,
    from: usize,
    count: usize,
    radix: u32,
    out: &mut Vec<u8>,
) -> Result<usize, String> {
    let value = digits_of(text, from, count, radix)?;
    out.push(u8::try_from(value).map_err(|_| "escape sequence is above 255".to_owned())?);
    Ok(from + count)
}

fn rune_escape(text: &str, count: usize, out: &mut Vec<u8>) -> Result<usize, String> {
    let value = digits_of(text, 2, count, 16)?;
    let c = char::from_u32(value)
        .ok_or_else(|| "escape sequence is an invalid Unicode code point".to_owned())?;
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(2 + count)
}

/// Bytes quoted as Go's `%q` does, for messages.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() && (c as u32) < 0x80 => {
                    out.push_str(&format!("\\x{:02x}", c as u32));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_every_form() {
        for (text, value) in [
            ("1_000", 1000.0),
            ("0x1F", 31.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("12.34e-6", 12.34e-6),
            ("1m40s", 100.0),
            ("500ms", 0.5),
            ("010", 8.0),
        ] {
            let (length, found, _) = number(text).unwrap();
            assert_eq!((length, found), (text.len(), value), "{text}");
        }
        for bad in ["1__0", "1_", "0x", "5mx", "1e5x", "1m1h"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_unescape_as_in_go() {
        assert_eq!(string("`a\\n`"), Ok((5, b"a\\n".to_vec())));
        assert_eq!(string(r#""a\n\x41\101\u00e9\"" x"#).unwrap().1, "a\nAA\u{e9}\"".as_bytes());
        assert_eq!(string(r#""a\xc5z""#), Ok((8, b"a\xc5z".to_vec())));
        assert_eq!(quote(b"a\xc5z"), r#""a\xc5z""#);
        for bad in ["\"abc", "\"a\nb\"", r#""\q""#, r#""\u12""#, "\"\\", r#"'\ud800'"#] {
            assert!(string(bad).is_err(), "{bad}");
        }
    }
}
