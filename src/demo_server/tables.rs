//! Tools of kind `tables`: CSV tables in, CSV tables or JSON out.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::{Map, Number, Value, json};

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::csv::{Table, number};
use super::demo_tool::{DemoTool, Hints};
use super::units::show_number;
use super::world::World;

/// Most rows of a joined table. A guess; a join of two tables can grow with the product of both.
const JOINED_ROWS_MAX: usize = 100_000;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "csv_to_json",
        title: "Convert CSV to JSON",
        description: "Converts a CSV table with a header row to a JSON array of objects. Numbers and true/false become JSON values.",
        hints: Hints::Reads,
        properties: r#"{"csv":{"type":"string","description":"Table with a header row; comma, semicolon, tab or | as separator."}}"#,
        required: &["csv"],
        output: r#"{"type":"object","properties":{"rows":{"type":"array","items":{"type":"object"}}},"required":["rows"]}"#,
        run: csv_to_json,
    },
    DemoTool {
        name: "sort_csv",
        title: "Sort a CSV table",
        description: "Sorts the rows of a CSV table by a column, numbers as numbers, ascending or descending.",
        hints: Hints::Reads,
        properties: r#"{"csv":{"type":"string","description":"Table with a header row."},"column":{"type":"string","description":"Column to sort by."},"order":{"type":"string","enum":["ascending","descending"],"default":"ascending","description":"Direction."}}"#,
        required: &["csv", "column"],
        output: "",
        run: sort_csv,
    },
    DemoTool {
        name: "filter_csv",
        title: "Filter a CSV table",
        description: "Keeps only the rows of a CSV table whose column meets a condition, for example amount greater than 100.",
        hints: Hints::Reads,
        properties: r#"{"csv":{"type":"string","description":"Table with a header row."},"column":{"type":"string","description":"Column to look at."},"condition":{"type":"string","enum":["equals","not_equals","contains","greater","less","empty","not_empty"],"default":"equals","description":"How to compare."},"value":{"type":["string","number"],"description":"What to compare with."}}"#,
        required: &["csv", "column"],
        output: "",
        run: filter_csv,
    },
    DemoTool {
        name: "sum_column",
        title: "Sum up a column",
        description: "Adds up the numbers in a column of a CSV table and gives their count, average, minimum and maximum.",
        hints: Hints::Reads,
        properties: r#"{"csv":{"type":"string","description":"Table with a header row."},"column":{"type":"string","description":"Column with the numbers."}}"#,
        required: &["csv", "column"],
        output: r#"{"type":"object","properties":{"sum":{"type":"number"},"count":{"type":"integer"},"average":{"type":"number"},"minimum":{"type":"number"},"maximum":{"type":"number"},"skipped":{"type":"integer"}},"required":["sum","count","average","minimum","maximum","skipped"]}"#,
        run: sum_column,
    },
    DemoTool {
        name: "group_csv",
        title: "Group a CSV table",
        description: "Groups the rows of a CSV table by a column, like a pivot table: counts the rows of each group, and sums a second column if one is given.",
        hints: Hints::Reads,
        properties: r#"{"csv":{"type":"string","description":"Table with a header row."},"by":{"type":"string","description":"Column to group by."},"sum":{"type":"string","description":"Column to add up within each group."}}"#,
        required: &["csv", "by"],
        output: "",
        run: group_csv,
    },
    DemoTool {
        name: "join_csv",
        title: "Join two CSV tables",
        description: "Joins two CSV tables on a column that both have, and keeps rows without a partner if asked (left join).",
        hints: Hints::Reads,
        properties: r#"{"left":{"type":"string","description":"First table, with a header row."},"right":{"type":"string","description":"Second table, with a header row."},"on":{"type":"string","description":"Column that both tables have."},"keep":{"type":"string","enum":["matching","left"],"default":"matching","description":"Keep only matching rows, or all rows of the first table."}}"#,
        required: &["left", "right", "on"],
        output: "",
        run: join_csv,
    },
];

fn csv_to_json(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let table = Table::parse("csv", arguments.text("csv")?)?;
    let object = |row: &Vec<String>| -> Value {
        table.columns.iter().cloned().zip(row.iter().map(|cell| json_of(cell))).collect::<Map<_, _>>().into()
    };
    let rows: Vec<Value> = table.rows.iter().map(object).collect();
    let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
    Ok(Answer::with(text, json!({"rows": rows})))
}

fn json_of(cell: &str) -> Value {
    // 007 is a text: a number that is written otherwise than JSON writes it may be an identifier.
    let plain = |cell: &str| cell == "0" || cell.starts_with("0.") || !cell.starts_with('0');
    let is_number = plain(cell.strip_prefix('-').unwrap_or(cell)) && number(cell).is_some() && !cell.starts_with('+');
    match cell {
        "" => Value::Null,
        "true" | "TRUE" | "True" => true.into(),
        "false" | "FALSE" | "False" => false.into(),
        _ if is_number => cell.trim().parse::<Number>().map_or_else(|_| cell.into(), Value::from),
        _ => cell.into(),
    }
}

fn sort_csv(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let mut table = Table::parse("csv", arguments.text("csv")?)?;
    let column = table.column("column", arguments.text("column")?)?;
    let is_descending = arguments.word("order", &["ascending", "descending"])? == "descending";
    table.rows.sort_by(|a, b| {
        let order = compare(&a[column], &b[column]);
        if is_descending { order.reverse() } else { order }
    });
    Ok(Answer::text(table.to_csv()))
}

