//! Incidents, through ServiceNow's Table API.
//!
//! An incident is looked up by its correlation id before it is created: an answer that was lost,
//! or an event that came twice, must not raise a second one. Whatever keeps an incident from being
//! raised for certain - no answer, a page of HTML, a refusal, no credentials - is one and the same
//! to the caller: [`Unreachable`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Credentials are read at need and kept for a burst of failures, no longer: a rotated password is
/// then used within this time, or at once if ServiceNow refuses the old one.
const CREDENTIALS_LAST: Duration = Duration::from_secs(60);
/// The function runs for at most a minute and makes two requests, three if it has to log in again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// ServiceNow answers an incident with some kilobytes; a login page can be large.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Why no incident was raised, as far as is known. One may exist all the same, if it was the answer
/// that was lost: the next attempt finds it.
#[derive(Debug, Error)]
pub enum Unreachable {
    /// Secrets Manager did not give the credentials, or they are not what they should be.
    #[error("the credentials could not be read: {0}")]
    Credentials(String),
    /// No connection, no answer in time, or an answer that broke off.
    #[error("no answer")]
    Connection(#[source] reqwest::Error),
    /// An answer with a status other than 2xx.
    #[error("it answered {status}{explanation}")]
    Status {
        /// HTTP status.
        status: StatusCode,
        /// ServiceNow's words, if it has any, led in by ": ".
        explanation: String,
    },
    /// An answer that is longer than any of the Table API's.
    #[error("its answer is longer than {LONGEST_ANSWER} bytes, which is the most that is read")]
    TooLong,
    /// A successful answer that is no Table API answer, as a sleeping instance gives.
    #[error("it answered something that is no Table API result")]
    NoResult,
}

/// The fields of an incident that we set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// One line, 160 characters at most.
    pub short_description: String,
    /// Everything that whoever takes it needs, 4,000 characters at most.
    pub description: String,
    /// ServiceNow's category.
    pub category: String,
    /// ServiceNow's subcategory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subcategory: Option<String>,
    /// Who gets it; without it ServiceNow's own rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment_group: Option<String>,
    /// 1 (high) to 3 (low).
    pub urgency: String,
    /// 1 (high) to 3 (low).
    pub impact: String,
    /// What makes it unique: one job run, one incident.
    pub correlation_id: String,
    /// Which system the correlation id is of.
    pub correlation_display: &'static str,
}

/// An incident that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Its number, such as INC0010023.
    pub number: String,
    /// Whether this call created it.
    pub new: bool,
}

#[derive(Clone, Deserialize)]
struct Credentials {
    url: String,
    username: String,
    password: String,
}

/// ServiceNow, as one set of credentials knows it.
pub struct ServiceNow {
    http: reqwest::Client,
    secrets: aws_sdk_secretsmanager::Client,
    cached: Mutex<Option<(Instant, Credentials)>>,
}

