//! The configuration file: a YAML map from the names of settings to a value or a list of values.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{ConfigError, Origin};
use super::layers::{Given, Layer, setting_of_key};
use super::table::find;

/// Most values of one key.
const VALUES_MAX: usize = 256;

/// Reads the text of a configuration file.
pub(super) fn read(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    let fail = |message: String| ConfigError::Yaml { path: path.to_owned(), message };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Layer::new());
    }
    let document: Document =
        serde_saphyr::from_str(text).map_err(|error| fail(first_line(&error.to_string())))?;
    let mut layer = Layer::new();
    for (key, values) in document.0 {
        let setting = setting_of_key(path, &key)?;
        let given = Given { origin: Origin::File(path.to_owned()), values };
        if layer.insert(setting.name, given).is_some() {
            return Err(fail(format!("the key {key} is there twice")));
        }
    }
    Ok(layer)
}

/// What the parser says, without the excerpt of the file (it may hold a secret).
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    format!("{line} (settings are written `name: value`, one a line)")
}

/// The keys with their values, in order.
struct Document(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings, one `name: value` a line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let values = match find(&key) {
                None => map.next_value::<IgnoredAny>().map(|_| Vec::new())?,
                Some(setting) if setting.kind.is_list() => map.next_value::<Values>()?.0,
                Some(_) => vec![map.next_value::<String>()?],
            };
            entries.push((key, values));
        }
        Ok(Document(entries))
    }
}

/// One value, or a list of them.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Values, E> {
        Ok(Values(vec![value.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<String>()? {
            if values.len() == VALUES_MAX {
                return Err(serde::de::Error::custom(format!("more than {VALUES_MAX} values")));
            }
            values.push(value);
        }
        Ok(Values(values))
    }
}
