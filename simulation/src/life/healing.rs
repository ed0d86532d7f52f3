//! After the faults: the cluster recovers by itself within a bound, and what it then answers is
//! looked at on every node.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Life, Result, reading};
use crate::invariants::Violation;
use crate::ledger::{Answer, Question};

/// How long recovery may take, milliseconds (I18).
const HEALING_MS_MAX: i64 = 60_000;
/// Between two rounds of questions at rest, milliseconds.
const ASK_EVERY_MS: i64 = 3_000;
/// How long what is under way may take to end, milliseconds.
const STILL_MS_MAX: i64 = 60_000;

/// A question and what came of it.
type Asked = (Question, Option<Answer>);

impl Life {
    /// Ends the faults and waits until every node serves.
    pub(super) fn heal(&mut self) -> Result<()> {
        self.nemesis.heal(&mut self.fleet);
        self.stage.borrow_mut().close();
        let ready = |life: &Life| life.unready().is_empty() && life.nemesis.is_over();
        if !self.step_until(HEALING_MS_MAX, ready)? {
            let evidence = format!(
                "not recovered {HEALING_MS_MAX} ms after the last fault: {}",
                self.unready().join("; ")
            );
            return Err(Violation::new("I18", evidence).into());
        }
        if !self.step_until(STILL_MS_MAX, |life| life.stage.borrow().is_still())? {
            return Err(Violation::new("I18", "requests that were begun never end").into());
        }
        self.trace.event(format!("healed at {} ms", self.fleet.elapsed_ms()));
        Ok(())
    }

    /// Asks every node for everything, again and again until all answers are complete or the time
    /// for recovery is up, and judges the last answers.
    pub(super) fn check_at_rest(&mut self) -> Result<()> {
        let end_ms = self.fleet.elapsed_ms() + HEALING_MS_MAX;
        let mut answers = self.ask_all()?;
        while self.fleet.elapsed_ms() < end_ms && answers.iter().any(|(_, a)| !a.is_complete) {
            self.step_until(ASK_EVERY_MS, |_| false)?;
            answers = self.ask_all()?;
        }
        let mut stage = self.stage.borrow_mut();
        // A node that was replaced stays a holder for ever, and its ring has no repair yet: with
        // one more loss answers rightly call themselves incomplete. A block that could not be read
        // from a failing disk is one.
        let unreadable = |host: &&usize| {
            let running = self.fleet.hosts[**host].running();
            self.nemesis.damages_of(**host) == 0
                && running.is_some_and(|running| !running.blocks.damaged().is_empty())
        };
        let losses = self.plan.rings.iter().map(|ring| {
            let unreadable = ring.hosts.iter().filter(unreadable).count();
            self.nemesis.damages_of_ring(&ring.hosts) + unreadable
        });
        if losses.max().unwrap_or(0) < 2 {
            stage.ledger.judge_at_rest(&answers)?;
        }
        for (question, answer) in &answers {
            stage.ledger.judge(question, answer)?;
        }
        Ok(self.watch.look_last(&self.fleet, &self.store, &mut stage)?)
    }

    /// The answers of all nodes to the question for everything.
    fn ask_all(&mut self) -> Result<Vec<(Question, Answer)>> {
        let answers: Rc<RefCell<Vec<Asked>>> = Rc::default();
        let hosts = self.fleet.hosts.len();
        let (stage, told) = (self.stage.clone(), answers.clone());
        self.audits += 1;
        self.fleet.sim.client(format!("auditor-{}", self.audits), async move {
            for host in 0..hosts {
                let question = reading::everything(&stage, host);
                let answer = reading::answer_of(host, &stage, &question).await;
                told.borrow_mut().push((question, answer));
            }
            Ok(())
        });
        if !self.step_until(STILL_MS_MAX, |_| answers.borrow().len() == hosts)? {
            return Err(Violation::new("I18", "a query never ends at rest").into());
        }
        let mut whole = Vec::new();
        for (question, answer) in answers.take() {
            let Some(answer) = answer else {
                let evidence = format!("{} fails a query at rest", question.node);
                return Err(Violation::new("I18", evidence).into());
            };
            whole.push((question, answer));
        }
        Ok(whole)
    }
}
