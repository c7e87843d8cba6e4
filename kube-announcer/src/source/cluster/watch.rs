//! One watch: all objects of a scope, and then every change, for as long as anybody listens.

use super::{
    Access,
    ask::{Ended, ask, path, sound, whole},
    backoff::{Backoff, random, spread},
    contact::Contact,
    line::{Event, Page, applied, read},
    lines::Lines,
};
use crate::{
    object::{Kind, Name},
    source::{Change, Told, scope::Scope},
};
use kube::client::Body;
use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};
use tokio::{sync::mpsc::Sender, time::sleep};

/// Bookmarks come every minute where they come at all: a watch without any is begun again where it was.
const SILENCE: Duration = Duration::from_secs(150);
/// The same while all that is there is being told.
const PAUSE: Duration = Duration::from_secs(20);
/// How long a watch lasts before the server ends it, and it goes on where it was.
const LASTS: Duration = Duration::from_secs(1500);
/// Objects on a page of a list.
const PAGE: usize = 100;
/// The longest between two attempts, with the time that one may take, is the longest that a server is back unnoticed.
const AGAIN: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// How often it is looked for what is not served, or not allowed.
const LOOK: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// As often in a row may a server refuse to go on before all is listed again.
const REFUSALS: u32 = 3;

/// A watch of one scope.
pub(super) struct Watcher {
    access: Access,
    contact: Arc<Contact>,
    scope: Scope,
    kind: Kind,
    /// Path and selector.
    path: String,
    tell: Sender<Told>,
    /// Whoever waits for all scopes.
    notice: Option<Sender<Scope>>,
    /// Where it goes on; `None`: it begins with all that is there.
    version: Option<String>,
    /// The server can tell all that is there in a watch.
    streams: bool,
    /// What was listed once stays, whatever the server refuses later.
    listed: bool,
    again: Backoff,
    look: Backoff,
    /// How often in a row nothing came of it.
    refusals: u32,
    /// What was said of it last, if it is still so.
    complaint: Option<String>,
}

impl Watcher {
    pub(super) fn new(
        access: &Access,
        contact: Arc<Contact>,
        scope: Scope,
        (node, namespace): (&Name, &Name),
        (tell, notice): (Sender<Told>, Sender<Scope>),
    ) -> Self {
        Watcher {
            access: access.clone(),
            contact,
            kind: scope.kind(),
            path: path(&scope, node, namespace),
            scope,
            tell,
            notice: Some(notice),
            version: None,
            streams: true,
            listed: false,
            again: Backoff::new(AGAIN),
            look: Backoff::new(LOOK),
            refusals: 0,
            complaint: None,
        }
    }

    /// Tells until nobody listens.
    pub(super) async fn run(mut self) {
        loop {
            let Err(ended) = self.attempt().await;
            let Ok(wait) = self.judge(ended).await else { return };
            sleep(wait).await;
        }
    }

    /// How long to wait after that.
    async fn judge(&mut self, ended: Ended) -> Result<Duration, Ended> {
        Ok(match ended {
            Ended::Unheard => return Err(ended),
            Ended::Over => self.again.next(random()),
            Ended::Expired => {
                tracing::debug!("{:?} is listed again: its watch expired", self.scope);
                self.version = None;
                self.again.next(random())
            }
            Ended::NoStream => {
                self.streams = false;
                Duration::ZERO
            }
            Ended::Refused(why, after) => {
                self.refusals += 1;
                if self.refusals == REFUSALS {
                    self.complain(format!("{why}; it is asked again"));
                }
                if self.refusals.is_multiple_of(REFUSALS) {
                    self.version = None;
                }
                let wait = self.again.next(random());
                after.map_or(wait, |after| after + spread(AGAIN[1], random()))
            }
            Ended::Forbidden(why) => {
                self.refusals += 1;
                // A server that has just started does not know all rights yet.
                if self.refusals > 1 {
                    self.complain(format!("{why}; give the announcer this right, it is asked for again"));
                    self.without(Told::Forbidden(self.scope.clone())).await?;
                }
                self.look.next(random())
            }
            Ended::Unserved => {
                self.complain("the server does not know this kind; it is looked for again".to_owned());
                self.without(Told::Unserved(self.scope.clone())).await?;
                self.look.next(random())
            }
        })
    }

    fn complain(&mut self, why: String) {
        if self.complaint.as_ref() != Some(&why) {
            let known = if self.listed { ", and what is known of them stays" } else { "" };
            tracing::warn!("{} objects cannot be read: {why}{known}", self.kind);
            self.complaint = Some(why);
        }
    }

    /// There is an answer, and no object in it.
    async fn without(&mut self, told: Told) -> Result<(), Ended> {
        if self.listed {
            return Ok(());
        }
        self.tell.send(told).await?;
        self.answered().await
    }

    /// All that is there has been told.
    async fn all(&mut self, names: BTreeSet<Name>) -> Result<(), Ended> {
        self.listed = true;
        self.tell.send(Told::Listed(self.scope.clone(), names)).await?;
        self.well();
        self.look.reset();
        self.answered().await
    }

