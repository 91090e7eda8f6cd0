//! What the function is told by its environment, and the clients it works with.

use aws_config::SdkConfig;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pipeline::config::{ConfigError, environment, parsed, parsed_with, required, seconds};
use pipeline::ledger::Ledger;
use pipeline::protocol::{Patience, Stage, WeeklySchedule, parse_weekday};

/// Glue forgets runs after some 90 days, so looking back further finds nothing.
const LONGEST_LOOKBACK_HOURS: i64 = 90 * 24;

/// Configuration. The names are in `environment.txt` too, and Terraform is tested against that.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `LEDGER_TABLE`: name of the ledger.
    pub ledger_table: String,
    /// `LANDING_BUCKET`: the bucket whose versions are listed.
    pub landing_bucket: String,
    /// `LANDING_PREFIX`: where in it. Ends with a slash.
    pub landing_prefix: String,
    /// `INGEST_JOB`: name of the Glue 1 job.
    pub ingest_job: String,
    /// `CLASSIFY_JOB`: name of the Glue 2 job.
    pub classify_job: String,
    /// `CONFORM_JOB`: name of the Glue 3 job.
    pub conform_job: String,
    /// `CLASSIFY_WEEKDAY` (FRI), `CLASSIFY_TIME` (12:00), `CLASSIFY_TIMEZONE` (Europe/Berlin): when
    /// the schedule starts Glue 2. `CLASSIFY_ENABLED` (true, false): whether it does at all; `None` if not.
    pub classify_schedule: Option<WeeklySchedule>,
    /// `EVENT_BUS_NAME`: where the event of a run's end is sent again.
    pub event_bus_name: String,
    /// `LOOKBACK_HOURS`: how old a run may be to be looked after.
    pub lookback: SignedDuration,
    /// `LISTING_PAGES`: pages of 1,000 versions that one invocation lists.
    pub listing_pages: u32,
    /// `EVENT_GRACE_SECONDS`, `LANDING_GRACE_SECONDS`, `TELLING_LEASE_SECONDS`, `SCHEDULE_GRACE_SECONDS`,
    /// `STALE_MARKER_SECONDS`, `FIRST_PAUSE_SECONDS`, `LONGEST_PAUSE_SECONDS`: how long to wait for what.
    pub patience: Patience,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// A variable is missing or can't be meant.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(environment)
    }

    /// Reads the variables from wherever `lookup` finds them.
    ///
    /// # Errors
    /// A variable is missing or can't be meant.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            ledger_table: required(&lookup, "LEDGER_TABLE")?,
            landing_bucket: required(&lookup, "LANDING_BUCKET")?,
            landing_prefix: required(&lookup, "LANDING_PREFIX")?,
            ingest_job: required(&lookup, "INGEST_JOB")?,
            classify_job: required(&lookup, "CLASSIFY_JOB")?,
            conform_job: required(&lookup, "CONFORM_JOB")?,
            classify_schedule: schedule(&lookup)?,
            event_bus_name: required(&lookup, "EVENT_BUS_NAME")?,
            lookback: parsed_with(
                &lookup,
                "LOOKBACK_HOURS",
                "a number of hours from 1 to 2160",
                |text| {
                    let hours = text.parse().ok()?;
                    (1..=LONGEST_LOOKBACK_HOURS)
                        .contains(&hours)
                        .then(|| SignedDuration::from_hours(hours))
                },
            )?,
            listing_pages: parsed_with(
                &lookup,
                "LISTING_PAGES",
                "a number of pages from 1",
                |text| text.parse().ok().filter(|pages| *pages > 0),
            )?,
            patience: Patience {
                event_grace: seconds(&lookup, "EVENT_GRACE_SECONDS")?,
                landing_grace: seconds(&lookup, "LANDING_GRACE_SECONDS")?,
                telling_lease: seconds(&lookup, "TELLING_LEASE_SECONDS")?,
                schedule_grace: seconds(&lookup, "SCHEDULE_GRACE_SECONDS")?,
                stale_marker_age: seconds(&lookup, "STALE_MARKER_SECONDS")?,
                first_pause: seconds(&lookup, "FIRST_PAUSE_SECONDS")?,
                longest_pause: seconds(&lookup, "LONGEST_PAUSE_SECONDS")?,
            },
        })
    }

    /// When the weekly run was last due, and its grace is over; never while the schedule is switched off.
    #[must_use]
    pub fn classify_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.classify_schedule
            .as_ref()?
            .last_due(now, &self.patience)
    }

    /// The name of a stage's job.
    #[must_use]
    pub fn job(&self, stage: Stage) -> &str {
        match stage {
            Stage::Ingest => &self.ingest_job,
            Stage::Classify => &self.classify_job,
            Stage::Conform => &self.conform_job,
        }
    }
}

