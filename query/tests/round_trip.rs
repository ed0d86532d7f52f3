//! Legal queries: all parse, and what is printed of them reads back as the same tree.

#[path = "queries/generator.rs"]
mod generator;
#[path = "queries/random.rs"]
mod random;
#[path = "queries/tree.rs"]
mod tree;

use generator::{Generator, Language};
use proptest::prelude::*;
use query::syntax::{parse, pretty};
use tree::tree;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn printed_queries_read_back(seed: u64) {
        let query = Generator::new(seed, Language::Whole).query();
        let expr = parse(&query).map_err(|e| TestCaseError::fail(format!("{query}: {e}")))?;
        let printed = expr.to_string();
        let again = parse(&printed).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
        prop_assert_eq!(tree(&again), tree(&expr), "{} as {}", query, printed);
        prop_assert_eq!(again.to_string(), printed.clone());
        let split = pretty(&expr, usize::MAX).expect("there is no limit");
        let again = parse(&split).map_err(|e| TestCaseError::fail(format!("{split}: {e}")))?;
        prop_assert_eq!(again.to_string(), printed);
    }
}
