//! What stands in a column, and how it is read.

use serde::de::value::{Error as NotWritten, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::store::trouble::Trouble;
use crate::time::Wall;

/// What stands in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, a moment, a truth.
    Integer(i64),
    /// A fraction.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// Takes a text in the place of what there was; one that was a text keeps its memory.
    pub(super) fn set_text(&mut self, text: &str) {
        match self {
            Self::Text(kept) => {
                kept.clear();
                kept.push_str(text);
            }
            other => *other = Self::Text(text.to_owned()),
        }
    }
}

macro_rules! from {
    ($($type:ty: $value:ident => $made:expr),+ $(,)?) => {
        $(impl From<$type> for Value { fn from($value: $type) -> Self { $made } })+
    };
}

from! {
    i64: number => Self::Integer(number),
    u32: number => Self::Integer(number.into()),
    u8: number => Self::Integer(number.into()),
    u64: number => Self::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
    usize: number => Self::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
    bool: truth => Self::Integer(truth.into()),
    f64: number => Self::Real(number),
    &str: text => Self::Text(text.to_owned()),
    String: text => Self::Text(text),
    &String: text => Self::Text(text.clone()),
    Wall: moment => Self::Integer(moment.0),
    Vec<u8>: bytes => Self::Bytes(bytes),
    &[u8]: bytes => Self::Bytes(bytes.to_vec()),
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a statement's parameters, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Value::from($value)),*] };
}

pub(crate) use values;

/// What a column can be read as.
pub trait Column: Sized {
    /// `None`: it is something else.
    fn read(value: &Value) -> Option<Self>;
}

macro_rules! column {
    ($($type:ty: $pattern:pat => $read:expr),+ $(,)?) => {
        $(impl Column for $type {
            fn read(value: &Value) -> Option<Self> {
                match value { $pattern => $read, _ => None }
            }
        })+
    };
}

column! {
    i64: Value::Integer(number) => Some(*number),
    u64: Value::Integer(number) => u64::try_from(*number).ok(),
    u32: Value::Integer(number) => u32::try_from(*number).ok(),
    u8: Value::Integer(number) => u8::try_from(*number).ok(),
    usize: Value::Integer(number) => usize::try_from(*number).ok(),
    bool: Value::Integer(number) => Some(*number != 0),
    String: Value::Text(text) => Some(text.clone()),
    Wall: Value::Integer(number) => Some(Self(*number)),
    Vec<u8>: Value::Bytes(bytes) => Some(bytes.clone()),
}

impl<T: Column> Column for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::read(other).map(Some),
        }
    }
}

/// A whole number is a fraction too: SQLite writes 1.0 of a sum as 1.
#[allow(clippy::cast_precision_loss, reason = "beyond 2^53 nothing is counted")]
impl Column for f64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Real(number) => Some(*number),
            Value::Integer(number) => Some(*number as Self),
            _ => None,
        }
    }
}

/// One row of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row(Vec<Value>);

impl Row {
    /// Room for so many columns.
    pub(super) fn with(columns: usize) -> Self {
        Self(vec![Value::Null; columns])
    }

    /// The columns, to be filled.
    pub(super) fn slots(&mut self) -> impl Iterator<Item = (usize, &mut Value)> {
        self.0.iter_mut().enumerate()
    }

    /// All values, to be written as they are.
    pub(crate) fn values(&self) -> &[Value] {
        &self.0
    }

    /// The value of a column, from 0.
    ///
    /// # Errors
    /// There is none, or it is of another type.
    pub fn get<T: Column>(&self, column: usize) -> Result<T, Trouble> {
        let value = self.0.get(column);
        value
            .and_then(T::read)
            .ok_or(Trouble::Unreadable { column })
    }

    /// A text where it stands; `None`: there is nothing.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn optional_text(&self, column: usize) -> Result<Option<&str>, Trouble> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(Trouble::Unreadable { column }),
        }
    }

    /// A text where it stands.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn text(&self, column: usize) -> Result<&str, Trouble> {
        self.optional_text(column)?
            .ok_or(Trouble::Unreadable { column })
    }

    /// A value that was written as the bare word of its serialisation: ids and choices.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn word<T: DeserializeOwned>(&self, column: usize) -> Result<T, Trouble> {
        self.optional_word(column)?
            .ok_or(Trouble::Unreadable { column })
    }

    /// As [`Self::word`], where there may be none.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn optional_word<T: DeserializeOwned>(&self, column: usize) -> Result<Option<T>, Trouble> {
        let text = self.optional_text(column)?;
        let read = text.map(|text| {
            let word: StrDeserializer<'_, NotWritten> = text.into_deserializer();
            T::deserialize(word).map_err(|_| Trouble::Unreadable { column })
        });
        read.transpose()
    }

    /// A value that was written as JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, Trouble> {
        self.optional_json(column)?
            .ok_or(Trouble::Unreadable { column })
    }

    /// As [`Self::json`], where there may be none.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn optional_json<T: DeserializeOwned>(&self, column: usize) -> Result<Option<T>, Trouble> {
        let text = self.optional_text(column)?;
        let read =
            text.map(|text| serde_json::from_str(text).map_err(|_| Trouble::Unreadable { column }));
        read.transpose()
    }
}
