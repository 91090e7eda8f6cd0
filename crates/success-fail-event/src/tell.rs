//! Sends what was decided.

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use pipeline::ledger::Matter;
use pipeline::manifest::Location;

use crate::incident::{alert, incident};
use crate::mail::{self, Message};
use crate::plan::{Fault, Telling};
use crate::report::Report;
use crate::{About, Clients, Config, Told};

/// Tells it, whoever is to be told. When this is `Ok`, nobody needs to be told again.
pub(crate) async fn tell(
    config: &Config,
    clients: &Clients,
    about: &About<'_>,
    telling: Telling,
) -> anyhow::Result<Told> {
    let message = match telling {
        Telling::Nothing(_) | Telling::Quietly => return Ok(Told::Quietly),
        Telling::Incident(fault) => return raise(config, clients, about, fault).await,
        Telling::NothingToClassify => mail::nothing_to_classify(about),
        Telling::Success => mail::success(about, report(config, clients, about).await.as_ref()),
    };
    publish(clients, &config.notification_topic_arn, message).await?;
    Ok(Told::Mail)
}

/// The run's report. A mail without numbers is better than none, so its absence is only logged.
async fn report(config: &Config, clients: &Clients, about: &About<'_>) -> Option<Report> {
    match read_report(config, clients, about).await {
        Ok(report) => Some(report),
        Err(error) => {
            let run_id = &about.run.run_id;
            tracing::warn!(stage = %about.stage, run_id, "the mail goes without numbers: {error:#}");
            None
        }
    }
}

async fn read_report(
    config: &Config,
    clients: &Clients,
    about: &About<'_>,
) -> anyhow::Result<Report> {
    let uri = about
        .run
        .report
        .as_deref()
        .context("the ledger names no report")?;
    let at = Location::within(&config.state_bucket, uri)?;
    let object = clients
        .s3
        .get_object()
        .bucket(&at.bucket)
        .key(&at.key)
        .send()
        .await;
    let object = object.with_context(|| format!("{uri} can't be read"))?;
    Report::read(&about.run.run_id, object.body)
        .await
        .with_context(|| uri.to_owned())
}

async fn raise(
    config: &Config,
    clients: &Clients,
    about: &About<'_>,
    fault: Fault,
) -> anyhow::Result<Told> {
    let incident = incident(about, fault, &config.incident);
    let unreachable = match clients
        .service_now
        .raise(&config.servicenow_secret_id, &incident)
        .await
    {
        Ok(raised) => {
            let (run_id, number) = (&about.run.run_id, &raised.number);
            tracing::info!(stage = %about.stage, run_id, number, new = raised.new, "there is an incident");
            return Ok(Told::Incident(raised.number));
        }
        Err(unreachable) => unreachable,
    };
    let matter = fault.matter();
    let alerted_at = match matter {
        Matter::End => about.run.alerted_at,
        Matter::Cleaning => about.run.cleaning_alerted_at,
    };
    if alerted_at.is_none() {
        // First sent, then recorded: twice is better than never.
        publish(
            clients,
            &config.alert_topic_arn,
            alert(about, &incident, &unreachable),
        )
        .await?;
        clients
            .ledger
            .mark_alerted((about.stage, &about.run.run_id), matter, Timestamp::now())
            .await?;
    }
    Err(anyhow!(unreachable).context("ServiceNow could not be told"))
}

async fn publish(clients: &Clients, topic: &str, message: Message) -> anyhow::Result<()> {
    clients
        .sns
        .publish()
        .topic_arn(topic)
        .subject(message.subject)
        .message(message.body)
        .send()
        .await
        .with_context(|| format!("nothing can be sent to {topic}"))?;
    Ok(())
}
