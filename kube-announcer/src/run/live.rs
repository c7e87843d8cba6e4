//! What a running announcer shows: the plan, and what became of it on the wire.

use crate::{
    plan::Plan,
    report::{Attributes, names, node, table::table, why},
};
use bgp_daemon::{
    config::Remote,
    engine::{Engine, PeerId, PeerView},
    rib::SenderId,
};
use bgp_proto::{session::SessionState, time::Time};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An answer for people and for programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// For people.
    pub text: String,
    /// For programs.
    pub value: serde_json::Value,
}

impl Answer {
    pub(super) fn new(text: String, value: &impl Serialize) -> Self {
        // These are plain values: their keys are texts, and nothing else fails.
        Answer { text, value: serde_json::to_value(value).unwrap_or_default() }
    }
}

/// How it goes with a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The BgpPeer.
    pub peer: String,
    /// Where it is.
    pub address: String,
    /// Its AS, where the session is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// The state of the session, as RFC 4271 calls it.
    pub state: String,
    /// For how many seconds.
    pub seconds: u64,
    /// How many prefixes it was sent.
    pub announced: u32,
    /// How many prefixes it sent.
    pub received: u32,
    /// How many of them were taken.
    pub taken: u32,
    /// Why its last connection ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    #[serde(skip)]
    remote: Option<Remote>,
}

impl Session {
    fn new(view: &PeerView<'_>, now: Time) -> Self {
        Session {
            peer: view.description.unwrap_or_default().to_owned(),
            address: view.remote.to_string(),
            asn: view.terms.map(|terms| terms.remote_asn.0),
            state: view.state.to_string(),
            seconds: now.since(view.since).as_secs(),
            announced: view.routes.iter().map(|counts| counts.advertised).sum(),
            received: view.routes.iter().map(|counts| counts.received).sum(),
            taken: view.routes.iter().map(|counts| counts.accepted).sum(),
            last: view.last.map(|last| match &last.why {
                Some(why) => format!("{}: {why}", last.reason),
                None => last.reason.to_string(),
            }),
            remote: Some(view.remote.clone()),
        }
    }

    #[cfg(test)]
    pub(crate) fn seen(peer: &str, address: &str, state: &str, seconds: u64) -> Self {
        let (peer, address, state) = (peer.to_owned(), address.to_owned(), state.to_owned());
        Session {
            peer,
            address,
            asn: None,
            state,
            seconds,
            announced: 0,
            received: 0,
            taken: 0,
            last: None,
            remote: None,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == SessionState::Established.to_string()
    }

    /// In a few words.
    fn words(&self) -> String {
        let why = self.last.as_ref().filter(|_| !self.is_up()).map(|why| format!(", {why}"));
        format!("{} for {}{}", self.state, span(self.seconds), why.unwrap_or_default())
    }
}

/// `5s`, `3m12s`, `2h5m`, `4d7h`.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days}d{}h", hours % 24),
        () if hours > 0 => format!("{hours}h{}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m{}s", seconds % 60),
        () => format!("{seconds}s"),
    }
}

/// What people call a peer.
pub(super) fn peer_of(engine: &Engine, id: PeerId) -> String {
    engine.peer(id).and_then(|view| view.description.map(str::to_owned)).unwrap_or_default()
}

/// What is looked up in the engine, at one moment.
#[derive(Debug)]
pub(super) struct Seen {
    sessions: Vec<Session>,
    /// The sessions that were sent a prefix.
    sent: BTreeMap<IpNet, BTreeSet<Remote>>,
}

impl Seen {
    /// All sessions, and who was sent these prefixes.
    pub(super) fn look(engine: &Engine, now: Time, prefixes: &[IpNet]) -> Self {
        let remotes: BTreeMap<SenderId, Remote> =
            engine.peers().map(|view| (view.sender, view.remote.clone())).collect();
        let sent = |prefix: &IpNet| {
            let routes = engine.routes(*prefix);
            let told = routes.iter().flat_map(|route| &route.told);
            (*prefix, told.filter_map(|sender| remotes.get(sender).cloned()).collect())
        };
        Seen {
            sessions: engine.peers().map(|view| Session::new(&view, now)).collect(),
            sent: prefixes.iter().map(sent).collect(),
        }
    }

