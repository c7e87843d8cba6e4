//! The shell around an [`Announcer`]: it waits for what happens, and has a speaker follow.

use super::{
    Announcer, Answer, PLAN, Step,
    below::{Below, Happened},
    hearing::{Hearing, Objects},
    host,
    http::{Http, Running},
    live::Seen,
    metrics::Plans,
    probe::{Asked, Found, Probes},
    reporting::Reporting,
    routed,
};
use crate::{
    object::Name,
    plan::{Facts, Plan},
    speak::Telling,
    wish::Place,
};
use anyhow::Context;
use bgp_daemon::{
    api::{Api, Program, Question, SetLevels, document},
    config::{self, Config},
    engine::{Change, Shutdown},
    speaker::{Error, Speaker, Start},
};
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval},
};

/// How often it is looked for other default gateways, and whether a port is free by now. End-of-RIB waits no longer for
/// routes that are to be in the node's kernel first.
const LOOK: Duration = Duration::from_secs(5);
/// Questions that wait.
const QUESTIONS: usize = 16;

/// What an announcer is started with.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where the cluster's objects come from.
    pub objects: Objects,
    /// The node.
    pub node: Name,
    /// Our own namespace, where Secrets with passwords are.
    pub namespace: Name,
    /// Where it can be asked; `None`: nowhere.
    pub socket: Option<PathBuf>,
    /// Where metrics and health are answered; `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// It ran a moment ago, and peers that do graceful restart still hold its routes.
    pub restarting: bool,
    /// Where routes are installed in the node's kernel; `None`: nowhere.
    pub kernel: Option<config::Kernel>,
    /// How often the ports are asked that a source's `probe` names.
    pub probe_every: Duration,
}

/// A last word on each configuration before the speaker has it.
pub type Adjust = Box<dyn Fn(&mut Config) + Send + Sync>;

/// A running announcer.
pub struct Task {
    announcer: Announcer,
    facts: Facts,
    probes: Probes,
    speaker: Speaker,
    hearing: Hearing,
    questions: mpsc::Receiver<Question>,
    end: watch::Receiver<Option<Shutdown>>,
    api: Api,
    /// Answers while it is here.
    _http: Option<Http>,
    adjust: Adjust,
    /// What is written back into the cluster, where there is one.
    reporting: Option<Reporting>,
    /// The configuration in force, if ports of it could not be listened at.
    deaf: Option<Config>,
    below: Below,
    /// End-of-RIB may go out: all of the first plan is told.
    is_whole: bool,
}

impl Task {
    /// Begins to hear of objects, and starts a speaker with the first plan, once that can be made.
    ///
    /// # Errors
    /// The folder cannot be watched, the socket or the port cannot be had, or the machine lets no speaker run.
    pub async fn start(wanted: &Wanted, log: SetLevels, mut adjust: Adjust) -> anyhow::Result<Self> {
        let (facts, mut announcer) = nothing_known(wanted);
        let plans = Plans::new();
        let took = plans.took();
        let mut hearing = Hearing::start(wanted, &mut announcer, plans)?;
        let mut http = match wanted.http {
            Some(address) => Some(Http::open(address, took, hearing.standing()).await.context("--http")?),
            None => None,
        };
        let step = loop {
            if let Some(step) = hearing.next(&mut announcer).await? {
                break step;
            }
        };
        super::trim::give_back();
        let (speaker, deaf) = begin(step, wanted.restarting, &mut adjust).await?;
        let below = Below::new(&speaker);
        let (end, ended) = watch::channel(None);
        let (asked, questions) = mpsc::channel(QUESTIONS);
        let program = Program {
            started: speaker.ask(|_, now| now).await?,
            log,
            config: watch::channel(document::Config::default()).1,
            end,
            questions: Some(asked.clone()),
        };
        let mut api = Api::new(&speaker, &program);
        let places = config::Api { socket: wanted.socket.clone(), ..config::Api::default() };
        let opened = api.open(&places).await.context("--socket")?;
        api.put_in_force(&places, opened);
        let reporting = match &wanted.objects {
            Objects::Folder(_) => None,
            Objects::Cluster { access, .. } => {
                Some(Reporting::start(access.client(), &wanted.node, &speaker))
            }
        };
        if let Some(http) = &mut http {
            http.show(Running { speaker: speaker.clone(), metrics: api.metrics(), questions: asked });
        }
        let probes = Probes::start(wanted.probe_every);
        Ok(Task {
            announcer,
            facts,
            probes,
            speaker,
            hearing,
            questions,
            end: ended,
            api,
            _http: http,
            adjust,
            reporting,
            deaf,
            below,
            is_whole: false,
        })
    }

