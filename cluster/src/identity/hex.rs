//! Cluster ids as hexadecimal text in JSON.

/// For `#[serde(with)]` on an `Option<ClusterId>`.
pub mod hex_cluster_id {
    use proto::ClusterId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Writes 32 hexadecimal digits or null.
    pub fn serialize<S: Serializer>(id: &Option<ClusterId>, to: S) -> Result<S::Ok, S::Error> {
        id.map(|id| id.to_string()).serialize(to)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ClusterId>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parse = |t: String| u128::from_str_radix(&t, 16).map(ClusterId);
        text.map(parse).transpose().map_err(D::Error::custom)
    }
}

/// For `#[serde(with)]` on a `ClusterId`.
pub mod hex_id {
    use proto::ClusterId;
    use serde::{Deserializer, Serializer, de::Error};

    /// Writes 32 hexadecimal digits.
    pub fn serialize<S: Serializer>(id: &ClusterId, to: S) -> Result<S::Ok, S::Error> {
        super::hex_cluster_id::serialize(&Some(*id), to)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ClusterId, D::Error> {
        let id = super::hex_cluster_id::deserialize(from)?;
        id.ok_or_else(|| D::Error::custom("a cluster id is missing"))
    }
}
