//! A real S3 server as the bucket: blocks go there and are read back; with a wrong secret the node
//! says what is wrong, keeps serving and loses nothing.

use std::time::Duration;

use tests::clock::{now_ms, wait_for};
use tests::samples::{Written, answered, as_dump, windows_of};
use tests::seaweed::{BUCKET, SECRET_KEY, Seaweed};
use tests::{ClusterPlan, Node, parts, write};

const WINDOW_MS: i64 = 10_000;
const TENANT: &str = "green";
/// Longest wait for windows to close, be cut and be uploaded.
const UPLOAD_LIMIT: Duration = Duration::from_secs(90);
const WRONG_SECRET: &str = "this-is-not-the-secret";

fn plan(yaml: &str) -> ClusterPlan {
    let plan = ClusterPlan::of(1).objstore(yaml).flag("--tsdb.min-block-duration=10s");
    plan.flag("--receive.accept-age=1h")
        .flag("--tsdb.retention=10s")
        .flag("--sync-block-duration=1s")
}

/// Writes windows that lie in the past.
fn write_windows(node: &Node) -> (Vec<Written>, i64) {
    let start = (now_ms() / WINDOW_MS - 30) * WINDOW_MS;
    let written = windows_of(TENANT, 3, start, WINDOW_MS, 2);
    let response = write::write(node.at.write, Some(TENANT), &written).expect("an answer");
    assert!(response.is_success(), "{response:?}");
    (written, start + 3 * WINDOW_MS)
}

fn blocks(node: &Node, name: &str) -> u64 {
    let status = node.status().expect("the node runs");
    status["blocks"][name].as_u64().expect("a number of blocks")
}

fn wait_for_answer(node: &Node, written: &[Written], end: i64) {
    wait_for("every sample in an answer", UPLOAD_LIMIT, || match answered(node.at.http, end)? {
        dump if dump == as_dump(written) => Ok(()),
        dump => Err(format!("{dump:?}")),
    });
}

#[test]
fn blocks_go_to_s3_and_a_wrong_secret_loses_nothing() {
    let Some(weed) = parts::weed() else { return };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut s3 = Seaweed::start(&weed, folder.path());
    s3.wait_ready();

    let mut wrong = plan(&s3.yaml(WRONG_SECRET)).start();
    let (kept, kept_end) = write_windows(&wrong.nodes[0]);
    let mut right = plan(&s3.yaml(SECRET_KEY)).start();
    let (written, end) = write_windows(&right.nodes[0]);
    wait_for("blocks in the S3 bucket", UPLOAD_LIMIT, || {
        let whole = |name: &&String| s3.names(name).contains(&"meta.json".to_owned());
        let names = s3.names("");
        let count = names.iter().filter(whole).count();
        if count >= 2 { Ok(()) } else { Err(format!("{count} whole ones of {names:?}")) }
    });
    wait_for("local blocks to go", UPLOAD_LIMIT, || match blocks(&right.nodes[0], "local") {
        0 => Ok(()),
        count => Err(format!("{count} are left")),
    });
    wait_for_answer(&right.nodes[0], &written, end);
    right.nodes[0].kill();
    let fresh = plan(&s3.yaml(SECRET_KEY)).start();
    wait_for_answer(&fresh.nodes[0], &written, end);

    // Meanwhile the other node had as long to cut its windows and to try.
    let log = wrong.nodes[0].wait_log(BUCKET, UPLOAD_LIMIT);
    assert!(log.contains(&s3.s3.to_string()), "the log does not name the endpoint:\n{log}");
    assert!(!log.contains(WRONG_SECRET), "the log shows the secret:\n{log}");
    wait_for("blocks that wait for the bucket", UPLOAD_LIMIT, || {
        match (blocks(&wrong.nodes[0], "local"), blocks(&wrong.nodes[0], "unshipped")) {
            (2.., 2..) => Ok(()),
            counts => Err(format!("(local, unshipped) = {counts:?}")),
        }
    });
    wrong.nodes[0].is_ready().expect("the node keeps serving");
    let more = windows_of(TENANT, 1, now_ms() - 1000, 1000, 1);
    let response = write::write(wrong.nodes[0].at.write, Some("new"), &more).expect("an answer");
    assert!(response.is_success(), "{response:?}");
    wait_for_local(&wrong.nodes[0], &kept, kept_end);
}

/// The answer has every sample, although the bucket cannot be asked (which it says).
fn wait_for_local(node: &Node, written: &[Written], end: i64) {
    let query =
        format!("count_over_time({}{{tenant_id=\"{TENANT}\"}}[1h])", tests::samples::METRIC);
    wait_for("every sample that was kept", UPLOAD_LIMIT, || {
        let answer = tests::query::instant(node.at.http, &query, Some(end))?;
        let counts: Vec<String> = answer.series().iter().map(|s| s.points[0].1.clone()).collect();
        let want: Vec<String> = written.iter().map(|(_, list)| list.len().to_string()).collect();
        if counts == want { Ok(()) } else { Err(format!("{counts:?}, not {want:?}")) }
    });
}
