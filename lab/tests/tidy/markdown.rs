//! Markdown as far as the rules need it: prose without code, links, headings.

/// The lines of `text` with fenced blocks and inline code blanked out, each with its number.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fence && !fenced).then(|| (index + 1, without_code(line)))
    })
}

/// A line without what stands between backticks.
pub(crate) fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// Where the links of `text` go, with the line each stands on.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to);
        let named = line.trim_start().strip_prefix('[').and_then(|l| l.split_once("]:")).map(|(_, to)| to);
        found.extend(
            inline.chain(named).filter_map(|to| Some((number, to.split_whitespace().next()?.into()))),
        );
    }
    found
}

/// The anchors that `text` offers: its headings as a browser's address writes them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || !line.starts_with('#') {
            continue;
        }
        let anchor = slug(line.trim_start_matches('#').trim());
        let earlier = found.iter().filter(|a| **a == anchor).count();
        found.push(if earlier == 0 { anchor } else { format!("{anchor}-{earlier}") });
    }
    found
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_no_links() {
        let text = "[a](b.md) `[c](d.md)` [e](f.md#g \"h\")\n```\n[i](j.md)\n```\n[k]: l.md";
        let found: Vec<String> = links(text).into_iter().map(|(_, to)| to).collect();
        assert_eq!(found, ["b.md", "f.md#g", "l.md"]);
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# One word, once\n```sh\n# no heading\n```\n## `.ci/run`\n## A\n## A";
        assert_eq!(anchors(text), ["one-word-once", "cirun", "a", "a-1"]);
    }
}
