//! CSV tables: reading them in the forms that people have, and writing them.

use super::answer::Fault;

/// Largest table, in bytes. A guess: a tool's argument, not a data base.
const BYTES_MAX: usize = 4 << 20;

/// A table. Invariant: every row has as many cells as there are columns.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    separator: char,
}

impl Table {
    /// Reads a table whose first row holds the names. The separator is the one of `,` `;` tab `|` that the first row has
    /// most of. Short rows are filled up; a row with too many cells is a fault that names its line.
    pub(super) fn parse(name: &'static str, text: &str) -> Result<Self, Fault> {
        let bad = |why: String| Fault::Unusable { name, why };
        if text.len() > BYTES_MAX {
            return Err(bad(format!("it is larger than {BYTES_MAX} bytes")));
        }
        let text = text.trim_start_matches('\u{feff}');
        let first = text.lines().next().unwrap_or_default();
        let count = |separator: &char| first.matches(*separator).count();
        let separator = [',', ';', '\t', '|'].into_iter().rev().max_by_key(count).unwrap_or(',');
        let mut rows = cells(text, separator).ok_or_else(|| bad("a quotation mark is never closed".to_owned()))?;
        rows.retain(|row| row.len() > 1 || row.iter().any(|cell| !cell.trim().is_empty()));
        if rows.is_empty() {
            return Err(bad("it is empty; the first row must hold the column names".to_owned()));
        }
        let columns: Vec<String> = rows.remove(0).iter().map(|column| column.trim().to_owned()).collect();
        for (at, row) in rows.iter_mut().enumerate() {
            if row.len() > columns.len() {
                return Err(bad(format!(
                    "row {} has {} cells, but there are {} columns",
                    at + 1,
                    row.len(),
                    columns.len()
                )));
            }
            row.resize(columns.len(), String::new());
        }
        Ok(Self { columns, rows, separator })
    }

    /// The place of a column; case is ignored unless two columns differ in it only.
    pub(super) fn column(&self, name: &'static str, wanted: &str) -> Result<usize, Fault> {
        let wanted = wanted.trim();
        let exact = self.columns.iter().position(|column| column == wanted);
        let any_case = || self.columns.iter().position(|column| column.to_lowercase() == wanted.to_lowercase());
        exact.or_else(any_case).ok_or_else(|| Fault::NotOneOf {
            name: name.to_owned(),
            got: wanted.to_owned(),
            allowed: self.columns.join(", "),
        })
    }

    /// A table of the same separator.
    pub(super) fn with(&self, columns: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        Self { columns, rows, separator: self.separator }
    }

    /// Writes it, with quotation marks where needed.
    pub(super) fn to_csv(&self) -> String {
        let mut text = String::new();
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| self.quoted(cell)).collect();
            text.push_str(&cells.join(&self.separator.to_string()));
            text.push('\n');
        }
        text
    }

    fn quoted(&self, cell: &str) -> String {
        let needs = cell.contains([self.separator, '"', '\n', '\r']);
        if needs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
    }
}

/// The number in a cell, if there is one.
pub(super) fn number(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// All rows; none when a quotation mark is left open.
fn cells(text: &str, separator: char) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_quoted {
            if letter != '"' {
                cell.push(letter);
            } else if letters.next_if_eq(&'"').is_some() {
                cell.push('"');
            } else {
                is_quoted = false;
            }
        } else if letter == '"' && cell.trim().is_empty() {
            cell.clear();
            is_quoted = true;
        } else if letter == separator {
            row.push(std::mem::take(&mut cell));
        } else if letter == '\n' {
            row.push(std::mem::take(&mut cell));
            rows.push(std::mem::take(&mut row));
        } else if letter != '\r' {
            cell.push(letter);
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    (!is_quoted).then_some(rows)
}
