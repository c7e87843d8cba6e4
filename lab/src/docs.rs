//! What Markdown files show: their blocks, and the commands in them, so that tests can run or parse what people copy.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The file, from the top of the repository.
    pub file: String,
    /// The line of its fence.
    pub line: usize,
    /// What stands behind the fence: the language, and perhaps `of` and whose it is.
    pub info: String,
    /// What it holds.
    pub text: String,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The top of the repository.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All blocks of all Markdown files of the repository.
///
/// # Panics
/// The repository cannot be read, or a block has no end.
pub fn blocks() -> Vec<Block> {
    files().iter().flat_map(|file| of(file, &read(file))).collect()
}

/// A file of the repository.
fn read(file: &str) -> String {
    fs::read_to_string(top().join(file)).expect("a Markdown file can be read")
}

/// All Markdown files, from the top of the repository.
fn files() -> Vec<String> {
    let (mut files, top) = (Vec::new(), top());
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be listed") {
            let path = entry.expect("a folder of the repository can be listed").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".md") {
                files.push(path.strip_prefix(&top).unwrap_or(&path).display().to_string());
            }
        }
    }
    files.sort();
    files
}

/// The blocks of one file. What is indented by four behind an empty line is a block of `sh`.
fn of(file: &str, text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let begin = |line: usize, info: &str| {
        let (file, info, text) = (file.to_owned(), info.to_owned(), String::new());
        Block { file, line: line + 1, info, text }
    };
    let (mut fenced, mut indented, mut empty) = (false, false, true);
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        if let (Some(info), false) = (fence, fenced) {
            found.push(begin(number, info.trim()));
        }
        fenced ^= fence.is_some();
        let is_indented = !fenced && fence.is_none() && line.starts_with("    ");
        if is_indented && empty && !indented {
            found.push(begin(number, "sh"));
        }
        indented = is_indented && (indented || empty);
        empty = line.is_empty();
        if let Some(block) = found.last_mut().filter(|_| (fenced && fence.is_none()) || indented) {
            block.text += line;
            block.text += "\n";
        }
    }
    assert!(!fenced, "{file}: a block has no end");
    found
}

/// Every way in which one of our programs is called, with where that is: in blocks of `sh` and `console`, and between
/// backticks in the text.
///
/// # Panics
/// The repository cannot be read.
pub fn calls(program: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, begins) = (Vec::new(), format!("{program} "));
    for file in files() {
        let text = read(&file);
        for block in of(&file, &text) {
            let shell = match block.info.as_str() {
                "sh" => block.text.clone(),
                "console" => block
                    .text
                    .lines()
                    .filter_map(|line| line.strip_prefix("$ "))
                    .collect::<Vec<_>>()
                    .join("\n"),
                _ => continue,
            };
            let of_ours = commands(&shell);
            let of_ours = of_ours.iter().filter_map(|words| arguments(words, program));
            found.extend(of_ours.map(|words| (block.to_string(), words.to_vec())));
        }
        for (number, line) in outside(&text) {
            let spans = line.split('`').skip(1).step_by(2).filter(|span| span.starts_with(&begins));
            for span in spans {
                let words = commands(span);
                let words = words.first().and_then(|words| arguments(words, program));
                found.extend(words.map(|words| (format!("{file}:{number}"), words.to_vec())));
            }
        }
    }
    found
}

/// The lines outside of blocks, with their numbers.
fn outside(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut open = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        open ^= is_fence;
        (!is_fence && !open).then_some((number + 1, line))
    })
}

/// The commands of a shell, each as its words: what stands between pipes, `&&` and ends of lines, without comments,
/// redirections and settings of variables.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for word in words(text) {
        match word {
            Word::End => all.push(Vec::new()),
            Word::Text(text) => all.last_mut().expect("one is begun").push(text),
        }
    }
    all.into_iter().map(plain).filter(|words| !words.is_empty()).collect()
}

