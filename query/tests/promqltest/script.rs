//! Scripts to commands.

use query::syntax::parse_duration_ms;

use crate::values::{SeriesLine, is_start_line, number, series_line, start_line};

/// A command of a script.
#[derive(Debug)]
pub enum Command {
    /// Throws everything away.
    Clear,
    /// Adds samples at multiples of an interval.
    Load {
        /// Distance of two positions.
        interval_ms: i64,
        /// What to add.
        series: Vec<SeriesLine>,
        /// Whether native histograms are to be made of the classic ones.
        with_nhcb: bool,
    },
    /// Evaluates a query.
    Eval(Box<Eval>),
}

/// When a query is evaluated.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// At one time.
    Instant(i64),
    /// Over a range: start, end, step.
    Range(i64, i64, i64),
}

/// One case.
#[derive(Debug)]
pub struct Eval {
    /// Line in the script, from 1.
    pub line: usize,
    /// When.
    pub when: When,
    /// The query.
    pub query: String,
    /// What must come out.
    pub expect: Expect,
}

/// What a case expects.
#[derive(Debug, Default)]
pub struct Expect {
    /// `expect fail`, with what the text must be.
    pub fail: Option<Text>,
    /// `expect ordered`
    pub ordered: bool,
    /// `expect warn`
    pub warnings: Vec<Text>,
    /// `expect info`
    pub infos: Vec<Text>,
    /// `expect no_warn`
    pub no_warnings: bool,
    /// `expect no_info`
    pub no_infos: bool,
    /// `expect string`
    pub string: Option<String>,
    /// `expect range vector from A to B step S`
    pub range: Option<(i64, i64, i64)>,
    /// Series with values.
    pub series: Vec<SeriesLine>,
    /// A scalar.
    pub scalar: Option<f64>,
}

/// What a message must be.
#[derive(Debug)]
pub enum Text {
    /// Anything.
    Any,
    /// Exactly this.
    Exact(String),
    /// A match of this.
    Regex(String),
}

/// Reads a script.
pub fn parse(text: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = text.lines().map(blank_comment).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].is_empty() {
            at += 1;
            continue;
        }
        let end = body_end(&lines, at);
        let command = command(at + 1, lines[at], &lines[at + 1..end]);
        let (command, used) = command.map_err(|error| format!("line {}: {error}", at + 1))?;
        commands.push(command);
        at += 1 + used;
    }
    Ok(commands)
}

fn blank_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line }
}

/// The line after the body of the command at `at`.
fn body_end(lines: &[&str], at: usize) -> usize {
    let body = lines[at + 1..].iter().take_while(|line| !line.is_empty()).count();
    at + 1 + body
}

/// A command, and how many lines its body has.
fn command(line: usize, head: &str, body: &[&str]) -> Result<(Command, usize), String> {
    let (word, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    match word {
        "clear" => Ok((Command::Clear, 0)),
        "load" | "load_with_nhcb" => {
            Ok((load(rest.trim(), word == "load_with_nhcb", body)?, body.len()))
        }
        _ if word == "eval" || word.starts_with("eval_") => {
            let mut eval = head_of_eval(line, rest.trim())?;
            suffix(word, &mut eval.expect)?;
            let used = eval_body(body, &mut eval.expect)?;
            consistent(&eval.expect)?;
            Ok((Command::Eval(Box::new(eval)), used))
        }
        _ => Err(format!("unknown command {word:?}")),
    }
}

fn load(interval: &str, with_nhcb: bool, body: &[&str]) -> Result<Command, String> {
    let interval_ms = parse_duration_ms(interval)?;
    let (mut series, mut starts) = (Vec::new(), None);
    for line in body {
        if is_start_line(line) {
            starts = Some(start_line(line)?);
            continue;
        }
        let mut line = series_line(line)?;
        if let Some((labels, offsets)) = starts.take() {
            if labels != line.labels || offsets.len() != line.values.len() {
                return Err(format!("start timestamps do not belong to {:?}", line.labels));
            }
            line.start_offsets = offsets;
        }
        series.push(line);
    }
    match starts {
        Some((labels, _)) => Err(format!("start timestamps of {labels:?} without samples")),
        None => Ok(Command::Load { interval_ms, series, with_nhcb }),
    }
}

/// Takes a word off the front.
fn take<'t>(text: &mut &'t str, expected: Option<&str>) -> Result<&'t str, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if expected.is_some_and(|expected| expected != word) {
        return Err(format!("expected {expected:?}, found {word:?}"));
    }
    *text = rest.trim_start();
    Ok(word)
}