    /// All sessions.
    pub(super) fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// How many sessions are up.
    pub(super) fn up(&self) -> usize {
        self.sessions.iter().filter(|session| session.is_up()).count()
    }

    fn is_sent(&self, prefix: IpNet, session: &Session) -> bool {
        let remotes = self.sent.get(&prefix);
        remotes.zip(session.remote.as_ref()).is_some_and(|(remotes, remote)| remotes.contains(remote))
    }

    /// `peers`: a line for each session, and one for each BgpPeer without.
    pub(super) fn peers(&self, plan: &Plan) -> Answer {
        let mut rows: Vec<_> = self.sessions.iter().map(peer_row).collect();
        for refusal in &plan.absent {
            let why = format!("no session: {}", refusal.sentence(&plan.node));
            let empty = String::new;
            rows.push([
                refusal.object.name.to_string(),
                "none".into(),
                empty(),
                empty(),
                empty(),
                empty(),
                empty(),
                why,
            ]);
        }
        let heading = ["PEER", "ADDRESS", "AS", "STATE", "FOR", "SENT", "TAKEN", "NOTE"];
        Answer::new(table(heading, &rows), &self.sessions)
    }

    /// `routes`: a line for each prefix and session that is to be told.
    pub(super) fn routes(&self, plan: &Plan) -> Answer {
        let mut routes = Vec::new();
        for (prefix, decision) in &plan.prefixes {
            let node::Route { objects, told, announced, .. } = node::route(plan, *prefix, decision);
            for said in told.into_iter().filter(|_| announced) {
                for session in self.sessions.iter().filter(|session| session.peer == said.peer) {
                    routes.push(Route {
                        prefix: prefix.to_string(),
                        peer: said.peer.clone(),
                        address: session.address.clone(),
                        sent: self.is_sent(*prefix, session),
                        attributes: said.attributes.clone(),
                        objects: objects.clone(),
                    });
                }
            }
        }
        let rows: Vec<_> = routes.iter().map(Route::row).collect();
        let heading = ["PREFIX", "PEER", "ADDRESS", "SENT", "NEXT HOP", "ATTRIBUTES", "FROM"];
        Answer::new(table(heading, &rows), &routes)
    }

    /// `why`: what the plan says, and whom it was sent to.
    pub(super) fn why(&self, mut said: why::Answer) -> Answer {
        for found in &mut said.prefixes {
            let Ok(prefix) = found.prefix.parse() else { continue };
            let told: BTreeSet<_> = found.told.iter().map(|said| said.peer.as_str()).collect();
            let sessions = self.sessions.iter().filter(|session| told.contains(&*session.peer));
            found.sessions = sessions
                .map(|session| why::Sent {
                    peer: session.peer.clone(),
                    address: session.address.clone(),
                    sent: self.is_sent(prefix, session),
                    session: session.words(),
                })
                .collect();
        }
        Answer::new(said.text(), &said)
    }
}

fn peer_row(session: &Session) -> [String; 8] {
    [
        session.peer.clone(),
        session.address.clone(),
        session.asn.map(|asn| asn.to_string()).unwrap_or_default(),
        session.state.clone(),
        span(session.seconds),
        session.announced.to_string(),
        format!("{} of {}", session.taken, session.received),
        session.last.clone().filter(|_| !session.is_up()).unwrap_or_default(),
    ]
}

/// A prefix that a session is to be told of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Route {
    prefix: String,
    peer: String,
    address: String,
    sent: bool,
    attributes: Attributes,
    objects: Vec<String>,
}

impl Route {
    fn row(&self) -> [String; 7] {
        [
            self.prefix.clone(),
            self.peer.clone(),
            self.address.clone(),
            if self.sent { "yes" } else { "no" }.to_owned(),
            self.attributes.next_hop.clone(),
            self.attributes.words(),
            names(&self.objects),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let spans = [0, 59, 60, 3599, 3600, 86_399, 86_400, 700_000].map(span);
        assert_eq!(spans, ["0s", "59s", "1m0s", "59m59s", "1h0m", "23h59m", "1d0h", "8d2h"]);
    }
}
