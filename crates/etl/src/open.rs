//! Open work: what the markers of a stage lead to.

use std::collections::HashMap;

use futures::future::try_join_all;
use jiff::Timestamp;
use pipeline::ledger::{Ledger, LedgerItem, Marker};
use pipeline::protocol::{Item, RunState, Stage, run_pk};
use serde::Serialize;

/// Markers that are looked at before it is left at 'or more': beyond that the exact number helps nobody, and
/// each of them costs a read or two.
const MOST_MARKERS: usize = 20_000;

/// What a stage has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct OpenWork {
    /// Items that the next run will take: landed files, or runs of the stage before.
    pub waiting: u64,
    /// Items that a run has taken and not yet committed.
    pub held: u64,
    /// Landed files behind both, where that is known (stages 1 and 2).
    pub files: Option<u64>,
    /// Since when the oldest of the waiting ones waits.
    pub oldest_at: Option<Timestamp>,
    /// There are more; these are not counted.
    pub more: bool,
}

/// What one marker stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Held,
    /// Not there yet, not finished, or done.
    Nothing,
}

/// Reads the markers of a stage, the items that they name, and who holds those.
///
/// # Errors
/// The ledger can't be read.
pub async fn gather(ledger: &Ledger, stage: Stage) -> anyhow::Result<OpenWork> {
    let mut places = Ledger::marker_places(stage);
    let mut markers = Vec::new();
    while !places.is_empty() && markers.len() < MOST_MARKERS {
        markers.extend(ledger.next_markers(&mut places).await?);
    }
    let marked: Vec<String> = markers.iter().map(|marker| marker.item.clone()).collect();
    let mut items = ledger.items(&marked).await?;
    let holders: Vec<String> = items
        .values()
        .filter_map(|item| Some(run_pk(stage, item.as_work().assigned_to()?)))
        .collect();
    items.extend(ledger.items(&holders).await?);
    let mut work = count(stage, &markers, &items);
    work.more = !places.is_empty();
    Ok(work)
}

/// The open work of all stages.
///
/// # Errors
/// The ledger can't be read.
pub async fn gather_all(ledger: &Ledger) -> anyhow::Result<Vec<OpenWork>> {
    try_join_all(Stage::ALL.map(|stage| gather(ledger, stage))).await
}

fn count(stage: Stage, markers: &[Marker], items: &HashMap<String, LedgerItem>) -> OpenWork {
    let mut work = OpenWork::default();
    let mut files = 0;
    for marker in markers {
        let item = items.get(&marker.item);
        match standing(stage, item, items) {
            Standing::Nothing => continue,
            Standing::Held => work.held += 1,
            Standing::Waiting => {
                work.waiting += 1;
                let at = marker.moment();
                work.oldest_at = work.oldest_at.into_iter().chain(at).min();
            }
        }
        files += match item {
            Some(LedgerItem::Run(run)) => run.counts.get("items").copied().unwrap_or_default(),
            _ => 1,
        };
    }
    // A run of Glue 2 counts the runs that it took, not their files.
    work.files = (stage != Stage::Conform).then_some(files);
    work
}

