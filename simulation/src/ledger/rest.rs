//! A cluster at rest: what only may be there is everywhere or nowhere.

use super::evidence::describe_bits;
use super::{Answer, Ledger, Question};
use crate::invariants::Violation;
use crate::traffic::SeriesKey;

impl Ledger {
    /// Judges the answers of all nodes to one question when nothing is sent any more and nothing
    /// is owed: each is complete and right, and all are the same.
    pub fn judge_at_rest(&mut self, answers: &[(Question, Answer)]) -> Result<(), Violation> {
        for (question, answer) in answers {
            if !answer.is_complete {
                let evidence = format!("{} calls its answer incomplete at rest", question.node);
                return Err(Violation::new("I5", evidence));
            }
            self.judge(question, answer)?;
        }
        let Some((first, rest)) = answers.split_first() else { return Ok(()) };
        let expected = flat(&first.1);
        for (question, answer) in rest {
            let found = flat(answer);
            if let Some((key, t)) = first_difference(&expected, &found) {
                let nodes = [(&first.0.node, &expected), (&question.node, &found)];
                return Err(self.differs(&key, t, nodes));
            }
        }
        Ok(())
    }

    fn differs(&self, key: &SeriesKey, t: i64, nodes: [(&String, &Flat<'_>); 2]) -> Violation {
        let shown = nodes.map(|(node, flat)| {
            let bits = flat.get(&(key, t)).copied();
            format!("{node} shows {}", bits.map_or("nothing".to_owned(), describe_bits))
        });
        let slot = self.series.get(key).and_then(|slots| slots.get(&t));
        let slot = slot.map(|slot| self.describe_slot(key, t, slot)).unwrap_or_default();
        Violation::new("I3", format!("at rest {} and {}: {slot}", shown[0], shown[1]))
    }
}

type Flat<'a> = std::collections::BTreeMap<(&'a SeriesKey, i64), u64>;

fn flat(answer: &Answer) -> Flat<'_> {
    let samples = |series: &'_ super::ReadSeries| series.samples.clone();
    let series = answer.series.iter();
    series.flat_map(|s| samples(s).into_iter().map(|(t, bits)| ((&s.key, t), bits))).collect()
}

fn first_difference(a: &Flat<'_>, b: &Flat<'_>) -> Option<(SeriesKey, i64)> {
    let differs =
        |(at, bits): &(&(&SeriesKey, i64), &u64), other: &Flat<'_>| other.get(*at) != Some(*bits);
    let ours = a.iter().find(|entry| differs(entry, b));
    let found = ours.or_else(|| b.iter().find(|entry| differs(entry, a)));
    found.map(|((key, t), _)| ((*key).clone(), *t))
}
