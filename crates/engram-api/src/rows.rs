//! Tables of data that stand in parts.

/// How many rows all parts have.
pub const fn rows_in<T>(parts: &[&[T]]) -> usize {
    let (mut rows, mut part) = (0, 0);
    while part < parts.len() {
        rows += parts[part].len();
        part += 1;
    }
    rows
}

/// The rows of all parts, one part after the other. `N` is what [`rows_in`] counts; the first part is not empty.
pub const fn joined_rows<T: Copy, const N: usize>(parts: &[&[T]]) -> [T; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut row = 0;
        while row < parts[part].len() {
            all[at] = parts[part][row];
            at += 1;
            row += 1;
        }
        part += 1;
    }
    assert!(at == N, "N is the number of rows of all parts");
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        const PARTS: &[&[u8]] = &[&[1, 2], &[], &[3]];
        const ALL: [u8; rows_in(PARTS)] = joined_rows(PARTS);
        assert_eq!(ALL, [1, 2, 3]);
    }
}
