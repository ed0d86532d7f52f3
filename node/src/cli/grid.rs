//! Tables for terminals.

/// Rows under headings; columns as wide as their widest cell.
pub(super) struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// An empty table.
    pub fn new(headings: &[&str]) -> Grid {
        Grid { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row, which has a cell for each heading.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The lines.
    pub fn render(&self) -> String {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            format!("{}\n", line.trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

/// The text without anything that could steer the terminal; `-` for nothing.
pub(super) fn printable(text: &str) -> String {
    match text.is_empty() {
        true => "-".to_owned(),
        false => text.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut grid = Grid::new(&["TENANT", "N"]);
        grid.row(vec!["größe".to_owned(), "1".to_owned()]);
        grid.row(vec!["a\u{1b}[2Jlong".to_owned(), String::new()]);
        assert_eq!(grid.render(), "TENANT     N\ngröße      1\na?[2Jlong  -\n");
    }
}
