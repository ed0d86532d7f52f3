//! Windows become Prometheus blocks in the bucket, which promtool and a node without any local
//! data read with the same samples; local blocks go after retention, and then nothing is missing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests::bucket::{Block, blocks};
use tests::clock::{now_ms, wait_for};
use tests::cluster::bucket_yaml;
use tests::promtool::{self, Dump};
use tests::samples::{Written, answered, as_dump, windows_of};
use tests::{Cluster, ClusterPlan, parts, write};

const WINDOW_MS: i64 = 10_000;
const WINDOWS: i64 = 3;
const SERIES: usize = 4;
const TENANTS: [&str; 2] = ["red", "blue"];
/// Longest wait for windows to close, be cut and be uploaded.
const UPLOAD_LIMIT: Duration = Duration::from_secs(90);

fn plan(nodes: usize) -> ClusterPlan {
    ClusterPlan::of(nodes).flag("--tsdb.min-block-duration=10s").flag("--receive.accept-age=1h")
}

/// Writes windows that lie in the past, half of the series through each of two nodes.
fn write_windows(cluster: &Cluster) -> (Vec<Written>, i64) {
    let start = (now_ms() / WINDOW_MS - 30) * WINDOW_MS;
    let mut all = Vec::new();
    for tenant in TENANTS {
        let series = windows_of(tenant, SERIES, start, WINDOW_MS, WINDOWS);
        for (number, half) in series.chunks(SERIES / 2).enumerate() {
            let node = &cluster.nodes[number % cluster.nodes.len()];
            let response = write::write(node.at.write, Some(tenant), half).expect("an answer");
            assert!(response.is_success(), "{response:?}");
        }
        all.extend(series);
    }
    (all, start + WINDOWS * WINDOW_MS + WINDOW_MS)
}

fn samples_in(blocks: &[Block]) -> u64 {
    blocks.iter().map(|block| block.meta["stats"]["numSamples"].as_u64().unwrap_or(0)).sum()
}

/// Waits until the bucket holds at least this many samples, copies counted: a fallback may have
/// made more.
fn wait_for_samples(bucket: &Path, samples: usize) -> Vec<Block> {
    wait_for(&format!("{samples} samples in the bucket"), UPLOAD_LIMIT, || {
        let found = blocks(bucket);
        match samples_in(&found) as usize {
            sum if sum >= samples => Ok(found),
            sum => Err(format!("{sum} in {} blocks", found.len())),
        }
    })
}

fn count(written: &[Written]) -> usize {
    written.iter().map(|(_, samples)| samples.len()).sum()
}

/// Each block is of one tenant, one node and one window; parts of a window have numbers.
fn assert_one_block_each(found: &[Block]) {
    let mut seen = BTreeSet::new();
    for block in found {
        let granary = &block.meta["thanos"]["extensions"]["granary"];
        let window = granary["window_start"].as_i64().expect("a window");
        let (min, max) = block.times();
        assert!(TENANTS.contains(&block.label("tenant_id").as_str()), "{}", block.meta);
        assert!(window <= min && max <= window + WINDOW_MS && min < max, "{}", block.meta);
        assert_eq!(block.meta["thanos"]["source"], "receive");
        assert_eq!(block.meta["thanos"]["downsample"]["resolution"], 0);
        let part = granary["part"].as_u64().expect("the number of a part");
        let key = (block.label("tenant_id"), block.label("receive_replica"), window, part);
        assert!(!key.1.is_empty() && seen.insert(key.clone()), "a second block for {key:?}");
    }
}

/// A copy of the blocks, so that promtool writes nothing into the bucket.
fn copied(found: &[Block], folder: &Path) {
    for block in found {
        let status = Command::new("cp").arg("-r").arg(&block.folder).arg(folder).status();
        assert!(status.is_ok_and(|status| status.success()), "{} cannot be copied", block.ulid);
    }
}

/// What promtool dumps of a bucket, after it has listed and analyzed each block.
fn promtool_reads(promtool: &Path, bucket: &Path) -> Dump {
    let found = blocks(bucket);
    let copy = tempfile::tempdir().expect("a temporary directory");
    copied(&found, copy.path());
    let folder = copy.path().display().to_string();
    let list = promtool::tsdb(promtool, &["list", &folder]);
    assert!(found.iter().all(|block| list.contains(&block.ulid)), "{list}");
    for block in &found {
        let analysis = promtool::tsdb(promtool, &["analyze", &folder, &block.ulid]);
        let series = format!("Series: {}", block.meta["stats"]["numSeries"]);
        assert!(analysis.contains(&series), "{series} is not in {analysis}");
    }
    promtool::dump(promtool, copy.path())
}

#[test]
fn blocks_in_the_bucket_are_what_promtool_and_a_fresh_node_read() {
    let Some(promtool) = parts::program("promtool") else { return };
    let mut cluster = plan(3).flag("--receive.replication-factor=2").start();
    let (written, end) = write_windows(&cluster);
    let want = as_dump(&written);
    assert_eq!(answered(cluster.nodes[2].at.http, end), Ok(want.clone()), "before any cut");
    wait_for_samples(&cluster.bucket(), 2 * count(&written));
    wait_for("promtool to read every sample in the bucket", UPLOAD_LIMIT, || match promtool_reads(
        &promtool,
        &cluster.bucket(),
    ) {
        dump if dump == want => Ok(()),
        dump => Err(format!("{dump:?}")),
    });
    assert_one_block_each(&blocks(&cluster.bucket()));
    assert_eq!(answered(cluster.nodes[2].at.http, end), Ok(want.clone()), "after the cuts");

    cluster.nodes.iter_mut().for_each(|node| node.kill());
    let fresh = plan(1).objstore(&bucket_yaml(&cluster.bucket())).start();
    let reader = fresh.nodes[0].at.http;
    wait_for("a node without local data to read the bucket", UPLOAD_LIMIT, || {
        match answered(reader, end)? {
            dump if dump == want => Ok(()),
            dump => Err(format!("{dump:?}")),
        }
    });
}

#[test]
fn local_blocks_go_after_retention_and_are_read_from_the_bucket() {
    let cluster = plan(1).flag("--tsdb.retention=10s").flag("--sync-block-duration=1s").start();
    let node = &cluster.nodes[0];
    let (written, end) = write_windows(&cluster);
    let found = wait_for_samples(&cluster.bucket(), count(&written));
    wait_for("local blocks to go", UPLOAD_LIMIT, || {
        let status = node.status()?;
        match status["blocks"]["local"].as_u64() {
            Some(0) => Ok(()),
            _ => Err(status["blocks"].to_string()),
        }
    });
    let want = as_dump(&written);
    wait_for("the same answer from the bucket", UPLOAD_LIMIT, || {
        match answered(node.at.http, end)? {
            dump if dump == want => Ok(()),
            dump => Err(format!("{dump:?}")),
        }
    });
    let ids = |list: &[Block]| list.iter().map(|block| block.ulid.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&blocks(&cluster.bucket())), ids(&found), "the bucket keeps its blocks");
}
