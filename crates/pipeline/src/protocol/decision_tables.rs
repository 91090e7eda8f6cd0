//! The tables of `tests/decisions/` that go through the whole of a decision's domain. The job library
//! runs the same ones (`glue/tests/test_protocol.py`).

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::*;

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/decisions")
        .join(name);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobTables {
    begin: Vec<BeginRow>,
    after_taking: Vec<AfterTakingRow>,
    after_commit: Vec<AfterCommitRow>,
    commit_order: Vec<OrderRow>,
}

#[derive(Deserialize)]
struct BeginRow {
    name: String,
    found: Option<RunState>,
    expect: Begin,
}

#[derive(Deserialize)]
struct AfterTakingRow {
    name: String,
    held: usize,
    expect: AfterTaking,
}

#[derive(Deserialize)]
struct AfterCommitRow {
    name: String,
    accepted: bool,
    found: Option<RunState>,
    expect: AfterCommit,
}

#[derive(Deserialize)]
struct OrderRow {
    name: String,
    stage: Stage,
    expect: Vec<Write>,
}

#[test]
fn a_job_decides_about_itself_as_the_tables_say() {
    let tables: JobTables = read("job.json");
    assert_eq!(tables.begin.len(), 4, "absent and each state");
    for row in tables.begin {
        assert_eq!(decide_begin(row.found), row.expect, "{}", row.name);
    }
    for row in tables.after_taking {
        assert_eq!(decide_after_taking(row.held), row.expect, "{}", row.name);
    }
    let refused = tables.after_commit.iter().filter(|row| !row.accepted);
    assert_eq!(refused.count(), 4, "absent and each state");
    for row in tables.after_commit {
        let decision = decide_after_commit(row.accepted, row.found);
        assert_eq!(decision, row.expect, "{}", row.name);
    }
    let stages: Vec<Stage> = tables.commit_order.iter().map(|row| row.stage).collect();
    assert_eq!(stages, Stage::ALL);
    for row in tables.commit_order {
        assert_eq!(commit_order(row.stage), row.expect, "{}", row.name);
    }
}

/// Where a field is not given, any value will do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    item: Option<Vec<String>>,
    assigned_to: Option<Vec<String>>,
    holder: Option<Vec<String>>,
    lists: Option<Vec<Option<bool>>>,
    ended: Option<Vec<Option<bool>>>,
    expect: Take,
}

struct Case<'a> {
    item: &'a str,
    assigned_to: &'a str,
    holder: &'a str,
    lists: Option<bool>,
    ended: Option<bool>,
}

const ITEMS: [&str; 5] = ["absent", "FILE", "RUN STARTED", "RUN COMMITTED", "RUN VOID"];
const ASSIGNED_TO: [&str; 3] = ["nobody", "me", "other"];
const WHO: [&str; 3] = ["me", "other", "third"];
const STATES: [&str; 3] = ["STARTED", "COMMITTED", "VOID"];
const KNOWN: [Option<bool>; 3] = [None, Some(false), Some(true)];

impl Rule {
    fn is_for(&self, case: &Case<'_>) -> bool {
        fn allows<T: PartialEq>(allowed: Option<&Vec<T>>, value: impl Fn(&T) -> bool) -> bool {
            allowed.is_none_or(|allowed| allowed.iter().any(value))
        }
        allows(self.item.as_ref(), |item| item == case.item)
            && allows(self.assigned_to.as_ref(), |to| to == case.assigned_to)
            && allows(self.holder.as_ref(), |holder| holder == case.holder)
            && allows(self.lists.as_ref(), |lists| *lists == case.lists)
            && allows(self.ended.as_ref(), |ended| *ended == case.ended)
    }
}

impl Case<'_> {
    fn decision(&self) -> Take {
        let assigned_to = Some(self.assigned_to).filter(|to| *to != "nobody");
        let item = match self.item.split_once(' ') {
            Some((_, state)) => RunState::of(state).map(|state| Item::Run { state, assigned_to }),
            None => (self.item == "FILE").then_some(Item::File { assigned_to }),
        };
        let holder = self.holder.split_once(' ').map(|(run_id, state)| Holder {
            run_id,
            state: RunState::of(state).unwrap(),
        });
        decide_take("me", item.as_ref(), holder.as_ref(), self.lists, self.ended)
    }
}

fn each_case(mut check: impl FnMut(&Case<'_>)) {
    let mut holders = vec!["absent".to_owned()];
    holders.extend(
        WHO.iter()
            .flat_map(|who| STATES.map(|state| format!("{who} {state}"))),
    );
    for item in ITEMS {
        for assigned_to in ASSIGNED_TO {
            for holder in &holders {
                for (lists, ended) in KNOWN
                    .iter()
                    .flat_map(|lists| KNOWN.map(|ended| (*lists, ended)))
                {
                    check(&Case {
                        item,
                        assigned_to,
                        holder,
                        lists,
                        ended,
                    });
                }
            }
        }
    }
}

#[test]
fn whatever_a_run_may_read_the_first_rule_for_it_says_what_it_does() {
    let rules: Vec<Rule> = read("take_rules.json");
    let mut used = vec![0; rules.len()];
    let mut cases = 0;
    each_case(|case| {
        let rule = rules.iter().position(|rule| rule.is_for(case)).unwrap();
        used[rule] += 1;
        cases += 1;
        let Case {
            item,
            assigned_to,
            holder,
            lists,
            ended,
        } = case;
        let what = format!("{item}, {assigned_to}, {holder}, {lists:?}, {ended:?}");
        assert_eq!(
            case.decision(),
            rules[rule].expect,
            "{}: {what}",
            rules[rule].name
        );
    });
    assert_eq!(cases, 1_350);
    assert!(
        used.iter().all(|count| *count > 0),
        "a rule is for nothing: {used:?}"
    );
}
