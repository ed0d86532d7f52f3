//! Tenant globs: `*` stands for any text, `?` for one character.

/// Whether the whole of `text` matches `glob`. Linear in practice, at most the product of both
/// lengths, which are bounded.
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match star.as_mut() {
                Some((place, from)) => {
                    *from += 1;
                    g = *place + 1;
                    t = *from;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == b'*')
}

/// Characters that stand for themselves: the more, the more specific is the glob.
pub fn literals(glob: &str) -> usize {
    glob.bytes().filter(|c| !matches!(c, b'*' | b'?')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (glob, text, yes) in [
            ("team-*", "team-a", true),
            ("team-*", "team-", true),
            ("team-*", "teams", false),
            ("*-prod", "a-b-prod", true),
            ("*-prod", "prod", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(glob, text), yes, "{glob} against {text}");
        }
    }
}
