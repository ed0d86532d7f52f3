//! The generator against its own rules, and whole runs against a small receiver.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use proto::Labels;

use super::*;
use crate::client::tests::decode;

const NOW_MS: i64 = 1_700_000_000_000;

fn fixed_now() -> i64 {
    NOW_MS
}

fn options(args: &[&str]) -> WriteOptions {
    match parse(args.iter().map(|a| (*a).to_owned())) {
        Parsed::Run(options) => *options,
        Parsed::Say(error) => panic!("{error}"),
    }
}

/// Series and value of a whole round over all templates, in order.
fn round(options: &WriteOptions, round: u64, age_ms: i64) -> Vec<(Labels, f64)> {
    let plan = SeriesPlan::new(options);
    let mut templates = Template::all(options, &plan, NOW_MS).unwrap();
    let bodies = templates.iter_mut().map(|t| t.body(round, NOW_MS + age_ms, age_ms).unwrap());
    let series = bodies.flat_map(|body| decode(&body)).collect::<Vec<_>>();
    let one = |(labels, samples): (Labels, Vec<(i64, f64)>)| {
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].0, NOW_MS + age_ms);
        (labels, samples[0].1)
    };
    series.into_iter().map(one).collect()
}

fn labels_of(round: &[(Labels, f64)]) -> BTreeSet<Labels> {
    round.iter().map(|(labels, _)| labels.clone()).collect()
}

#[test]
fn equal_seeds_make_equal_series_and_values() {
    let same = ["--series=1200", "--samples-per-request=500", "--seed=7"];
    assert_eq!(round(&options(&same), 5, 60_000), round(&options(&same), 5, 60_000));
    // How requests are cut does not matter either.
    let cut = ["--series=1200", "--samples-per-request=77", "--seed=7"];
    assert_eq!(round(&options(&same), 5, 60_000), round(&options(&cut), 5, 60_000));
    let other = ["--series=1200", "--samples-per-request=500", "--seed=8"];
    assert_ne!(round(&options(&same), 5, 60_000), round(&options(&other), 5, 60_000));
}

#[test]
fn series_are_distinct_and_have_the_labels_asked_for() {
    for labels in [3, 10, 30] {
        let options = options(&["--series=1501", &format!("--labels={labels}")]);
        let round = round(&options, 0, 0);
        assert_eq!(labels_of(&round).len(), 1501);
        assert!(round.iter().all(|(l, _)| l.iter().count() == labels + 1));
    }
}

#[test]
fn patched_templates_are_what_a_fresh_encoding_would_be() {
    let options = options(&["--series=1001", "--churn=10"]);
    let plan = SeriesPlan::new(&options);
    let age = 1_234_567;
    for (i, (labels, value)) in round(&options, 9, age).iter().enumerate() {
        let generation = plan.generation(i as u32 / series::SERIES_PER_TARGET, age);
        assert_eq!(labels, &plan.labels(i as u32, generation).unwrap());
        assert_eq!(*value, plan.value(i as u32, 9));
    }
}

#[test]
fn churn_replaces_the_share_asked_for() {
    let steady = options(&["--series=20000"]);
    let churning = options(&["--series=20000", "--churn=10"]);
    assert_eq!(labels_of(&round(&steady, 0, 0)), labels_of(&round(&steady, 4, 60_000)));
    let (before, after) = (round(&churning, 0, 0), round(&churning, 4, 60_000));
    let new = labels_of(&after).difference(&labels_of(&before)).count();
    assert_eq!(after.len(), 20_000);
    // 10 % of 40 targets, whose turns are spread by hash.
    assert!((500..=5_000).contains(&new), "{new}");
}

/// Counts samples per second of timestamps; answers 503 to every fifth request.
#[derive(Default)]
struct Receiver {
    requests: AtomicU64,
    acked: AtomicU64,
    newest_ms: AtomicI64,
}

async fn receive(
    request: HttpRequest,
    body: web::Bytes,
    state: web::Data<Receiver>,
) -> HttpResponse {
    assert!(request.headers().get("THANOS-TENANT").is_some());
    if state.requests.fetch_add(1, Ordering::SeqCst) % 5 == 4 {
        return HttpResponse::ServiceUnavailable().insert_header(("Retry-After", "0")).finish();
    }
    for (_, samples) in decode(&body) {
        state.acked.fetch_add(samples.len() as u64, Ordering::SeqCst);
        let newest = samples.iter().map(|(time, _)| *time).max().unwrap_or(0);
        state.newest_ms.fetch_max(newest, Ordering::SeqCst);
    }
    HttpResponse::NoContent().finish()
}

async fn refuse() -> HttpResponse {
    HttpResponse::BadRequest().body("no samples wanted")
}

fn serve() -> (String, web::Data<Receiver>) {
    let state = web::Data::new(Receiver::default());
    let shared = state.clone();
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(16 << 20))
            .route("/write", web::post().to(receive))
            .route("/refuse", web::post().to(refuse))
    };
    let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.disable_signals().run());
    (base, state)
}

#[actix_web::test]
async fn a_run_reports_exactly_what_was_acked_and_ends_at_now_plus_five_minutes() {
    let (base, state) = serve();
    let options = options(&[
        &format!("--url={base}/write"),
        "--series=1000",
        "--tenants=2",
        "--samples-per-request=400",
        "--interval-ms=600000",
        "--duration=10m",
    ]);
    let report = measure(&options, fixed_now).await.unwrap();
    assert_eq!(report.ended, Ended::SampleTimeAheadOfNow);
    // From an hour ago in steps of ten minutes: seven rounds, the last one at now.
    assert_eq!(report.acked_samples, 7 * 2 * 1000);
    assert_eq!(report.acked_samples, state.acked.load(Ordering::SeqCst));
    assert_eq!(state.newest_ms.load(Ordering::SeqCst), NOW_MS);
    assert_eq!(report.series, 2000);
    assert!(report.retries > 0);
    assert_eq!(report.retries, report.attempts_by_status["503"]);
    assert_eq!(report.attempts_by_status["204"], 7 * 2 * 3);
    assert!(report.all_acked());
    assert!(report.render(Output::Table).contains("now + 5 min"));
    let json: serde_json::Value = serde_json::from_str(&report.render(Output::Json)).unwrap();
    assert_eq!(json["acked_samples"], 14_000);
    assert_eq!(json["ended"], "sample_time_ahead_of_now");
}

#[actix_web::test]
async fn a_receiver_that_refuses_ends_the_run() {
    let (base, _) = serve();
    let url = format!("--url={base}/refuse");
    let options = options(&[&url, "--series=10", "--interval-ms=1", "--concurrency=1"]);
    let report = measure(&options, fixed_now).await.unwrap();
    assert_eq!((report.ended, report.acked_samples), (Ended::Failures, 0));
    assert!(!report.all_acked());
    assert!(report.failure.unwrap().contains("no samples wanted"));
}
