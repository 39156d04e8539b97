//! Colours. Every one of them only repeats what a letter or a word says too.

use ratatui::style::{Color, Modifier, Style};

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// False where the operator wants none (`NO_COLOR`).
    pub is_coloured: bool,
}

impl Theme {
    fn with(self, colour: Color) -> Style {
        if self.is_coloured { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn good(self) -> Style {
        self.with(Color::Green)
    }

    pub(super) fn warn(self) -> Style {
        self.with(Color::Yellow)
    }

    pub(super) fn bad(self) -> Style {
        self.with(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn accent(self) -> Style {
        self.with(Color::Cyan)
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Of a state, by its word.
    pub(super) fn state(self, state: &str) -> Style {
        match state {
            "ready" => self.good(),
            "starting" | "stopping" | "degraded" | "backoff" => self.warn(),
            "crashed" | "refused" | "quarantined" => self.bad(),
            _ => self.dim(),
        }
    }
}

/// The letter of a state, by its word: each state has its own, and those that need somebody are capitals.
pub(super) fn letter(state: &str) -> char {
    match state {
        "ready" => 'r',
        "starting" => 's',
        "stopping" => 'p',
        "dormant" => 'z',
        "stopped" => '-',
        "degraded" => 'D',
        "backoff" => 'B',
        "crashed" => 'C',
        "quarantined" => 'Q',
        "refused" => 'X',
        _ => '?',
    }
}
