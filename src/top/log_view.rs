//! The log of the chosen server: its end, or where it was moved to.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use crate::server_logs::{LogLine, Source};

use super::Theme;
use super::clean::{clean, cut, wrap};
use super::model::Model;

/// Of a moment's text: the time of day.
const TIME_OF_DAY: std::ops::Range<usize> = 11..19;
/// Columns of it, with the space behind.
const TIME_COLUMNS: usize = 9;
/// Narrower than that has no room for times.
const TIMES_FROM_COLUMNS: usize = 50;

/// With a title, and with where it stands when it fills the screen.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme, is_whole: bool) {
    let name = model.log.server.as_deref().map(|name| cut(&clean(name), 24)).unwrap_or_default();
    let mut title = vec![Span::styled(format!(" log of {name} "), theme.bold())];
    if is_whole && model.log.back > 0 {
        title.push(Span::styled(format!("· {} lines before its end ", model.log.back), theme.warn()));
    }
    let block = Block::new().borders(Borders::TOP).border_style(theme.dim()).title(Line::from(title));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    draw_lines(frame, inside, model, theme);
}

/// The last lines that fit, each broken where it is too long.
pub(super) fn draw_lines(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let log = &model.log;
    if log.lines.is_empty() || log.fault.is_some() {
        frame.render_widget(Line::styled(format!(" {}", log.without_lines()), theme.dim()), area);
        return;
    }
    let rows = usize::from(area.height);
    let end = log.lines.len() - log.back.min(log.lines.len() - 1);
    let mut shown: Vec<Line<'_>> = Vec::new();
    for line in log.lines.iter().take(end).rev() {
        if shown.len() >= rows {
            break;
        }
        shown.extend(drawn(line, usize::from(area.width), theme).into_iter().rev());
    }
    shown.truncate(rows);
    shown.reverse();
    // Moved up to the first line, what comes behind it fills the screen.
    for line in log.lines.iter().skip(end) {
        if shown.len() >= rows {
            break;
        }
        shown.extend(drawn(line, usize::from(area.width), theme));
    }
    shown.truncate(rows);
    frame.render_widget(Paragraph::new(shown), area);
}

/// One line of the log; what we said of the server is marked and dim.
fn drawn(line: &LogLine, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let has_time = columns >= TIMES_FROM_COLUMNS;
    let before = if has_time { TIME_COLUMNS + 1 } else { 1 };
    let time = line.at.to_string();
    let time = time.get(TIME_OF_DAY).unwrap_or_default();
    let (text, style) = match line.source {
        Source::Stderr => (line.text.clone(), Style::new()),
        Source::Mcporch => (format!("* {}", line.text), theme.accent()),
    };
    let broken = wrap(&text, columns.saturating_sub(before + 1)).into_iter().enumerate();
    let with_time = |(at, part): (usize, String)| {
        let lead = if at == 0 && has_time { format!(" {time} ") } else { " ".repeat(before) };
        Line::from(vec![Span::styled(lead, theme.dim()), Span::styled(part, style)])
    };
    broken.map(with_time).collect()
}
