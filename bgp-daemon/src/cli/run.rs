//! Running a speaker until a signal or somebody says otherwise.

use super::{failure::Failure, log::Levels, notify::Supervisor, trim::Trim};
use bgp_daemon::{
    api::{Api, Program, document},
    config::{self, Config, Loaded, change::Changes},
    engine::Shutdown,
    speaker::{Speaker, Start},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

/// How often it is looked how much memory the tables take.
const LOOK: Duration = Duration::from_secs(10);

/// Runs a speaker with this file.
pub(crate) fn run(file: &Path, levels: &str) -> Result<(), Failure> {
    let loaded = load(file).map_err(Failure::mistakes)?;
    let levels = Levels::init(levels).map_err(Failure::arguments)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // First of all: a signal that comes while we start is not to be the end.
        let wakers = Wakers::new()?;
        let mut daemon = Daemon::start(file, loaded, levels).await?;
        daemon.serve(wakers).await?;
        daemon.api.close().await;
        Ok(())
    })
}

/// What wakes it.
struct Wakers {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Wakers {
    fn new() -> Result<Self, Failure> {
        Ok(Wakers {
            reload: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

fn every(period: Duration) -> Interval {
    let mut every = interval(period);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every
}

async fn tick(every: &mut Option<Interval>) {
    match every {
        Some(every) => drop(every.tick().await),
        None => std::future::pending().await,
    }
}

/// A speaker with what is around it.
struct Daemon {
    file: PathBuf,
    config: Config,
    speaker: Speaker,
    shown: watch::Sender<document::Config>,
    end: watch::Receiver<Option<Shutdown>>,
    api: Api,
    supervisor: Supervisor,
    trim: Trim,
}

impl Daemon {
    async fn start(file: &Path, (loaded, text): (Loaded, String), levels: Levels) -> Result<Self, Failure> {
        warn(file, &loaded);
        let config = loaded.config;
        let (shown, config_shown) = watch::channel(as_shown(file, &text));
        let (end, ended) = watch::channel(None);
        tracing::info!("starting with {}: {}", file.display(), config.summary());
        let speaker = Speaker::start(config.clone(), Start::default()).map_err(Failure::failed)?;
        let started = speaker.ask(|_, now| now).await.map_err(Failure::failed)?;
        let log = Arc::new(move |text: &str| levels.set(text));
        let program = Program { started, log, config: config_shown, end, questions: None };
        let mut api = Api::new(&speaker, &program);
        let opened = api.open(&config.api).await.map_err(Failure::failed)?;
        api.put_in_force(&config.api, opened);
        if config.api == config::Api::default() {
            tracing::info!("nobody is answered, `bgp-daemon show` neither: the configuration has no [api]");
        }
        let daemon = Daemon {
            file: file.into(),
            config,
            speaker,
            shown,
            end: ended,
            api,
            supervisor: Supervisor::of_environment(),
            trim: Trim::default(),
        };
        daemon.supervisor.tell("READY=1");
        Ok(daemon)
    }

    async fn serve(&mut self, mut wakers: Wakers) -> Result<(), Failure> {
        let (mut look, mut watchdog) = (every(LOOK), self.supervisor.watchdog().map(every));
        loop {
            let how = tokio::select! {
                _ = wakers.terminate.recv() => Some(Shutdown::Restart),
                _ = wakers.interrupt.recv() => Some(Shutdown::Restart),
                how = wanted(&mut self.end) => Some(how),
                _ = wakers.reload.recv() => { self.reload().await; None }
                _ = look.tick() => { self.look().await; None }
                () = tick(&mut watchdog) => { self.alive().await; None }
            };
            if let Some(how) = how {
                return self.shut_down(how, &mut wakers).await;
            }
        }
    }

    /// Reads the file again. With mistakes in it everything stays as it is.
    async fn reload(&mut self) {
        self.supervisor.tell("RELOADING=1");
        match load(&self.file) {
            Err(failure) => tracing::error!("the configuration stays as it was: {failure}"),
            Ok((loaded, text)) => {
                warn(&self.file, &loaded);
                self.apply(loaded.config, &text).await;
            }
        }
        self.supervisor.tell("READY=1");
    }

    async fn apply(&mut self, config: Config, text: &str) {
        let changes = Changes::between(&self.config, &config);
        if changes.is_empty() {
            return tracing::info!("{} was read again, and says the same", self.file.display());
        }
        // Sockets first: they are what can fail.
        let opened = match self.api.open(&config.api).await {
            Ok(opened) => opened,
            Err(error) => return tracing::error!("the configuration stays as it was: {error}"),
        };
        match self.speaker.reload(config.clone()).await {
            Err(error) => tracing::error!("the configuration stays as it was: {error}"),
            Ok(_) => {
                tracing::info!("{} was read again: {}", self.file.display(), config.summary());
                changes.to_string().lines().for_each(|change| tracing::info!("{change}"));
                self.api.put_in_force(&config.api, opened);
                self.config = config;
                self.shown.send_replace(as_shown(&self.file, text));
            }
        }
    }

    async fn look(&mut self) {
        if let Ok(octets) = self.speaker.ask(|engine, _| engine.rib().octets()).await {
            self.trim.see(octets);
        }
    }

    /// Says that we live, if the speaker answers: a stuck one is to be started anew.
    async fn alive(&self) {
        if self.speaker.ask(|_, _| ()).await.is_ok() {
            self.supervisor.tell("WATCHDOG=1");
        }
    }

    async fn shut_down(&self, how: Shutdown, wakers: &mut Wakers) -> Result<(), Failure> {
        self.supervisor.tell("STOPPING=1");
        match &how {
            Shutdown::Restart => {
                tracing::info!("ending for a restart: peers may keep our routes until we are back");
            }
            Shutdown::Leave(_) => tracing::info!("leaving: peers are told to drop our routes"),
        }
        tokio::select! {
            () = self.speaker.shutdown(how) => Ok(()),
            _ = wakers.terminate.recv() => Ok(()),
            _ = wakers.interrupt.recv() => Ok(()),
        }
    }
}

/// How somebody wants it to end.
async fn wanted(end: &mut watch::Receiver<Option<Shutdown>>) -> Shutdown {
    match end.wait_for(Option::is_some).await.map(|how| how.clone()) {
        Ok(Some(how)) => how,
        _ => std::future::pending().await,
    }
}

/// The configuration in a file, with its text.
fn load(file: &Path) -> Result<(Loaded, String), config::Failure> {
    let text = fs::read_to_string(file).map_err(|error| config::Failure::Unreadable(file.into(), error))?;
    let loaded = config::read_in(&text, file.parent().unwrap_or(Path::new("")));
    let loaded = loaded.map_err(|findings| config::Failure::Mistakes(file.into(), findings))?;
    Ok((loaded, text))
}

fn warn(file: &Path, loaded: &Loaded) {
    let file = file.display().to_string();
    for finding in &loaded.warnings {
        tracing::warn!("{}", config::report(&file, std::slice::from_ref(finding)).to_string().trim_end());
    }
}

/// The file as `show config` prints it.
fn as_shown(file: &Path, text: &str) -> document::Config {
    document::Config { file: Some(file.display().to_string()), text: Some(without_secrets(text)) }
}

/// A configuration's text without the passwords that stand in it.
fn without_secrets(text: &str) -> String {
    let line = |line: &str| {
        let Some(at) = line.find("password") else { return line.to_owned() };
        let (before, rest) = line.split_at(at);
        let Some(value) =
            rest["password".len()..].trim_start_matches(['"', '\'']).trim_start().strip_prefix('=')
        else {
            return line.to_owned();
        };
        let value = value.trim_start();
        let quote = value.chars().next().unwrap_or('"');
        let after = value.get(1..).and_then(|value| value.split_once(quote)).map_or("", |(_, after)| after);
        format!("{before}password = \"…\"{after}")
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let text = "password = \"secret\" # why\n  { password='secret', asn = 1 }\npassword_file = \"a\"\n\"password\" = \"secret\"\n";
        let shown = without_secrets(text);
        assert!(!shown.contains("secret"), "{shown}");
        assert!(
            shown.contains("# why")
                && shown.contains(", asn = 1 }")
                && shown.contains("password_file = \"a\""),
            "{shown}"
        );
    }
}
