//! S3: listings, deletions and manifests. All buckets look alike.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::{Context, bail};
use http_body_util::BodyExt;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;

use crate::reply::{Body, Lines, full, xml};
use crate::state::{Server, State};
use crate::world::{LANDING_PREFIX, TEMP_PREFIX, World, file_key, index_of_file, version_id};

/// Most entries of a listing's page.
const PAGE: u64 = 1_000;
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
const OBJECT: &str = "<LastModified>2026-01-02T03:04:05.678Z</LastModified>\
                      <ETag>&quot;9e107d9d372bb6826bd81d3542a419d6&quot;</ETag><Size>123456</Size>\
                      <StorageClass>STANDARD</StorageClass>";

/// One request, in path style.
pub fn handle(server: &Server, parts: &Parts, body: &[u8]) -> anyhow::Result<Response<Body>> {
    let path = percent_decode_str(parts.uri.path()).decode_utf8()?;
    let path = path.trim_start_matches('/');
    let (_, key) = path.split_once('/').unwrap_or((path, ""));
    let query = query_of(parts.uri.query().unwrap_or_default())?;
    let count = |operation: &str| server.count(&format!("s3:{operation}"));
    match (&parts.method, key) {
        (&Method::POST, "") if query.contains_key("delete") => {
            count("DeleteObjects");
            delete(&mut server.state(), std::str::from_utf8(body)?)
        }
        (&Method::GET, "") if query.contains_key("versions") => {
            count("ListObjectVersions");
            versions(&mut server.state(), &query)
        }
        (&Method::GET, "") => {
            let is_second = query.contains_key("list-type");
            count(if is_second {
                "ListObjectsV2"
            } else {
                "ListObjects"
            });
            objects(&server.state(), &query)
        }
        (&Method::GET, key) => {
            count("GetObject");
            let if_match = parts.headers.get("if-match");
            get(
                server.state().world,
                key,
                if_match.and_then(|tag| tag.to_str().ok()),
            )
        }
        (method, _) => bail!("{method} {} is not there", parts.uri),
    }
}

type Query = HashMap<String, String>;

fn query_of(text: &str) -> anyhow::Result<Query> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8()?.into_owned();
            Ok((name.to_owned(), value))
        })
        .collect()
}

/// Only whole worlds are listed: a prefix that parts one would need an order that numbers don't have.
fn check_prefix(query: &Query, all: &str) -> anyhow::Result<()> {
    let prefix = query.get("prefix").map_or("", String::as_str);
    if all.starts_with(prefix) {
        return Ok(());
    }
    bail!("only a prefix of {all} can be listed, not {prefix}")
}

fn objects(state: &State, query: &Query) -> anyhow::Result<Response<Body>> {
    check_prefix(query, TEMP_PREFIX)?;
    let marker = ["continuation-token", "marker", "start-after"];
    let marker = marker.iter().find_map(|name| query.get(*name));
    let first = match marker {
        Some(key) => state.world.index_of_key(key).context("an unknown marker")? + 1,
        None => 0,
    };
    let mut there = (first..state.world.keys()).filter(|index| !state.is_gone(*index));
    let page: Vec<u64> = there.by_ref().take(PAGE as usize).collect();
    let mut content = String::with_capacity(page.len() * 350);
    for index in &page {
        let key = state.world.key(*index);
        write!(content, "<Contents><Key>{key}</Key>{OBJECT}</Contents>")?;
    }
    let next = match (there.next(), page.last()) {
        (Some(_), Some(last)) => state.world.key(*last),
        _ => String::new(),
    };
    let more = !next.is_empty();
    let token = match more {
        true => format!(
            "<NextContinuationToken>{next}</NextContinuationToken><NextMarker>{next}</NextMarker>"
        ),
        false => String::new(),
    };
    xml(format!(
        "{HEAD}<ListBucketResult {NAMESPACE}><Name>bucket</Name><Prefix>{TEMP_PREFIX}</Prefix><MaxKeys>1000</MaxKeys>\
         <KeyCount>{}</KeyCount><IsTruncated>{more}</IsTruncated>{token}{content}</ListBucketResult>",
        page.len()
    ))
}

fn versions(state: &mut State, query: &Query) -> anyhow::Result<Response<Body>> {
    check_prefix(query, LANDING_PREFIX)?;
    let first = match query.get("key-marker") {
        Some(key) => index_of_file(key).context("an unknown key-marker")? + 1,
        None => 0,
    };
    let last = (first + PAGE).min(state.world.versions);
    state.listed += last.saturating_sub(first);
    let mut content = String::with_capacity(PAGE as usize * 400);
    for index in first..last {
        let (key, version) = (file_key(index), version_id(index));
        write!(
            content,
            "<Version><Key>{key}</Key><VersionId>{version}</VersionId><IsLatest>true</IsLatest>{OBJECT}</Version>"
        )?;
    }
    let more = last < state.world.versions;
    let next = match more {
        true => format!(
            "<NextKeyMarker>{}</NextKeyMarker><NextVersionIdMarker>{}</NextVersionIdMarker>",
            file_key(last - 1),
            version_id(last - 1)
        ),
        false => String::new(),
    };
    xml(format!(
        "{HEAD}<ListVersionsResult {NAMESPACE}><Name>bucket</Name><Prefix>{LANDING_PREFIX}</Prefix>\
         <MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{next}{content}\
         </ListVersionsResult>"
    ))
}

fn delete(state: &mut State, body: &str) -> anyhow::Result<Response<Body>> {
    let keys: Vec<&str> = body
        .split("<Key>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</Key>").map(|(key, _)| key))
        .collect();
    if keys.is_empty() || keys.len() > PAGE as usize {
        bail!("{} keys in one DeleteObjects", keys.len());
    }
    let is_quiet = body.contains("<Quiet>true</Quiet>");
    let mut content = String::new();
    for key in keys {
        let index = state
            .world
            .index_of_key(key)
            .with_context(|| format!("there was never an object {key}"))?;
        state.delete(index);
        if !is_quiet {
            write!(content, "<Deleted><Key>{key}</Key></Deleted>")?;
        }
    }
    xml(format!(
        "{HEAD}<DeleteResult {NAMESPACE}>{content}</DeleteResult>"
    ))
}

/// A manifest: `manifests/stage=<s>/run=<id>.jsonl`.
fn get(world: World, key: &str, if_match: Option<&str>) -> anyhow::Result<Response<Body>> {
    let tag = format!("\"{key}\"");
    if if_match.is_some_and(|wanted| wanted != tag) {
        let mut response = xml(format!(
            "{HEAD}<Error><Code>PreconditionFailed</Code></Error>"
        ))?;
        *response.status_mut() = StatusCode::PRECONDITION_FAILED;
        return Ok(response);
    }
    let run_id = key
        .rsplit_once("/run=")
        .and_then(|(_, name)| name.strip_suffix(".jsonl"))
        .with_context(|| format!("{key} is no manifest"))?;
    let ingest = key
        .contains("/stage=1/")
        .then(|| run_id.strip_prefix("jr_")?.parse().ok())
        .flatten();
    let body = match ingest {
        Some(run) if run < world.runs => {
            let (lines, length) = world.ingest_manifest("raw", run);
            Lines::new(lines, length).boxed()
        }
        _ if key.contains("/stage=2/") => full(world.classify_manifest(run_id)),
        _ => bail!("there is no {key}"),
    };
    Ok(Response::builder()
        .header("etag", tag)
        .header("content-type", "application/x-ndjson")
        .body(body)?)
}
