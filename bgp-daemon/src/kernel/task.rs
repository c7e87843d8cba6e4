//! The loop around the [`Fib`]: what is chosen and what the kernel tells goes in, messages to the kernel and news for
//! the engine go out.

use super::{
    Error, News, Page, Question, Settings, Told,
    able::Able,
    batch::{Batch, Style},
    fib,
    lock::Lock,
    mark,
    socket::{self, Heard, Part, Requests, Watch},
};
use crate::{
    fib::{Fib, Redistributed, plan::Op, resolve::MAIN},
    speaker::clock,
};
use bgp_proto::time::Time;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::IpAddr,
    time::Duration,
};
use tokio::{
    io::unix::AsyncFd,
    sync::{mpsc, watch},
    time::sleep,
};

/// Messages of one batch.
const BATCH: usize = 256;
/// With so many messages to send nothing more is taken in: who chooses waits.
const ENOUGH: usize = 8 * BATCH;
/// Datagrams that are heard in one round.
const HEARD: usize = 64;
/// How long routes stay whose next hops cannot be reached and for which nobody has chosen others.
const HANGING: Duration = Duration::from_secs(1);
/// The first and the longest wait between two dumps.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Next hops that nobody asks for any more, and that are followed all the same: they tend to come back.
const UNWANTED: usize = 1024;

/// What the thread is told, asked and listened to by.
pub(super) struct Ends {
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) questions: mpsc::Receiver<Question>,
    pub(super) moves: watch::Sender<u64>,
}

pub(super) struct Task {
    // The first to go: who waits for the end of the news may start again.
    _lock: Option<Lock>,
    fib: Fib,
    style: Style,
    /// Routes are installed.
    installs: bool,
    requests: Requests,
    batch: Batch,
    ops: Vec<Op>,
    redistributed: Redistributed,
    ends: Ends,
    unwanted: VecDeque<IpAddr>,
    /// When what nobody chose may go, and whether all was chosen.
    patient_until: Time,
    is_complete: bool,
    give_up_at: Time,
    dump_at: Time,
    pause: Duration,
    /// Somebody else's routes changed since they were passed on.
    passes: bool,
    /// How often the kernel refused something, by the number of the error.
    errors: BTreeMap<i32, u64>,
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::System(what, error)
}

impl Task {
    pub(super) fn new(settings: &Settings, ends: Ends) -> Result<(Self, Watch), Error> {
        let mut requests = Requests::open().map_err(system("the kernel's routes cannot be asked for"))?;
        let mark = mark(settings);
        let lock = settings.install.is_some().then(|| Lock::take(mark)).transpose()?;
        let fib = fib(settings, Able::of(settings, mark, &mut requests)?);
        let watch = Watch::open(requests.port()).map_err(system("the kernel's routes cannot be followed"))?;
        let now = clock::now();
        let mut redistributed = Redistributed::default();
        redistributed.want(&settings.redistribute);
        let task = Task {
            fib,
            style: Style {
                mark,
                source_ipv4: settings.install.as_ref().and_then(|kernel| kernel.source_ipv4),
                source_ipv6: settings.install.as_ref().and_then(|kernel| kernel.source_ipv6),
            },
            installs: settings.install.is_some(),
            requests,
            batch: Batch::default(),
            ops: Vec::new(),
            redistributed,
            ends,
            unwanted: VecDeque::new(),
            patient_until: now + settings.patience,
            is_complete: false,
            give_up_at: Time::NEVER,
            dump_at: Time::START,
            pause: FIRST_PAUSE,
            passes: true,
            errors: BTreeMap::new(),
            _lock: lock,
        };
        Ok((task, watch))
    }

    /// Finds out what the kernel holds. True: routes of ours are among it.
    pub(super) fn begin(&mut self) -> Result<bool, Error> {
        self.dump().map_err(system("the kernel's routes cannot be listed"))?;
        let found = self.fib.totals().installed;
        if found == 0 {
            self.patient_until = Time::START;
        } else if self.installs {
            tracing::info!("{found} routes of ours are in the kernel, and stay until peers had their chance");
        }
        Ok(found > 0 && self.installs)
    }

