//! The life of a cluster: it is founded, suffers under load, heals, and is looked at at rest.

use std::cell::RefCell;
use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::SimulationError;
use crate::plan::Plan;
use crate::random::Random;
use crate::report::Ending;
use crate::takeover;

mod clients;
mod completeness;
mod durable;
mod founding;
mod healing;
mod health;
mod raft_disk;
mod reading;
mod refusals;
mod stage;
mod summary;
mod watching;

pub use clients::CLIENTS;
pub use stage::Stage;

/// What the steps of a life give back.
type Result<T> = std::result::Result<T, SimulationError>;

/// Runs the life of a seed.
pub fn run(seed: u64, arguments: &Arguments) -> Ending {
    takeover::seed(seed);
    let mut random = Random::new(seed);
    let plan = Plan::draw(&mut random, arguments.profile, arguments.minutes());
    let plan = plan.without(&arguments.without_faults);
    let mut life = Life::new(seed, plan, random);
    let outcome = life.live();
    life.end(outcome)
}

/// What is shared between the harness and the clients in the network.
pub(crate) type SharedStage = Rc<RefCell<Stage>>;

/// See the module.
struct Life {
    seed: u64,
    plan: Rc<Plan>,
    fleet: crate::fleet::Fleet,
    nemesis: crate::nemesis::Nemesis,
    stage: SharedStage,
    trace: crate::trace::SharedTrace,
    store: crate::world::store::Store,
    watch: watching::Watch,
    /// Rounds of questions at rest so far.
    audits: u32,
}

impl Life {
    fn new(seed: u64, plan: Plan, random: Random) -> Life {
        let trace = crate::trace::SharedTrace::default();
        trace.event(format!("{plan:?}"));
        let plan = Rc::new(plan);
        let mut life = founding::found(seed, plan, random, trace);
        clients::start(&mut life.fleet.sim, &life.stage, &life.plan);
        life
    }

    /// All phases of the life.
    fn live(&mut self) -> Result<()> {
        self.wait_until_founded()?;
        self.suffer()?;
        self.heal()?;
        self.check_at_rest()?;
        self.check_worth()
    }

    /// The faults' phase.
    fn suffer(&mut self) -> Result<()> {
        let began_ms = self.fleet.elapsed_ms();
        self.nemesis.start();
        self.stage.borrow_mut().open();
        while self.fleet.elapsed_ms() < began_ms + self.plan.faults_ms {
            self.nemesis.act(&mut self.fleet);
            self.step()?;
        }
        Ok(())
    }

    /// One tick of everything, and everything that is looked at after each.
    fn step(&mut self) -> Result<()> {
        let before_ms = self.fleet.elapsed_ms();
        self.fleet.step()?;
        self.nemesis.pass(self.fleet.elapsed_ms() - before_ms);
        self.nemesis.attend(&mut self.fleet);
        let calm = self.nemesis.is_calm();
        let mut stage = self.stage.borrow_mut();
        if stage.hosts.len() < self.fleet.hosts.len() {
            stage.hosts.clone_from(&self.fleet.hosts);
        }
        stage.note_calm(calm, self.fleet.now_ms());
        if let Some(violation) = stage.take_violation() {
            return Err(violation.into());
        }
        let looked = self.watch.look(&self.fleet, &self.nemesis, &self.store, &mut stage);
        looked.map_err(SimulationError::from)
    }

    /// Steps until something holds, or a time is up; whether it holds.
    fn step_until(&mut self, limit_ms: i64, holds: impl Fn(&Life) -> bool) -> Result<bool> {
        let end_ms = self.fleet.elapsed_ms() + limit_ms;
        while self.fleet.elapsed_ms() < end_ms {
            if holds(self) {
                return Ok(true);
            }
            self.step()?;
        }
        Ok(holds(self))
    }
}
