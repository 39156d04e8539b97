//! Where everything stands on the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph};

use super::clean::{age, amount, clean, cut, wrap};
use super::keys::HELP;
use super::model::{Link, Mode, Model, Panel};
use super::{Order, Theme, detail, log_view, table};

/// Smaller than that shows nothing useful.
const COLUMNS_MIN: u16 = 20;
const ROWS_MIN: u16 = 4;
/// Rows of the body from which on panel and log are both shown.
const TALL_ROWS: u16 = 26;
/// Rows that panel and log have at least then.
const TALL_LOWER_ROWS: u16 = 20;
/// Rows of the panel where the log has the rest.
const PANEL_ROWS: u16 = 13;
/// Rows of the body from which on there is a panel at all.
const PANEL_FROM_ROWS: u16 = 8;
/// Lines of a message at the bottom, at most.
const BOTTOM_LINES_MAX: usize = 3;
/// Names of servers in a question, in characters.
const NAMES_CHARS_MAX: usize = 60;

/// What stays from one drawing to the next and is no part of the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sight {
    /// The first row of the table that is seen.
    pub(super) first_row: usize,
}

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme, sight: &mut Sight) {
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        frame.render_widget("too small", area);
        return;
    }
    let bottom = bottom_lines(model, theme, usize::from(area.width));
    let bottom_rows = u16::try_from(bottom.len()).unwrap_or(1);
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(bottom_rows)]).areas(area);
    frame.render_widget(head_line(model, theme, usize::from(head.width)), head);
    frame.render_widget(Paragraph::new(bottom), foot);
    if model.mode == Mode::Log {
        log_view::draw(frame, body, model, theme, true);
        return;
    }
    let [upper, lower] =
        Layout::vertical([Constraint::Length(table_rows(model, body.height)), Constraint::Fill(1)]).areas(body);
    table::draw(frame, upper, model, theme, sight);
    draw_lower(frame, lower, model, theme, body.height >= TALL_ROWS);
    if model.mode == Mode::Help {
        draw_help(frame, area, theme);
    }
}

/// The table takes what it needs and leaves the panels what they need.
fn table_rows(model: &Model, body_rows: u16) -> u16 {
    let wanted = u16::try_from(model.shown().count()).unwrap_or(u16::MAX).saturating_add(1).max(2);
    let lower_rows = match body_rows {
        rows if rows >= TALL_ROWS => TALL_LOWER_ROWS,
        rows if rows >= PANEL_FROM_ROWS => rows / 2,
        _ => 0,
    };
    if lower_rows == 0 { body_rows } else { wanted.min(body_rows - lower_rows) }
}

fn draw_lower(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme, is_tall: bool) {
    if area.height < 2 {
        return;
    }
    let (panel, log) = if is_tall && model.panel != Panel::Log {
        let [panel, log] = Layout::vertical([Constraint::Length(PANEL_ROWS), Constraint::Fill(1)]).areas(area);
        (panel, Some(log))
    } else {
        (area, None)
    };
    let block = Block::new().borders(Borders::TOP).border_style(theme.dim()).title(tabs(model, theme));
    let inside = block.inner(panel);
    frame.render_widget(block, panel);
    match model.panel {
        Panel::Overview => detail::draw_overview(frame, inside, model, theme),
        Panel::Instances => detail::draw_instances(frame, inside, model, theme),
        Panel::Log => log_view::draw_lines(frame, inside, model, theme),
    }
    if let Some(log) = log {
        log_view::draw(frame, log, model, theme, false);
    }
}

/// `─ weather ─ [overview] instances log ─`.
fn tabs(model: &Model, theme: Theme) -> Line<'static> {
    let name = model.chosen.as_deref().map_or_else(|| "no server".to_owned(), |name| cut(&clean(name), 24));
    let mut spans = vec![Span::styled(format!(" {name} "), theme.bold()), Span::styled("─", theme.dim())];
    for panel in Panel::ALL {
        spans.push(if panel == model.panel {
            Span::styled(format!(" [{}]", panel.title()), theme.accent())
        } else {
            Span::styled(format!(" {}", panel.title()), theme.dim())
        });
    }
    spans.push(Span::raw(" "));
    Line::from(spans)
}

