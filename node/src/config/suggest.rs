//! Finds the name that was perhaps meant.

/// Longer words are not compared.
const WORD_CHARS_MAX: usize = 64;

/// The candidate closest to `word`, if one is close: equal up to case and punctuation, the part
/// behind a dot, or a few typing errors away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    if word.is_empty() || word.len() > WORD_CHARS_MAX {
        return None;
    }
    let typos_max = (word.len() / 4).clamp(1, 4);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&word, &normal(candidate), typos_max)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Lower-case characters, all punctuation alike.
fn normal(word: &str) -> Vec<char> {
    let alike = |c: char| if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() };
    word.trim_start_matches('-').chars().map(alike).collect()
}

/// How far the two are apart; `None` is too far.
fn distance(word: &[char], candidate: &[char], typos_max: usize) -> Option<usize> {
    let typos = edits(word, candidate);
    if typos <= typos_max {
        return Some(typos);
    }
    let is_part = candidate.len() > word.len()
        && (candidate.ends_with(word) && candidate[candidate.len() - word.len() - 1] == '-'
            || candidate.starts_with(word) && candidate[word.len()] == '-');
    is_part.then_some(typos_max + 1)
}

/// Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, replacements and
/// swaps of neighbours.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["tsdb.path", "tsdb.retention", "log.level", "http-address"];

    #[test]
    fn typing_errors_are_seen_through() {
        assert_eq!(nearest("tsdb.retnetion", NAMES), Some("tsdb.retention"));
        assert_eq!(nearest("TSDB_RETENTION", NAMES), Some("tsdb.retention"));
        assert_eq!(nearest("http.address", NAMES), Some("http-address"));
    }

    #[test]
    fn a_part_of_a_name_is_enough() {
        assert_eq!(nearest("retention", NAMES), Some("tsdb.retention"));
        assert_eq!(nearest("tsdb", NAMES), Some("tsdb.path"));
    }

    #[test]
    fn nothing_close_is_no_suggestion() {
        assert_eq!(nearest("colour", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
        assert_eq!(nearest(&"x".repeat(5000), NAMES), None);
    }

    #[test]
    fn swapped_neighbours_are_one_edit() {
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(edits(&chars("abcd"), &chars("abdc")), 1);
        assert_eq!(edits(&chars(""), &chars("ab")), 2);
        assert_eq!(edits(&chars("kitten"), &chars("sitting")), 3);
    }
}
