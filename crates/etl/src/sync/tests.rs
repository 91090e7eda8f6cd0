use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::operation::create_multipart_upload::CreateMultipartUploadOutput;
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::operation::list_parts::ListPartsOutput;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::operation::upload_part::UploadPartOutput;
use aws_sdk_s3::types::error::NotFound;
use aws_sdk_s3::types::{MultipartUpload, Part};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;
use crate::settings::Environment;

fn client(rules: &[&Rule]) -> Client {
    mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

async fn synced(s3: &Client, folder: &Path, feed: Feed, dry_run: bool) -> anyhow::Result<Synced> {
    let args = SyncArgs {
        folder: folder.to_owned(),
        feed,
        data_profile: None,
        jobs: 1,
        dry_run,
    };
    sync(s3, &Settings::of(Environment::Dev), &args, true).await
}

fn nothing_there() -> Rule {
    mock!(Client::head_object).then_error(|| HeadObjectError::NotFound(NotFound::builder().build()))
}

/// Takes what comes, and remembers the keys in order.
fn takes(keys: &Arc<Mutex<Vec<String>>>) -> Rule {
    let keys = Arc::clone(keys);
    mock!(Client::put_object)
        .match_requests(move |request| {
            keys.lock().unwrap().push(request.key().unwrap().to_owned());
            request.checksum_sha256().is_some()
        })
        .then_output(|| PutObjectOutput::builder().version_id("v1").build())
}

#[tokio::test]
async fn what_is_new_or_another_is_uploaded_and_what_is_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["d/same", "d/other", "d/new"] {
        write(folder.path(), name, b"123456789");
    }
    let head = |key: &'static str, sha: &'static str| {
        mock!(Client::head_object)
            .match_requests(move |request| request.key() == Some(key))
            .then_output(move || {
                HeadObjectOutput::builder()
                    .content_length(9)
                    .checksum_sha256(sha)
                    .build()
            })
    };
    let same = head(
        "tui/legacy/d/same",
        "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
    );
    let other = head("tui/legacy/d/other", "another");
    let (none, keys) = (nothing_there(), Arc::default());
    let put = takes(&keys);
    let s3 = client(&[&same, &other, &none, &put]);
    let dry = synced(&s3, folder.path(), Feed::Informatica, true)
        .await
        .unwrap();
    assert_eq!((dry.uploaded, dry.unchanged, put.num_calls()), (2, 1, 0));
    let text = style::plain(&render(&dry));
    assert!(
        text.ends_with(": 2 would be uploaded (18 B), 1 unchanged"),
        "{text}"
    );
    let done = synced(&s3, folder.path(), Feed::Informatica, false)
        .await
        .unwrap();
    assert_eq!(
        (done.uploaded, done.unchanged, done.uploaded_bytes),
        (2, 1, 18)
    );
    assert_eq!(
        *keys.lock().unwrap(),
        ["tui/legacy/d/new", "tui/legacy/d/other"]
    );
    assert_eq!(done.files[0].version_id.as_deref(), Some("v1"));
    let told = answer(&done).unwrap();
    assert_eq!(told.exit, Exit::Fine);
    let text = style::plain(&told.text);
    assert!(
        text.ends_with("s3://grp2-landing-dev: 2 uploaded (18 B), 1 unchanged"),
        "{text}"
    );
    assert_eq!(told.json["files"][2]["what"], "unchanged");
}

fn delivery(folder: &Path) {
    write(folder, "d/a", b"123456789");
    write(folder, "e/b", b"123456789");
    let hash = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
    let entry = |path| serde_json::json!({"path": path, "bytes": 9, "sha256": hash});
    let control = serde_json::json!({"delivery": "n-1", "files": [entry("d/a"), entry("e/b")]});
    write(folder, CONTROL_FILE, control.to_string().as_bytes());
}

#[tokio::test]
async fn the_control_file_of_a_delivery_goes_last_and_is_no_work() {
    let folder = tempfile::tempdir().unwrap();
    delivery(folder.path());
    let (none, keys) = (nothing_there(), Arc::default());
    let put = takes(&keys);
    let done = synced(
        &client(&[&none, &put]),
        folder.path(),
        Feed::Mainframe,
        false,
    )
    .await
    .unwrap();
    assert_eq!(
        *keys.lock().unwrap(),
        [
            "tui/legacy/d/a",
            "tui/legacy/e/b",
            "tui/control/mainframe/n-1.json"
        ]
    );
    assert_eq!((done.uploaded, done.failed), (3, 0));
}

