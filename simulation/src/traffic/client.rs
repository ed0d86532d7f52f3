//! Who sends: Prometheus servers, alone or as pairs of replicas.

use std::collections::VecDeque;

use proto::Labels;

use super::push::{Push, SeriesKey};
use super::{TenantPlan, TrafficOptions};

/// One client.
pub struct Client {
    pub tenant: usize,
    pub name: String,
    /// Value of the tenant header; `None` sends none and lands with the default tenant.
    pub tenant_header: Option<String>,
    pub series: Vec<SeriesKey>,
    /// Pushes to be sent again.
    pub again: VecDeque<Push>,
}

/// What a client is to another of its tenant.
#[derive(Clone, Copy)]
enum Kind {
    Alone,
    /// A replica of a pair whose series carry a replica label.
    Labelled(usize),
    /// A replica of a pair whose series are the same.
    Identical,
}

/// The clients of a tenant. The label sets are the same for every tenant.
pub fn clients_of(number: usize, tenant: &TenantPlan, options: &TrafficOptions) -> Vec<Client> {
    let client = |index: usize| {
        let (group, kind) = place(index);
        let is_default = options.default_tenant.as_ref() == Some(&tenant.name);
        let header = (!is_default || index.is_multiple_of(2)).then(|| tenant.name.to_string());
        let labels = (0..options.series_per_client)
            .map(|series| labels(group, series, kind, options.replica_label));
        let series = labels.map(|labels| SeriesKey { tenant: tenant.name.clone(), labels });
        Client {
            tenant: number,
            name: format!("{}-prometheus-{index}", tenant.name),
            tenant_header: header,
            series: series.collect(),
            again: VecDeque::new(),
        }
    };
    (0..options.clients_per_tenant).map(client).collect()
}

/// Of five clients the first is alone, then come a pair with and a pair without a replica label.
/// Clients of one group scrape the same targets.
fn place(index: usize) -> (usize, Kind) {
    let group = index / 5 * 3;
    match index % 5 {
        0 => (group, Kind::Alone),
        replica @ (1 | 2) => (group + 1, Kind::Labelled(replica - 1)),
        _ => (group + 2, Kind::Identical),
    }
}

fn labels(group: usize, series: usize, kind: Kind, replica_label: &str) -> Labels {
    let instance = format!("host-{group}-{}", series / 4);
    let (metric, extra) = match series % 4 {
        0 => ("up", None),
        1 => ("requests_total", Some(("code", "200"))),
        2 => ("requests_total", Some(("code", "500"))),
        _ => ("temperature", None),
    };
    let mut pairs = vec![("__name__", metric), ("instance", &instance), ("job", "node")];
    pairs.extend(extra);
    let replica = match kind {
        Kind::Labelled(replica) => Some(replica.to_string()),
        Kind::Alone | Kind::Identical => None,
    };
    pairs.extend(replica.as_ref().map(|replica| (replica_label, replica.as_str())));
    Labels::from_pairs(pairs).expect("the names are valid and differ")
}
