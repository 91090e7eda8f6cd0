//! Expressions of DynamoDB, as far as the functions write any: terms joined by OR and AND without parentheses, and SET with values.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

/// A request's item and the names and values that its expressions use.
pub struct Scope<'a> {
    request: &'a Value,
}

impl<'a> Scope<'a> {
    /// The names and values of a request.
    pub fn new(request: &'a Value) -> Self {
        Self { request }
    }

    fn name<'b>(&'b self, token: &'b str) -> anyhow::Result<&'b str> {
        if !token.starts_with('#') {
            return Ok(token);
        }
        self.request["ExpressionAttributeNames"][token]
            .as_str()
            .with_context(|| format!("the name {token} has no value"))
    }

    fn value(&self, token: &str) -> anyhow::Result<&'a Value> {
        self.request["ExpressionAttributeValues"]
            .get(token)
            .with_context(|| format!("the value {token} is not given"))
    }

    /// Whether the request's condition holds for `item`.
    pub fn holds(&self, item: Option<&Value>) -> anyhow::Result<bool> {
        let Some(condition) = self.request["ConditionExpression"].as_str() else {
            return Ok(true);
        };
        for alternative in condition.split(" OR ") {
            let mut all = true;
            for term in alternative.split(" AND ") {
                all &= self.term(term.trim(), item)?;
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn term(&self, term: &str, item: Option<&Value>) -> anyhow::Result<bool> {
        let attribute = |name: &str| -> anyhow::Result<Option<&Value>> {
            Ok(item.and_then(|item| item.get(name)))
        };
        let argument = |function: &str| term.strip_prefix(function)?.strip_suffix(')');
        if let Some(name) = argument("attribute_not_exists(") {
            return Ok(attribute(self.name(name)?)?.is_none());
        }
        if let Some(name) = argument("attribute_exists(") {
            return Ok(attribute(self.name(name)?)?.is_some());
        }
        if let Some((name, value)) = term.split_once(" = ") {
            return Ok(attribute(self.name(name)?)? == Some(self.value(value)?));
        }
        if let Some((name, value)) = term.split_once(" < ") {
            // Texts: the times of the ledger.
            let found = attribute(self.name(name)?)?.and_then(|found| found["S"].as_str());
            let wanted = self.value(value)?["S"].as_str();
            return Ok(found.is_some() && found < wanted);
        }
        bail!("the condition {term:?} is none that the benchmarks' server knows")
    }

    /// Does what the request's update says.
    pub fn update(&self, item: &mut Map<String, Value>) -> anyhow::Result<()> {
        let expression = self.request["UpdateExpression"]
            .as_str()
            .unwrap_or_default();
        let Some(assignments) = expression.strip_prefix("SET ") else {
            bail!("the update {expression:?} is none that the benchmarks' server knows");
        };
        for assignment in assignments.split(", ") {
            let (name, value) = assignment
                .split_once(" = ")
                .with_context(|| format!("{assignment:?} is no assignment"))?;
            item.insert(self.name(name)?.to_owned(), self.value(value)?.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(condition: &str, item: Option<Value>) -> anyhow::Result<bool> {
        let request = json!({
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#s": "state"},
            "ExpressionAttributeValues": {":c": {"S": "COMMITTED"}},
        });
        Scope::new(&request).holds(item.as_ref())
    }

    #[test]
    fn conditions_are_those_of_the_functions() {
        let run = json!({"pk": {"S": "x"}, "at": {"S": "A"}, "state": {"S": "COMMITTED"}});
        for (condition, of_run, of_nothing) in [
            ("attribute_not_exists(pk)", false, true),
            ("attribute_exists(pk)", true, false),
            ("#s = :c", true, false),
            ("#s = :c AND attribute_not_exists(cleaned_at)", true, false),
            ("#s = :c AND attribute_exists(cleaned_at)", false, false),
            ("attribute_not_exists(pk) OR pk < :c", false, true),
            ("attribute_not_exists(pk) OR #s = :c", true, true),
            ("at < :c", true, false),
        ] {
            assert_eq!(
                holds(condition, Some(run.clone())).unwrap(),
                of_run,
                "{condition}"
            );
            assert_eq!(holds(condition, None).unwrap(), of_nothing, "{condition}");
        }
        assert!(holds("size(pk) > :c", None).is_err());
        assert!(holds("#nobody = :c", None).is_err());
    }

    #[test]
    fn an_update_sets_attributes() {
        let request = json!({
            "UpdateExpression": "SET #s = :c, at = :c",
            "ExpressionAttributeNames": {"#s": "state"},
            "ExpressionAttributeValues": {":c": {"S": "COMMITTED"}},
        });
        let mut item = Map::new();
        Scope::new(&request).update(&mut item).unwrap();
        assert_eq!(
            Value::from(item),
            json!({"state": {"S": "COMMITTED"}, "at": {"S": "COMMITTED"}})
        );
    }
}
