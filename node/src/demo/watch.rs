//! The demo from start to end: bring up, feed, ask, print.

use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::fleet::Fleet;
use super::options::DemoOptions;
use super::plan::{NodePlan, Plan};
use super::report;
use super::startup;
use super::table::{self, EXPRESSION};
use super::targets::{Fed, Feeder, ROUND_EVERY};
use super::{DemoError, End, progress, say};
use crate::client::ClientError;
use crate::client::query::{self, Answer, Method};

/// Longest start without `--once`.
const START_LIMIT: Duration = Duration::from_secs(90);
/// Longest start with `--once`: what is left of its 45 s is for the answer and the stop.
const START_LIMIT_ONCE: Duration = Duration::from_secs(28);
/// Longest wait for a round of writes that are all acked, counted from the end of the start; with
/// `--once` from its beginning.
const FEED_LIMIT: Duration = Duration::from_secs(10);
const FEED_LIMIT_ONCE: Duration = Duration::from_secs(34);
/// Longest wait for the right answer after that.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two questions while waiting for it.
const ASK_PAUSE: Duration = Duration::from_millis(250);
/// Time between two looks at the table.
const TABLE_EVERY: Duration = Duration::from_secs(15);
/// Time between two looks at the nodes.
const NODES_EVERY: Duration = Duration::from_secs(1);

/// Runs the demo until its verdict (`--once`) or for ever.
pub(super) async fn drive(
    options: &DemoOptions,
    plan: &Plan,
    fleet: &mut Fleet,
    http: &Client,
    now_ms: fn() -> i64,
) -> Result<End, DemoError> {
    progress(&format!("starting {} nodes in two hashrings ...", plan.nodes.len()));
    let executable = std::env::current_exe()
        .map_err(|error| DemoError::io("cannot find this executable", error))?;
    let started = Instant::now();
    fleet.start(&executable, plan)?;
    let limit = if options.once { START_LIMIT_ONCE } else { START_LIMIT };
    startup::bring_up(plan, fleet, http, limit).await?;
    let feeder = Feeder::new(options, plan, http, now_ms)?;
    let fed = feeder.fed();
    let feed_until =
        if options.once { started + FEED_LIMIT_ONCE } else { Instant::now() + FEED_LIMIT };
    let show = async {
        all_acked(fed.clone(), feed_until).await;
        if options.once {
            return once(options, plan, http).await;
        }
        let shown = first_table(options, plan, fleet, http).await;
        keep_watching(plan, fleet, http, fed, shown).await
    };
    tokio::select! {
        end = show => end,
        () = feeder.run() => Err(DemoError::Wrong("the targets stopped".to_owned())),
    }
}

/// Waits for a round in which every target's write was acked; tells when there is none in time.
async fn all_acked(mut fed: Receiver<Fed>, until: Instant) {
    let round = fed.wait_for(|fed| fed.rounds > 0 && fed.failed == 0);
    let acked = tokio::time::timeout_at(until, round).await.is_ok_and(|round| round.is_ok());
    if acked {
        return progress("the writes of all targets are acked");
    }
    let Fed { rounds, failed, reason } = fed.borrow().clone();
    progress(&format!("after {rounds} rounds {failed} writes are not acked: {reason}"));
}

/// Asks every node that took no write, until all agree on the right table or the time is up.
async fn once(options: &DemoOptions, plan: &Plan, http: &Client) -> Result<End, DemoError> {
    let started = Instant::now();
    loop {
        let answers = ask_all(plan, http).await;
        let wrong = judge(&answers, options.targets);
        if !wrong.is_empty() && started.elapsed() < ANSWER_LIMIT {
            tokio::time::sleep(ASK_PAUSE).await;
            continue;
        }
        if let Some(Ok(answer)) = answers.iter().map(|(_, answer)| answer).find(|a| a.is_ok()) {
            table::lines(answer).iter().for_each(|line| say(line));
        }
        if wrong.is_empty() {
            return Ok(End::Right);
        }
        return Err(DemoError::Wrong(wrong.join("; ")));
    }
}

/// The answer of each node that took no write, by name.
async fn ask_all(plan: &Plan, http: &Client) -> Vec<(String, Result<Answer, ClientError>)> {
    let mut answers = Vec::new();
    let readers = plan.nodes.iter().filter(|node| node.only_answers());
    for (node, method) in readers.zip([Method::Get, Method::Post].into_iter().cycle()) {
        let answer = query::instant(http, &node.http_base(), method, EXPRESSION).await;
        answers.push((node.name.clone(), answer));
    }
    answers
}

/// What is wrong with the answers, each difference with the node that gave it.
fn judge(answers: &[(String, Result<Answer, ClientError>)], targets: u32) -> Vec<String> {
    let expected = table::expected(targets);
    let of_node = |(name, answer): &(String, Result<Answer, ClientError>)| match answer {
        Ok(answer) => table::differences(answer, &expected)
            .into_iter()
            .map(|difference| format!("{name}: {difference}"))
            .collect(),
        Err(error) => vec![format!("{name}: {error}")],
    };
    answers.iter().flat_map(of_node).collect()
}