fn time(text: &mut &str) -> Result<i64, String> {
    let word = take(text, None)?;
    match word.strip_prefix('-') {
        Some(positive) => parse_duration_ms(positive).map(|ms| -ms),
        None => parse_duration_ms(word),
    }
}

fn range(text: &mut &str) -> Result<(i64, i64, i64), String> {
    take(text, Some("from"))?;
    let start = time(text)?;
    take(text, Some("to"))?;
    let end = time(text)?;
    take(text, Some("step"))?;
    Ok((start, end, time(text)?))
}

fn head_of_eval(line: usize, mut rest: &str) -> Result<Eval, String> {
    let when = match take(&mut rest, None)? {
        "instant" => {
            take(&mut rest, Some("at"))?;
            When::Instant(time(&mut rest)?)
        }
        "range" => {
            let (start, end, step) = range(&mut rest)?;
            When::Range(start, end, step)
        }
        other => return Err(format!("unknown kind of eval {other:?}")),
    };
    Ok(Eval { line, when, query: rest.to_owned(), expect: Expect::default() })
}

fn suffix(word: &str, expect: &mut Expect) -> Result<(), String> {
    match word {
        "eval" => {}
        "eval_fail" => expect.fail = Some(Text::Any),
        "eval_warn" => expect.warnings.push(Text::Any),
        "eval_info" => expect.infos.push(Text::Any),
        "eval_ordered" => expect.ordered = true,
        _ => return Err(format!("unknown command {word:?}")),
    }
    Ok(())
}

/// Reads the body; returns how many of its lines belong to it: a bare number ends it.
fn eval_body(body: &[&str], expect: &mut Expect) -> Result<usize, String> {
    for (index, line) in body.iter().enumerate() {
        if let Some(rest) = line.strip_prefix("expect ") {
            expectation(rest.trim(), expect)?;
        } else if let Some(message) = line.strip_prefix("expected_fail_message ") {
            expect.fail = Some(Text::Exact(message.trim().to_owned()));
        } else if let Some(regex) = line.strip_prefix("expected_fail_regexp ") {
            expect.fail = Some(Text::Regex(regex.trim().to_owned()));
        } else if let Some((value, "")) = number(line) {
            expect.scalar = Some(value);
            return Ok(index + 1);
        } else {
            expect.series.push(series_line(line)?);
        }
    }
    Ok(body.len())
}

fn expectation(text: &str, expect: &mut Expect) -> Result<(), String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "fail" if expect.fail.is_some() => {
            return Err("only one failure can be expected".to_owned());
        }
        "fail" => expect.fail = Some(message(rest)?),
        "ordered" => expect.ordered = true,
        "warn" => expect.warnings.push(message(rest)?),
        "info" => expect.infos.push(message(rest)?),
        "no_warn" => expect.no_warnings = true,
        "no_info" => expect.no_infos = true,
        "string" => expect.string = Some(string(rest)?),
        "range" => {
            let mut rest = rest;
            take(&mut rest, Some("vector"))?;
            expect.range = Some(range(&mut rest)?);
        }
        _ => return Err(format!("unknown expectation {text:?}")),
    }
    Ok(())
}

/// Refuses expectations that contradict each other.
fn consistent(expect: &Expect) -> Result<(), String> {
    let pairs = [
        (!expect.warnings.is_empty() && expect.no_warnings, "warn and no_warn"),
        (!expect.infos.is_empty() && expect.no_infos, "info and no_info"),
    ];
    match pairs.iter().find(|(both, _)| *both) {
        Some((_, names)) => Err(format!("{names} cannot be expected together")),
        None => Ok(()),
    }
}

fn message(text: &str) -> Result<Text, String> {
    if text.is_empty() {
        Ok(Text::Any)
    } else if let Some(exact) = text.strip_prefix("msg:") {
        Ok(Text::Exact(exact.trim().to_owned()))
    } else if let Some(regex) = text.strip_prefix("regex:") {
        Ok(Text::Regex(regex.trim().to_owned()))
    } else {
        Err(format!("unknown expectation {text:?}"))
    }
}

/// A Go string literal, read by the parser of the language.
fn string(text: &str) -> Result<String, String> {
    let expr = query::syntax::parse(text).map_err(|error| error.to_string())?;
    match expr.kind {
        query::syntax::ExprKind::String(bytes) => {
            String::from_utf8(bytes).map_err(|error| error.to_string())
        }
        _ => Err(format!("{text:?} is no string")),
    }
}