    /// The speaker.
    pub fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Announces until somebody says how to end.
    ///
    /// # Errors
    /// The speaker has ended by itself, or refuses what it is told.
    pub async fn run(mut self, ending: impl Future<Output = Shutdown>) -> anyhow::Result<()> {
        let how = self.announce(ending).await?;
        match &how {
            Shutdown::Restart => {
                tracing::info!("ending for a restart: peers may keep our routes until we are back");
            }
            Shutdown::Leave(_) => tracing::info!("leaving: peers are told to drop our routes"),
        }
        let reporting = self.reporting.take();
        self.speaker.shutdown(how.clone()).await;
        if let Some(reporting) = reporting {
            reporting.end(&how).await;
        }
        self.api.close().await;
        Ok(())
    }

    async fn announce(&mut self, ending: impl Future<Output = Shutdown>) -> anyhow::Result<Shutdown> {
        let mut look = every(LOOK);
        look.tick().await;
        self.look().await?;
        self.pass_on(Telling::default()).await?;
        tokio::pin!(ending);
        self.want_probes();
        loop {
            let is_stale = self.announcer.is_stale();
            tokio::select! {
                step = self.hearing.next(&mut self.announcer) => {
                    if let Some(step) = step? {
                        self.tell(step).await?;
                    }
                }
                found = self.probes.changed() => self.probed(found).await?,
                Some(question) = self.questions.recv() => self.answer(question).await,
                happened = self.below.next() => self.follow(happened).await?,
                _ = look.tick() => {
                    self.look().await?;
                    self.is_told().await?;
                }
                () = Reporting::due(&mut self.reporting, is_stale) => {
                    Reporting::look(&mut self.reporting, &mut self.announcer, &self.speaker).await;
                }
                how = &mut ending => return Ok(self.hearing.parting(&self.announcer).await.unwrap_or(how)),
                how = asked_for(&mut self.end) => return Ok(how),
                () = self.speaker.join() => anyhow::bail!("the speaker has ended"),
            }
        }
    }

    /// Has the speaker follow.
    async fn tell(&mut self, step: Step) -> anyhow::Result<()> {
        step.lines.iter().for_each(super::Line::log);
        self.want_probes();
        self.pass_on(step.telling).await
    }

    /// Something happened in the node's kernel, or for it.
    async fn follow(&mut self, happened: Happened) -> anyhow::Result<()> {
        let telling = match happened {
            Happened::Moved => looked(&mut self.announcer, &self.speaker, &mut self.below).await,
            Happened::Written(number) => self.announcer.written(number),
        };
        self.pass_on(telling).await
    }

    async fn pass_on(&mut self, mut telling: Telling) -> anyhow::Result<()> {
        if let Some(config) = &mut telling.config {
            (self.adjust)(config);
            self.deaf = None;
        }
        if !telling.is_empty() {
            self.change(telling).await?;
        }
        if self.below.is_free()
            && let Some(number) = self.announcer.withdrawal()
        {
            self.below.write(&self.speaker, number);
        }
        if !self.announcer.is_placing() {
            self.is_told().await?;
        }
        Ok(())
    }

