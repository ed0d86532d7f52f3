//! A node that was written to and a real Prometheus answer random questions alike: from remote
//! write through head, encoded chunks and the HTTP API.

use tests::promql::both::Both;
use tests::promql::run::ask;

const QUESTIONS: u64 = 1000;

#[test]
fn a_node_answers_random_questions_as_prometheus_does() {
    let Some(both) = Both::start("promql_node", QUESTIONS) else { return };
    both.run.compare(|q| ask(both.node(), q), |q| ask(both.prometheus.address, q));
}