    /// Runs until nobody tells it anything any more.
    pub(super) async fn run(mut self, watch: Watch) -> io::Result<()> {
        let mut watch = watch.register()?;
        loop {
            let now = clock::now();
            let Some(took) = self.take_in(&mut watch).await? else { break };
            let heard = self.hear(now, watch.get_mut())?;
            self.tell(now).await;
            let sent = self.send(now)?;
            if !(took || heard || sent) {
                self.wait(now, &mut watch).await?;
            }
        }
        if self.installs {
            tracing::info!("{} routes stay in the kernel", self.fib.totals().installed);
        }
        Ok(())
    }

    /// Takes what the engine says. `None`: it has ended.
    async fn take_in(&mut self, watch: &mut AsyncFd<Watch>) -> io::Result<Option<bool>> {
        let mut any = false;
        while self.fib.waiting() < ENOUGH {
            match self.ends.told.try_recv() {
                Ok(told) => self.obey(told, watch).await?,
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(None),
            }
            any = true;
        }
        if let Ok(question) = self.ends.questions.try_recv() {
            self.answer(question);
            any = true;
        }
        Ok(Some(any))
    }

    async fn obey(&mut self, told: Told, watch: &mut AsyncFd<Watch>) -> io::Result<()> {
        match told {
            Told::Chosen(chosen) => chosen.iter().for_each(|chosen| self.fib.choose(chosen)),
            Told::NextHops(next_hops) => self.next_hops(next_hops).await,
            Told::Complete => self.is_complete = true,
            Told::Redistribute(kinds) => {
                self.redistributed.want(&kinds);
                self.passes = true;
            }
            Told::Leave => {
                self.fib.leave();
                let now = clock::now();
                while self.hear(now, watch.get_mut())? | self.send(now)? {}
            }
        }
        Ok(())
    }

    async fn next_hops(&mut self, next_hops: Vec<(IpAddr, bool)>) {
        let mut costs = Vec::new();
        for (address, wanted) in next_hops {
            self.unwanted.retain(|known| *known != address);
            if wanted {
                costs.push((address, self.fib.ask(address)));
                continue;
            }
            self.unwanted.push_back(address);
            if self.unwanted.len() > UNWANTED
                && let Some(oldest) = self.unwanted.pop_front()
            {
                self.fib.forget(oldest);
                costs.push((oldest, None));
            }
        }
        self.say(News::Answer(costs)).await;
    }

    /// The engine never waits for us: it takes this in a moment, or has ended.
    async fn say(&self, news: News) {
        let _ = self.ends.news.send(news).await;
    }

    fn answer(&self, (wanted, answer): Question) {
        // Who asked may be gone by now.
        let page = Page { errors: self.errors.clone(), ..Page::of(&self.fib, &wanted) };
        let _ = answer.send(page);
    }

    /// Takes in what the kernel tells.
    fn hear(&mut self, now: Time, watch: &mut Watch) -> io::Result<bool> {
        let fib = &mut self.fib;
        let (mut any, mut news) = (false, false);
        let heard = watch.hear(HEARD, |event| {
            any = true;
            news |= fib.heard(event);
        })?;
        if heard == Heard::Missed {
            tracing::warn!("the kernel told of more changes than we took in: listing its routes again");
            self.fib.missed();
        }
        if news {
            self.fib.retry();
        }
        if any {
            self.passes = true;
            self.give_up_at = self.give_up_at.min(now + HANGING);
        }
        let wanted = self.fib.is_blind() || self.fib.is_doubtful();
        if wanted && self.dump_at <= now {
            self.dump()?;
            any = true;
        }
        Ok(any || heard == Heard::Some)
    }

