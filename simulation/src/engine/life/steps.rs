//! The operations of a life.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use futures::task::noop_waker_ref;
use proto::{MatchOp, Matcher};
use storage::cut::{CutPolicy, plan};
use storage::head::PartId;
use storage::series::Selection;

use super::{Life, Result};
use crate::engine::reading;
use crate::error::SimulationError;

/// Commits after which a checkpoint must have ended.
const CHECKPOINT_COMMITS_MAX: u32 = 10_000;
/// Parts whose samples came late are cut when they are that large.
const LATE_SAMPLES_MAX: u64 = 200;

/// What can happen in a step, crashes aside.
#[derive(Clone, Copy)]
enum Step {
    Append,
    Commit,
    Close,
    Cut,
    Drop,
    Checkpoint,
    Prepare,
    Query,
}

impl Life {
    /// One random operation.
    pub(super) fn step(&mut self) -> Result<()> {
        let step = self.random.weighted([
            (50, Step::Append),
            (16, Step::Commit),
            (5, Step::Close),
            (8, Step::Cut),
            (6, Step::Drop),
            (4, Step::Checkpoint),
            (3, Step::Prepare),
            (8, Step::Query),
        ]);
        match step {
            Step::Append => self.append(),
            Step::Commit => self.commit(),
            Step::Close => self.close_due(),
            Step::Cut => self.cut_one(),
            Step::Drop => self.drop_one(),
            Step::Checkpoint => self.checkpoint(40, 15),
            Step::Prepare => self.prepare(),
            Step::Query => self.query(),
        }
    }

    /// What may happen between the steps of a checkpoint.
    fn other_step(&mut self) -> Result<()> {
        let steps = [(12, Step::Append), (2, Step::Close), (3, Step::Cut), (3, Step::Drop)];
        match self.random.weighted(steps) {
            Step::Close => self.close_due(),
            Step::Cut => self.cut_one(),
            Step::Drop => self.drop_one(),
            _ => self.append(),
        }
    }

    /// One group of the journal is written; whoever waits for it is told.
    pub(super) fn commit(&mut self) -> Result<()> {
        let committed = self.node.commit();
        if let Some(position) = self.answer("committing", committed)? {
            self.trace.event(format!("durable up to {}", position.0));
        }
        self.settle();
        Ok(())
    }

    /// Whoever waits for the journal is told what it knows now.
    fn settle(&mut self) {
        let node = &self.node;
        self.oracle.settle(|position| node.outcome(position).map(|outcome| outcome.is_ok()));
    }

    /// Everything staged is written, unless the disk goes down.
    pub(super) fn commit_all(&mut self) -> Result<()> {
        while self.node.has_staged() && !self.disk.is_down() {
            self.commit()?;
        }
        self.settle();
        Ok(())
    }

    /// Closes a part: mostly one that the cut's own plan says is due, else any.
    fn close_due(&mut self) -> Result<()> {
        let parts = self.node.head.parts();
        let window_ms = self.knobs.window_ms;
        let policy = CutPolicy {
            window_ms,
            grace_ms: window_ms / 4,
            late_every_ms: window_ms / 8,
            late_samples_max: LATE_SAMPLES_MAX,
        };
        let mut due = plan(&parts, self.now_ms, &policy);
        if self.random.percent(15) {
            due = parts.iter().map(|part| part.id).collect();
        }
        due.retain(|id| parts.iter().any(|part| part.id == *id && !part.closed));
        if due.is_empty() {
            return Ok(());
        }
        let id = due[self.random.index(due.len())];
        self.close(id)
    }

    /// Closes the open part of a window.
    pub(super) fn close(&mut self, id: PartId) -> Result<()> {
        let closed = self.node.head.close(id.window_start_ms);
        if let Some((id, position)) = self.answer("closing a part", closed)? {
            self.trace.event(format!("closed {id:?} at {}", position.0));
        }
        Ok(())
    }

    /// Cuts some part that is closed, whether or not it was cut before.
    fn cut_one(&mut self) -> Result<()> {
        let mut parts = self.node.head.parts();
        parts.retain(|part| part.closed);
        if parts.is_empty() {
            return Ok(());
        }
        let id = parts[self.random.index(parts.len())].id;
        self.cut(id)
    }

