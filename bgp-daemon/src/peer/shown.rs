//! Texts of strangers as people are shown them.

use std::fmt::{self, Write};

/// A text that may come from a stranger: control characters escaped, and no longer than a line.
pub struct Shown<'a>(pub &'a str);

/// Characters of it that are shown.
const LONGEST: usize = 200;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        for c in rest.by_ref().take(LONGEST) {
            match c {
                // Quotes and letters of all scripts are fine: only what moves the cursor or hides itself is not.
                '\'' | '"' => f.write_char(c)?,
                c => c.escape_debug().try_for_each(|c| f.write_char(c))?,
            }
        }
        if rest.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_can_neither_move_the_cursor_nor_fill_the_page() {
        assert_eq!(Shown("node-1 \"Łódź\"").to_string(), "node-1 \"Łódź\"");
        assert_eq!(Shown("a\n\u{1b}[31m\u{202e}").to_string(), "a\\n\\u{1b}[31m\\u{202e}");
        assert_eq!(Shown(&"x".repeat(1000)).to_string(), format!("{}…", "x".repeat(200)));
    }
}
