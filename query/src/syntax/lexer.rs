//! Text to tokens. The parser asks for one token at a time.

use super::{ParseError, Span, literals};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word: name, keyword, function, aggregation. May contain `:`.
    Word(String),
    /// A number or duration; durations are seconds.
    Number(f64),
    /// A string without its quotes.
    String(Vec<u8>),
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// End of the query.
    End,
}

/// Two bytes first, so that the longest symbol wins.
const SYMBOLS: [&str; 27] = [
    "==", "!=", "=~", "!~", "<=", ">=", "</", ">/", "(", ")", "{", "}", "[", "]", ",", ":", "+",
    "-", "*", "/", "%", "^", "=", "<", ">", "@", ";",
];

pub(super) struct Lexer<'q> {
    query: &'q str,
    at: usize,
    /// `:` is no part of a word inside of braces and brackets.
    pub(super) colon_splits: bool,
}

impl<'q> Lexer<'q> {
    pub(super) fn new(query: &'q str) -> Lexer<'q> {
        Lexer { query, at: 0, colon_splits: false }
    }

    /// The next token and its place.
    pub(super) fn next(&mut self) -> Result<(Token, Span), ParseError> {
        self.skip_blank();
        let start = self.at;
        let rest = &self.query[start..];
        let (token, length) = self.scan(rest)?;
        self.at += length;
        Ok((token, Span { start, end: self.at }))
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = &self.query[self.at..];
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            if !self.query[self.at..].starts_with('#') {
                return;
            }
            self.at += self.query[self.at..].find('\n').unwrap_or(self.query.len() - self.at);
        }
    }

    fn scan(&self, rest: &str) -> Result<(Token, usize), ParseError> {
        let failed = |message: String| ParseError::new(self.query, self.at, message);
        let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
        let dot_number = first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(self.word(rest)),
            ':' if !self.colon_splits && rest[1..].starts_with(is_word) => Ok(self.word(rest)),
            '"' | '\'' | '`' => {
                let (length, value) = literals::string(rest).map_err(failed)?;
                Ok((Token::String(value), length))
            }
            _ if first.is_ascii_digit() || dot_number => {
                let (length, value) = literals::number(rest).map_err(failed)?;
                Ok((Token::Number(value), length))
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol =
                    symbol.ok_or_else(|| failed(format!("unexpected character: {first:?}")))?;
                Ok((Token::Symbol(symbol), symbol.len()))
            }
        }
    }

    fn word(&self, rest: &str) -> (Token, usize) {
        let colon = !self.colon_splits;
        let part = |c: char| is_word(c) || c.is_ascii_digit() || (colon && c == ':');
        let length = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
        (Token::Word(rest[..length].to_owned()), length)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

impl Token {
    /// How messages name it.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("identifier {word:?}"),
            Token::Number(value) => format!("number \"{value}\""),
            Token::String(value) => format!("string {}", literals::quote(value)),
            Token::Symbol(symbol) => format!("{symbol:?}"),
            Token::End => "end of input".to_owned(),
        }
    }
}