/// What can't be meant is refused even while it is switched off, not on the day that it is switched on.
fn schedule(
    lookup: &impl Fn(&str) -> Option<String>,
) -> Result<Option<WeeklySchedule>, ConfigError> {
    let schedule = WeeklySchedule {
        weekday: parsed_with(
            lookup,
            "CLASSIFY_WEEKDAY",
            "a day from MON to SUN",
            parse_weekday,
        )?,
        time: parsed_with(lookup, "CLASSIFY_TIME", "a time as 12:00", |text| {
            Time::strptime("%H:%M", text).ok()
        })?,
        timezone: parsed_with(
            lookup,
            "CLASSIFY_TIMEZONE",
            "a time zone's name as Europe/Berlin",
            |text| TimeZone::get(text).ok(),
        )?,
    };
    let is_enabled: bool = parsed(lookup, "CLASSIFY_ENABLED", "true or false")?;
    Ok(is_enabled.then_some(schedule))
}

/// The services that it calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The ledger.
    pub ledger: Ledger,
    /// Glue: what became of runs, and new ones.
    pub glue: aws_sdk_glue::Client,
    /// S3, for the listing of the landing zone.
    pub s3: aws_sdk_s3::Client,
    /// EventBridge, for what was not told.
    pub events: aws_sdk_eventbridge::Client,
}

impl Clients {
    /// One client of each, for the life of the process.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        Self {
            ledger: Ledger::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table),
            glue: aws_sdk_glue::Client::new(sdk),
            s3: aws_sdk_s3::Client::new(sdk),
            events: aws_sdk_eventbridge::Client::new(sdk),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Weekday, time};
    use pipeline::config::names_read;

    use super::*;

    const DOCUMENTED: &str = include_str!("../environment.txt");

    fn value_of(name: &str) -> String {
        let value = match name {
            "CLASSIFY_ENABLED" => "true",
            "CLASSIFY_WEEKDAY" => "FRI",
            "CLASSIFY_TIME" => "12:00",
            "CLASSIFY_TIMEZONE" => "Europe/Berlin",
            "LOOKBACK_HOURS" => "48",
            "LISTING_PAGES" => "10",
            "EVENT_GRACE_SECONDS" => "180",
            "LANDING_GRACE_SECONDS" => "360",
            "TELLING_LEASE_SECONDS" => "300",
            "SCHEDULE_GRACE_SECONDS" => "1800",
            "STALE_MARKER_SECONDS" => "86400",
            "FIRST_PAUSE_SECONDS" => "300",
            "LONGEST_PAUSE_SECONDS" => "3600",
            other => other,
        };
        value.to_owned()
    }

    #[test]
    fn exactly_the_variables_of_environment_txt_are_read() {
        let documented: Vec<&str> = DOCUMENTED.lines().collect();
        assert_eq!(
            names_read(value_of, |lookup| Config::from_lookup(lookup)),
            documented
        );
    }

    #[test]
    fn each_of_them_is_needed() {
        for name in DOCUMENTED.lines() {
            let without = |asked: &str| (asked != name).then(|| value_of(asked));
            let error = Config::from_lookup(without).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn the_schedule_is_understood() {
        let schedule = Config::from_lookup(|name| Some(value_of(name)))
            .unwrap()
            .classify_schedule
            .unwrap();
        assert_eq!(schedule.weekday, Weekday::Friday);
        assert_eq!(schedule.time, time(12, 0, 0, 0));
        assert_eq!(schedule.timezone.iana_name(), Some("Europe/Berlin"));
    }

    #[test]
    fn nothing_is_due_while_the_schedule_is_switched_off() {
        let due = |enabled: &str| {
            let with = |asked: &str| {
                Some(if asked == "CLASSIFY_ENABLED" {
                    enabled.to_owned()
                } else {
                    value_of(asked)
                })
            };
            let now = "2026-11-23T12:00:00Z".parse().unwrap();
            Config::from_lookup(with).unwrap().classify_due(now)
        };
        assert_eq!(due("true"), "2026-11-20T11:00:00Z".parse().ok());
        assert_eq!(due("false"), None);
    }

    #[test]
    fn each_wait_has_its_own_place() {
        let patience = Config::from_lookup(|name| Some(value_of(name)))
            .unwrap()
            .patience;
        let expected = Patience {
            event_grace: SignedDuration::from_mins(3),
            landing_grace: SignedDuration::from_mins(6),
            telling_lease: SignedDuration::from_mins(5),
            schedule_grace: SignedDuration::from_mins(30),
            stale_marker_age: SignedDuration::from_hours(24),
            first_pause: SignedDuration::from_mins(5),
            longest_pause: SignedDuration::from_hours(1),
        };
        assert_eq!(patience, expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (name, value) in [
            ("CLASSIFY_ENABLED", "maybe"),
            ("CLASSIFY_WEEKDAY", "Freitag"),
            ("CLASSIFY_TIME", "noon"),
            ("CLASSIFY_TIME", "25:00"),
            ("CLASSIFY_TIMEZONE", "Mars/Olympus"),
            ("LOOKBACK_HOURS", "0"),
            ("LOOKBACK_HOURS", "100000000000000000"),
            ("LISTING_PAGES", "0"),
            ("LISTING_PAGES", "-1"),
            ("LANDING_GRACE_SECONDS", "soon"),
        ] {
            let with = |asked: &str| {
                Some(if asked == name {
                    value.to_owned()
                } else {
                    value_of(asked)
                })
            };
            let error = Config::from_lookup(with).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