/// Numbers before texts, as a spreadsheet does.
fn compare(a: &str, b: &str) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.to_lowercase().cmp(&b.to_lowercase()),
    }
}

fn filter_csv(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    const CONDITIONS: [&str; 7] = ["equals", "not_equals", "contains", "greater", "less", "empty", "not_empty"];
    let table = Table::parse("csv", arguments.text("csv")?)?;
    let column = table.column("column", arguments.text("column")?)?;
    let condition = arguments.word("condition", &CONDITIONS)?;
    let value = match arguments.value("value") {
        Some(value) if value.is_number() => value.to_string(),
        Some(_) => arguments.text("value")?.trim().to_owned(),
        None if condition.ends_with("empty") => String::new(),
        None => return Err(Fault::Missing { name: "value".to_owned(), expected: "what to compare with" }),
    };
    let is_equal = |cell: &str| match (number(cell), number(&value)) {
        (Some(cell), Some(value)) => (cell - value).abs() <= f64::EPSILON * value.abs(),
        (Some(_) | None, _) => cell.trim().to_lowercase() == value.to_lowercase(),
    };
    let meets = |row: &&Vec<String>| {
        let cell = row[column].as_str();
        match condition {
            "not_equals" => !is_equal(cell),
            "contains" => cell.to_lowercase().contains(&value.to_lowercase()),
            "greater" => {
                compare(cell, &value) == Ordering::Greater && number(cell).is_some() == number(&value).is_some()
            }
            "less" => compare(cell, &value) == Ordering::Less && number(cell).is_some() == number(&value).is_some(),
            "empty" => cell.trim().is_empty(),
            "not_empty" => !cell.trim().is_empty(),
            _ => is_equal(cell),
        }
    };
    let rows = table.rows.iter().filter(meets).cloned().collect();
    Ok(Answer::text(table.with(table.columns.clone(), rows).to_csv()))
}

fn sum_column(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let table = Table::parse("csv", arguments.text("csv")?)?;
    let wanted = arguments.text("column")?;
    let column = table.column("column", wanted)?;
    let numbers: Vec<f64> = table.rows.iter().filter_map(|row| number(&row[column])).collect();
    if numbers.is_empty() {
        return Err(Fault::Unusable { name: "column", why: format!("column {wanted:?} holds no numbers") });
    }
    let skipped = table.rows.len() - numbers.len();
    let sum: f64 = numbers.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a table has far fewer than 2^53 rows")]
    let average = sum / numbers.len() as f64;
    let minimum = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let maximum = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let text = format!(
        "Sum of {wanted}: {} ({} numbers, average {}, minimum {}, maximum {}, {skipped} cells without a number)",
        show_number(sum),
        numbers.len(),
        show_number(average),
        show_number(minimum),
        show_number(maximum),
    );
    let structured = json!({"sum": sum, "count": numbers.len(), "average": average, "minimum": minimum, "maximum": maximum, "skipped": skipped});
    Ok(Answer::with(text, structured))
}

fn group_csv(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let table = Table::parse("csv", arguments.text("csv")?)?;
    let by = table.column("by", arguments.text("by")?)?;
    let summed = arguments.optional_text("sum")?.map(|name| table.column("sum", name)).transpose()?;
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&str, usize, f64)> = Vec::new();
    for row in &table.rows {
        let place = *places.entry(&row[by]).or_insert_with(|| {
            groups.push((&row[by], 0, 0.0));
            groups.len() - 1
        });
        groups[place].1 += 1;
        groups[place].2 += summed.and_then(|column| number(&row[column])).unwrap_or(0.0);
    }
    let mut columns = vec![table.columns[by].clone(), "count".to_owned()];
    columns.extend(summed.map(|column| format!("sum of {}", table.columns[column])));
    let row = |(name, count, sum): (&str, usize, f64)| {
        let mut row = vec![name.to_owned(), count.to_string()];
        row.extend(summed.map(|_| show_number(sum)));
        row
    };
    let rows = groups.into_iter().map(row).collect();
    Ok(Answer::text(table.with(columns, rows).to_csv()))
}

fn join_csv(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let (left, right) =
        (Table::parse("left", arguments.text("left")?)?, Table::parse("right", arguments.text("right")?)?);
    let on = arguments.text("on")?;
    let (left_on, right_on) = (left.column("on", on)?, right.column("on", on)?);
    let keeps_left = arguments.word("keep", &["matching", "left"])? == "left";
    let without_key = |row: &[String]| -> Vec<String> {
        row.iter().enumerate().filter(|(at, _)| *at != right_on).map(|(_, cell)| cell.clone()).collect()
    };
    let mut partners: HashMap<&str, Vec<&Vec<String>>> = HashMap::new();
    for row in &right.rows {
        partners.entry(row[right_on].trim()).or_default().push(row);
    }
    let mut rows = Vec::new();
    for row in &left.rows {
        let found = partners.get(row[left_on].trim());
        for partner in found.into_iter().flatten() {
            rows.push([row.clone(), without_key(partner)].concat());
        }
        if found.is_none() && keeps_left {
            rows.push([row.clone(), vec![String::new(); right.columns.len() - 1]].concat());
        }
        if rows.len() > JOINED_ROWS_MAX {
            return Err(Fault::Unusable { name: "on", why: format!("the result has over {JOINED_ROWS_MAX} rows") });
        }
    }
    let columns = [left.columns.clone(), without_key(&right.columns)].concat();
    Ok(Answer::text(left.with(columns, rows).to_csv()))
}
