//! When Glue 2 runs by itself.

use anyhow::Context;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::ScheduleState;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use pipeline::protocol::{Patience, WeeklySchedule, parse_weekday};
use serde::Serialize;

use crate::settings::Settings;

/// The schedule as it is deployed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// As the Scheduler spells it.
    pub expression: String,
    /// Time zone of that.
    pub timezone: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it is due next; none if it is switched off, or is no weekly one.
    pub next_at: Option<Timestamp>,
    /// When it was last due, and its grace is over.
    pub due_at: Option<Timestamp>,
}

/// Asks the Scheduler.
///
/// # Errors
/// It can't be asked, or there is no such schedule.
pub async fn look(
    scheduler: &Client,
    settings: &Settings,
    now: Timestamp,
) -> anyhow::Result<Schedule> {
    let name = &settings.schedule;
    let answer = scheduler
        .get_schedule()
        .name(name)
        .group_name(&settings.schedule_group)
        .send()
        .await
        .with_context(|| format!("the schedule {name} can't be looked at"))?;
    let expression = answer.schedule_expression.unwrap_or_default();
    let timezone = answer
        .schedule_expression_timezone
        .unwrap_or_else(|| "UTC".to_owned());
    let enabled = answer.state == Some(ScheduleState::Enabled);
    Ok(told(
        (name, &expression, &timezone, enabled),
        settings.schedule_grace_seconds,
        now,
    ))
}

fn told(
    (name, expression, timezone, enabled): (&str, &str, &str, bool),
    grace_seconds: i64,
    now: Timestamp,
) -> Schedule {
    let patience = Patience {
        schedule_grace: jiff::SignedDuration::from_secs(grace_seconds),
        ..Patience::default()
    };
    let weekly = weekly(expression, timezone).filter(|_| enabled);
    Schedule {
        name: name.to_owned(),
        expression: expression.to_owned(),
        timezone: timezone.to_owned(),
        enabled,
        next_at: weekly.as_ref().and_then(|weekly| weekly.next_due(now)),
        due_at: weekly.and_then(|weekly| weekly.last_due(now, &patience)),
    }
}

/// Reads the one shape that Terraform writes: `cron(minute hour ? * weekday *)`.
fn weekly(expression: &str, timezone: &str) -> Option<WeeklySchedule> {
    let fields = expression.strip_prefix("cron(")?.strip_suffix(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let [minute, hour, "?", "*", weekday, "*"] = fields[..] else {
        return None;
    };
    Some(WeeklySchedule {
        weekday: parse_weekday(weekday)?,
        time: Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?,
        timezone: TimeZone::get(timezone).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
    use aws_smithy_mocks::{mock, mock_client};

    use super::*;
    use crate::settings::Environment;

    fn now() -> Timestamp {
        "2025-11-26T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_schedule_is_asked_by_name_and_group_and_says_when_it_is_due() {
        let rule = mock!(Client::get_schedule)
            .match_requests(|request| {
                request.name() == Some("tui-glue2-friday-dev")
                    && request.group_name() == Some("tui-etl-dev")
            })
            .then_output(|| {
                GetScheduleOutput::builder()
                    .schedule_expression("cron(30 12 ? * FRI *)")
                    .schedule_expression_timezone("Europe/Berlin")
                    .state(ScheduleState::Enabled)
                    .build()
            });
        let scheduler = mock_client!(aws_sdk_scheduler, [&rule]);
        let schedule = look(&scheduler, &Settings::of(Environment::Dev), now())
            .await
            .unwrap();
        assert!(schedule.enabled);
        assert_eq!(
            schedule.next_at,
            Some("2025-11-28T11:30:00Z".parse().unwrap())
        );
        assert_eq!(
            schedule.due_at,
            Some("2025-11-21T11:30:00Z".parse().unwrap())
        );
    }

    #[test]
    fn one_that_is_off_or_of_another_kind_is_due_at_no_time() {
        for (expression, timezone, enabled) in [
            ("cron(0 12 ? * FRI *)", "Europe/Berlin", false),
            ("rate(7 days)", "UTC", true),
            ("cron(0 12 1 * ? *)", "UTC", true),
            ("cron(0 25 ? * FRI *)", "UTC", true),
            ("cron(0 12 ? * FRI *)", "Berlin", true),
        ] {
            let schedule = told(("s", expression, timezone, enabled), 1_800, now());
            assert_eq!(
                (schedule.next_at, schedule.due_at),
                (None, None),
                "{expression}"
            );
        }
    }
}
