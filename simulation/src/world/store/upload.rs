//! Uploads in parts, whose parts can get lost and whose end can fail.

use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::{Store, failure};
use crate::nemesis::BucketFault;

/// An upload that is under way.
#[derive(Debug)]
pub(super) struct Upload {
    store: Store,
    path: Path,
    inner: Box<dyn MultipartUpload>,
}

impl Upload {
    pub(super) fn new(store: Store, path: Path, inner: Box<dyn MultipartUpload>) -> Upload {
        Upload { store, path, inner }
    }

    fn strikes(&self) -> bool {
        self.store.strikes(BucketFault::Multipart, "bucket multipart")
    }
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if self.strikes() {
            return std::future::ready(Err(failure("the part was lost"))).boxed();
        }
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.strikes() {
            return Err(failure("the upload could not be completed"));
        }
        let is_lost = self.store.before("complete upload of", &self.path).await?;
        let done = self.inner.complete().await;
        self.store.note(&self.path, true);
        self.store.after(is_lost, done).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
