//! Clients, ledger and model against a store in memory that does what a cluster has to do, asked
//! through the real PromQL engine: a right store breaks nothing, and each way to be wrong is found.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use proto::{MatchOp, Matcher, TenantName};
use query::memory::MemoryStore;
use query::{Engine, EngineOptions, QueryTimes};
use simulation::invariants::Violation;
use simulation::ledger::{Counts, Ledger, Question, Reply};
use simulation::model::Shape;
use simulation::random::Random;
use simulation::traffic::{Spans, TenantPlan, Traffic, TrafficOptions};
use store::{Flaw, Store};

const START_MS: i64 = 1_700_000_000_000;
/// Pushes of a life.
const PUSHES: i64 = 300;
/// Simulated time from one push to the next, at most.
const PAUSE_MS_MAX: i64 = 600;
const LOOKBACK_MS: i64 = 300_000;

fn options() -> TrafficOptions {
    let tenant = |name: &str| TenantPlan { name: TenantName::new(name).unwrap(), hard_ring: None };
    TrafficOptions {
        tenants: ["team-a", "team-b", "team-c"].map(tenant).into(),
        default_tenant: Some(TenantName::new("team-a").unwrap()),
        clients_per_tenant: 5,
        series_per_client: 4,
        replica_label: "replica",
        spans: Spans {
            window_ms: 30_000,
            accept_age_ms: 90_000,
            accept_ahead_ms: 20_000,
            cluster_behind_ms_max: 5_000,
            cluster_ahead_ms_max: 8_000,
        },
        refused_percent: 15,
        retry_percent: 80,
        decoded_bytes_max: 1 << 20,
    }
}

/// What a life came to.
struct Life {
    counts: Counts,
    /// Answers of the model, and how many of them left no room.
    modelled: (usize, usize),
}

fn live(seed: u64, flaw: Option<Flaw>) -> Result<Life, Violation> {
    let mut random = Random::new(seed);
    let mut traffic = Traffic::new(options(), Random::new(random.bits()));
    let mut store = Store::new(options(), flaw);
    let mut ledger = Ledger::default();
    let (mut now_ms, mut modelled) = (START_MS, (0, 0));
    for _ in 0..PUSHES {
        let push = traffic.next(now_ms);
        ledger.sent(&push, "n1", now_ms);
        let spans = options().spans;
        let off_ms = random.between(-spans.cluster_behind_ms_max, spans.cluster_ahead_ms_max);
        let outcome = store.deliver(&push, now_ms + off_ms, &mut random);
        now_ms += random.between(0, PAUSE_MS_MAX);
        ledger.settled(&push, outcome, now_ms)?;
        traffic.told(&push, outcome);
        now_ms += 1;
        if random.percent(20) {
            ask_samples(&mut ledger, &store, now_ms, &mut random)?;
            let is_exact = ask_shape(&ledger, &store, now_ms, &mut random)?;
            modelled = (modelled.0 + 1, modelled.1 + usize::from(is_exact));
        }
    }
    Ok(Life { counts: ledger.counts, modelled })
}

/// Reads samples of a random range, and has the ledger judge them.
fn ask_samples(
    ledger: &mut Ledger,
    store: &Store,
    now_ms: i64,
    random: &mut Random,
) -> Result<(), Violation> {
    let range_ms = random.between(1, 200_000);
    let any = Matcher::new("__name__", MatchOp::Regex, ".+").unwrap();
    let question = Question {
        calm_since_ms: Some(START_MS),
        ..Question::range("n1", vec![any], now_ms, range_ms)
    };
    let reply = evaluate(store, &format!("{{__name__=~\".+\"}}[{range_ms}ms]"), now_ms);
    let answer = reply.answer("tenant_id", now_ms).unwrap();
    ledger.judge(&question, &answer)
}

/// Asks one of the model's queries.
fn ask_shape(
    ledger: &Ledger,
    store: &Store,
    now_ms: i64,
    random: &mut Random,
) -> Result<bool, Violation> {
    let shape = Shape::draw(random, LOOKBACK_MS, 100_000);
    let question = Question { calm_since_ms: Some(START_MS), ..shape.question("n1", now_ms) };
    let reply = evaluate(store, &shape.promql(), now_ms);
    let answer = simulation::ledger::Answer { ended_ms: now_ms, is_complete: true, series: vec![] };
    let expected = shape.expected(ledger, &question, &answer);
    expected.check(&reply.rows())?;
    Ok(expected.is_exact())
}

fn evaluate(store: &Store, promql: &str, at_ms: i64) -> Reply {
    let mut memory = MemoryStore::default();
    for (key, samples) in &store.contents {
        let tenant = Some(("tenant_id", key.tenant.as_str()));
        let labels: BTreeMap<&str, &str> = key.labels.iter().chain(tenant).collect();
        let labels: Vec<_> = labels.into_iter().collect();
        let samples: Vec<_> = samples.iter().map(|(t, b)| (*t, f64::from_bits(*b))).collect();
        memory.add(&labels, &samples);
    }
    let engine = Engine::new(EngineOptions::default());
    let plan = engine.prepare(promql, QueryTimes::Instant(at_ms)).unwrap();
    let cancel = AtomicBool::new(false);
    let result = futures::executor::block_on(query::run(&plan, &memory, &cancel)).unwrap();
    let data = String::from_utf8(query::json::data(&result)).unwrap();
    Reply::parse(format!("{{\"status\":\"success\",\"data\":{data}}}").as_bytes()).unwrap()
}

#[test]
fn a_right_store_breaks_nothing_and_much_is_checked() {
    let (mut modelled, mut exact) = (0, 0);
    for seed in 0..10 {
        let life = live(seed, None).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        let counts = life.counts;
        assert!(counts.samples_acked * 2 > counts.samples_sent, "{counts:?}");
        for count in [
            counts.conflicts,
            counts.samples_rejected,
            counts.samples_unacked_shown,
            counts.answers_complete,
            counts.samples_read,
        ] {
            assert!(count > 10, "{counts:?}");
        }
        modelled += life.modelled.0;
        exact += life.modelled.1;
    }
    assert!(modelled > 300 && exact * 4 > modelled, "{exact} of {modelled} are exact");
}

#[test]
fn every_flaw_is_found() {
    let table: [(Flaw, &[&str]); 7] = [
        (Flaw::Loses, &["I2"]),
        (Flaw::KeepsLesser, &["I2"]),
        (Flaw::MixesTenants, &["I4"]),
        (Flaw::TakesAnyAge, &["I3"]),
        (Flaw::DropsRestOfPartly, &["I2"]),
        (Flaw::ForgetsUnacked, &["I3"]),
        (Flaw::InventsValues, &["I2", "I3"]),
    ];
    for (flaw, expected) in table {
        let found = (0..10).find_map(|seed| live(seed, Some(flaw)).err());
        let violation = found.unwrap_or_else(|| panic!("{flaw:?} is not found"));
        // The model may notice before the samples are looked at.
        let by_model = ["I4", "I6"].contains(&violation.invariant);
        assert!(expected.contains(&violation.invariant) || by_model, "{flaw:?}: {violation}");
    }
}