    /// All of the first plan is told, or as much as can be for now: when peers have told theirs, End-of-RIB may go out.
    async fn is_told(&mut self) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.is_whole, true) {
            self.speaker.change(Change::new().replace(PLAN, Vec::new()).end(PLAN)).await?;
        }
        Ok(())
    }

    async fn change(&mut self, mut telling: Telling) -> anyhow::Result<()> {
        match self.speaker.change(telling.clone().into_change()).await {
            Err(Error::Listen(address, error)) => {
                say_deaf(&Error::Listen(address, error));
                self.deaf = telling.config.as_deref().cloned();
                telling.config.iter_mut().for_each(|config| config.listen.clear());
                self.speaker.change(telling.into_change()).await?;
            }
            done => drop(done?),
        }
        Ok(())
    }

    fn want_probes(&self) {
        let addresses = self.announcer.plan().addresses.into_iter().flatten().collect();
        self.probes.want(Asked { ports: self.announcer.probes(), addresses });
    }

    /// Ports of this node answer otherwise than before.
    async fn probed(&mut self, found: Found) -> anyhow::Result<()> {
        found.lines.iter().for_each(super::Line::log);
        self.facts.failing = found.failing;
        let facts = self.facts.clone();
        match self.hearing.plans.measure(|| self.announcer.set_facts(facts)) {
            Some(step) => self.tell(step).await,
            None => Ok(()),
        }
    }

    /// Looks at what nobody tells us of.
    async fn look(&mut self) -> anyhow::Result<()> {
        if let Some(config) = self.deaf.clone()
            && self.speaker.reload(config).await.is_ok()
        {
            tracing::info!("the ports of a mesh are listened at now");
            self.deaf = None;
        }
        if !self.announcer.peers().any(|peer| matches!(peer.place, Place::Gateway)) {
            return Ok(());
        }
        // A node without any gateway renews its lease, or is cut off: then its sessions end by themselves.
        let Some(gateways) = gateways().filter(|found| !found.is_empty()) else { return Ok(()) };
        if gateways != self.facts.gateways {
            tracing::info!("the default gateways of this node are others now");
            self.facts.gateways = gateways;
            let facts = self.facts.clone();
            if let Some(step) = self.hearing.plans.measure(|| self.announcer.set_facts(facts)) {
                self.tell(step).await?;
            }
        }
        Ok(())
    }

    async fn answer(&self, question: Question) {
        let said = self.say(&question.about).await;
        // Who asked may be gone by now.
        let _ = question
            .answer
            .send(said.and_then(|said| serde_json::to_value(said).map_err(|error| error.to_string())));
    }

    async fn say(&self, about: &str) -> Result<Answer, String> {
        let (what, address) = about.split_once('/').unwrap_or((about, ""));
        match what {
            "peers" => Ok(self.seen(Vec::new()).await?.peers(self.announcer.plan())),
            "routes" => {
                let prefixes = announced(self.announcer.plan());
                Ok(self.seen(prefixes).await?.routes(self.announcer.plan()))
            }
            "kernel" => routed::kernel(&self.speaker, self.announcer.plan()).await,
            "metrics" => {
                let up = self.seen(Vec::new()).await?.up();
                Ok(Answer::new(String::new(), &self.announcer.scrape(up, self.hearing.plans.age())))
            }
            "why" => {
                let asked = prefix(address)?;
                let mut said = self.announcer.why(asked);
                let around = routed::around(asked);
                said.placed = routed::placed(&self.speaker, around.clone()).await?;
                let learned = self.speaker.ask(move |engine, _| routed::learned(engine, &around)).await;
                said.learned = learned.map_err(|error| error.to_string())?;
                let prefixes = said.prefixes.iter().filter_map(|found| found.prefix.parse().ok());
                Ok(self.seen(prefixes.collect()).await?.why(said))
            }
            _ => Err(format!("there is no {about:?}; ask for peers, routes, kernel or why/ADDRESS")),
        }
    }

    async fn seen(&self, prefixes: Vec<IpNet>) -> Result<Seen, String> {
        let seen = self.speaker.ask(move |engine, now| Seen::look(engine, now, &prefixes)).await;
        seen.map_err(|error| error.to_string())
    }
}

