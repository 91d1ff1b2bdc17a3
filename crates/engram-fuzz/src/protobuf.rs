//! Reading protobuf without a schema: enough to find the fields that a sum is made of.

/// The value of a field, as far as it is of use here.
pub(crate) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers; what comes behind the first mistake is left out.
pub(crate) fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while let Some(field) = next(&mut bytes) {
        found.extend(field);
    }
    found
}

/// The next field; none inside for one of a fixed width.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<Option<(u64, Field<'a>)>> {
    let key = varint(bytes)?;
    let number = key >> 3;
    match key & 7 {
        0 => Some(Some((number, Field::Number(varint(bytes)?)))),
        1 => take(bytes, 8).map(|_| None),
        2 => {
            let len = usize::try_from(varint(bytes)?).ok()?;
            Some(Some((number, Field::Bytes(take(bytes, len)?))))
        }
        5 => take(bytes, 4).map(|_| None),
        _ => None,
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
