//! Reports of several servers side by side.

use std::fmt::Write;
use std::path::PathBuf;

use super::report::{Measured, Report};
use crate::bench::BenchError;

/// How far sums of the answers' values may differ: servers add in different orders.
const SUM_TOLERANCE: f64 = 1e-6;

/// A table in Markdown: times and CPU of each server, and of all but the first how many times
/// those of the first they are.
pub(super) fn table(files: &[PathBuf]) -> Result<String, BenchError> {
    let reports: Vec<Report> = files.iter().map(read).collect::<Result<_, _>>()?;
    Ok(render(&reports))
}

fn read(file: &PathBuf) -> Result<Report, BenchError> {
    let fail = |why: String| BenchError::Report { file: file.display().to_string(), why };
    let text = std::fs::read(file).map_err(|error| fail(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))
}

fn render(reports: &[Report]) -> String {
    let Some((first, others)) = reports.split_first() else { return String::new() };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "| query | {} ms | CPU ms | MiB |", first.server);
    for other in others {
        let _ = write!(text, " {} ms | times | CPU ms | times | MiB |", other.server);
    }
    let _ = write!(text, " answer |\n|---|{}---|", "--:|".repeat(3 + 5 * others.len()));
    let mut ratios = vec![[Vec::new(), Vec::new()]; others.len()];
    for own in &first.queries {
        let _ = write!(text, "\n| {} | {}", own.name, cells(own));
        let mut answer = format!("{} series, {} points", own.series, own.points);
        for (other, ratios) in others.iter().zip(&mut ratios) {
            let Some(query) = other.queries.iter().find(|query| query.name == own.name) else {
                text.push_str(" | | | | |");
                continue;
            };
            text.push_str(&against(own, query, ratios));
            answer.push_str(&difference(own, query, &other.server));
        }
        let _ = write!(text, " {answer} |");
    }
    text.push_str("\n| geometric mean | | | |");
    for [time, cpu] in &ratios {
        let _ = write!(text, " | {:.2} | | {:.2} | |", mean(time), mean(cpu));
    }
    text.push_str(" |");
    text
}

fn cells(query: &Measured) -> String {
    if query.failure.is_some() {
        return "failed | | |".to_owned();
    }
    let mib = query.memory_bytes as f64 / f64::from(1 << 20);
    format!("{:.1} | {:.1} | {mib:.0} |", query.median_ms, query.cpu_ms)
}

/// Cells of another server; its ratios are added to `ratios`.
fn against(own: &Measured, other: &Measured, ratios: &mut [Vec<f64>; 2]) -> String {
    if other.failure.is_some() || own.failure.is_some() {
        return " failed | | | | |".to_owned();
    }
    let time = other.median_ms.max(f64::MIN_POSITIVE) / own.median_ms.max(f64::MIN_POSITIVE);
    ratios[0].push(time);
    let cpu = match own.cpu_ms.min(other.cpu_ms) {
        // Less than a tick of the system's clock says nothing.
        0.0 => "".to_owned(),
        _ => {
            ratios[1].push(other.cpu_ms / own.cpu_ms);
            format!("{:.2}", other.cpu_ms / own.cpu_ms)
        }
    };
    let mib = other.memory_bytes as f64 / f64::from(1 << 20);
    format!(" {:.1} | {time:.2} | {:.1} | {cpu} | {mib:.0} |", other.median_ms, other.cpu_ms)
}

/// What is different about the other's answer.
fn difference(own: &Measured, other: &Measured, server: &str) -> String {
    let mut text = String::new();
    if (own.series, own.points) != (other.series, other.points) {
        text = format!("; {server}: {} series, {} points", other.series, other.points);
    } else if (own.sum - other.sum).abs() > SUM_TOLERANCE * own.sum.abs().max(1.0) {
        text = format!("; {server}: other values");
    }
    text
}

fn mean(ratios: &[f64]) -> f64 {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len().max(1) as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(server: &str, ms: f64, points: u64) -> Report {
        let text = serde_json::json!({
            "server": server, "end_seconds": 1, "series": 1, "samples": 1, "repeats": 1,
            "queries": [{
                "name": "sum", "query": "sum(x)", "median_ms": ms, "min_ms": ms, "cpu_ms": ms,
                "memory_bytes": 1 << 20, "series": 1, "points": points, "sum": 1.0,
                "failure": null,
            }],
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn ratios_are_to_the_first_and_differences_are_said() {
        let text = render(&[report("a", 2.0, 5), report("b", 8.0, 4)]);
        assert!(text.contains("| sum | 2.0 | 2.0 | 1 | 8.0 | 4.00 | 8.0 | 4.00 | 1 |"), "{text}");
        assert!(text.contains("1 series, 5 points; b: 1 series, 4 points"), "{text}");
        assert!(text.ends_with("| geometric mean | | | | | 4.00 | | 4.00 | | |"), "{text}");
    }
}