    /// Lists all that the kernel holds.
    fn dump(&mut self) -> io::Result<()> {
        let Task { fib, requests, batch, .. } = self;
        let mark = fib.settings().mark;
        let mut whole = true;
        fib.dump_begins();
        for part in Part::FIRST {
            match requests.dump(batch, part, |event| {
                fib.heard(event);
            }) {
                // The kernel has no next hop objects.
                Err(error) if part == Part::Objects && socket::is_unknown(&error) => {}
                other => whole &= other?,
            }
        }
        fib.objects_end();
        let tables: &[u32] = if mark.table == MAIN { &[MAIN] } else { &[MAIN, mark.table] };
        for part in Part::routes(tables) {
            whole &= requests.dump(batch, part, |event| {
                fib.heard(event);
            })?;
        }
        fib.dump_ends();
        if !whole {
            fib.missed();
        }
        // What keeps failing is asked for less and less often.
        self.dump_at = clock::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// Tells the engine what is new to it.
    async fn tell(&mut self, now: Time) {
        let costs = self.fib.follow();
        if !costs.is_empty() {
            self.say(News::NextHops(costs)).await;
        }
        if std::mem::take(&mut self.passes) {
            let passed = self.redistributed.compare(self.fib.resolver());
            if !passed.is_empty() {
                self.say(News::Passed(passed)).await;
            }
        }
        if self.give_up_at <= now {
            self.give_up_at = Time::NEVER;
            self.fib.give_up();
        }
        if self.is_complete && self.patient_until <= now {
            self.is_complete = false;
            self.fib.complete();
        }
    }

    /// Sends a batch. True: there may be more to send.
    fn send(&mut self, now: Time) -> io::Result<bool> {
        if !self.installs {
            return Ok(false);
        }
        let Task { fib, requests, batch, ops, style, errors, ends, .. } = self;
        let looks = fib.waiting() > 0;
        ops.clear();
        fib.take(BATCH, ops);
        if ops.is_empty() {
            if looks {
                ends.moves.send_modify(|moves| *moves += 1);
            }
            if !fib.is_doubtful() && self.dump_at <= now {
                self.pause = FIRST_PAUSE;
            }
            return Ok(false);
        }
        batch.clear();
        ops.iter().for_each(|op| batch.push(op, fib, style));
        let (mut refused, mut first) = (0, None);
        for refusal in requests.send(batch)? {
            let Some(op) = ops.get(refusal.number as usize) else { continue };
            let removes = matches!(op, Op::DropRoute { .. } | Op::DropObject { .. } | Op::DropStray { .. });
            let (error, why) = (refusal.error, socket::words(refusal, removes));
            fib.refused(op, why.as_deref());
            if let Some(why) = why {
                refused += 1;
                *errors.entry(error).or_default() += 1;
                first.get_or_insert(why);
            }
        }
        if let Some(why) = first {
            tracing::warn!("the kernel refused {refused} of {} messages; the first: {why}", ops.len());
        }
        ends.moves.send_modify(|moves| *moves += 1);
        Ok(true)
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self, now: Time, watch: &mut AsyncFd<Watch>) -> io::Result<()> {
        let mut due = self.give_up_at;
        if self.fib.is_blind() || self.fib.is_doubtful() {
            due = due.min(self.dump_at);
        }
        if self.is_complete {
            due = due.min(self.patient_until);
        }
        let tick = async {
            if due == Time::NEVER { std::future::pending().await } else { sleep(due.since(now)).await }
        };
        let mut told = None;
        let mut question = None;
        tokio::select! {
            one = self.ends.told.recv() => told = Some(one),
            Some(one) = self.ends.questions.recv() => question = Some(one),
            ready = watch.readable() => ready?.clear_ready(),
            () = tick => {}
        }
        if let Some(question) = question {
            self.answer(question);
        }
        match told {
            Some(Some(told)) => self.obey(told, watch).await,
            // The next look at the channel finds it closed.
            Some(None) | None => Ok(()),
        }
    }
}