    /// Cuts a part once it is closed for good in every partition.
    pub(super) fn cut(&mut self, id: PartId) -> Result<()> {
        let closed = self.node.head.close_part(id);
        let Some(position) = self.answer("closing a part", closed)? else { return Ok(()) };
        while self.node.head.journal().durable() < position {
            self.commit()?;
            if self.disk.is_down() {
                return Ok(());
            }
        }
        let cut = self.node.cut(id, self.now_ms, &mut self.random);
        let Some(metas) = self.answer("cutting a part", cut)? else { return Ok(()) };
        self.trace.event(format!("cut {id:?} into {} blocks", metas.len()));
        metas.iter().for_each(|meta| self.trace.bytes(&meta.ulid.to_bytes()));
        self.cut.insert(id);
        self.summary.cuts += 1;
        Ok(())
    }

    fn drop_one(&mut self) -> Result<()> {
        let cut: Vec<PartId> = self.cut.iter().copied().collect();
        if cut.is_empty() {
            return Ok(());
        }
        let id = cut[self.random.index(cut.len())];
        self.drop_part(id)
    }

    /// Drops a part that was cut. The head refuses while a later closing of the same window waits
    /// for the disk, so that is awaited.
    pub(super) fn drop_part(&mut self, id: PartId) -> Result<()> {
        self.commit_all()?;
        let dropped = self.node.head.drop_part(id);
        if self.answer("dropping a part", dropped)?.is_none() {
            return Ok(());
        }
        self.trace.event(format!("dropped {id:?}"));
        self.cut.remove(&id);
        self.summary.drops += 1;
        Ok(())
    }

    /// A checkpoint, with commits and (in so many of a hundred times) other operations between its
    /// steps. So many of a hundred are not finished.
    pub(super) fn checkpoint(&mut self, others: u64, forgotten: u64) -> Result<()> {
        let head = self.node.head.clone();
        let mut future = pin!(head.checkpoint());
        let mut context = Context::from_waker(noop_waker_ref());
        for _ in 0..CHECKPOINT_COMMITS_MAX {
            if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                let Some(done) = self.answer("a checkpoint", done)? else { return Ok(()) };
                self.trace.event(format!("checkpoint {} to {}", done.first.0, done.last.0));
                if self.random.percent(forgotten) {
                    return Ok(());
                }
                let finished = head.finish_checkpoint(done);
                if self.answer("finishing a checkpoint", finished)?.is_some() {
                    self.summary.checkpoints += 1;
                }
                return Ok(());
            }
            if self.random.percent(others) {
                self.other_step()?;
            }
            self.commit()?;
            if self.disk.is_down() {
                return Ok(());
            }
        }
        let evidence = format!("not within {CHECKPOINT_COMMITS_MAX} commits");
        Err(SimulationError::violation("a checkpoint ends", evidence))
    }

    /// What the journal's driver does between commits.
    fn prepare(&mut self) -> Result<()> {
        let prepared = self.node.head.journal().prepare_next();
        let prepared = prepared.map_err(storage::StorageError::from);
        self.answer("preparing a segment", prepared)?;
        Ok(())
    }

    /// A query of one tenant, by labels and time, compared exactly.
    fn query(&mut self) -> Result<()> {
        let selection = self.draw_selection();
        let Some(found) = self.answer("a query", reading::select(&self.node, &selection))? else {
            return Ok(());
        };
        let answer = reading::merge(found, &selection)?;
        self.trace.event(format!("query {selection:?}: {} series", answer.len()));
        reading::trace(&answer, &mut self.trace);
        self.oracle.check(&answer, &selection)?;
        self.summary.queries += 1;
        Ok(())
    }

    fn draw_selection(&mut self) -> Selection {
        let tenants = self.workload.tenants();
        let tenant = &tenants[self.random.index(tenants.len())];
        let group = self.random.below(3).to_string();
        let matchers = match self.random.below(4) {
            0 => vec![Matcher::equal("group", &group)],
            1 => Matcher::new("group", MatchOp::NotEqual, &group).into_iter().collect(),
            2 => Matcher::new("series", MatchOp::Regex, "[0-4]|1.").into_iter().collect(),
            _ => Vec::new(),
        };
        let window_ms = self.knobs.window_ms;
        let end_ms = self.now_ms + self.random.between(-2 * window_ms, window_ms);
        let start_ms = end_ms - self.random.between(0, 4 * window_ms);
        let tenants = vec![Matcher::equal("", tenant.as_str())];
        Selection { tenants, matchers, start_ms, end_ms, ..Selection::default() }
    }
}
