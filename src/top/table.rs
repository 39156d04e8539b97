//! The table of servers: as many columns as there is room for.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, HighlightSpacing, Row, Table, TableState};

use super::clean::{age, amount, bytes, clean, cut};
use super::draw::Sight;
use super::model::{Link, Model};
use super::theme::letter;
use super::{Server, Theme};

/// Narrowest and widest column of names.
const NAME_COLUMNS: (u16, u16) = (8, 28);
/// Narrowest column of remarks.
const REMARK_COLUMNS_MIN: u16 = 12;
/// Before the first column: which row is chosen.
const MARK_COLUMNS: u16 = 1;

/// A column beside name and remark.
struct Column {
    title: &'static str,
    columns: u16,
    /// The least are shown first where there is no room for all.
    rank: u8,
    is_text: bool,
    text: fn(&Model, &Server) -> String,
}

const fn number(title: &'static str, columns: u16, rank: u8, text: fn(&Model, &Server) -> String) -> Column {
    Column { title, columns, rank, is_text: false, text }
}

const COLUMNS: &[Column] = &[
    Column { title: "state", columns: 11, rank: 3, is_text: true, text: |_, server| clean(&server.state) },
    number("for", 5, 5, |model, server| since(model, server.since)),
    number("pid", 8, 7, |_, server| known(server.pid, |pid| pid.to_string())),
    number("cpu %", 6, 0, |_, server| known(server.cpu_percent, amount)),
    number("memory", 6, 1, |_, server| known(server.memory_bytes, bytes)),
    number("calls/s", 7, 2, |model, server| {
        known(model.histories.get(&server.name).and_then(super::history::History::calls_per_s), amount)
    }),
    number("errors", 6, 4, |_, server| server.errors.to_string()),
    number("restarts", 8, 6, |_, server| server.restarts.to_string()),
    number("in flight", 9, 8, |_, server| server.in_flight.to_string()),
    number("waiting", 7, 9, |_, server| server.waiting.to_string()),
];

/// How old, by the wall clock; a dash where it never was.
pub(super) fn since(model: &Model, since: i64) -> String {
    if since > 0 { age(model.unix_s - since) } else { "–".to_owned() }
}

/// A dash where nothing is known.
pub(super) fn known<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme, sight: &mut Sight) {
    let servers: Vec<&Server> = model.shown().collect();
    if servers.is_empty() {
        let text = match (&model.link, model.is_narrowed()) {
            (_, true) => " no server fits; esc shows all",
            (Link::Unknown, false) => "",
            (Link::There | Link::Absent { .. } | Link::Silent { .. }, false) => " there are no servers in the registry",
        };
        frame.render_widget(Line::styled(text, theme.dim()), area);
        return;
    }
    let (columns, name_columns, remark_columns) = columns_for(area.width, &servers);
    let right = |text: String| Cell::new(Line::from(text).right_aligned());
    let mut titles = vec![Cell::new(""), Cell::new("server")];
    titles.extend(
        columns.iter().map(
            |column| {
                if column.is_text { Cell::new(column.title) } else { right(column.title.to_owned()) }
            },
        ),
    );
    let mut widths = vec![Constraint::Length(1), Constraint::Length(name_columns)];
    widths.extend(columns.iter().map(|column| Constraint::Length(column.columns)));
    if remark_columns > 0 {
        titles.push(Cell::new("remark"));
        widths.push(Constraint::Length(remark_columns));
    }
    // What is shown is not so any more.
    let is_stale = model.link != Link::There;
    let rows = servers.iter().map(|server| {
        let style = if is_stale { theme.dim() } else { theme.state(&server.state) };
        let mut cells = vec![
            Cell::new(Span::styled(letter(&server.state).to_string(), style)),
            Cell::new(cut(&clean(&server.name), usize::from(name_columns))),
        ];
        cells.extend(columns.iter().map(|column| {
            let text = (column.text)(model, server);
            if column.is_text { Cell::new(Span::styled(text, style)) } else { right(text) }
        }));
        if remark_columns > 0 {
            cells.push(Cell::new(cut(&remark(model, server), usize::from(remark_columns))));
        }
        Row::new(cells).style(if is_stale { theme.dim() } else { Style::new() })
    });
    let table = Table::new(rows, widths)
        .header(Row::new(titles).style(theme.bold()))
        .column_spacing(1)
        .highlight_symbol("▸")
        .highlight_spacing(HighlightSpacing::Always)
        .row_highlight_style(theme.chosen());
    let selected = model.chosen().map(|(row, _)| row);
    // Rows at the end that are gone must not leave empty room.
    let first = sight.first_row.min(servers.len().saturating_sub(usize::from(area.height.saturating_sub(1))));
    let mut state = TableState::new().with_offset(first).with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
    sight.first_row = state.offset();
}

/// What fits, and the columns of names and remarks.
fn columns_for(room: u16, servers: &[&Server]) -> (Vec<&'static Column>, u16, u16) {
    let longest = servers.iter().map(|server| server.name.chars().count()).max().unwrap_or(0);
    let name_columns = u16::try_from(longest).unwrap_or(u16::MAX).clamp(NAME_COLUMNS.0, NAME_COLUMNS.1).min(room / 2);
    let mut left = room.saturating_sub(MARK_COLUMNS + 2 + name_columns);
    let mut by_rank: Vec<&Column> = COLUMNS.iter().collect();
    by_rank.sort_by_key(|column| column.rank);
    let mut last_rank = None;
    for column in by_rank {
        // The first that does not fit is the end: what is less important does not take its place.
        if left < column.columns + 1 {
            break;
        }
        left -= column.columns + 1;
        last_rank = Some(column.rank);
    }
    let columns = COLUMNS.iter().filter(|column| last_rank.is_some_and(|last| column.rank <= last)).collect();
    let remark_columns = if left > REMARK_COLUMNS_MIN { left - 1 } else { 0 };
    (columns, name_columns, remark_columns)
}

fn remark(model: &Model, server: &Server) -> String {
    let ordered = model.orders.iter().find(|order| order.servers.contains(&server.name));
    if let Some(order) = ordered {
        return format!("{}…", order.verb.doing());
    }
    let several = (server.instances.len() > 1).then(|| format!("×{}", server.instances.len()));
    let parts: Vec<String> = several.into_iter().chain(server.fault.clone()).chain(server.warnings.clone()).collect();
    clean(&parts.join("; "))
}
