//! Rust text as tokens with their lines: enough to tell names from strings from comments, and no more.

/// A piece of Rust text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// What a [`Token`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Text,
    Comment,
    Mark,
}

/// Cuts Rust text into tokens; numbers and lifetimes are left out.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token(rest, first);
        let (piece, after) = rest.split_at(length);
        if let Some(kind) = kind {
            found.push(Token { kind, text: piece, line });
        }
        line += piece.matches('\n').count();
        rest = after;
    }
    found
}

/// What is not a comment: where items are looked for.
pub(crate) fn code<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    tokens.iter().copied().filter(|t| t.kind != Kind::Comment).collect()
}

fn token(rest: &str, first: char) -> (Option<Kind>, usize) {
    if rest.starts_with("//") {
        return (Some(Kind::Comment), rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Some(Kind::Comment), block_comment(rest));
    }
    if let Some(length) = string(rest) {
        return (Some(Kind::Text), length);
    }
    if first == '\'' {
        return (None, quote(rest));
    }
    if first == '_' || first.is_alphabetic() {
        return (Some(Kind::Name), word(rest));
    }
    if first.is_numeric() {
        return (None, word(rest));
    }
    (if first.is_whitespace() { None } else { Some(Kind::Mark) }, first.len_utf8())
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len())
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = if rest[at..].starts_with("/*") {
            depth += 1;
            2
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of the string literal that `rest` begins with, prefix and hashes included.
fn string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !matches!(c, 'b' | 'c' | 'r'))?;
    let raw = rest[..prefix].ends_with('r');
    let hashes = if raw { rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len() } else { 0 };
    let start = prefix + hashes;
    if prefix > 2 || !rest[start..].starts_with('"') {
        return None;
    }
    let body = &rest[start + 1..];
    let length = if raw {
        body.find(&format!("\"{}", "#".repeat(hashes)))? + 1 + hashes
    } else {
        1 + unescaped(body, '"')?
    };
    Some(start + 1 + length)
}

/// Where `end` stands in `body`, not behind a backslash.
fn unescaped(body: &str, end: char) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let hit = c == end && !escaped;
        escaped = c == '\\' && !escaped;
        hit.then_some(at)
    })
}

/// A character literal's length, or that of a lifetime.
fn quote(rest: &str) -> usize {
    let mut inner = rest[1..].chars();
    let (first, second) = (inner.next(), inner.next());
    match (first, second) {
        (Some('\\'), _) => 2 + unescaped(&rest[1..], '\'').unwrap_or(rest.len() - 2),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1 + word(&rest[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str, usize)> {
        tokens(text).iter().map(|t| (t.kind, t.text, t.line)).collect()
    }

    #[test]
    fn names_strings_and_comments_are_told_apart() {
        let text = "fn a() { // b\n \"c // d\" /* e /* f */ g */ h }";
        let expected = [
            (Kind::Name, "fn", 1),
            (Kind::Name, "a", 1),
            (Kind::Mark, "(", 1),
            (Kind::Mark, ")", 1),
            (Kind::Mark, "{", 1),
            (Kind::Comment, "// b", 1),
            (Kind::Text, "\"c // d\"", 2),
            (Kind::Comment, "/* e /* f */ g */", 2),
            (Kind::Name, "h", 2),
            (Kind::Mark, "}", 2),
        ];
        assert_eq!(kinds(text), expected);
    }

    #[test]
    fn raw_and_byte_strings_end_where_rust_ends_them() {
        for (text, string) in [
            (r###"r#"a "b" \"# c"###, r###"r#"a "b" \"#"###),
            (r#"b"\"a" c"#, r#"b"\"a""#),
            (r#"br"\" c"#, r#"br"\""#),
            (r#""\\" c"#, r#""\\""#),
        ] {
            assert_eq!(kinds(text), [(Kind::Text, string, 1), (Kind::Name, "c", 1)], "{text}");
        }
    }

    #[test]
    fn characters_and_lifetimes_open_no_string() {
        for text in ["'\"' a", "'\\'' a", "'b a", "'\\u{22}' a", "b'\"' a"] {
            assert_eq!(kinds(text).last(), Some(&(Kind::Name, "a", 1)), "{text}");
            assert!(kinds(text).iter().all(|(kind, ..)| *kind == Kind::Name), "{text}");
        }
    }
}