#[tokio::test]
async fn a_delivery_that_is_complete_is_not_replaced_by_another_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    delivery(folder.path());
    let another = mock!(Client::head_object)
        .match_requests(|request| request.key() == Some("tui/control/mainframe/n-1.json"))
        .then_output(|| HeadObjectOutput::builder().content_length(1).build());
    let (none, keys) = (nothing_there(), Arc::default());
    let put = takes(&keys);
    for dry_run in [true, false] {
        let s3 = client(&[&another, &none, &put]);
        let error = synced(&s3, folder.path(), Feed::Mainframe, dry_run)
            .await
            .unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::Refused);
        let wanted = "is complete in s3://grp2-landing-dev/tui/control/mainframe/n-1.json, and nothing was sent";
        assert!(error.to_string().ends_with(wanted), "{error}");
    }
    assert_eq!(put.num_calls(), 0);
}

#[tokio::test]
async fn what_a_mainframe_folder_has_besides_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    delivery(folder.path());
    write(folder.path(), "e/c.part", b"1");
    write(folder.path(), "loose", b"1");
    let s3 = client(&[&nothing_there()]);
    let error = synced(&s3, folder.path(), Feed::Mainframe, false)
        .await
        .unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Refused);
    for name in ["e/c.part", "loose"] {
        assert!(
            error.to_string().contains(&format!("{name} can't be sent")),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn names_of_files_tell_a_terminal_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "d/new\nline \u{1b}[31mred", b"1");
    write(folder.path(), "lo\u{1b}[2Jose", b"1");
    let s3 = client(&[&nothing_there()]);
    let dry = synced(&s3, folder.path(), Feed::Informatica, true)
        .await
        .unwrap();
    let text = render(&dry);
    assert!(text.contains(r"d/new\nline \u{1b}[31mred"), "{text}");
    assert!(text.contains(r"lo\u{1b}[2Jose"), "{text}");
}

#[tokio::test]
async fn without_all_files_the_control_file_does_not_go() {
    let folder = tempfile::tempdir().unwrap();
    delivery(folder.path());
    let none = nothing_there();
    let denied = mock!(Client::put_object)
        .match_requests(|request| request.key() == Some("tui/legacy/d/a"))
        .then_error(|| {
            let meta = aws_smithy_types::error::ErrorMetadata::builder()
                .code("AccessDenied")
                .build();
            PutObjectError::generic(meta)
        });
    let keys = Arc::default();
    let put = takes(&keys);
    let done = synced(
        &client(&[&none, &denied, &put]),
        folder.path(),
        Feed::Mainframe,
        false,
    )
    .await
    .unwrap();
    assert_eq!(*keys.lock().unwrap(), ["tui/legacy/e/b"]);
    assert_eq!((done.uploaded, done.failed, &done.control), (1, 1, &None));
    let told = answer(&done).unwrap();
    assert_eq!(told.exit, Exit::Bad);
    assert!(told.text.contains("AccessDenied"), "{}", told.text);
}

#[tokio::test]
async fn of_a_delivery_that_is_not_what_it_says_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = client(&[&nothing_there()]);
    write(folder.path(), "d/a", b"1");
    let error = synced(&s3, folder.path(), Feed::Mainframe, false)
        .await
        .unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Refused);
    assert!(error.to_string().contains("control.json"), "{error}");
    delivery(folder.path());
    write(folder.path(), "d/a", b"987654321");
    let error = synced(&s3, folder.path(), Feed::Mainframe, false)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("d/a has another content"),
        "{error}"
    );
}

const PART: usize = 8 << 20;

fn uploads(ids: &'static [(&'static str, &'static str)]) -> Rule {
    mock!(Client::list_multipart_uploads).then_output(move || {
        let uploads = (0..).zip(ids).map(|(age, (key, id))| {
            MultipartUpload::builder()
                .key(*key)
                .upload_id(*id)
                .initiated(aws_smithy_types::DateTime::from_secs(age))
                .build()
        });
        ListMultipartUploadsOutput::builder()
            .set_uploads(Some(uploads.collect()))
            .build()
    })
}

