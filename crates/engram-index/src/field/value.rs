//! Values of free metadata, and the order in which they compare.

use std::cmp::Ordering;

/// A value of a memory's metadata, borrowed.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// Explicitly nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction; NaN equals nothing and has no order.
    Float(f64),
    /// A string, compared as bytes.
    Text(&'a str),
    /// An ordered list: a test of it holds if it holds for the list or for one of its elements.
    List(Vec<FieldValue<'a>>),
    /// A nested object, in any order of the names, each at most once.
    Map(Vec<(&'a str, FieldValue<'a>)>),
}

/// A number that is not NaN. Whole and fractional ones compare exactly, as numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// The number of a value; none for other sorts and NaN.
    pub(super) fn of(value: &FieldValue<'_>) -> Option<Number> {
        match value {
            FieldValue::Int(int) => Some(Number::Int(*int)),
            FieldValue::Float(float) if !float.is_nan() => Some(Number::Float(*float)),
            _ => None,
        }
    }

    pub(super) fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Int(a), Number::Float(b)) => order_int_float(a, b),
            (Number::Float(a), Number::Int(b)) => order_int_float(b, a).reverse(),
            // Not NaN, so there is an order; zero of either sign is one number.
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        }
    }
}

/// Exact order of a whole and a floating number that is not NaN: a cast alone would call 2^53 + 1 equal to 2^53.
pub fn order_int_float(int: i64, float: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float < -BEYOND {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64))
        .then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

/// Bytes that two lists or two maps share exactly when they are equal part by part: same sorts, same values, so that in
/// here 1 and 1.0 differ. None when there is a NaN inside, which nothing equals.
pub(super) fn form(value: &FieldValue<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    write_form(value, &mut bytes)?;
    Some(bytes)
}

fn write_form(value: &FieldValue<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    match value {
        FieldValue::Null => bytes.push(0),
        FieldValue::Bool(bool) => bytes.extend([1, u8::from(*bool)]),
        FieldValue::Int(int) => {
            bytes.push(2);
            bytes.extend(int.to_le_bytes());
        }
        FieldValue::Float(float) if float.is_nan() => return None,
        FieldValue::Float(float) => {
            bytes.push(3);
            // Adding zero turns -0 into +0.
            bytes.extend((float + 0.0).to_le_bytes());
        }
        FieldValue::Text(text) => {
            bytes.push(4);
            write_text(text, bytes);
        }
        FieldValue::List(elements) => {
            bytes.push(5);
            bytes.extend((elements.len() as u64).to_le_bytes());
            for element in elements {
                write_form(element, bytes)?;
            }
        }
        FieldValue::Map(entries) => {
            bytes.push(6);
            bytes.extend((entries.len() as u64).to_le_bytes());
            let mut sorted: Vec<&(&str, FieldValue<'_>)> = entries.iter().collect();
            sorted.sort_by_key(|entry| entry.0);
            for (name, value) in sorted {
                write_text(name, bytes);
                write_form(value, bytes)?;
            }
        }
    }
    Some(())
}

/// Appends the text with its length, so that neighbours cannot be confused.
pub(super) fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