/// Waits until the answer is right, at most [`ANSWER_LIMIT`]; prints the table, and what to do with
/// the system. The table printed.
async fn first_table(
    options: &DemoOptions,
    plan: &Plan,
    fleet: &Fleet,
    http: &Client,
) -> Vec<String> {
    let started = Instant::now();
    loop {
        let wrong = judge(&ask_all(plan, http).await, options.targets);
        if wrong.is_empty() {
            break;
        }
        if started.elapsed() >= ANSWER_LIMIT {
            progress(&format!("the answer is not right yet: {}", wrong.join("; ")));
            break;
        }
        tokio::time::sleep(ASK_PAUSE).await;
    }
    let lines = current_table(fleet, http).await;
    lines.iter().for_each(|line| say(line));
    say(&report::next_steps(options, plan, fleet));
    lines
}

/// Prints the table when it is not the one `shown`, and each node that ends; for ever, or until
/// none is left.
async fn keep_watching(
    plan: &Plan,
    fleet: &mut Fleet,
    http: &Client,
    mut fed: Receiver<Fed>,
    mut shown: Vec<String>,
) -> Result<End, DemoError> {
    let mut next_table = Instant::now() + TABLE_EVERY;
    loop {
        if Instant::now() >= next_table {
            let lines = current_table(fleet, http).await;
            if lines != shown {
                lines.iter().for_each(|line| say(line));
                shown = lines;
            }
            next_table = Instant::now() + TABLE_EVERY;
        }
        tokio::time::sleep(NODES_EVERY).await;
        tell_failed_writes(&mut fed);
        for ended in fleet.newly_ended() {
            let (name, left) = (&ended.plan.name, fleet.live().count());
            let (pid, status, all) = (ended.pid, &ended.status, plan.nodes.len());
            progress(&format!("{name} (pid {pid}) ended: {status}; {left} of {all} nodes left"));
        }
        if fleet.live().next().is_none() {
            return Err(DemoError::Wrong("no node is left".to_owned()));
        }
    }
}

/// The table with its source, or why there is none.
async fn current_table(fleet: &Fleet, http: &Client) -> Vec<String> {
    let reader = fleet.live().map(|node| &node.plan).find(|node| node.only_answers());
    let Some(node) = reader else {
        return vec!["no node is left that took no write; ask the others yourself".to_owned()];
    };
    match query::instant(http, &node.http_base(), Method::Get, EXPRESSION).await {
        Ok(answer) => titled(node, &answer),
        Err(error) => vec![format!("{} does not answer {EXPRESSION}: {error}", node.name)],
    }
}

fn titled(node: &NodePlan, answer: &Answer) -> Vec<String> {
    let title = format!("\n{EXPRESSION}, asked at {} (it takes no writes):", node.name);
    let warnings = answer.warnings.iter().map(|warning| format!("not complete: {warning}"));
    std::iter::once(title).chain(table::lines(answer)).chain(warnings).collect()
}

/// Tells about a round that was not acked as a whole.
fn tell_failed_writes(fed: &mut Receiver<Fed>) {
    if !fed.has_changed().unwrap_or(false) {
        return;
    }
    let fed = fed.borrow_and_update();
    if fed.failed > 0 {
        let every = ROUND_EVERY.as_secs();
        progress(&format!("{} writes not acked, next in {every} s; {}", fed.failed, fed.reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::query::Row;

    fn answer(cluster: &str) -> Answer {
        let row = |(tenant, value): (&str, &str)| Row {
            labels: [("tenant_id".to_owned(), tenant.to_owned())].into(),
            value: value.to_owned(),
        };
        let rows = [("a", "1"), ("b", "1"), ("cluster", cluster)].map(row);
        Answer { rows: rows.to_vec(), warnings: Vec::new() }
    }

    #[test]
    fn the_verdict_needs_the_right_answer_of_every_node_asked() {
        let right = || ("default-1".to_owned(), Ok(answer("17")));
        let other = |answer| vec![right(), ("hashring-0-1".to_owned(), answer)];
        assert!(judge(&other(Ok(answer("17"))), 17).is_empty());
        assert_eq!(judge(&other(Ok(answer("16"))), 17), ["hashring-0-1: cluster is 16, not 17"]);
        let lost = ClientError::Unavailable { attempts: 1, last: "connection refused".to_owned() };
        let wrong = judge(&other(Err(lost)), 17);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("connection refused"), "{}", wrong[0]);
    }

    #[tokio::test]
    async fn waiting_for_acks_ends_with_a_whole_round_or_in_time() {
        let sender = tokio::sync::watch::Sender::new(Fed::default());
        // In time: the deadline is over at once.
        all_acked(sender.subscribe(), Instant::now()).await;
        let fed = Fed { rounds: 1, failed: 2, reason: "status 503".to_owned() };
        sender.send_replace(fed);
        let never = Instant::now() + Duration::from_secs(3600);
        let waiting = all_acked(sender.subscribe(), never);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        sender.send_replace(Fed { rounds: 2, ..Fed::default() });
        waiting.await;
    }
}