fn completes(numbers: &'static [i32]) -> Rule {
    mock!(Client::complete_multipart_upload)
        .match_requests(move |request| {
            let parts = request.multipart_upload().unwrap().parts();
            let given: Vec<i32> = parts.iter().filter_map(|part| part.part_number()).collect();
            given == numbers && parts.iter().all(|part| part.checksum_sha256().is_some())
        })
        .then_output(|| {
            CompleteMultipartUploadOutput::builder()
                .version_id("v2")
                .build()
        })
}

fn takes_part(upload: &'static str, number: i32) -> Rule {
    mock!(Client::upload_part)
        .match_requests(move |request| {
            request.upload_id() == Some(upload)
                && request.part_number() == Some(number)
                && request.checksum_sha256().is_some()
        })
        .then_output(|| UploadPartOutput::builder().e_tag("e").build())
}

#[tokio::test]
async fn a_large_file_goes_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "d/large", &vec![7; PART + 1]);
    let none = nothing_there();
    // That of a longer key, which only begins alike, is another file's.
    let listed = uploads(&[("tui/legacy/d/large.gz", "not-mine")]);
    let begun = mock!(Client::create_multipart_upload).then_output(|| {
        CreateMultipartUploadOutput::builder()
            .upload_id("u")
            .build()
    });
    let (first, second, end) = (takes_part("u", 1), takes_part("u", 2), completes(&[1, 2]));
    let s3 = client(&[&none, &listed, &begun, &first, &second, &end]);
    let done = synced(&s3, folder.path(), Feed::Informatica, false)
        .await
        .unwrap();
    assert_eq!((done.uploaded, done.failed), (1, 0), "{done:?}");
    assert_eq!(done.files[0].version_id.as_deref(), Some("v2"));
    assert_eq!(
        (begun.num_calls(), first.num_calls(), second.num_calls()),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn an_upload_that_was_cut_off_goes_on_with_the_parts_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = vec![7; 2 * PART + 1];
    write(folder.path(), "d/large", &bytes);
    let none = nothing_there();
    let listed = uploads(&[("tui/legacy/d/large", "old"), ("tui/legacy/d/large", "u")]);
    let parts = mock!(Client::list_parts)
        .match_requests(|request| request.upload_id() == Some("u"))
        .then_output(move || {
            let part = |number: i32, sha: String| {
                Part::builder()
                    .part_number(number)
                    .size(i64::try_from(PART).unwrap())
                    .checksum_sha256(sha)
                    .build()
            };
            let same = part(1, digest::sha256(&bytes[..PART]));
            let other = part(2, "another".to_owned());
            ListPartsOutput::builder().parts(same).parts(other).build()
        });
    let (first, second, third) = (takes_part("u", 1), takes_part("u", 2), takes_part("u", 3));
    let end = completes(&[1, 2, 3]);
    let s3 = client(&[&none, &listed, &parts, &first, &second, &third, &end]);
    let done = synced(&s3, folder.path(), Feed::Informatica, false)
        .await
        .unwrap();
    assert_eq!((done.uploaded, done.failed), (1, 0), "{done:?}");
    assert_eq!(
        (first.num_calls(), second.num_calls(), third.num_calls()),
        (0, 1, 1)
    );
}

fn append(path: &Path, bytes: &[u8]) -> bool {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).is_ok()
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_is_not_put_together() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "d/growing", &vec![7; PART + 1]);
    let path = folder.path().join("d/growing");
    let none = nothing_there();
    let listed = uploads(&[]);
    let begun = mock!(Client::create_multipart_upload).then_output(|| {
        CreateMultipartUploadOutput::builder()
            .upload_id("u")
            .build()
    });
    let part = mock!(Client::upload_part)
        .match_requests(move |_| append(&path, b"8"))
        .then_output(|| UploadPartOutput::builder().e_tag("e").build());
    let end = completes(&[1, 2]);
    let s3 = client(&[&none, &listed, &begun, &part, &end]);
    let done = synced(&s3, folder.path(), Feed::Informatica, false)
        .await
        .unwrap();
    assert_eq!((done.failed, end.num_calls()), (1, 0));
    let error = done.files[0].error.as_deref().unwrap();
    assert!(
        error.contains("d/growing changed while it was sent"),
        "{error}"
    );
}
