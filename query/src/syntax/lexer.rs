//! Text to tokens. The parser asks for one token at a time.

use super::operators::{AggregateOp, BinaryOp};
use super::{ParseError, Span, literals};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word: name, keyword, function, aggregation. May contain `:`.
    Word(String),
    /// A number or duration.
    Number {
        /// Its value; seconds of a duration.
        value: f64,
        /// Whether it is written as a duration.
        duration: bool,
    },
    /// A string without its quotes.
    String(Vec<u8>),
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// End of the query.
    End,
}

/// Two bytes first, so that the longest symbol wins.
const SYMBOLS: [&str; 26] = [
    "==", "!=", "=~", "!~", "<=", ">=", "</", ">/", "(", ")", "{", "}", "[", "]", ",", ":", "+",
    "-", "*", "/", "%", "^", "=", "<", ">", "@",
];

/// Words that modify what stands around them.
const KEYWORDS: [&str; 13] = [
    "anchored",
    "bool",
    "by",
    "fill",
    "fill_left",
    "fill_right",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "smoothed",
    "without",
];

/// Words that are neither keyword nor name.
const PREPROCESSORS: [&str; 6] = ["end", "max_of", "min_of", "range", "start", "step"];

pub(super) struct Lexer<'q> {
    query: &'q str,
    at: usize,
    /// `:` is no part of a word inside of braces and brackets.
    pub(super) colon_splits: bool,
    /// Parentheses, brackets and braces that are open, each as its opening character.
    open: Vec<char>,
}

impl<'q> Lexer<'q> {
    pub(super) fn new(query: &'q str) -> Lexer<'q> {
        Lexer { query, at: 0, colon_splits: false, open: Vec::new() }
    }

    /// The next token and its place.
    pub(super) fn next(&mut self) -> Result<(Token, Span), ParseError> {
        self.skip_blank();
        let start = self.at;
        let rest = &self.query[start..];
        let (token, length) = self.scan(rest)?;
        self.at += length;
        self.track(&token, start)?;
        Ok((token, Span { start, end: self.at }))
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = &self.query[self.at..];
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            if !self.query[self.at..].starts_with('#') {
                return;
            }
            let line_ends = self.query[self.at..].find(['\n', '\r']);
            self.at += line_ends.unwrap_or(self.query.len() - self.at);
        }
    }

    /// Follows what is open; its errors say what was never closed or opened.
    fn track(&mut self, token: &Token, at: usize) -> Result<(), ParseError> {
        let failed = |message: String| Err(ParseError::new(self.query, at, message));
        match token {
            Token::Symbol("(") => self.open.push('('),
            Token::Symbol("[") => self.open.push('['),
            Token::Symbol("{") => self.open.push('{'),
            Token::Symbol(")") => return self.close('(', "right parenthesis ')'", at),
            Token::Symbol("]") => return self.close('[', "right bracket ']'", at),
            Token::Symbol("}") => return self.close('{', "right brace '}'", at),
            Token::End => match self.open.last() {
                Some('{') => return failed("unexpected end of input inside braces".to_owned()),
                Some(_) if self.open.contains(&'(') => {
                    return failed("unclosed left parenthesis".to_owned());
                }
                Some(_) => return failed("unclosed left bracket".to_owned()),
                None => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, opening: char, name: &str, at: usize) -> Result<(), ParseError> {
        if self.open.last() == Some(&opening) {
            self.open.pop();
            return Ok(());
        }
        // Open ones of another kind are the parser's to complain about, with what it expects.
        if self.open.is_empty() {
            return Err(ParseError::new(self.query, at, format!("unexpected {name}")));
        }
        Ok(())
    }

    fn scan(&self, rest: &str) -> Result<(Token, usize), ParseError> {
        let failed = |message: String| ParseError::new(self.query, self.at, message);
        let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
        let dot_number = first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(self.word(rest)),
            ':' if !self.colon_splits => Ok(self.word(rest)),
            '"' | '\'' | '`' => {
                let (length, value) = literals::string(rest).map_err(failed)?;
                Ok((Token::String(value), length))
            }
            _ if first.is_ascii_digit() || dot_number => {
                let (length, value, duration) = literals::number(rest).map_err(failed)?;
                Ok((Token::Number { value, duration }, length))
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
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
        let length = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
        (Token::Word(rest[..length].to_owned()), length)
    }
}

/// Whether a word is one of the list, whatever its case.
fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|one| one.eq_ignore_ascii_case(word))
}

impl Token {
    /// How messages name a token, `text` being its bytes in the query.
    pub(super) fn describe(&self, text: &str) -> String {
        match self {
            Token::Word(word) if is_one_of(&KEYWORDS, word) => format!("<{word}>"),
            Token::Word(word) if BinaryOp::from_name(word).is_some() => format!("<op:{word}>"),
            Token::Word(word) if AggregateOp::from_name(word).is_some() => format!("<aggr:{word}>"),
            Token::Word(word) if is_one_of(&PREPROCESSORS, word) => format!("{word:?}"),
            Token::Word(word) if is_one_of(&["inf", "nan"], word) => format!("number {word:?}"),
            Token::Word(word) if word.contains(':') => format!("metric identifier {word:?}"),
            Token::Word(word) => format!("identifier {word:?}"),
            Token::Number { duration: false, .. } => format!("number {}", shortened(text)),
            Token::Number { duration: true, .. } => format!("duration {}", shortened(text)),
            Token::String(_) => format!("string {}", shortened(text)),
            Token::Symbol(symbol) if BinaryOp::from_name(symbol).is_some() => {
                format!("<op:{symbol}>")
            }
            Token::Symbol(symbol @ ("=~" | "!~" | "@")) => format!("<op:{symbol}>"),
            Token::Symbol(symbol) => format!("{symbol:?}"),
            Token::End => "end of input".to_owned(),
        }
    }
}

/// A token's text in quotes, cut after ten characters.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return literals::quote(text.as_bytes());
    }
    let start: String = text.chars().take(10).collect();
    format!("{}...", literals::quote(start.as_bytes()))
}
