//! Metadata of metric families over all nodes.

use std::collections::BTreeMap;

use proto::{Matcher, MetadataEntry};

use super::ReadError;
use super::fanout::Fanout;
use super::names::Found;

/// Entries of each family; two if tenants or targets disagree.
pub type Families = BTreeMap<String, Vec<MetadataEntry>>;

impl Fanout {
    /// Metadata of the families of all tenants in scope, or of one family.
    pub async fn metadata(
        &self,
        tenants: &[Matcher],
        family: Option<&str>,
    ) -> Result<Found<Families>, ReadError> {
        let (tenants, _) = self.scope.split(&self.tenant_label, tenants);
        let own = tenants.clone();
        let asked = self.ask(
            move |holder| Ok(holder.metadata(&own)?),
            |node| self.sources.remote.metadata(node, &tenants),
            None,
        );
        let answer = asked.await?;
        let mut found: Found<Families> = Found::default();
        found.warnings.extend(answer.warnings);
        let takes = |name: &str| tenants.iter().all(|matcher| matcher.matches(name));
        for one in answer.parts.into_iter().flatten() {
            let is_asked = family.is_none_or(|family| family == one.entry.family);
            if !is_asked || !takes(one.tenant.as_str()) {
                continue;
            }
            let entries = found.items.entry(one.entry.family.clone()).or_default();
            if !entries.contains(&one.entry) {
                entries.push(one.entry);
            }
        }
        Ok(found)
    }
}
