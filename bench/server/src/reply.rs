//! Answers, and bodies that are computed while they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Bytes, Frame, SizeHint};
use serde_json::{Value, json};

/// Any answer's body.
pub type Body = BoxBody<Bytes, Infallible>;

/// A body that is there.
pub fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).boxed()
}

/// A JSON answer.
pub fn json(value: &Value) -> anyhow::Result<Response<Body>> {
    let response = Response::builder().header("content-type", "application/x-amz-json-1.0");
    Ok(response.body(full(value.to_string()))?)
}

/// An XML answer.
pub fn xml(content: String) -> anyhow::Result<Response<Body>> {
    let response = Response::builder().header("content-type", "application/xml");
    Ok(response.body(full(content))?)
}

/// An error as the JSON protocols spell it.
pub fn refusal(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = json!({"__type": code, "message": message}).to_string();
    let mut response = Response::new(full(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// Lines that are computed as the reader takes them.
pub struct Lines<I> {
    lines: I,
    left: u64,
}

impl<I> Lines<I> {
    /// `length` is that of all lines together.
    pub fn new(lines: I, length: u64) -> Self {
        Self {
            lines,
            left: length,
        }
    }
}

/// So much is sent at a time.
const CHUNK: usize = 64 * 1024;

impl<I: Iterator<Item = String> + Unpin> hyper::body::Body for Lines<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut chunk = String::with_capacity(CHUNK + 1024);
        while chunk.len() < CHUNK
            && let Some(line) = self.lines.next()
        {
            chunk.push_str(&line);
        }
        self.left = self.left.saturating_sub(chunk.len() as u64);
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
