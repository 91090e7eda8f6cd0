//! What the queues hold.

use anyhow::Context;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;

/// A queue, and how deep it is. The numbers are SQS's own approximations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Name.
    pub name: String,
    /// Messages that wait here are dead: nobody takes them.
    pub dead: bool,
    /// Messages that nobody has.
    pub waiting: u64,
    /// Messages that somebody has and has not yet done with.
    pub in_flight: u64,
    #[serde(skip)]
    pub(crate) url: String,
    #[serde(skip)]
    pub(crate) arn: String,
}

/// Looks at one.
///
/// # Errors
/// There is none of that name, or SQS can't be asked.
pub async fn look(sqs: &Client, name: &str, dead: bool) -> anyhow::Result<Queue> {
    let cant = || format!("the queue {name} can't be looked at");
    let answer = sqs.get_queue_url().queue_name(name).send().await;
    let url = answer.with_context(cant)?.queue_url.with_context(cant)?;
    let wanted = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::QueueArn,
    ];
    let answer = sqs
        .get_queue_attributes()
        .queue_url(&url)
        .set_attribute_names(Some(wanted.to_vec()))
        .send()
        .await
        .with_context(cant)?;
    let read = |name: &QueueAttributeName| answer.attributes.as_ref()?.get(name).cloned();
    let number = |name| {
        read(&name)
            .and_then(|digits| digits.parse().ok())
            .with_context(cant)
    };
    Ok(Queue {
        name: name.to_owned(),
        dead,
        waiting: number(QueueAttributeName::ApproximateNumberOfMessages)?,
        in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
        arn: read(&QueueAttributeName::QueueArn).with_context(cant)?,
        url,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_sdk_sqs::operation::get_queue_attributes::GetQueueAttributesOutput;
    use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;

    /// Each queue has as many messages as its name has letters.
    pub(crate) fn rules() -> [Rule; 2] {
        let url = mock!(Client::get_queue_url).then_compute_output(|request| {
            let name = request.queue_name().unwrap();
            GetQueueUrlOutput::builder()
                .queue_url(format!("https://sqs/222222222222/{name}"))
                .build()
        });
        let depth = mock!(Client::get_queue_attributes).then_compute_output(|request| {
            let name = request.queue_url().unwrap().rsplit('/').next().unwrap();
            GetQueueAttributesOutput::builder()
                .attributes(
                    QueueAttributeName::ApproximateNumberOfMessages,
                    name.len().to_string(),
                )
                .attributes(
                    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
                    "1",
                )
                .attributes(
                    QueueAttributeName::QueueArn,
                    format!("arn:aws:sqs:us-east-1:222222222222:{name}"),
                )
                .build()
        });
        [url, depth]
    }

    #[tokio::test]
    async fn a_queue_is_found_by_its_name() {
        let [url, depth] = rules();
        let sqs = mock_client!(aws_sdk_sqs, RuleMode::MatchAny, [&url, &depth]);
        let queue = look(&sqs, "abc", true).await.unwrap();
        assert_eq!((queue.waiting, queue.in_flight, queue.dead), (3, 1, true));
        assert!(queue.arn.ends_with(":abc") && queue.url.ends_with("/abc"));
    }
}
