//! The queries are understood, and none is there twice.

use std::collections::BTreeSet;

use super::data::Data;
use super::options::{Parsed, parse};
use super::set::queries;
use query::{Engine, QueryTimes};

#[test]
fn every_query_is_valid_and_has_a_name_of_its_own() {
    let Parsed::Run(options) = parse([]) else { panic!("no flags are valid flags") };
    let all = queries(&Data::new(&options, 1_700_000_000_000));
    let names: BTreeSet<&str> = all.iter().map(|query| query.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    for query in &all {
        let times = QueryTimes::Instant(query.end_ms);
        assert!(Engine::default().prepare(&query.text, times).is_ok(), "{}", query.text);
    }
}
