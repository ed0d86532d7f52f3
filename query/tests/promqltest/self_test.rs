//! The runner's own test: cases that must fail do, so that a pass means something.

use crate::{execute, script};

const LOAD: &str = "load 1m\n  m{l=\"a\"} 1 2\n  m{l=\"b\"} 3 4\n  h {{count:1}}\n\n";

/// What is wrong with a case, and the case.
const MUST_FAIL: &[(&str, &str)] = &[
    ("a wrong value", "eval instant at 1m m{l=\"a\"}\n  m{l=\"a\"} 3\n"),
    ("a missing series", "eval instant at 1m m\n  m{l=\"a\"} 2\n"),
    ("an extra series", "eval instant at 1m m{l=\"a\"}\n  m{l=\"a\"} 2\n  m{l=\"b\"} 4\n"),
    (
        "a wrong order",
        "eval instant at 1m sort_desc(m)\n  expect ordered\n  m{l=\"a\"} 2\n  m{l=\"b\"} 4\n",
    ),
    ("a wrong warning", "eval instant at 1m quantile(2, m)\n  expect warn msg: x\n  {} Inf\n"),
    ("an unexpected warning", "eval instant at 1m quantile(2, m)\n  expect no_warn\n  {} Inf\n"),
    ("a warning that is not there", "eval instant at 1m sum(m)\n  expect warn\n  {} 6\n"),
    ("a failure that is none", "eval instant at 1m sum(m)\n  expect fail\n"),
    ("another failure", "eval instant at 1m -m +\n  expect fail msg: something else\n"),
    ("an unsupported part", "eval instant at 1m info(m)\n  expect fail\n"),
    ("a histogram", "eval instant at 0 h\n"),
    ("another histogram", "eval instant at 0 h\n  h {{count:2}}\n"),
    ("a histogram for a float", "eval instant at 0 h\n  h 1\n"),
    ("a missing step", "eval range from 0 to 1m step 1m m{l=\"a\"}\n  m{l=\"a\"} 1 _\n"),
    ("a wrong scalar", "eval instant at 0 1 + 1\n  3\n"),
];

/// Runs the cases.
pub fn run() -> Result<(), String> {
    for (what, case) in MUST_FAIL {
        let commands = script::parse(&format!("{LOAD}{case}"))?;
        let outcome = execute::run(&commands);
        if outcome.passed > 0 || outcome.failures.len() != 1 {
            return Err(format!("self-test: {what} went unnoticed"));
        }
    }
    println!("self-test: {} wrong cases noticed", MUST_FAIL.len());
    Ok(())
}