/// A command without what the shell keeps for itself.
fn plain(words: Vec<String>) -> Vec<String> {
    let is_setting =
        |word: &String| word.split_once('=').is_some_and(|(name, _)| name == name.to_uppercase());
    let mut words = words.into_iter().skip_while(is_setting).peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.trim_start_matches('2') {
            ">" | ">>" | "<" => drop(words.next()),
            rest if rest.starts_with(">&") || rest.starts_with(">/") => {}
            _ => kept.push(word),
        }
    }
    kept
}

enum Word {
    Text(String),
    End,
}

fn words(text: &str) -> Vec<Word> {
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut letters = text.chars().chain(['\n']).peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if letter == open => quote = None,
            ('#', None) if word.is_none() => while letters.next_if(|next| *next != '\n').is_some() {},
            ('\n' | '|' | ';' | '&' | ' ', None) => {
                // `2>&1` is one word.
                if letter == '&' && word.as_ref().is_some_and(|word| word.ends_with('>')) {
                    word.get_or_insert_default().push(letter);
                    continue;
                }
                found.extend(word.take().map(Word::Text));
                if letter != ' ' {
                    found.push(Word::End);
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    found
}

/// The words that stand behind one of our programs in a command, however it is called: by itself, by
/// `cargo run … --`, or by something else behind its `--`.
pub fn arguments<'a>(command: &'a [String], program: &str) -> Option<&'a [String]> {
    let (first, rest) = command.split_first()?;
    if first.rsplit('/').next() == Some(program) {
        return Some(rest);
    }
    let behind = |rest: &'a [String]| {
        let at = rest.iter().position(|word| word == "--")?;
        rest.get(at + 1..)
    };
    if first == "cargo" && rest.first().is_some_and(|word| word == "run") {
        let package = rest.iter().skip_while(|word| *word != "-p").nth(1);
        let is_example = rest.iter().any(|word| word == "--example");
        return behind(rest).filter(|_| package.is_some_and(|package| package == program) && !is_example);
    }
    behind(rest).and_then(|inner| arguments(inner, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_lines_and_what_stands_behind_the_fence() {
        let text = "# A\n```sh of b\na\n\n    b\n```\ntext\n    more\n  ```\nc\n  ```\n\n    d\n    e\n\nf\n";
        let found = of("a.md", text);
        let shown: Vec<_> =
            found.iter().map(|one| (one.line, one.info.as_str(), one.text.as_str())).collect();
        assert_eq!(shown, [(2, "sh of b", "a\n\n    b\n"), (9, "", "c\n"), (13, "sh", "    d\n    e\n")]);
    }

    #[test]
    fn commands_are_split_as_a_shell_does() {
        let table: [(&str, &[&[&str]]); 7] = [
            ("a b   c # d", &[&["a", "b", "c"]]),
            ("a | b && c; d\ne", &[&["a"], &["b"], &["c"], &["d"], &["e"]]),
            ("a \\\n  b", &[&["a", "b"]]),
            ("a 'b c' \"d # | e\" ''", &[&["a", "b c", "d # | e", ""]]),
            ("A=1 B='2 3' a > b 2>&1", &[&["a"]]),
            ("a 2> b >/dev/null c", &[&["a", "c"]]),
            ("# a\n\n", &[]),
        ];
        for (text, commands_of_it) in table {
            assert_eq!(commands(text), commands_of_it, "{text}");
        }
    }

    #[test]
    fn our_programs_are_found_however_they_are_called() {
        let table = [
            ("kube-announcer why 1", Some("why 1")),
            ("target/release/kube-announcer", Some("")),
            ("cargo run --release -p kube-announcer -- demo", Some("demo")),
            ("cargo run -p bgp-daemon -- demo", None),
            ("cargo run -p kube-announcer --example a -- demo", None),
            ("kubectl -n a exec b -- kube-announcer peers", Some("peers")),
            ("grep kube-announcer a", None),
        ];
        for (text, behind) in table {
            let found = commands(text).remove(0);
            let found = arguments(&found, "kube-announcer").map(|words| words.join(" "));
            assert_eq!(found.as_deref(), behind, "{text}");
        }
    }
}
