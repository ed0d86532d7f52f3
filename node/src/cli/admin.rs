//! Asks a node over its admin API.

use std::time::Duration;

use clap::ArgMatches;
use proto::NodeId;
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::CliError;
use super::grid::printable;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Id of a node or a cluster. Nodes write it as text; a number means the same in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenId")]
pub(super) struct Id(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenId {
    Text(String),
    Number(u64),
}

impl From<WrittenId> for Id {
    fn from(written: WrittenId) -> Id {
        match written {
            WrittenId::Text(text) => Id(text),
            WrittenId::Number(number) => Id(NodeId(number).to_string()),
        }
    }
}

impl Id {
    /// The id as it is printed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a command asks, and how it prints the answer.
pub(super) struct Question {
    node: Url,
    json: bool,
    post: bool,
}

impl Question {
    /// A question of the command with these arguments to `/api/v1/granary/<path>`.
    pub fn get(arguments: &ArgMatches, path: &[&str]) -> Result<Question, CliError> {
        let text = arguments.get_one::<String>("node").map(String::as_str).unwrap_or_default();
        let json = arguments.get_one::<String>("output").is_some_and(|format| format == "json");
        let mut node = node_url(text)?;
        node.path_segments_mut()
            .expect("http addresses have paths")
            .pop_if_empty()
            .extend(["api", "v1", "granary"])
            .extend(path);
        Ok(Question { node, json, post: false })
    }

    /// A question that changes something.
    pub fn post(
        arguments: &ArgMatches,
        path: &[&str],
        parameter: (&str, &str),
    ) -> Result<Question, CliError> {
        let mut question = Question::get(arguments, path)?;
        question.node.query_pairs_mut().append_pair(parameter.0, parameter.1);
        Ok(Question { post: true, ..question })
    }

    /// Asks, and prints the answer as it came or as `table` shows it.
    pub fn ask<T: DeserializeOwned>(self, table: fn(&T) -> String) -> Result<String, CliError> {
        let body = self.fetch()?;
        let text = String::from_utf8(body).map_err(|error| self.strange(&error))?;
        let answer: T = serde_json::from_str(&text).map_err(|error| self.strange(&error))?;
        match self.json {
            true => Ok(format!("{}\n", text.trim_end())),
            false => Ok(table(&answer)),
        }
    }

    fn fetch(&self) -> Result<Vec<u8>, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::Failed(format!("cannot start the runtime: {error}")))?;
        runtime.block_on(self.answer())
    }

    async fn answer(&self) -> Result<Vec<u8>, CliError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| CliError::Failed(format!("cannot make an HTTP client: {error}")))?;
        let request = match self.post {
            true => client.post(self.node.clone()),
            false => client.get(self.node.clone()),
        };
        let response = request.send().await.map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        let body = self.body(response).await?;
        match status.is_success() {
            true => Ok(body),
            false => Err(self.refused(status.as_u16(), &body)),
        }
    }

    /// The whole body, if it is not too large.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, CliError> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unanswered(&error))? {
            if body.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(self.strange(&format!("more than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// Scheme, host and port of the node.
    fn origin(&self) -> String {
        self.node.origin().ascii_serialization()
    }

    fn unanswered(&self, error: &reqwest::Error) -> CliError {
        let node = self.origin();
        if error.is_connect() {
            return CliError::NoAnswer(node);
        }
        if error.is_timeout() {
            let seconds = ANSWER_TIMEOUT.as_secs();
            return CliError::Failed(format!("{node} did not answer within {seconds} s"));
        }
        CliError::Failed(format!("{node} broke off its answer; is it a granary node?"))
    }

    fn refused(&self, status: u16, body: &[u8]) -> CliError {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        let node = self.origin();
        match serde_json::from_slice::<Refusal>(body) {
            Ok(Refusal { error }) => {
                CliError::Failed(format!("{node} refuses: {} (status {status})", printable(&error)))
            }
            Err(_) => CliError::Failed(format!(
                "{node} answered with status {status} to {}; is --node the HTTP address \
                 (--http-address) of a granary node?",
                self.node.path()
            )),
        }
    }

    fn strange(&self, reason: &dyn std::fmt::Display) -> CliError {
        CliError::Failed(format!(
            "cannot read the answer of {}: {reason}; is it a granary node of this version?",
            self.origin()
        ))
    }
}

/// The address of a node; `http://` may be left out.
fn node_url(text: &str) -> Result<Url, CliError> {
    let wrong = || {
        CliError::Usage(format!(
            "--node: {text:?} is no HTTP address; write it like --node=http://10.0.0.1:10902"
        ))
    };
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let url = Url::parse(&with_scheme).map_err(|_| wrong())?;
    match url.has_host() && ["http", "https"].contains(&url.scheme()) {
        true => Ok(url),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_be_numbers() {
        let ids: Vec<Id> = serde_json::from_str(r#"["00ff", 255]"#).expect("valid");
        assert_eq!(ids[0].as_str(), "00ff");
        assert_eq!(ids[1].as_str(), "00000000000000ff");
    }

    #[test]
    fn a_node_is_an_http_address() {
        let origin = |text| node_url(text).expect(text).origin().ascii_serialization();
        assert_eq!(origin("127.0.0.1:10902"), "http://127.0.0.1:10902");
        assert_eq!(origin("localhost:1"), "http://localhost:1");
        assert_eq!(origin("https://granary.example"), "https://granary.example");
        for text in ["", "ftp://a", "http://", "unix:///x", "a b"] {
            assert!(node_url(text).is_err(), "{text}");
        }
    }
}
