//! Asking a daemon that runs, and printing what it says.

use super::{
    arguments::{Action, Announce, Arguments, Direction, Routes as Which, Show},
    failure::Failure,
    show,
};
use bgp_daemon::api::{
    client::{Answer, Client, escape},
    document,
};
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    io::{Write as _, stdout},
    path::{Path, PathBuf},
};

/// Where a daemon listens if nobody says otherwise: the socket for those who may change things, and the other one.
const SOCKETS: [&str; 2] = ["/run/bgp-daemon/api.sock", "/run/bgp-daemon/read.sock"];

/// As many routes are aligned with each other.
const ALIGNED: usize = 256;

/// A conversation with a daemon.
pub(crate) struct Ask {
    client: Client,
    json: bool,
}

impl Ask {
    /// As the arguments say.
    pub(crate) fn new(socket: Option<PathBuf>, json: bool) -> Self {
        let sockets = socket.map_or_else(|| SOCKETS.map(PathBuf::from).to_vec(), |socket| vec![socket]);
        Ask { client: Client::new(sockets), json }
    }

    /// Does what was asked.
    pub(crate) async fn act(&self, action: Action) -> Result<(), Failure> {
        match action {
            Action::Show { what, watch } => self.show(what, watch).await,
            Action::Why { prefix } => {
                let path = format!("/why/{}", escape(&prefix.to_string()));
                self.list(&path, |all: Vec<document::Why>| all.iter().map(show::why).collect()).await
            }
            Action::Reset { peer, soft } => {
                let how = match soft {
                    None => "hard",
                    Some(Direction::In) => "soft-in",
                    Some(Direction::Out) => "soft-out",
                };
                self.tell(&format!("/peers/{}/reset", escape(&peer)), json!({ "how": how })).await
            }
            Action::Shutdown { peer, reason } => {
                self.tell(&format!("/peers/{}/shutdown", escape(&peer)), json!({ "reason": reason })).await
            }
            Action::Start { peer } => self.tell(&format!("/peers/{}/start", escape(&peer)), json!({})).await,
            Action::Announce(route) => self.tell("/announce", announced(&route)).await,
            Action::Withdraw { prefix } => {
                self.tell("/withdraw", json!({ "prefix": prefix.to_string() })).await
            }
            Action::Leave { reason } => self.tell("/leave", json!({ "reason": reason })).await,
            Action::Log { level, peer: Some(peer) } => {
                let messages = switch(&level)?;
                self.tell(&format!("/peers/{}/log", escape(&peer)), json!({ "messages": messages })).await
            }
            Action::Log { level, peer: None } => self.tell("/log", json!({ "level": level })).await,
            Action::Run { .. } | Action::Check { .. } | Action::Completions { .. } => Ok(()),
        }
    }

    async fn show(&self, what: Show, watch: bool) -> Result<(), Failure> {
        match what {
            Show::Peers if watch => self.watch_peers("/peers?watch=true").await,
            Show::Peer { peer, faults: false } if watch => {
                self.watch_peers(&format!("/peers?watch=true&peer={}", escape(&peer))).await
            }
            Show::Routes(which) => self.routes(&which, watch).await,
            Show::Kernel => self.kernel(watch).await,
            _ if watch => {
                Err(Failure::arguments("only peers, routes and the kernel can be watched; leave --watch out"))
            }
            Show::Peers => {
                let rows = |peers: Vec<document::Peer>| {
                    let mut table = show::peers();
                    peers.iter().for_each(|peer| table.push(show::peer_row(peer)));
                    table.take()
                };
                self.list("/peers", rows).await
            }
            Show::Peer { peer, faults: false } => {
                self.document(&format!("/peers/{}", escape(&peer)), |peer| show::peer(&peer)).await
            }
            Show::Peer { peer, faults: true } => {
                let text = |faults: Vec<document::Fault>| {
                    if faults.is_empty() {
                        return "every message was as it should be\n".to_owned();
                    }
                    faults.iter().map(show::faults).collect()
                };
                self.list(&format!("/peers/{}/faults", escape(&peer)), text).await
            }
            Show::Policies => self.list("/policies", |all: Vec<_>| show::policies(&all)).await,
            Show::Groups => self.list("/groups", |all: Vec<_>| show::groups(&all)).await,
            Show::Memory => self.document("/memory", |memory| show::memory(&memory)).await,
            Show::Config => self.document("/config", |config| show::config(&config)).await,
        }
    }

    /// Asks for a document, and prints it.
    pub(crate) async fn document<T: DeserializeOwned>(
        &self,
        path: &str,
        text: impl Fn(T) -> String,
    ) -> Result<(), Failure> {
        let mut answer = self.client.ask(Method::GET, path, None).await?;
        let json = answer.whole().await?;
        if self.json {
            return line(&json);
        }
        print(&text(answer.read(&json)?))
    }