impl ServiceNow {
    /// Prepares a client; nothing is sent before the first incident.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub fn new(secrets: aws_sdk_secretsmanager::Client) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .tls_backend_preconfigured(tls()?)
                // A redirect leads to a login page, and the password is for one host.
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(REQUEST_TIMEOUT)
                .user_agent("tui-etl")
                .build()?,
            secrets,
            cached: Mutex::new(None),
        })
    }

    /// Sees to it that `incident` exists, once.
    ///
    /// # Errors
    /// [`Unreachable`], if that is not certain.
    pub async fn raise(&self, secret_id: &str, incident: &Incident) -> Result<Raised, Unreachable> {
        if let Some(credentials) = self.cached() {
            match self.raise_as(&credentials, incident).await {
                Err(Unreachable::Status { status, .. }) if status == StatusCode::UNAUTHORIZED => {}
                outcome => return outcome,
            }
        }
        let credentials = self.read_credentials(secret_id).await?;
        self.raise_as(&credentials, incident).await
    }

    async fn raise_as(
        &self,
        who: &Credentials,
        incident: &Incident,
    ) -> Result<Raised, Unreachable> {
        let table = table(&who.url)?;
        let mut query = table.clone();
        query
            .query_pairs_mut()
            .append_pair(
                "sysparm_query",
                &format!("correlation_id={}", incident.correlation_id),
            )
            .append_pair("sysparm_fields", "number")
            .append_pair("sysparm_limit", "1");
        let found = self.call(who, Method::GET, query, None).await?;
        let found = found.as_array().ok_or(Unreachable::NoResult)?;
        if let Some(existing) = found.first() {
            return number(existing).map(|number| Raised { number, new: false });
        }
        let created = self.call(who, Method::POST, table, Some(incident)).await?;
        number(&created).map(|number| Raised { number, new: true })
    }

    /// One request; answers the `result` of a Table API answer.
    async fn call(
        &self,
        who: &Credentials,
        method: Method,
        url: Url,
        incident: Option<&Incident>,
    ) -> Result<Value, Unreachable> {
        let mut request = self
            .http
            .request(method, url)
            .basic_auth(&who.username, Some(&who.password))
            .header("accept", "application/json");
        if let Some(incident) = incident {
            request = request.json(incident);
        }
        let answer = request.send().await.map_err(Unreachable::Connection)?;
        let status = answer.status();
        let body: Option<Value> = match read(answer).await {
            Ok(body) => serde_json::from_slice(&body).ok(),
            // What a refusal says matters less than that it is one.
            Err(Unreachable::TooLong) if !status.is_success() => None,
            Err(error) => return Err(error),
        };
        if !status.is_success() {
            return Err(Unreachable::Status {
                status,
                explanation: explanation(body.as_ref()),
            });
        }
        match body {
            Some(Value::Object(mut fields)) => fields.remove("result"),
            _ => None,
        }
        .ok_or(Unreachable::NoResult)
    }

    fn cached(&self) -> Option<Credentials> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached
            .as_ref()
            .filter(|(read_at, _)| read_at.elapsed() < CREDENTIALS_LAST)
            .map(|(_, credentials)| credentials.clone())
    }

    async fn read_credentials(&self, secret_id: &str) -> Result<Credentials, Unreachable> {
        let answer = self
            .secrets
            .get_secret_value()
            .secret_id(secret_id)
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let error = aws_sdk_secretsmanager::error::DisplayErrorContext(error);
            Unreachable::Credentials(error.to_string())
        })?;
        let text = answer.secret_string.unwrap_or_default();
        // Where the text goes wrong would be told with a piece of it: only that it does is told.
        let credentials: Credentials = serde_json::from_str(&text).map_err(|_| {
            Unreachable::Credentials("the secret is no JSON with url, username and password".into())
        })?;
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), credentials.clone()));
        Ok(credentials)
    }
}

/// TLS with ring, as the AWS clients have it, and with Mozilla's roots compiled in. The roots of
/// the system would do too, but they are read from some 150 files, their absence would fail even
/// the requests that need no TLS, and what this function trusts would depend on where it runs.
fn tls() -> anyhow::Result<rustls::ClientConfig> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The incident table of the instance at `base`.
fn table(base: &str) -> Result<Url, Unreachable> {
    let wrong = || Unreachable::Credentials("the url in the secret is no http(s) address".into());
    let mut url = Url::parse(base).map_err(|_| wrong())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong());
    }
    // Errors name the address: what else somebody may have put into it stays out of them.
    url.set_username("").map_err(|()| wrong())?;
    url.set_password(None).map_err(|()| wrong())?;
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(["api", "now", "table", "incident"]);
    Ok(url)
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Unreachable> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Unreachable::Connection)? {
        if chunk.len() > LONGEST_ANSWER - body.len() {
            return Err(Unreachable::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn number(record: &Value) -> Result<String, Unreachable> {
    record
        .get("number")
        .and_then(Value::as_str)
        .filter(|number| !number.is_empty())
        .map(str::to_owned)
        .ok_or(Unreachable::NoResult)
}

/// What ServiceNow says is wrong: `{"error": {"message": .., "detail": ..}}`.
fn explanation(body: Option<&Value>) -> String {
    body.and_then(|body| body.pointer("/error/message"))
        .and_then(Value::as_str)
        .map(|message| format!(": {}", message.chars().take(200).collect::<String>()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