fn announced(plan: &Plan) -> Vec<IpNet> {
    let announced = plan.prefixes.iter().filter(|(_, decision)| decision.outcome.class().is_some());
    announced.map(|(prefix, _)| *prefix).collect()
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let host = text.parse::<IpAddr>().map(IpNet::from);
    host.or_else(|_| text.parse::<IpNet>().map(|prefix| prefix.trunc())).map_err(|_| {
        format!("{text:?} is no address; use one like 203.0.113.10, or a prefix like 10.96.0.0/16")
    })
}

/// The node before anything is known of its cluster.
fn nothing_known(wanted: &Wanted) -> (Facts, Announcer) {
    let facts = Facts {
        gateways: gateways().unwrap_or_default(),
        namespace: wanted.namespace.clone(),
        kernel_routes: wanted.kernel.is_some(),
        ..Facts::default()
    };
    let announcer = match &wanted.kernel {
        Some(kernel) => Announcer::with_kernel(&wanted.node, &facts, kernel.clone()),
        None => Announcer::new(&wanted.node, &facts),
    };
    (facts, announcer)
}

/// A speaker that was told the first plan; with its configuration if ports of it cannot be listened at.
async fn begin(
    step: Step,
    restarting: bool,
    adjust: &mut Adjust,
) -> anyhow::Result<(Speaker, Option<Config>)> {
    step.lines.iter().for_each(super::Line::log);
    let mut telling = step.telling;
    let mut config = telling.config.take().context("a first plan has a configuration")?;
    adjust(&mut config);
    let start = Start { restarting, expects: vec![PLAN.to_owned()] };
    let (speaker, deaf) = match Speaker::start((*config).clone(), start.clone()) {
        Err(Error::Listen(address, error)) => {
            say_deaf(&Error::Listen(address, error));
            let quiet = Config { listen: Vec::new(), ..(*config).clone() };
            (Speaker::start(quiet, start).map_err(unable)?, Some(*config))
        }
        started => (started.map_err(unable)?, None),
    };
    speaker.change(telling.into_change()).await?;
    Ok((speaker, deaf))
}

/// What follows from a look at the node's kernel.
async fn looked(announcer: &mut Announcer, speaker: &Speaker, below: &mut Below) -> Telling {
    let placed = announcer.placed();
    if placed.is_empty() {
        return Telling::default();
    }
    let found = below.look(speaker, &placed).await;
    announcer.looked(found)
}

/// Why no speaker runs, with what is to be done about it.
fn unable(error: Error) -> anyhow::Error {
    match &error {
        Error::Kernel(bgp_daemon::kernel::Error::NotAllowed) => anyhow::anyhow!(
            "--kernel-routes: {error}: to a pod by securityContext.capabilities.add: [NET_ADMIN], run as root. Without \
             --kernel-routes all is announced that needs no route in the kernel, and none is taken"
        ),
        Error::Kernel(bgp_daemon::kernel::Error::Taken(_)) => {
            anyhow::anyhow!("--kernel-routes: {error} (--kernel-protocol, --kernel-table)")
        }
        _ => error.into(),
    }
}

/// The default gateways; `None`: the kernel does not say.
fn gateways() -> Option<Vec<host::Gateway>> {
    let found = host::gateways();
    found
        .inspect_err(|error| tracing::error!("the default gateways of this node cannot be read: {error}"))
        .ok()
}

fn say_deaf(error: &Error) {
    tracing::error!("{error}; peers of a mesh cannot connect meanwhile, and it is tried again");
}

fn every(period: Duration) -> Interval {
    let mut every = interval(period);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every
}

/// How somebody wants it to end.
async fn asked_for(end: &mut watch::Receiver<Option<Shutdown>>) -> Shutdown {
    match end.wait_for(Option::is_some).await.map(|how| how.clone()) {
        Ok(Some(how)) => how,
        _ => std::future::pending().await,
    }
}
