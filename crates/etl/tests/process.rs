//! The program as a process: what only its streams, its signals and its exit code show.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program, in an environment that has nothing of whoever runs the tests.
fn etl(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etl"));
    command
        .args(arguments)
        .env_clear()
        .envs([
            ("HOME", "/nonexistent"),
            ("AWS_CONFIG_FILE", "/nonexistent"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "222222222222"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_REGION", "us-east-1"),
];

/// What it printed; nothing, if that is no JSON.
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// An S3 that takes what is put, and has nothing.
fn empty_s3() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(endpoint)
}

fn serve(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.to_lowercase());
        }
        let length = lines
            .iter()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let (status, body) = match lines.first()?.starts_with("put") {
            true => ("200 OK", ""),
            false => ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = &stream;
        stream.write_all((head + body).as_bytes()).ok()?;
    }
}

#[cfg(unix)]
#[test]
fn whoever_interrupts_the_waiting_knows_what_was_put() {
    let endpoint = empty_s3().unwrap();
    let mut variables = KEYS.to_vec();
    variables.push(("AWS_ENDPOINT_URL", &endpoint));
    let asked = [
        "trigger", "copyglue", "--reason", "x", "--by", "y", "--wait", "--json",
    ];
    let mut process = etl(&asked, &variables).spawn().unwrap();
    let mut said = String::new();
    let mut errors = BufReader::new(process.stderr.take().unwrap());
    errors.read_line(&mut said).unwrap();
    let id = process.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}{output:?}");
    let told = json(&output);
    let request = told["request_id"].as_str().unwrap();
    assert!(told["answer"].is_null());
    assert!(
        said.contains(&format!("request {request}; waiting for the answer")),
        "{said}"
    );
}

#[test]
fn a_command_line_that_can_not_be_meant_is_told_as_json_too() {
    for (line, rule) in [
        (&["--json", "bogus"][..], "unrecognized subcommand 'bogus'"),
        (&["runs", "--last", "0", "--json"], "0 is not in 1..=1000"),
        (&["--json"], "subcommand"),
    ] {
        let output = etl(line, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = json(&output);
        assert_eq!(told["exit_code"], 2);
        assert!(told["error"].as_str().unwrap().contains(rule), "{told}");
    }
    let output = etl(&["bogus"], &[]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let help = etl(&["--json", "--help"], &[]).output().unwrap();
    assert_eq!(help.status.code(), Some(0));
}

#[test]
fn what_is_wrong_on_this_side_is_said_in_one_line() {
    let nonsense = [&KEYS[..], &[("AWS_ENDPOINT_URL", "nonsense")]].concat();
    let unset = [&KEYS[..], &[("AWS_ENDPOINT_URL", "")]].concat();
    let nobody = [&KEYS[..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]].concat();
    let cases = [
        (
            &["--profile", "nosuch"][..],
            &KEYS[2..],
            6,
            r#"no credentials by the profile "nosuch": there is no such profile"#,
        ),
        (&[], &KEYS[2..], 6, "no credentials: name a profile"),
        (&[], &KEYS[..2], 2, "no region: say which"),
        (
            &[],
            &nonsense,
            2,
            r#"the endpoint "nonsense": it has to begin with http://"#,
        ),
        (&[], &unset, 2, r#"the endpoint "": it has to begin"#),
        (&[], &nobody, 6, "AWS at http://127.0.0.1:9: "),
    ];
    for (options, variables, code, said) in cases {
        let output = etl(&[options, &["dlq", "list"]].concat(), variables)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.starts_with(&format!("etl: {said}")), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        for word in ["CredentialsNotLoaded", "Request {", "dispatch failure"] {
            assert!(!told.contains(word), "{told}");
        }
    }
}

#[test]
fn who_has_no_credentials_to_sync_with_hears_it_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    for name in ["d/a", "d/b"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let folder = folder.path().to_str().unwrap();
    let line = [
        "sync",
        folder,
        "--feed",
        "informatica",
        "--profile",
        "nosuch",
    ];
    let output = etl(&line, &KEYS[2..]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.len()),
        (Some(6), 0),
        "{told}"
    );
    let wanted = r#"etl: no credentials by the profile "nosuch": there is no such profile"#;
    assert!(
        told.starts_with(wanted) && told.lines().count() == 1,
        "{told}"
    );
}
