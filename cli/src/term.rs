//! Colours: only on a terminal, and not with `NO_COLOR`.

use anstyle::{AnsiColor, Style};

pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GROUP: Style = AnsiColor::Blue.on_default().bold();
pub(crate) const DATASET: Style = Style::new().bold();
pub(crate) const TYPE: Style = AnsiColor::Green.on_default();
pub(crate) const LINK: Style = AnsiColor::Cyan.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
