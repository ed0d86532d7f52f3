//! What the clients and the harness share: the traffic, the ledger, and whether it goes on.

use std::collections::BTreeMap;

use super::health::Health;
use crate::host::Host;
use crate::invariants::Violation;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::trace::SharedTrace;
use crate::traffic::{Outcome, Push, Traffic};
use std::sync::Arc;

/// Of a hundred acks, how many are looked for on the disks at once.
const ACKS_PERCENT: u64 = 10;
/// How long after the begin of a fault all of them are, milliseconds.
const FAULT_FRESH_MS: i64 = 5_000;

/// What lives should have now and then, and some do not.
pub const SOMETIMES: [&str; 16] = [
    "answer of PromQL exact",
    "conflict answered 400",
    "late part cut",
    "leader changed",
    "local block removed",
    "node joined",
    "push sent again and taken",
    "query complete with a node down",
    "query flagged incomplete",
    "query had to be complete, but for its holders",
    "snapshot installed",
    "start with a torn tail",
    "start with damaged frames",
    "went on after a full disk",
    "window cut",
    "write refused for want of a lease",
];

/// A push that was acknowledged, wholly or but for what can never be accepted.
pub struct Acked {
    /// The push.
    pub push: Push,
    /// When its client knew.
    pub at_ms: i64,
    /// Whether it is to be looked for at once.
    pub is_urgent: bool,
}

/// See the module.
pub struct Stage {
    /// Who sends what.
    pub traffic: Traffic,
    /// What was sent, told and read.
    pub ledger: Ledger,
    /// The hosts, those that join later included.
    pub hosts: Vec<Arc<Host>>,
    /// Where everything is taken down.
    pub trace: SharedTrace,
    /// Answers to pushes, by status; 0 for none.
    pub statuses: BTreeMap<u16, u64>,
    /// Queries without a usable answer.
    pub queries_lost: u64,
    /// Answers of PromQL that were compared with the model.
    pub model_answers: u64,
    /// Acks whose copies were looked for on the disks.
    pub acks_looked_up: u64,
    /// Hosts that the life began with.
    pub founders: usize,
    /// Acks whose copies are to be looked for.
    pub acked: Vec<Acked>,
    /// How the hosts are.
    pub health: Health,
    draws: Random,
    /// Faults so far, and when the last began.
    faults: u64,
    fault_began_ms: i64,
    checks: BTreeMap<&'static str, u64>,
    sometimes: BTreeMap<&'static str, u64>,
    violation: Option<Violation>,
    is_open: bool,
    in_flight: usize,
    calm_since_ms: Option<i64>,
}

impl Stage {
    /// A stage whose curtain is down.
    pub fn new(traffic: Traffic, hosts: Vec<Arc<Host>>, trace: SharedTrace) -> Stage {
        let founders = hosts.len();
        Stage {
            traffic,
            ledger: Ledger::default(),
            hosts,
            trace,
            statuses: BTreeMap::new(),
            queries_lost: 0,
            model_answers: 0,
            acks_looked_up: 0,
            founders,
            acked: Vec::new(),
            health: Health::default(),
            draws: Random::new(0x6163_6b73),
            faults: 0,
            fault_began_ms: i64::MIN,
            checks: BTreeMap::new(),
            sometimes: BTreeMap::new(),
            violation: None,
            is_open: false,
            in_flight: 0,
            calm_since_ms: None,
        }
    }

    /// Lets the clients begin.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// Lets the clients finish what they have begun, and no more.
    pub fn close(&mut self) {
        self.is_open = false;
    }

    /// Whether clients may begin something.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether nothing is under way.
    pub fn is_still(&self) -> bool {
        self.in_flight == 0
    }

    /// Takes down that a push is sent.
    pub fn sent(&mut self, push: &Push, node: &str, now_ms: i64) {
        self.in_flight += 1;
        self.ledger.sent(push, node, now_ms);
    }

    /// Takes down what a client was told.
    pub fn settled(&mut self, push: &Push, node: &str, outcome: Outcome, now_ms: i64) {
        self.in_flight -= 1;
        let status = match outcome {
            Outcome::Status(status) => status,
            Outcome::Unknown => 0,
        };
        let (number, kind) = (push.number, push.kind);
        self.trace.event(format!("push {number} ({kind}) to {node}: {status}"));
        *self.statuses.entry(status).or_default() += 1;
        let judged = self.ledger.settled(push, outcome, now_ms);
        self.judged(judged);
        if matches!(outcome, Outcome::Status(200..=299)) && self.faults == 0 {
            let judged = self.ledger.check_conflicts(push, now_ms);
            self.judged(judged);
        }
        self.traffic.told(push, outcome);
        if matches!(outcome, Outcome::Status(200..=299 | 400)) {
            self.note_ack(push, now_ms);
        }
    }

    /// Chooses acks whose copies are looked for: all shortly after a fault began, else a few.
    fn note_ack(&mut self, push: &Push, now_ms: i64) {
        let is_urgent = self.draws.percent(ACKS_PERCENT);
        if is_urgent || now_ms < self.fault_began_ms.saturating_add(FAULT_FRESH_MS) {
            self.acked.push(Acked { push: push.clone(), at_ms: now_ms, is_urgent });
        }
    }

    /// Takes down how many faults there were.
    pub fn note_faults(&mut self, faults: u64, now_ms: i64) {
        if faults > self.faults {
            self.faults = faults;
            self.fault_began_ms = now_ms;
        }
    }

    /// Counts that an invariant was looked at.
    pub fn checked(&mut self, invariant: &'static str) {
        *self.checks.entry(invariant).or_default() += 1;
    }

    /// How often each invariant was looked at.
    pub fn checks(&self) -> &BTreeMap<&'static str, u64> {
        &self.checks
    }

    /// Counts something that a life should have now and then: one of [`SOMETIMES`].
    pub fn sometimes(&mut self, what: &'static str) {
        assert!(SOMETIMES.contains(&what), "{what:?} is missing in SOMETIMES");
        *self.sometimes.entry(what).or_default() += 1;
    }

    /// How often that was.
    pub fn all_sometimes(&self) -> &BTreeMap<&'static str, u64> {
        &self.sometimes
    }

    /// Keeps the first violation.
    pub fn judged(&mut self, judged: Result<(), Violation>) {
        if let Err(violation) = judged {
            self.violation.get_or_insert(violation);
        }
    }

    /// The first violation that was found.
    pub fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    /// Takes down whether anything is disturbed now.
    pub fn note_calm(&mut self, is_calm: bool, now_ms: i64) {
        match (is_calm, self.calm_since_ms) {
            (true, None) => self.calm_since_ms = Some(now_ms),
            (false, Some(_)) => self.calm_since_ms = None,
            _ => {}
        }
    }

    /// Since when nothing is disturbed.
    pub fn calm_since_ms(&self) -> Option<i64> {
        self.calm_since_ms
    }
}
