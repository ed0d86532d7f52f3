//! Writes `docs/flags.md` out of the table of settings.

use std::fmt::Write;

use super::table::{Group, SETTINGS, Setting};

const INTRODUCTION: &str = "\
# Settings of `granary node`

<!-- Written by `granary config docs`; change node/src/config/table/rows.rs instead. -->

Each setting is a flag (`--tsdb.path`), an environment variable (`GRANARY_TSDB_PATH`) and a key of
the YAML file named by `--config.file` (`tsdb.path`). A flag beats the environment, which beats the
file. An unknown flag, variable or key is an error.

- Durations: `500ms`, `30s`, `1h30m`, `15d`, `2w`; larger units first.
- Sizes: `16MiB` (powers of 1024), `64MB` (powers of 1000), or bytes.
- Lists: separated by commas, or the flag again; in the file also a YAML list.
- Switches: `true` or `false`; the flag alone means `true`.

`granary config print` shows what a node would run with, `granary config check` only looks for
errors. Names and meanings are those of Thanos where both have the setting.
";

/// The page, as it must be in `docs/flags.md`.
pub fn flags_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for group in Group::ALL {
        write!(page, "\n## {}\n", group.heading()).expect("writing to a text cannot fail");
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            page.push_str(&entry(setting));
        }
    }
    page
}

fn entry(setting: &Setting) -> String {
    let default = setting.default_words().map_or("none".to_owned(), |words| format!("`{words}`"));
    let rare = if setting.hidden { " Rarely needed and not shown by `--help`." } else { "" };
    let more = if setting.more.is_empty() { "" } else { "\n" };
    format!(
        "\n### `--{name}`\n\n{help}{more}{rest}{rare}\n\n- value: `{kind}`, for example \
         `{example}`\n- default: {default}\n- environment: `{env}`\n",
        name = setting.name,
        help = setting.help,
        rest = setting.more,
        kind = setting.kind.placeholder(),
        example = setting.example,
        env = setting.env_name(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/flags.md");
        let page = std::fs::read_to_string(path).expect("docs/flags.md is there");
        assert!(page == flags_page(), "run: granary config docs > docs/flags.md");
    }
}
