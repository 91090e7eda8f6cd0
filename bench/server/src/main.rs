//! As much of AWS as the benchmarks need, on loopback and in memory: S3, DynamoDB, Glue, SQS, EventBridge, and
//! Lambda's Runtime API, so that the binaries that are deployed run against it as they are.
//!
//! What is listed and what manifests name is computed and not kept (`world`): a landing bucket of 30 million versions
//! costs this server nothing, so what a benchmark measures is the other side. Each AWS request can be made to take a
//! set time. `/_bench/` is for the driver: set the world up, call a function, see what was asked for and what is left.

mod condition;
mod control;
mod dynamodb;
mod lambda;
mod reply;
mod s3;
mod services;
mod state;
mod world;

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use reply::{Body, refusal};
use state::Server;

/// One thread: the other core of a small machine is for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    // The driver reads this line to learn the port.
    println!("{}", listener.local_addr()?);
    let server = Arc::new(Server::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let service = service_fn(|request| handle(Arc::clone(&server), request));
            // A client that goes away in the middle is its own business.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn handle(
    server: Arc<Server>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    Ok(match route(&server, request).await {
        Ok(response) => response,
        Err(error) => {
            server.count("unknown");
            eprintln!("{error:#}");
            refusal(400, "ValidationException", &format!("{error:#}"))
        }
    })
}

async fn route(server: &Server, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body: Bytes = body
        .collect()
        .await
        .context("a request has no end")?
        .to_bytes();
    let path = parts.uri.path();
    if let Some(path) = path.strip_prefix("/_bench/") {
        return control::handle(server, path, body).await;
    }
    if let Some(path) = path.strip_prefix("/2018-06-01/runtime/") {
        return lambda::handle(server, path, body).await;
    }
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    let response = match target.and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", operation)) => dynamodb::handle(server, operation, &body),
        Some((_, operation)) => services::handle(server, operation, &body),
        None => s3::handle(server, &parts, &body),
    };
    tokio::time::sleep(server.latency()).await;
    response
}
