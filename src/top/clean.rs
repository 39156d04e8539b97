//! Texts of servers and numbers as they fit into a cell.

use ratatui::text::Span;
use unicode_categories::UnicodeCategories;

/// On one line, without characters that steer a terminal or turn the direction of writing: what a server says must not
/// move, hide or rewrite what stands beside it.
pub(super) fn clean(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_other_format());
    kept.map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

/// At most so many characters; what is cut is shown as cut.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `12s`, `5m`, `3h`, `2d`.
pub(super) fn age(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..=119 => format!("{s}s"),
        s @ 120..=7199 => format!("{}m", s / 60),
        s @ 7200..=172_799 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// `0.4M`, `12M`, `1.2G`.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        small if small < 9.95 => format!("{small:.1}M"),
        middle if middle < 999.5 => format!("{middle:.0}M"),
        large if large < 9_950.0 => format!("{:.1}G", large / 1e3),
        huge => format!("{:.0}G", huge / 1e3),
    }
}

/// `0`, `0.4`, `12`, `3400`: three digits tell what a glance can take in.
pub(super) fn amount(value: f64) -> String {
    if value <= 0.0 {
        "0".to_owned()
    } else if value < 9.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// In lines of so many columns, broken at spaces where that wastes little. At least one line.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for (at, c) in text.char_indices() {
        let width = Span::raw(&text[at..at + c.len_utf8()]).width();
        if used + width > columns {
            let rest = match line.rfind(' ') {
                Some(space) if space > line.len() / 2 => line.split_off(space + 1),
                _ => String::new(),
            };
            lines.push(line.trim_end().to_owned());
            used = Span::raw(&rest).width();
            line = rest;
        }
        line.push(c);
        used += width;
    }
    lines.push(line.trim_end().to_owned());
    lines
}
