//! Label names, label values and label sets over all sources.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use proto::labels::LabelsError;
use proto::{Labels, Matcher};
use query::Interner;
use storage::packed::PackedGroup;
use storage::{PackedSeries, Selection};

use super::fanout::{Answer, Fanout};
use super::merge::merge;
use super::server::names_or_values;
use super::{Budget, ReadError};

/// Something found, and why it may be incomplete.
#[derive(Debug, Default)]
pub struct Found<T> {
    /// What was found.
    pub items: T,
    /// Reasons, each once; empty if it is complete.
    pub warnings: BTreeSet<String>,
}

/// Selectors as the HTTP API takes them: a series counts if it fulfils all matchers of any of
/// them. Without selectors all series count.
pub type Selectors = Vec<Vec<Matcher>>;

impl Fanout {
    /// Label sets of all series, in Prometheus' order.
    pub async fn label_sets(
        &self,
        selectors: &Selectors,
        times: (i64, i64),
    ) -> Result<Found<Vec<Labels>>, ReadError> {
        let (mut found, mut parts) = (Found::default(), Vec::new());
        for answer in self.series_only(selectors, times).await? {
            found.warnings.extend(answer.warnings);
            parts.extend(answer.parts);
        }
        let (rules, workers) = (self.rules(), self.sources.local.workers());
        let sets = self.compute(parts, move |parts| {
            let mut names = Interner::default();
            let merged = merge(parts, &rules, &mut names, workers);
            let sets = (0..merged.len()).map(|index| names.labels(merged.pairs(index)));
            let mut sets = sets.collect::<Result<Vec<Labels>, _>>()?;
            sets.sort();
            Ok::<_, LabelsError>(sets)
        });
        found.items = sets.await?.map_err(|error| ReadError::Damaged(error.to_string()))?;
        Ok(found)
    }

    /// Names of all labels, the tenant label among them unless there are none.
    pub async fn label_names(
        &self,
        selectors: &Selectors,
        times: (i64, i64),
    ) -> Result<Found<BTreeSet<String>>, ReadError> {
        let mut found = self.strings("", selectors, times).await?;
        if !found.items.is_empty() {
            found.items.insert(self.tenant_label.clone());
        }
        found.items.retain(|name| *name == self.tenant_label || !self.is_replica(name));
        Ok(found)
    }

    /// Values of one label.
    pub async fn label_values(
        &self,
        name: &str,
        selectors: &Selectors,
        times: (i64, i64),
    ) -> Result<Found<BTreeSet<String>>, ReadError> {
        if name == self.tenant_label {
            return self.tenant_names(selectors, times).await;
        }
        if name.is_empty() || self.is_replica(name) {
            return Ok(Found::default());
        }
        self.strings(name, selectors, times).await
    }

    fn is_replica(&self, name: &str) -> bool {
        self.replica_labels.iter().any(|label| label == name)
    }

    fn selections(&self, selectors: &Selectors, times: (i64, i64)) -> Vec<Selection> {
        if selectors.is_empty() {
            return vec![self.selection(&[], times)];
        }
        selectors.iter().map(|matchers| self.selection(matchers, times)).collect()
    }

    /// The series of each selector, without chunks.
    async fn series_only(
        &self,
        selectors: &Selectors,
        times: (i64, i64),
    ) -> Result<Vec<Answer<Vec<PackedSeries>>>, ReadError> {
        let mut selections = self.selections(selectors, times);
        selections.iter_mut().for_each(|selection| selection.labels_only = true);
        try_join_all(selections.iter().map(|selection| self.series(selection))).await
    }

    async fn tenant_names(
        &self,
        selectors: &Selectors,
        times: (i64, i64),
    ) -> Result<Found<BTreeSet<String>>, ReadError> {
        let mut found: Found<BTreeSet<String>> = Found::default();
        for answer in self.series_only(selectors, times).await? {
            found.warnings.extend(answer.warnings);
            let groups = answer.parts.iter().flatten().flat_map(PackedSeries::groups);
            for tenant in groups.map(PackedGroup::tenant) {
                if !found.items.contains(tenant.as_str()) {
                    found.items.insert(tenant.as_str().to_owned());
                }
            }
        }
        Ok(found)
    }

    /// Values of a label, or the label names where `name` is "".
    async fn strings(
        &self,
        name: &str,
        selectors: &Selectors,
        times: (i64, i64),
    ) -> Result<Found<BTreeSet<String>>, ReadError> {
        let selections = self.selections(selectors, times);
        let asked = selections.iter().map(|selection| self.strings_of(name, selection));
        let mut found: Found<BTreeSet<String>> = Found::default();
        for mut answer in try_join_all(asked).await? {
            found.warnings.extend(answer.warnings);
            answer.parts.iter_mut().for_each(|part| found.items.append(part));
        }
        Ok(found)
    }

    async fn strings_of(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<Answer<BTreeSet<String>>, ReadError> {
        let (own, own_name) = (selection.clone(), name.to_owned());
        let budget: &Budget = &self.budget;
        let bucket = self.sources.bucket.as_ref().map(|bucket| bucket.labels(name, selection));
        self.ask(
            move |holder| Ok(names_or_values(holder, &own_name, &own)?),
            |node| self.sources.remote.labels(node, name, selection, budget),
            bucket,
        )
        .await
    }
}
