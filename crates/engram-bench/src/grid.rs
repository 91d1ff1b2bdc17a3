//! What a report shows to people: tables.

use std::fmt::Write as _;

/// A table of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// What it shows.
    pub title: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Cells, row by row.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new(title: impl Into<String>, header: &[&str]) -> Grid {
        let header = header.iter().map(|name| (*name).to_owned()).collect();
        Grid { title: title.into(), header, rows: Vec::new() }
    }

    /// The table in Markdown, with its title as a paragraph before it.
    pub fn markdown(&self) -> String {
        let mut out = format!("{}\n\n", self.title);
        let mut row = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            writeln!(out, "| {} |", cells.join(" | ")).expect("a string takes all that is written");
        };
        row(&self.header);
        row(&vec!["---".to_owned(); self.header.len()]);
        self.rows.iter().for_each(|cells| row(cells));
        out
    }
}

/// A share in [0, 1] as points, with one digit.
pub(crate) fn points(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_markdown() {
        let mut grid = Grid::new("Shares.", &["mode", "R@5"]);
        grid.rows.push(vec!["a|b".to_owned(), points(0.4567)]);
        assert_eq!(grid.markdown(), "Shares.\n\n| mode | R@5 |\n| --- | --- |\n| a\\|b | 45.7 |\n");
    }
}
