//! What the demo prints about the running system.

use std::fmt::Write;

use super::fleet::Fleet;
use super::options::DemoOptions;
use super::plan::{NodePlan, Plan};

/// The node that the commands ask unless told otherwise.
const DEFAULT_NODE: &str = "http://127.0.0.1:10902";

/// The nodes, the addresses of the first, and what to try.
pub(super) fn next_steps(options: &DemoOptions, plan: &Plan, fleet: &Fleet) -> String {
    let mut text = nodes(fleet);
    if let Some(first) = plan.nodes.first() {
        addresses(&mut text, first);
        suggestions(&mut text, first, fleet);
    }
    if let Some(logs) = plan.nodes.first().and_then(|node| node.log.parent()) {
        line(&mut text, &format!("\nLogs  {}", logs.display()));
    }
    let kept = if options.data_dir.is_some() { "is kept" } else { "is removed" };
    text.push_str(&format!("Ctrl-C stops every node; the data directory {kept}."));
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn nodes(fleet: &Fleet) -> String {
    let mut text = format!(
        "\n{:<14} {:>8}  {:<22} {:<17} {}\n",
        "NODE", "PID", "QUERY", "GRPC", "REMOTE WRITE"
    );
    for node in fleet.live() {
        let plan = &node.plan;
        let (query, grpc) = (plan.http_base(), plan.listen.grpc);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<14} {:>8}  {query:<22} {grpc:<17} {}",
            plan.name,
            node.pid,
            plan.write_url()
        );
    }
    text
}

fn addresses(text: &mut String, first: &NodePlan) {
    let base = first.http_base();
    line(text, &format!("\nGraph page  {base}/graph"));
    line(text, &format!("Query       {base}/api/v1/query"));
    line(text, &format!("Write       {}", first.write_url()));
}

fn suggestions(text: &mut String, first: &NodePlan, fleet: &Fleet) {
    let base = first.http_base();
    let node = if base == DEFAULT_NODE { String::new() } else { format!(" --node={base}") };
    let granary = std::env::current_exe().unwrap_or_else(|_| "granary".into());
    let granary = granary.display();
    line(text, "\nTry next");
    line(text, &format!("  curl -s '{base}/api/v1/query?query=count(up)by(tenant_id)'"));
    if let Some(victim) = fleet.live().map(|n| (&n.plan.name, n.pid)).nth(2) {
        let (name, pid) = victim;
        line(text, &format!("  kill -9 {pid}    # {name}: ask again, nothing is missing"));
    }
    line(text, &format!("  {granary} ring show{node}"));
    line(text, &format!("  {granary} tenant ls{node}"));
}