    /// Asks for a list that is not long, and prints it.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        text: impl Fn(Vec<T>) -> String,
    ) -> Result<(), Failure> {
        let mut answer = self.client.ask(Method::GET, path, None).await?;
        let mut all = Vec::new();
        while let Some(json) = answer.line().await? {
            if self.json {
                line(&json)?;
            } else {
                all.push(answer.read(&json)?);
            }
        }
        if self.json { Ok(()) } else { print(&text(all)) }
    }

    /// Asks for something to be done, and prints what became of it.
    async fn tell(&self, path: &str, body: Value) -> Result<(), Failure> {
        let mut answer = self.client.ask(Method::POST, path, Some(body.to_string())).await?;
        let json = answer.whole().await?;
        if self.json {
            return line(&json);
        }
        let done: document::Done = answer.read(&json)?;
        print(&format!("{}\n", done.done))
    }

    /// Sends a configuration to be compared with the one in force, and prints what differs.
    pub(crate) async fn compare(&self, text: &str, folder: &Path) -> Result<(), Failure> {
        let body = json!({ "text": text, "folder": folder.to_string_lossy() });
        let mut answer = self.client.ask(Method::POST, "/compare", Some(body.to_string())).await?;
        let json = answer.whole().await?;
        if self.json {
            return line(&json);
        }
        print(&show::comparison(&answer.read(&json)?))
    }

    async fn watch_peers(&self, path: &str) -> Result<(), Failure> {
        let mut answer = self.client.ask(Method::GET, path, None).await?;
        let mut table = show::peers();
        while let Some(json) = answer.line().await? {
            if self.json {
                line(&json)?;
                continue;
            }
            table.push(show::peer_row(&answer.read(&json)?));
            if !answer.has_line() {
                print(&table.take())?;
            }
        }
        Ok(())
    }

    async fn kernel(&self, watch: bool) -> Result<(), Failure> {
        let path = if watch { "/kernel?watch=true" } else { "/kernel" };
        let mut answer = self.client.ask(Method::GET, path, None).await?;
        let (mut table, mut rows) = (show::kernel(), 0);
        while let Some(json) = answer.line().await? {
            if self.json {
                line(&json)?;
                continue;
            }
            table.push(show::kernel_row(&answer.read(&json)?));
            rows += 1;
            if rows % ALIGNED == 0 || watch && !answer.has_line() {
                print(&table.take())?;
            }
        }
        if self.json { Ok(()) } else { print(&table.take()) }
    }

    async fn routes(&self, which: &Which, watch: bool) -> Result<(), Failure> {
        let mut answer = self.client.ask(Method::GET, &path_of(which, watch), None).await?;
        let mut routes = show::Routes::new();
        let mut any = false;
        while let Some(json) = answer.line().await? {
            any = true;
            if self.json {
                line(&json)?;
                continue;
            }
            routes.push(&answer.read::<document::Prefix>(&json)?);
            if routes.len() >= ALIGNED || watch && !answer.has_line() {
                print(&routes.take())?;
            }
        }
        print(&routes.take())?;
        if any || watch { Ok(()) } else { Err(none(&mut answer, which)) }
    }
}

/// Whether a peer's messages are to be logged.
fn switch(level: &str) -> Result<bool, Failure> {
    match level {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Failure::arguments(format!(
            "\"{}\" says nothing of a peer's messages; write `log on --peer PEER`, or off",
            level.escape_debug()
        ))),
    }
}

/// There is no such route.
fn none(_: &mut Answer, which: &Which) -> Failure {
    match &which.prefix {
        Some(prefix) if !which.longer && !which.covering && which.from.is_none() && which.to.is_none() => {
            Failure::missing(format!(
                "there is no route to {prefix}; --covering shows those that hold it, --longer those inside it"
            ))
        }
        Some(prefix) => Failure::missing(format!("there is no such route to {prefix}")),
        None => Failure::missing("there are no such routes"),
    }
}

fn path_of(which: &Which, watch: bool) -> String {
    let mut query = Vec::new();
    let mut say = |name: &str, value: Option<String>| {
        query.extend(value.map(|value| format!("{name}={}", escape(&value))));
    };
    say("prefix", which.prefix.map(|prefix| prefix.to_string()));
    say("match", which.longer.then(|| "longer".to_owned()));
    say("match", which.covering.then(|| "covering".to_owned()));
    say("from", which.from.clone());
    say("to", which.to.clone());
    say("watch", watch.then(|| "true".to_owned()));
    if query.is_empty() { "/routes".to_owned() } else { format!("/routes?{}", query.join("&")) }
}

fn announced(route: &Announce) -> Value {
    json!({
        "prefix": route.prefix.to_string(),
        "next_hop": route.next_hop,
        "communities": route.community,
        "med": route.med,
        "local_pref": route.local_pref,
    })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn line(json: &[u8]) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(json)?;
    Ok(out.write_all(b"\n")?)
}

/// Asks what the arguments say.
pub(crate) fn ask(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ask = Ask::new(arguments.socket, arguments.json);
    runtime.block_on(ask.act(arguments.action))
}
