//! From the head to local blocks: which parts are due, and writing one block per tenant of a part.
//!
//! A cut can be repeated after any crash: blocks carry the node, the incarnation of its head, the
//! window and the part, and a block that is there is not written again.

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use journal::files::Files;
use proto::{Epoch, NodeId, TenantName};
use ulid::Ulid;

use crate::StorageError;
use crate::block::{BlockMeta, BlockSpec, CREATION_SUFFIX, LocalBlocks, write_block};
use crate::head::{Head, PartId};

pub use plan::{CutPolicy, plan};

/// Where blocks go and what they are called.
pub struct CutTarget<'a> {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// The local blocks.
    pub blocks: &'a LocalBlocks,
    /// This node.
    pub node: NodeId,
    /// Epoch of the ring as the node knows it.
    pub epoch: Epoch,
    /// External labels without the tenant's: the replica's and the operator's.
    pub labels: BTreeMap<String, String>,
    /// Name of the external label that holds the tenant.
    pub tenant_label: &'a str,
    /// Draws the identity of a block.
    pub draw_ulid: &'a mut dyn FnMut() -> Ulid,
}

/// Writes the blocks of a durably closed part (see [`Head::close_part`]), one a tenant. When it
/// returns without an error, all of them are durable and listed, and [`Head::drop_part`] may
/// follow. Blocks on the disk.
///
/// # Errors
/// `Invalid`: the part is not durably closed. Else the first error of a tenant; the blocks of all
/// other tenants are written and stay. Do not drop the part; call it again.
pub fn cut_part(
    head: &Head,
    id: PartId,
    target: &mut CutTarget<'_>,
) -> Result<Vec<Arc<BlockMeta>>, StorageError> {
    head.check_part(id)?;
    let mut written = blocks_of_part(head, id, target);
    let (mut metas, mut failed) = (Vec::new(), None);
    for tenant in head.tenants_of_part(id) {
        match written.remove(&tenant) {
            Some(meta) => metas.push(meta),
            None => match cut_tenant(head, id, &tenant, target) {
                Ok(meta) => metas.extend(meta),
                Err(error) => {
                    tracing::error!(%tenant, %error, "a tenant's block could not be cut");
                    failed.get_or_insert(error);
                }
            },
        }
    }
    metas.extend(written.into_values());
    failed.map_or(Ok(metas), Err)
}

/// Blocks that an earlier cut of this part has written, by tenant.
fn blocks_of_part(
    head: &Head,
    id: PartId,
    target: &CutTarget<'_>,
) -> BTreeMap<TenantName, Arc<BlockMeta>> {
    let section = section(head, id, target);
    let same = |meta: &&Arc<BlockMeta>| {
        let of = |key: &str| meta.extension().and_then(|found| found.get(key));
        ["node", "head", "window_start", "part"].iter().all(|key| of(key) == section.get(key))
    };
    let metas = target.blocks.list();
    let tenant_of =
        |meta: &Arc<BlockMeta>| Some((meta.tenant(target.tenant_label, None).ok()?, meta.clone()));
    metas.iter().filter(same).filter_map(tenant_of).collect()
}

/// Our section of `meta.json`. Numbers of 64 bits are text: JSON's are doubles.
fn section(head: &Head, id: PartId, target: &CutTarget<'_>) -> serde_json::Value {
    serde_json::json!({
        "node": target.node.to_string(),
        "head": format!("{:016x}", head.incarnation()),
        "window_start": id.window_start_ms,
        "part": id.number,
        "epoch": target.epoch.0.to_string(),
    })
}

fn cut_tenant(
    head: &Head,
    id: PartId,
    tenant: &TenantName,
    target: &mut CutTarget<'_>,
) -> Result<Option<Arc<BlockMeta>>, StorageError> {
    let series = head.cut(id, tenant)?;
    if series.is_empty() {
        return Ok(None);
    }
    let mut labels = target.labels.clone();
    labels.insert(target.tenant_label.to_owned(), tenant.to_string());
    let ulid = (target.draw_ulid)();
    let spec = BlockSpec { ulid, labels, extension: section(head, id, target) };
    let series = series.into_iter().map(|series| (series.labels, series.chunks));
    let dir = target.blocks.dir();
    let written = write_block(target.files.clone(), dir, spec, series).inspect_err(|_| {
        // The next try draws another name. What cannot be removed now is removed at the start.
        let _ = target.files.remove_dir_all(&dir.join(format!("{ulid}{CREATION_SUFFIX}")));
    })?;
    written.map(|meta| target.blocks.add(meta.ulid)).transpose()
}

#[cfg(test)]
mod tests;
