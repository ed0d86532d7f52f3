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
    ("a histogram", "eval instant at 0 h\n"),
    ("another histogram", "eval instant at 0 h\n  h {{count:2}}\n"),
    ("a histogram for a float", "eval instant at 0 h\n  h 1\n"),
    ("a missing step", "eval range from 0 to 1m step 1m m{l=\"a\"}\n  m{l=\"a\"} 1 _\n"),
    ("a wrong scalar", "eval instant at 0 1 + 1\n  3\n"),
    ("a scalar for a vector", "eval instant at 0 vector(2)\n  2\n"),
    ("a vector for a scalar", "eval instant at 0 1 + 1\n  {} 2\n"),
    ("a wrong string", "eval instant at 0 \"a\"\n  expect string \"b\"\n"),
    (
        "a warning at another place",
        "eval instant at 1m quantile(2, m)\n  expect warn msg: PromQL warning: quantile value \
         should be between 0 and 1, got 2 (1:9)\n  {} Inf\n",
    ),
    ("an unexpected info", "eval instant at 1m rate(m[2m])\n  expect no_info\n"),
    (
        "an info that no line is about",
        "eval instant at 1m rate(m[2m]) + deriv(m[2m]) + increase(m[2m])\n  \
         expect info regex: \"m\" \\(1:6\\)$\n  expect info msg: another\n  \
         {l=\"a\"} 2\n  {l=\"b\"} 2\n",
    ),
    ("a sample between steps", "eval range from 0 to 2m step 1m m{l=\"a\"}\n  m{l=\"a\"} 1 _ 2\n"),
    ("too many positions", "eval range from 0 to 1m step 1m m{l=\"a\"}\n  m{l=\"a\"} 1 2 _\n"),
    (
        "a wrong time in a range vector",
        "eval instant at 1m m{l=\"a\"}[2m]\n  expect range vector from 30s to 1m step 30s\n  \
         m{l=\"a\"} 1 2\n",
    ),
];

/// What is right, so that the above are wrong in one thing only.
const MUST_PASS: &[&str] = &[
    "eval instant at 1m m\n  m{l=\"b\"} 4\n  m{l=\"a\"} 2\n",
    "eval instant at 1m sort_desc(m)\n  expect ordered\n  m{l=\"b\"} 4\n  m{l=\"a\"} 2\n",
    "eval instant at 0 h\n  h {{count:1}}\n",
    "eval instant at 0 \"a\"\n  expect string `a`\n",
    "eval instant at 0 1 + 1\n  2\n",
    "eval_warn instant at 1m quantile(2, m)\n  {} Inf\n",
    "eval_fail instant at 1m m + on () m\n",
    "eval_fail instant at 1m m + on () m\n  expected_fail_regexp found duplicate series\n",
    "eval instant at 1m quantile(2, m)\n  expect warn msg: PromQL warning: quantile value should \
     be between 0 and 1, got 2 (1:10)\n  expect no_info\n  {} Inf\n",
    "eval range from 0 to 2m step 1m m{l=\"a\"}\n  m{l=\"a\"} 1 2x1\n",
    "eval instant at 1m m{l=\"a\"}[2m]\n  expect range vector from 0 to 1m step 1m\n  \
     m{l=\"a\"} 1 2\n",
];

/// Scripts that cannot be read.
const MUST_BE_REFUSED: &[&str] = &[
    "eval instant at 0 m\n  expect warn\n  expect no_warn\n",
    "eval instant at 0 m\n  expect info\n  expect no_info\n",
    "eval instant at 0 m\n  expect fail\n  expect fail msg: x\n",
    "eval instant at 0 m\n  expect something\n",
    "eval sometimes at 0 m\n",
    "load 1m\n  m 1 2 what\n",
    "unload 1m\n",
];

/// Runs the cases.
pub fn run() -> Result<(), String> {
    for (what, case) in MUST_FAIL {
        let commands = script::parse(&format!("{LOAD}{case}"))?;
        let outcome = execute::run(&commands, execute::upstream());
        if outcome.passed > 0 || outcome.failures.len() != 1 {
            return Err(format!("self-test: {what} went unnoticed"));
        }
    }
    for case in MUST_PASS {
        let outcome = execute::run(&script::parse(&format!("{LOAD}{case}"))?, execute::upstream());
        if outcome.passed != 1 || !outcome.failures.is_empty() {
            return Err(format!("self-test: a right case fails: {:?}", outcome.failures));
        }
    }
    if let Some(read) = MUST_BE_REFUSED.iter().find(|script| script::parse(script).is_ok()) {
        return Err(format!("self-test: {read:?} was read"));
    }
    println!("self-test: {} wrong cases noticed", MUST_FAIL.len());
    Ok(())
}
