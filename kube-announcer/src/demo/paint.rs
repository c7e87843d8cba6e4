//! A few colours, where there is a terminal.

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) colours: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn title(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn came(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn went(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn quiet(self, text: &str) -> String {
        self.with("2", text)
    }
}
