//! The table of `count (up) by (tenant_id)` and whether it is right. Pure.

use std::collections::BTreeMap;

use super::plan::{HARD_TENANTS, SOFT_TENANT};
use crate::client::query::{Answer, Row};

/// The acceptance query.
pub(super) const EXPRESSION: &str = "count (up) by (tenant_id)";
/// The label that names the tenant.
const TENANT_LABEL: &str = "tenant_id";

/// The lines of an answer, in the order of their labels: `{tenant_id="a"} 1`.
pub(super) fn lines(answer: &Answer) -> Vec<String> {
    let mut rows: Vec<_> = answer.rows.iter().collect();
    rows.sort_by(|a, b| a.labels.cmp(&b.labels));
    rows.into_iter().map(line).collect()
}

fn line(row: &Row) -> String {
    let labels: Vec<_> = row.labels.iter().map(|(name, v)| format!("{name}={v:?}")).collect();
    format!("{{{}}} {}", labels.join(", "), row.value)
}

/// What the table has to say: the number of targets by tenant.
pub(super) fn expected(targets: u32) -> BTreeMap<String, String> {
    let hard = HARD_TENANTS.iter().map(|tenant| ((*tenant).to_owned(), "1".to_owned()));
    hard.chain([(SOFT_TENANT.to_owned(), targets.to_string())]).collect()
}

/// Every difference between an answer and the expected numbers; none when it is right. An answer
/// with a warning is not complete, so it is not right.
pub(super) fn differences(answer: &Answer, expected: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeMap::new();
    for row in &answer.rows {
        let tenant = row.labels.get(TENANT_LABEL).filter(|_| row.labels.len() == 1);
        let double = tenant.is_none_or(|tenant| seen.insert(tenant, &row.value).is_some());
        if double || tenant.is_some_and(|tenant| !expected.contains_key(tenant)) {
            found.push(format!("unexpected: {}", line(row)));
        }
    }
    for (tenant, wanted) in expected {
        match seen.get(tenant) {
            Some(value) if *value == wanted => {}
            Some(value) => found.push(format!("{tenant} is {value}, not {wanted}")),
            None => found.push(format!("{tenant} is missing, not {wanted}")),
        }
    }
    found.extend(answer.warnings.iter().map(|warning| format!("not complete: {warning}")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &[(&str, &str)]) -> Answer {
        let row = |&(tenant, value): &(&str, &str)| Row {
            labels: BTreeMap::from([(TENANT_LABEL.to_owned(), tenant.to_owned())]),
            value: value.to_owned(),
        };
        Answer { rows: rows.iter().map(row).collect(), warnings: Vec::new() }
    }

    #[test]
    fn lines_are_sorted_and_exact() {
        let answer = answer(&[("cluster", "17"), ("b", "1"), ("a", "1")]);
        assert_eq!(
            lines(&answer),
            [r#"{tenant_id="a"} 1"#, r#"{tenant_id="b"} 1"#, r#"{tenant_id="cluster"} 17"#]
        );
        assert!(differences(&answer, &expected(17)).is_empty());
    }

    #[test]
    fn each_difference_is_named() {
        let stopped = answer(&[("a", "1"), ("cluster", "16")]);
        assert_eq!(
            differences(&stopped, &expected(17)),
            ["b is missing, not 1", "cluster is 16, not 17"]
        );
        let more = answer(&[("a", "1"), ("a", "1"), ("b", "1"), ("c", "2"), ("cluster", "17")]);
        assert_eq!(
            differences(&more, &expected(17)),
            [r#"unexpected: {tenant_id="a"} 1"#, r#"unexpected: {tenant_id="c"} 2"#]
        );
        assert_eq!(differences(&answer(&[]), &expected(17)).len(), 3);
    }

    #[test]
    fn an_answer_that_is_not_complete_is_not_right() {
        let mut partial = answer(&[("a", "1"), ("b", "1"), ("cluster", "17")]);
        partial.warnings.push("2 of 3 nodes".to_owned());
        assert_eq!(differences(&partial, &expected(17)), ["not complete: 2 of 3 nodes"]);
        let mut labels = answer(&[("a", "1"), ("b", "1"), ("cluster", "17")]);
        labels.rows[0].labels.insert("job".to_owned(), "x".to_owned());
        assert_eq!(differences(&labels, &expected(17)).len(), 2);
    }
}
