//! Whole clusters of the real node on simulated hosts.

use std::rc::Rc;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use object_store::memory::InMemory;
use proto::Labels;
use proto::remote_write::RequestWriter;
use simulation::client;
use simulation::fleet::{Fleet, NetworkKnobs, base_config};
use simulation::host::{HTTP_PORT, Host, WRITE_PORT};
use simulation::trace::SharedTrace;
use simulation::world::clock::true_ms;

fn body(value: f64, t: i64) -> Vec<u8> {
    let mut request = RequestWriter::default();
    for i in 0..20 {
        let name = format!("metric_{i}");
        let labels = Labels::from_pairs([("__name__", name.as_str())]).expect("valid labels");
        request.series(&labels, &[(t, value)]);
    }
    snap::raw::Encoder::new().compress_vec(request.as_bytes()).unwrap()
}

#[test]
fn three_nodes_take_writes_and_answer() {
    if std::env::var_os("SIM_LOG").is_some() {
        tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_env("SIM_LOG")).without_time().init();
    }
    let trace = SharedTrace::default();
    let ms = Duration::from_millis;
    let mut fleet =
        Fleet::new(7, NetworkKnobs { tick: ms(5), latency_min: ms(1), latency_max: ms(10) });
    let names = ["node-0", "node-1", "node-2", "node-3", "node-4"];
    let seeds: Vec<String> = names.iter().map(|n| format!("{n}:10901")).collect();
    let bucket = Arc::new(InMemory::new());
    for (i, name) in names.iter().enumerate() {
        let mut config = base_config(name, &seeds, 5);
        config.head.partitions = 2;
        config.tsdb.wal_segment_bytes = 1 << 20;
        let host = Host::new(config, bucket.clone(), 2, 77 + i as u64, trace.clone());
        fleet.add(Arc::new(host));
    }
    let said = Rc::new(RefCell::new(Vec::new()));
    let out = said.clone();
    let t = trace.clone();
    fleet.sim.client("client", async move {
        tokio::time::sleep(ms(15_000)).await;
        for n in 0..200 {
            let request = Request::post("/api/v1/receive").header("THANOS-TENANT", "a");
            let request = request.body(Full::from(body(n as f64, true_ms()))).unwrap();
            let answer = client::send("node-1", WRITE_PORT, request, ms(10_000), &t).await;
            out.borrow_mut().push(format!("{answer:?}"));
            tokio::time::sleep(ms(200)).await;
        }
        let request = Request::get("/api/v1/query?query=count(metric_0)by(tenant_id)");
        let request = request.body(Full::from("")).unwrap();
        let answer = client::send("node-2", HTTP_PORT, request, ms(10_000), &t).await;
        out.borrow_mut().push(format!("{answer:?}"));
        Ok(())
    });
    let began = std::time::Instant::now();
    while !fleet.step().unwrap() {}
    for line in said.borrow().iter().rev().take(4) {
        println!("{line}");
    }
    println!("{} simulated ms in {:?}; hash {:016x}", fleet.elapsed_ms(), began.elapsed(), trace.hash());
}
