//! [`BucketHolder`] over the list of the bucket's blocks.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use storage::bucket::BucketIndex;
use storage::{PackedSeries, Selection};

use ulid::Ulid;

use super::ReadError;
use super::sources::{Authority, BucketHolder};

/// Says why the list of blocks is not to be trusted now; `None` if it is. A list that was never
/// made, or not for long, must not vouch for anything.
pub type ListDoubt = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The bucket's blocks as of the last refresh.
pub struct StoredBlocks {
    index: Arc<BucketIndex>,
    doubt: ListDoubt,
}

impl StoredBlocks {
    /// A holder over an index that somebody else refreshes.
    pub fn new(index: Arc<BucketIndex>, doubt: ListDoubt) -> StoredBlocks {
        StoredBlocks { index, doubt }
    }

    fn doubted(&self) -> Authority {
        (self.doubt)().map_or_else(Authority::complete, Authority::partial)
    }

    /// To be asked after the data: damage is found while reading.
    fn undamaged(&self, selection: &Selection) -> Authority {
        match self.index.damaged_for(selection).first() {
            Some((ulid, why)) => Authority::partial(format!("block {ulid} is damaged: {why}")),
            None => Authority::complete(),
        }
    }
}

#[async_trait]
impl BucketHolder for StoredBlocks {
    async fn select(
        &self,
        selection: &Selection,
        except: &BTreeSet<Ulid>,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError> {
        let doubted = self.doubted();
        let series = self.index.select(selection, |ulid| !except.contains(&ulid)).await?;
        Ok((series, doubted.and(self.undamaged(selection))))
    }

    async fn select_only(
        &self,
        selection: &Selection,
        blocks: &BTreeSet<Ulid>,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError> {
        let series = self.index.select(selection, |ulid| blocks.contains(&ulid)).await?;
        Ok((series, self.undamaged(selection)))
    }

    async fn labels(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<(BTreeSet<String>, Authority), ReadError> {
        let doubted = self.doubted();
        let found = match name {
            "" => self.index.label_names(selection).await?,
            name => self.index.label_values(name, selection).await?,
        };
        Ok((found, doubted.and(self.undamaged(selection))))
    }
}