fn standing(
    stage: Stage,
    item: Option<&LedgerItem>,
    items: &HashMap<String, LedgerItem>,
) -> Standing {
    let Some(item) = item else {
        return Standing::Nothing;
    };
    let work = item.as_work();
    if let Item::Run { state, .. } = work
        && state != RunState::Committed
    {
        return Standing::Nothing;
    }
    let Some(holder) = work.assigned_to() else {
        return Standing::Waiting;
    };
    match items.get(&run_pk(stage, holder)) {
        // A committed holder that does not list it has left it to the next run. Only its manifest knows, and for
        // the moment between a commit and the markers' going this is close enough.
        Some(LedgerItem::Run(run)) if run.state == RunState::Committed => Standing::Nothing,
        Some(LedgerItem::Run(run)) if run.state == RunState::Void => Standing::Waiting,
        _ => Standing::Held,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use pipeline::ledger::{FileItem, RunItem};
    use pipeline::protocol::marker;

    use super::*;

    pub(crate) fn file(key: &str, assigned_to: Option<&str>) -> LedgerItem {
        LedgerItem::File(FileItem {
            bucket: "b".to_owned(),
            key: key.to_owned(),
            version_id: "v".to_owned(),
            sequencer: None,
            etag: String::new(),
            size: 10,
            dataset: Some("d".to_owned()),
            landed_at: "2025-11-21T11:00:00Z".parse().unwrap(),
            assigned_to: assigned_to.map(str::to_owned),
        })
    }

    pub(crate) fn run(
        stage: Stage,
        id: &str,
        state: RunState,
        assigned_to: Option<&str>,
    ) -> RunItem {
        RunItem {
            stage,
            run_id: id.to_owned(),
            job: String::new(),
            state,
            reason: None,
            started_by: None,
            started_at: None,
            committed_at: None,
            manifest: None,
            report: None,
            counts: BTreeMap::from([("items".to_owned(), 30)]),
            assigned_to: assigned_to.map(str::to_owned),
            cleaned_at: None,
            cleaning_error: None,
            cleaning_alerted_at: None,
            cleaning_told_at: None,
            telling_at: None,
            alerted_at: None,
            told_at: None,
        }
    }

    fn counted(stage: Stage, marked: Vec<LedgerItem>, holders: Vec<RunItem>) -> OpenWork {
        let markers: Vec<Marker> = marked
            .iter()
            .enumerate()
            .map(|(hour, item)| Marker {
                key: marker(stage, &item.pk()),
                item: item.pk(),
                at: format!("2025-11-21T{hour:02}:00:00.000Z"),
            })
            .collect();
        let holders = holders.into_iter().map(LedgerItem::Run);
        let items = marked.into_iter().chain(holders);
        count(
            stage,
            &markers,
            &items.map(|item| (item.pk(), item)).collect(),
        )
    }

    #[test]
    fn a_file_waits_unless_a_run_has_it() {
        let work = counted(
            Stage::Ingest,
            vec![
                file("started", Some("jr_s")),
                file("void", Some("jr_v")),
                file("nobody", None),
                file("done", Some("jr_c")),
                file("unknown", Some("jr_u")),
            ],
            vec![
                run(Stage::Ingest, "jr_s", RunState::Started, None),
                run(Stage::Ingest, "jr_v", RunState::Void, None),
                run(Stage::Ingest, "jr_c", RunState::Committed, None),
            ],
        );
        assert_eq!((work.waiting, work.held, work.files), (2, 2, Some(4)));
        // The first marker's file is held, so it is not that one that waits.
        assert_eq!(
            work.oldest_at,
            Some("2025-11-21T01:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn only_a_committed_run_is_work_and_its_files_are_counted() {
        let runs = |stage| {
            [RunState::Started, RunState::Void, RunState::Committed]
                .map(|state| LedgerItem::Run(run(stage, state.as_str(), state, None)))
                .to_vec()
        };
        let work = counted(Stage::Classify, runs(Stage::Ingest), vec![]);
        assert_eq!((work.waiting, work.held, work.files), (1, 0, Some(30)));
        let work = counted(Stage::Conform, runs(Stage::Classify), vec![]);
        assert_eq!((work.waiting, work.files), (1, None));
    }

    #[test]
    fn a_marker_without_an_item_is_no_work() {
        let markers = [Marker {
            key: marker(Stage::Ingest, "FILE#b/k#v"),
            item: "FILE#b/k#v".to_owned(),
            at: "2025-11-21T11:00:00.000Z".to_owned(),
        }];
        let work = count(Stage::Ingest, &markers, &HashMap::new());
        assert_eq!((work.waiting, work.held, work.oldest_at), (0, 0, None));
    }
}
