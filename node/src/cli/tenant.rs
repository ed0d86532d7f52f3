//! `granary tenant ...`.

use clap::ArgMatches;
use proto::TenantName;
use serde::Deserialize;

use super::CliError;
use super::admin::{Id, Question};
use super::grid::{Grid, printable};

/// One of the answer of `/api/v1/granary/tenants`.
#[derive(Deserialize)]
struct Tenant {
    tenant: String,
    hashring: String,
    nodes: Vec<Holding>,
}

/// What a node holds of a tenant.
#[derive(Deserialize)]
struct Holding {
    id: Id,
    series: u64,
    samples: u64,
}

/// Answer to a route.
#[derive(Deserialize)]
struct Routed {
    tenant: String,
    hashring: String,
}

/// What `granary tenant ...` prints.
pub(super) fn text_of((name, arguments): (&str, &ArgMatches)) -> Result<String, CliError> {
    match name {
        "ls" => Question::get(arguments, &["tenants"])?.ask(table),
        _ => route(arguments),
    }
}

fn route(arguments: &ArgMatches) -> Result<String, CliError> {
    let given = |name| arguments.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let tenant = TenantName::new(given("TENANT"))
        .map_err(|error| CliError::Usage(format!("TENANT: {error}")))?;
    let path = ["tenants", tenant.as_str(), "route"];
    let parameter = ("hashring", given("HASHRING"));
    Question::post(arguments, &path, parameter)?.ask(|routed: &Routed| {
        let (tenant, hashring) = (printable(&routed.tenant), printable(&routed.hashring));
        format!("tenant {tenant} now goes to the hashring {hashring}\n")
    })
}

fn table(tenants: &Vec<Tenant>) -> String {
    if tenants.is_empty() {
        return "no tenants yet\n".to_owned();
    }
    let mut grid = Grid::new(&["TENANT", "HASHRING", "NODE", "SERIES", "SAMPLES"]);
    for tenant in tenants {
        let cells = |node: &str, series: String, samples: String| {
            vec![tenant.tenant.clone(), tenant.hashring.clone(), node.to_owned(), series, samples]
        };
        for node in &tenant.nodes {
            grid.row(cells(node.id.as_str(), node.series.to_string(), node.samples.to_string()));
        }
        if tenant.nodes.is_empty() {
            grid.row(cells("", String::new(), String::new()));
        }
    }
    grid.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_that_holds_a_tenant_has_a_row() {
        let tenants: Vec<Tenant> = serde_json::from_str(
            r#"[{"tenant":"a","hashring":"h0","nodes":[{"id":"n1","series":5,"samples":70},
            {"id":"n2","series":5,"samples":69}]},{"tenant":"new","hashring":"h0","nodes":[]}]"#,
        )
        .expect("valid");
        assert_eq!(
            table(&tenants),
            "TENANT  HASHRING  NODE  SERIES  SAMPLES\n\
             a       h0        n1    5       70\n\
             a       h0        n2    5       69\n\
             new     h0        -     -       -\n"
        );
        assert_eq!(table(&Vec::new()), "no tenants yet\n");
    }
}