    async fn answered(&mut self) -> Result<(), Ended> {
        if let Some(notice) = self.notice.take() {
            // Whoever waited may be gone.
            let _ = notice.send(self.scope.clone()).await;
        }
        Ok(self.tell.send(Told::Whole).await?)
    }

    fn well(&mut self) {
        self.again.reset();
        self.refusals = 0;
        if self.complaint.take().is_some() {
            tracing::info!("{} objects can be read now", self.kind);
        }
    }

    /// One watch, from where the last was, to its end.
    async fn attempt(&mut self) -> Result<Infallible, Ended> {
        if self.version.is_none() && !self.streams {
            self.list().await?;
        }
        let seconds = spread(LASTS, random()).as_secs();
        let from = match &self.version {
            Some(version) => format!("resourceVersion={version}"),
            None => "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
        };
        let query = format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&{from}");
        let mut lines = match self.get(&query).await {
            Ok(body) => Lines::new(body),
            Err(Ended::Refused(why, _)) if self.version.is_none() && is_misunderstood(&why) => {
                return Err(Ended::NoStream);
            }
            Err(ended) => return Err(ended),
        };
        // What is there at first, until all of it was told.
        let mut first = self.version.is_none().then(BTreeSet::new);
        let mut told = false;
        loop {
            let silence = if first.is_some() { PAUSE } else { SILENCE };
            let line = match lines.next(silence).await {
                Ok(Some(line)) => line,
                Ok(None) => return Err(Ended::Over),
                Err(why) => {
                    tracing::debug!("the watch of {:?} ended: {why}", self.scope);
                    return Err(Ended::Over);
                }
            };
            self.contact.heard();
            let (event, version) = match read(self.kind, line) {
                Ok(read) => read,
                Err(why) => {
                    tracing::warn!("something of the API server cannot be read, and is left out: {why}");
                    continue;
                }
            };
            match event {
                Event::Failed(status) => return Err(status.into()),
                Event::Mark(true) => {
                    if let Some(names) = first.take() {
                        self.all(names).await?;
                    }
                }
                Event::Mark(false) => {}
                event => {
                    self.tell.send(self.told(event, first.as_mut())).await?;
                    told = true;
                }
            }
            if first.is_none() {
                self.version = version.or(self.version.take());
                self.well();
                if told && !lines.is_ready() {
                    self.tell.send(Told::Whole).await?;
                    told = false;
                }
            }
        }
    }

    /// An event as it is told; the name of what is there is noted.
    fn told(&self, event: Event, names: Option<&mut BTreeSet<Name>>) -> Told {
        let (told, there) = match event {
            Event::Change(Change::Remove(key)) => (Told::Gone(self.scope.clone(), key), None),
            Event::Change(Change::Apply(object)) => {
                let name = names.is_some().then(|| object.key().name);
                (Told::Change(Change::Apply(object)), name)
            }
            Event::Refused(mistake) => {
                let name = mistake.object.name.clone();
                (Told::Refused(mistake), Some(name))
            }
            Event::Mark(_) | Event::Failed(_) => (Told::Whole, None),
        };
        if let (Some(names), Some(name)) = (names, there) {
            names.insert(name);
        }
        told
    }

    /// All that is there, page by page.
    async fn list(&mut self) -> Result<(), Ended> {
        let mut names = BTreeSet::new();
        let mut query = format!("limit={PAGE}");
        loop {
            let octets = whole(self.get(&query).await?).await?;
            let page: Page<'_> = serde_json::from_slice(&octets)
                .map_err(|error| Ended::Refused(format!("a list cannot be read: {error}"), None))?;
            for item in page.items.unwrap_or_default() {
                match applied(self.kind, item.get()) {
                    Ok((event, _)) => self.tell.send(self.told(event, Some(&mut names))).await?,
                    Err(why) => {
                        tracing::warn!("something of the API server cannot be read, and is left out: {why}");
                    }
                }
            }
            if page.metadata.next.is_empty() {
                self.version = Some(page.metadata.resource_version);
                return self.all(names).await;
            }
            query = format!("limit={PAGE}&continue={}", super::ask::encoded(&page.metadata.next));
        }
    }

    /// Asks until there is an answer; where the server is away, when it is our turn.
    async fn get(&mut self, query: &str) -> Result<Body, Ended> {
        let url = format!("{}{query}", self.path);
        loop {
            let turn = self.contact.turn().await;
            match ask(&self.access, &url).await {
                Ok(answer) => {
                    self.contact.found();
                    return sound(answer).await;
                }
                Err(why) => {
                    self.contact.lost(&why);
                    sleep(self.again.next(random())).await;
                }
            }
            drop(turn);
        }
    }
}

/// A server that does not tell what is there in a watch calls the request invalid.
fn is_misunderstood(why: &str) -> bool {
    why.starts_with("400 ") || why.starts_with("422 ")
}
