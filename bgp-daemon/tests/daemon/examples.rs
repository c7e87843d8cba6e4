//! Every example of the help is run, and what comes of it compared with what came of it before.

use crate::{
    EDGE, TRANSIT,
    world::{Asked, Daemon, Watch, World, alone, ask_at},
};

/// The pages of the help.
const PAGES: &[&[&str]] = &[
    &[],
    &["check"],
    &["show"],
    &["show", "peer"],
    &["show", "routes"],
    &["why"],
    &["reset"],
    &["shutdown"],
    &["announce"],
    &["log"],
    &["leave"],
    &["completions"],
    &["run"],
];

/// What has no page of its own, or is worth to be seen as programs see it.
const MORE: &[&str] = &[
    "bgp-daemon show policies",
    "bgp-daemon show groups",
    "bgp-daemon show memory",
    "bgp-daemon show config",
    "bgp-daemon show peer transit --json",
    "bgp-daemon show routes 203.0.113.0/24 --json",
    "bgp-daemon why 203.0.113.200",
    "bgp-daemon why 203.0.113.200 --json",
    "bgp-daemon announce 192.0.2.0/24 --json",
];

fn help(page: &[&str]) -> String {
    let asked = alone(&[page, &["--help"]].concat());
    assert_eq!((asked.code, asked.err.as_str()), (0, ""), "{page:?}");
    asked.out
}

/// The examples of a page, without what is said about them.
fn examples(page: &str) -> Vec<String> {
    let (_, examples) = page.split_once("Examples:\n").unwrap();
    let lines = examples.lines().map_while(|line| line.strip_prefix("  "));
    let bare = |line: &str| line.split_once("   ").map_or(line, |(example, _)| example).trim().to_owned();
    let lines = lines.filter(|line| line.starts_with("bgp-daemon ")).map(bare);
    // What is said stands behind two spaces at least.
    lines.map(|line| line.split_once("  ").map_or(line.clone(), |(example, _)| example.to_owned())).collect()
}

/// The words of a line as a shell would read them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('"').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().take_while(|word| *word != ">").map(str::to_owned));
        }
    }
    words
}

/// Two daemons, of which one is asked.
struct Stage {
    world: World,
    edge: Daemon,
    _transit: Daemon,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let (edge, transit) = (world.start("edge", EDGE), world.start("transit", TRANSIT));
        edge.has_route("203.0.113.0/24");
        transit.has_route("198.51.100.0/24");
        let other = EDGE
            .replace("local_pref = 200", "local_pref = 300")
            .replace("198.51.100.0/24", "198.51.100.0/25");
        world.write("bgp.toml", &other);
        Stage { world, edge, _transit: transit }
    }

    /// What comes of an example.
    fn play(&mut self, example: &str) -> String {
        let address = self.world.address(2).to_string();
        let place = |word: String| match word.as_str() {
            "192.0.2.1" => address.clone(),
            "bgp.toml" => self.world.path("bgp.toml").to_str().unwrap().to_owned(),
            _ => word,
        };
        let words: Vec<_> = words(example).into_iter().skip(1).map(place).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let said = match words[0] {
            "run" => self.run(&words),
            _ if words.contains(&"--watch") => {
                Watch::new(&self.edge.socket, &words).until(&[if words[1] == "peers" {
                    "Established"
                } else {
                    "next-hop"
                }]) + "\n…\n"
            }
            _ => {
                let Asked { out, err, code } = ask_at(&self.edge.socket, &words);
                let long = words[0] == "completions" && out.len() > 1000;
                let out = if long { "…\n".to_owned() } else { out };
                let end = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
                format!("{out}{err}{end}")
            }
        };
        match words[..] {
            ["leave", ..] => *self = Stage::new(),
            ["reset" | "start", ..] => {
                self.edge.watch(&["show", "peer", &address, "--watch", "--json"], &["Established"]);
            }
            _ => {}
        }
        format!("$ {example}\n{}\n", self.normal(&said))
    }

    /// A daemon of its own that starts so.
    fn run(&self, words: &[&str]) -> String {
        let world = World::new();
        let config = EDGE.replace("{2}", "{3}");
        let level = words.iter().skip_while(|word| **word != "--log").nth(1).copied();
        let daemon = world.start_with("bgp", &config, level);
        format!("{}\n…\n", daemon.logged("starting with").split_once("starting").map_or("", |_| "starting …"))
    }

    /// A text without what is another each time.
    fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, name) in [(1, "192.0.2.254"), (2, "192.0.2.1"), (3, "192.0.2.3")] {
            text = text.replace(&self.world.address(number).to_string(), name);
        }
        text = text.replace(&self.world.fill("{folder}"), "/etc/bgp-daemon");
        for (before, after) in TIMED {
            text = zeroed(&text, before, after);
        }
        text.lines()
            .map(|line| {
                let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
                let cells: Vec<_> = rest.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
                let line = format!("{indent}{}\n", cells.join("  "));
                let kind = SIZED.iter().find(|kind| line.starts_with(**kind));
                kind.map_or(line.clone(), |kind| format!("{kind}  …\n"))
            })
            .collect()
    }
}

/// Before and behind which numbers tell the time.
const TIMED: &[(&str, &str)] = &[
    ("\"seconds\":", ",}"),
    ("\"keepalive\":", ",}"),
    ("\"update\":", ",}"),
    ("00:00:", " \n"),
    (", ", "smhd"),
];

/// Rows whose numbers are others each time.
const SIZED: &[&str] =
    &["keepalive", "update", "attribute sets", "memory of tables", "memory of the process"];

/// The text with 0 for each number that stands behind `before`, and before one of `after`.
fn zeroed(text: &str, before: &str, after: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_time = rest.len() < part.len() && rest.starts_with(|c| after.contains(c));
        out += before;
        out += if is_time { "0" } else { "" };
        out += if is_time { rest } else { part };
    }
    out
}

#[test]
fn every_example_of_the_help_does_what_it_did() {
    let mut stage = Stage::new();
    for page in PAGES {
        let text = help(page);
        let played: String = examples(&text).iter().map(|example| stage.play(example)).collect();
        let name = if page.is_empty() { "overview".to_owned() } else { page.join("-") };
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{name}.help"), text);
            insta::assert_snapshot!(format!("{name}.examples"), played);
        });
    }
    let played: String = MORE.iter().map(|example| stage.play(example)).collect();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("more.examples", played);
    });
}
