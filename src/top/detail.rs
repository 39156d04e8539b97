//! The panel of the chosen server: what it is, what it uses, what is wrong with it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Sparkline, Table};

use super::clean::{amount, bytes, clean, wrap};
use super::history::{History, Sample};
use super::model::Model;
use super::table::{known, since};
use super::theme::letter;
use super::{Server, Theme};

/// Rows of the charts: one of titles, the others of bars.
const CHART_ROWS: std::ops::RangeInclusive<u16> = 2..=5;

pub(super) fn draw_overview(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let Some((_, server)) = model.chosen() else {
        frame.render_widget(Line::styled(" no server is chosen", theme.dim()), area);
        return;
    };
    let columns = usize::from(area.width).saturating_sub(2);
    let styled = |text: &str, style: Style| -> Vec<Line<'static>> {
        wrap(&clean(text), columns).into_iter().map(|line| Line::styled(format!(" {line}"), style)).collect()
    };
    let mut lines = styled(&first_facts(model, server), theme.state(&server.state));
    lines.extend(server.fault.iter().flat_map(|fault| styled(fault, theme.bad())));
    lines.extend(server.warnings.iter().flat_map(|warning| styled(warning, theme.warn())));
    lines.extend(styled(&counters(server), Style::new()));
    // A fault is told in full; otherwise the charts have a little room whatever there is to say.
    let least = if server.fault.is_none() { *CHART_ROWS.start() } else { 0 };
    let left = area.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(u16::MAX));
    let chart_rows = match left.max(least).min(area.height) {
        few if few < *CHART_ROWS.start() => 0,
        many => many.min(*CHART_ROWS.end()),
    };
    let text_rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height - chart_rows);
    let [text, charts, rest] =
        Layout::vertical([Constraint::Length(text_rows), Constraint::Length(chart_rows), Constraint::Fill(1)])
            .areas(area);
    frame.render_widget(Paragraph::new(lines), text);
    draw_charts(frame, charts, model, server, theme);
    if server.instances.len() > 1 && rest.height > 1 {
        draw_instances(frame, rest, model, theme);
    }
}

fn first_facts(model: &Model, server: &Server) -> String {
    let mut facts = vec![format!("{} {}", letter(&server.state), clean(&server.state))];
    facts.extend((server.since > 0).then(|| format!("for {}", since(model, server.since))));
    facts.extend(server.pid.map(|pid| format!("pid {pid}")));
    facts.extend(server.is_kept.then(|| "kept running".to_owned()));
    facts.extend(server.is_stateful.then(|| "keeps state".to_owned()));
    let listed =
        |title: &str, names: &[String]| (!names.is_empty()).then(|| format!("{title} {}", clean(&names.join(", "))));
    facts.extend(listed("in", &server.groups));
    facts.extend(listed("after", &server.depends_on));
    facts.join(" · ")
}

fn counters(server: &Server) -> String {
    let Server { calls, errors, in_flight, waiting, starts, restarts, .. } = server;
    format!(
        "calls {calls} · errors {errors} · in flight {in_flight} · waiting {waiting} · starts {starts} · restarts {restarts}"
    )
}

/// A chart: its title, what it takes of a sample, how a value is written.
struct Chart {
    title: &'static str,
    value: fn(&Sample) -> Option<f64>,
    text: fn(f64) -> String,
}

const CHARTS: [Chart; 3] = [
    Chart { title: "cpu", value: |sample| sample.cpu_percent, text: |value| format!("{}%", amount(value)) },
    Chart { title: "mem", value: memory, text: |value| bytes(value as u64) },
    Chart { title: "calls", value: |sample| sample.calls_per_s, text: |value| format!("{}/s", amount(value)) },
];

fn memory(sample: &Sample) -> Option<f64> {
    sample.memory_bytes.map(|bytes| bytes as f64)
}

fn draw_charts(frame: &mut Frame<'_>, area: Rect, model: &Model, server: &Server, theme: Theme) {
    if area.height < *CHART_ROWS.start() {
        return;
    }
    let empty = History::default();
    let history = model.histories.get(&server.name).unwrap_or(&empty);
    let places: [Rect; 3] = Layout::horizontal([Constraint::Fill(1); 3]).spacing(1).areas(area);
    for (chart, place) in CHARTS.iter().zip(places) {
        let [title, bars] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(place);
        let bars = Rect { x: bars.x + 1, width: bars.width.saturating_sub(1), ..bars };
        let cells = history.cells(model.now, usize::from(bars.width), chart.value);
        let now = history.cells(model.now, 300, chart.value).into_iter().rev().find_map(|value| value);
        let most = cells.iter().flatten().copied().fold(0.0, f64::max);
        let short = format!(" {} {}", chart.title, known(now, chart.text));
        let long = format!("{short}  most {} in 5m", (chart.text)(most));
        let text = if now.is_some() && long.chars().count() <= usize::from(title.width) { long } else { short };
        frame.render_widget(Line::styled(text, theme.bold()), title);
        // In thousandths of the greatest, so that what is small has bars too.
        let share = |value: f64| if most > 0.0 { (value / most * 1000.0).round() as u64 } else { 0 };
        let shares: Vec<Option<u64>> = cells.into_iter().map(|value| value.map(share)).collect();
        frame.render_widget(
            Sparkline::default().data(shares).max(1000).style(theme.accent()).absent_value_symbol(" "),
            bars,
        );
    }
}

pub(super) fn draw_instances(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let instances = model.chosen().map(|(_, server)| server.instances.as_slice()).unwrap_or_default();
    if instances.is_empty() {
        frame.render_widget(Line::styled(" it has no instance", theme.dim()), area);
        return;
    }
    let heads = [
        "",
        "#",
        "state",
        "for",
        "pid",
        "cpu %",
        "memory",
        "in flight",
        "calls",
        "threads",
        "files",
        "processes",
        "again in",
    ];
    let widths = [1, 3, 11, 5, 8, 6, 6, 9, 7, 7, 6, 9, 8];
    // From the left as many as there is room for.
    let mut used = 0;
    let fitting = widths.iter().take_while(|width| {
        used += **width + 1;
        used <= area.width + 1
    });
    let count = fitting.count();
    let row = |at: usize| {
        let one = &instances[at];
        let cells = vec![
            String::new(),
            (at + 1).to_string(),
            clean(&one.state),
            since(model, one.since),
            known(one.pid, |pid| pid.to_string()),
            known(one.cpu_percent, amount),
            known(one.memory_bytes, bytes),
            one.in_flight.to_string(),
            one.calls.to_string(),
            known(one.threads, |count| count.to_string()),
            known(one.fds, |count| count.to_string()),
            known(one.processes, |count| count.to_string()),
            known(one.retry_in_s, |seconds| format!("{seconds:.0}s")),
        ];
        let style = theme.state(&one.state);
        let cells = cells.into_iter().take(count).enumerate();
        Row::new(cells.map(|(column, text)| aligned(column, text, if column == 2 { style } else { Style::new() })))
    };
    let head =
        heads.iter().take(count).enumerate().map(|(column, title)| aligned(column, (*title).to_owned(), theme.bold()));
    let table =
        Table::new((0..instances.len()).map(row), widths.iter().take(count).map(|width| Constraint::Length(*width)))
            .header(Row::new(head))
            .column_spacing(1);
    frame.render_widget(table, area);
}

/// Words stand to the left, numbers to the right.
fn aligned(column: usize, text: String, style: Style) -> Line<'static> {
    let line = Line::from(Span::styled(text, style));
    if column == 2 { line } else { line.right_aligned() }
}