/// What of these fits, the most important first; shown in their order.
fn fitting(pieces: Vec<(u8, Span<'static>)>, columns: usize) -> Line<'static> {
    let mut by_rank: Vec<(u8, usize)> = pieces.iter().map(|(rank, piece)| (*rank, piece.width() + 2)).collect();
    by_rank.sort_unstable();
    let mut used = 0;
    let fits = by_rank.iter().take_while(|(_, width)| {
        used += width;
        used <= columns
    });
    let last_rank = fits.last().map(|(rank, _)| *rank);
    let kept = pieces.into_iter().filter(|(rank, _)| last_rank.is_some_and(|last| *rank <= last));
    let spans = kept.flat_map(|(_, piece)| [piece, Span::raw("  ")]);
    Line::from_iter(std::iter::once(Span::raw(" ")).chain(spans))
}

fn head_line(model: &Model, theme: Theme, columns: usize) -> Line<'static> {
    let since = |at: std::time::Duration| age(i64::try_from(model.now.saturating_sub(at).as_secs()).unwrap_or(0));
    let mut pieces = match &model.link {
        Link::Unknown => vec![(0, Span::raw("asking the daemon…"))],
        Link::Absent { gone_at: None } => {
            vec![(0, Span::styled("no daemon runs", theme.warn())), (1, Span::styled("S starts it", theme.bold()))]
        }
        Link::Absent { gone_at: Some(at) } => vec![
            (0, Span::styled(format!("the daemon is gone for {}", since(*at)), theme.bad())),
            (1, Span::styled("S starts one", theme.bold())),
            (3, Span::styled("still looking", theme.dim())),
        ],
        Link::Silent { since: at, why } => vec![
            (0, Span::styled(format!("no answer for {}", since(*at)), theme.bad())),
            (1, Span::styled(cut(why, columns.saturating_sub(24).max(8)), theme.dim())),
        ],
        Link::There => there(model, theme),
    };
    if model.is_narrowed() {
        let (shown, all) = (model.shown().count(), model.look.servers.len());
        let group = model.group.as_ref().map(|group| format!(" in {}", cut(&clean(group), 12)));
        let filter = (!model.filter.is_empty()).then(|| format!(" with {}", cut(&clean(&model.filter), 12)));
        let text = format!("{shown} of {all}{}{}", group.unwrap_or_default(), filter.unwrap_or_default());
        pieces.push((2, Span::styled(text, theme.accent())));
    }
    fitting(pieces, columns.saturating_sub(1))
}

fn there(model: &Model, theme: Theme) -> Vec<(u8, Span<'static>)> {
    let Some(daemon) = &model.look.daemon else { return Vec::new() };
    let servers = &model.look.servers;
    let in_flight: u64 = servers.iter().map(|server| server.in_flight).sum();
    let errors: u64 = servers.iter().map(|server| server.errors).sum();
    let counted = |count: usize, noun: &str| if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
    let errors_style = if errors > 0 { theme.bad() } else { theme.dim() };
    let errors = counted(usize::try_from(errors).unwrap_or(usize::MAX), "error");
    vec![
        (4, Span::styled(format!("mcporch {}", clean(&daemon.version)), theme.bold())),
        (3, Span::raw(format!("pid {}", daemon.pid))),
        (5, Span::raw(format!("up {}", age(daemon.uptime_s)))),
        (6, Span::raw(counted(daemon.clients, "client"))),
        (7, Span::raw(counted(servers.len(), "server"))),
        (0, Span::styled(format!("{} calls/s", amount(model.calls_per_s())), theme.accent())),
        (2, Span::raw(format!("{in_flight} in flight"))),
        (1, Span::styled(errors, errors_style)),
    ]
}

/// A question, what is being written, what happened, what goes on, or what the keys do.
fn bottom_lines(model: &Model, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let styled = |text: &str, style: Style| -> Vec<Line<'static>> {
        let lines = wrap(text, columns.saturating_sub(1)).into_iter().take(BOTTOM_LINES_MAX);
        lines.map(|line| Line::styled(format!(" {line}"), style)).collect()
    };
    match &model.mode {
        Mode::Ask(order) => return styled(&question(order), theme.warn().patch(theme.bold())),
        Mode::Filter { .. } => {
            return styled(&format!("/{}▏ enter keeps it, esc drops it", clean(&model.filter)), theme.accent());
        }
        Mode::Table | Mode::Help | Mode::Log => {}
    }
    if let Some(message) = &model.message {
        return if message.is_error {
            styled(&format!("! {}", message.text), theme.bad())
        } else {
            styled(&message.text, theme.good())
        };
    }
    if model.is_starting_daemon {
        return styled("starting the daemon…", theme.warn());
    }
    if let Some(order) = model.orders.first() {
        let more =
            if model.orders.len() > 1 { format!(" and {} more orders", model.orders.len() - 1) } else { String::new() };
        return styled(&format!("{} {}…{more}", order.verb.doing(), names(order)), theme.warn());
    }
    let keys: &[(u8, &str)] = if model.mode == Mode::Log {
        &[(1, "↑↓ move"), (2, "end follow"), (0, "l back")]
    } else {
        &[
            (3, "s start"),
            (4, "x stop"),
            (5, "r restart"),
            (8, "R all"),
            (6, "/ filter"),
            (9, "g group"),
            (7, "tab panel"),
            (2, "l log"),
            (0, "? help"),
            (1, "q quit"),
        ]
    };
    vec![fitting(
        keys.iter().map(|(rank, text)| (*rank, Span::styled(*text, theme.dim()))).collect(),
        columns.saturating_sub(1),
    )]
}

fn question(order: &Order) -> String {
    let verb = order.verb.method();
    let which = if order.servers.len() > 1 { format!("these {} servers", order.servers.len()) } else { names(order) };
    let listed = if order.servers.len() > 1 { format!(" ({})", names(order)) } else { String::new() };
    format!("{verb} {which}? y/n{listed}")
}

fn names(order: &Order) -> String {
    let names: Vec<String> = order.servers.iter().map(|name| clean(name)).collect();
    cut(&names.join(", "), NAMES_CHARS_MAX)
}

fn draw_help(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let keys_columns = HELP.iter().map(|(keys, _)| Span::raw(*keys).width()).max().unwrap_or(0);
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(keys, what)| {
            let pad = " ".repeat(keys_columns - Span::raw(*keys).width());
            Line::from(vec![Span::styled(format!(" {keys}{pad}  "), theme.accent()), Span::raw(format!("{what} "))])
        })
        .collect();
    let columns = lines.iter().map(Line::width).max().unwrap_or(0);
    let size = |inside: usize, room: u16| u16::try_from(inside + 2).unwrap_or(room).min(room);
    let (width, height) = (size(columns, area.width), size(lines.len(), area.height));
    let place = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    frame.render_widget(Clear, place);
    let block = Block::bordered().title(" keys ").border_style(theme.dim());
    frame.render_widget(Paragraph::new(lines).block(block), place);
}
