//! Input as nobody should send it: what the tests of the decoders share.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// A change to a JSON document.
#[derive(Debug, Clone)]
pub enum Mutation {
    /// One of its fields gets another value.
    Set(Index, Value),
    /// One of its fields is gone.
    Remove(Index),
    /// One of its objects has a field more.
    Add(Index, String, Value),
}

impl Mutation {
    /// `document`, changed.
    #[must_use]
    pub fn applied_to(&self, mut document: Value) -> Value {
        let pointers = pointers(&document, "");
        let (Self::Set(at, _) | Self::Remove(at) | Self::Add(at, ..)) = self;
        if pointers.is_empty() {
            return document;
        }
        let pointer = &pointers[at.index(pointers.len())];
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        let name = name.replace("~1", "/").replace("~0", "~");
        if let Some(Value::Object(fields)) = document.pointer_mut(parent) {
            match self {
                Self::Set(_, value) => fields.insert(name, value.clone()),
                Self::Remove(_) => fields.remove(&name),
                Self::Add(_, name, value) => fields.insert(name.clone(), value.clone()),
            };
        }
        document
    }
}

/// The fields of all objects in `value`, as JSON pointers.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let Value::Object(fields) = value else {
        return Vec::new();
    };
    fields
        .iter()
        .flat_map(|(name, value)| {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let below = pointers(value, &pointer);
            std::iter::once(pointer).chain(below)
        })
        .collect()
}

/// Up to three mutations.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let index = any::<Index>;
    let one = prop_oneof![
        3 => (index(), nasty_value()).prop_map(|(at, value)| Mutation::Set(at, value)),
        2 => index().prop_map(Mutation::Remove),
        1 => (index(), "[a-zA-Z~/]{0,8}", nasty_value())
            .prop_map(|(at, name, value)| Mutation::Add(at, name, value)),
    ];
    prop::collection::vec(one, 0..=3)
}

/// Values that a careless decoder stumbles over.
pub fn nasty_value() -> impl Strategy<Value = Value> {
    let texts = prop::sample::select(vec![
        "", "/", "%", "%ff", "%zz", "a%2", "\0", "..", "null", "\u{feff}", "\u{202e}", "-1",
        "1e999",
    ]);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
        "(?s).{0,40}".prop_map(Value::from),
        (any::<char>(), 1000..5000_usize)
            .prop_map(|(char, length)| Value::from(char.to_string().repeat(length))),
        (1..200_usize).prop_map(nested),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::from),
        Just(json!({})),
    ]
}

/// An array in an array in an array, so deep.
#[must_use]
pub fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| json!([inner]))
}

/// What can happen to bytes on their way.
#[derive(Debug, Clone)]
pub enum Damage {
    /// Nothing.
    None,
    /// They end there.
    Cut(Index),
    /// One bit is another.
    Flip(Index, u8),
    /// One byte more.
    Insert(Index, u8),
    /// They come twice.
    Double,
}

impl Damage {
    /// `bytes`, damaged.
    #[must_use]
    pub fn applied_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let length = bytes.len().max(1);
        match self {
            Self::None => {}
            Self::Cut(at) => bytes.truncate(at.index(length)),
            Self::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(at.index(length)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Insert(at, byte) => bytes.insert(at.index(length).min(bytes.len()), *byte),
            Self::Double => bytes.extend_from_within(..),
        }
        bytes
    }
}

/// Any damage, and often none.
pub fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => Just(Damage::None),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => Just(Damage::Double),
    ]
}
