//! The rows of RFC 4271 §8.2.2, written from its text; where another RFC decides, it stands beside.

use bgp_proto::session::SessionState as S;

/// What becomes of the session.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// The next state, the NOTIFICATION sent on the connection (code and subcode), ConnectRetryCounter.
    Goes(S, Option<(u8, u8)>, Counter),
    /// Nothing changes.
    Stays,
    /// The event cannot happen in this state: why.
    Never(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Counter {
    Same,
    Up,
    Zero,
}

use Counter::{Same, Up, Zero};
use Then::{Goes, Never, Stays};

/// States as the RFC tells them apart in its text: Connect and Active with and without DelayOpenTimer running.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum In {
    Idle,
    Connect,
    ConnectDelaying,
    Active,
    ActiveDelaying,
    OpenSent,
    OpenConfirm,
    Established,
}

const NO_TIMER: Then = Never("that timer does not run in this state");
const NO_TCP: Then = Never("there is no connection to hear it on");
const ONE_DIAL: Then = Never("what was dialled is up already");
const CALLER: Then = Never("the caller decides who is a peer before the session hears of it");

pub(crate) type Row = (In, &'static [u8], &'static str, Then);

/// Events by number, §8.1.2 to §8.1.5: 1 ManualStart, 2 ManualStop, 3 AutomaticStart, 4 and 5 the same passively,
/// 6 and 7 with damping, 8 AutomaticStop, 9 ConnectRetryTimer, 10 HoldTimer, 11 KeepaliveTimer, 12 DelayOpenTimer,
/// 13 IdleHoldTimer, 14 TcpConnection_Valid, 15 Tcp_CR_Invalid, 16 Tcp_CR_Acked, 17 TcpConnectionConfirmed,
/// 18 TcpConnectionFails, 19 BGPOpen, 20 the same with DelayOpenTimer running, 21 BGPHeaderErr, 22 BGPOpenMsgErr,
/// 23 OpenCollisionDump, 24 NotifMsgVerErr, 25 NotifMsg, 26 KeepAliveMsg, 27 UpdateMsg, 28 UpdateMsgErr.
pub(crate) const TABLE: &[Row] = &[
    (
        In::Idle,
        &[1],
        "§8.2.2 Idle: starts ConnectRetryTimer, initiates TCP, counter zero",
        Goes(S::Connect, None, Zero),
    ),
    (In::Idle, &[3], "§8.2.2 Idle: the same as ManualStart", Goes(S::Connect, None, Zero)),
    (In::Idle, &[4, 5], "§8.2.2 Idle: listens", Goes(S::Active, None, Zero)),
    (
        In::Idle,
        &[6, 13],
        "§8.1.2, §8.2.2 Idle: damping starts again when IdleHoldTimer expires",
        Goes(S::Connect, None, Same),
    ),
    (In::Idle, &[7], "§8.2.2 Idle: the same passively", Goes(S::Active, None, Same)),
    (In::Idle, &[2, 8], "§8.2.2 Idle: ManualStop and AutomaticStop are ignored", Stays),
    (In::Idle, &[9, 10, 11, 12], "§8.2.2 Idle: any other event changes nothing", NO_TIMER),
    (In::Idle, &[14, 17], "§8.2.2 Idle: refuses all incoming connections", Stays),
    (In::Idle, &[15], "§8.2.2 Idle", CALLER),
    (
        In::Idle,
        &[16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
        "§8.2.2 Idle: any other event changes nothing",
        Stays,
    ),
    //
    (In::Connect, &[1, 3, 4, 5, 6, 7], "§8.2.2 Connect: start events are ignored", Stays),
    (In::Connect, &[2], "§8.2.2 Connect: drops TCP, counter zero", Goes(S::Idle, None, Zero)),
    (In::Connect, &[8], "§8.2.2 Connect: any other event", Goes(S::Idle, None, Up)),
    (In::Connect, &[9], "§8.2.2 Connect: drops TCP, initiates it again", Goes(S::Connect, None, Same)),
    (In::Connect, &[10, 11, 12, 13], "§8.2.2 Connect", NO_TIMER),
    (
        In::Connect,
        &[14, 17],
        "§8.2.2 Connect: sends OPEN on the connection that the peer initiated",
        Goes(S::OpenSent, None, Same),
    ),
    (In::Connect, &[15], "§8.2.2 Connect: the connection is rejected", CALLER),
    (In::Connect, &[16], "§8.2.2 Connect: sends OPEN", Goes(S::OpenSent, None, Same)),
    (In::Connect, &[18], "§8.2.2 Connect: DelayOpenTimer not running", Goes(S::Idle, None, Same)),
    (In::Connect, &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28], "§8.2.2 Connect", NO_TCP),
    //
    (In::ConnectDelaying, &[1, 3, 4, 5, 6, 7], "§8.2.2 Connect: start events are ignored", Stays),
    (
        In::ConnectDelaying,
        &[2],
        "§8.2.2 Connect; §8.2.1.5: SendNOTIFICATIONwithoutOPEN is on",
        Goes(S::Idle, Some((6, 2)), Zero),
    ),
    (In::ConnectDelaying, &[8], "§8.2.2 Connect: any other event; §8.2.1.5", Goes(S::Idle, Some((6, 6)), Up)),
    (
        In::ConnectDelaying,
        &[9, 11, 13],
        "§8.2.2 Connect: ConnectRetryTimer was stopped when TCP came up",
        NO_TIMER,
    ),
    (In::ConnectDelaying, &[10], "§8.2.2 Connect: DelayOpenTimer is the shorter", NO_TIMER),
    (
        In::ConnectDelaying,
        &[12],
        "§8.2.2 Connect: sends OPEN, HoldTimer to a large value",
        Goes(S::OpenSent, None, Same),
    ),
    (
        In::ConnectDelaying,
        &[14, 17],
        "§8.2: a second connection has its own machine, and is Active",
        Goes(S::Active, None, Same),
    ),
    (In::ConnectDelaying, &[15], "§8.2.2 Connect", CALLER),
    (In::ConnectDelaying, &[16], "§8.2.2 Connect", ONE_DIAL),
    (
        In::ConnectDelaying,
        &[18],
        "§8.2.2 Connect: DelayOpenTimer running: restarts ConnectRetryTimer, listens",
        Goes(S::Active, None, Same),
    ),
    (In::ConnectDelaying, &[19], "§8.1.5: this is event 20 while DelayOpenTimer runs", Never("see 20")),
    (
        In::ConnectDelaying,
        &[20],
        "§8.2.2 Connect: sends OPEN and KEEPALIVE",
        Goes(S::OpenConfirm, None, Same),
    ),
    (In::ConnectDelaying, &[21], "§8.2.2 Connect; §8.2.1.5", Goes(S::Idle, Some((1, 1)), Up)),
    (In::ConnectDelaying, &[22], "§8.2.2 Connect; §8.2.1.5", Goes(S::Idle, Some((2, 2)), Up)),
    (
        In::ConnectDelaying,
        &[23],
        "§6.8: our OPEN is not out, the other connection's is",
        Goes(S::OpenConfirm, Some((6, 7)), Same),
    ),
    (
        In::ConnectDelaying,
        &[24],
        "§8.2.2 Connect: DelayOpenTimer running: not counted",
        Goes(S::Idle, None, Same),
    ),
    (In::ConnectDelaying, &[25], "§8.2.2 Connect: any other event", Goes(S::Idle, None, Up)),
    (
        In::ConnectDelaying,
        &[26, 27, 28],
        "§8.2.2 Connect: any other event; RFC 6608 §3",
        Goes(S::Idle, Some((5, 1)), Up),
    ),
    //
    (In::Active, &[1, 3, 4, 5, 6, 7], "§8.2.2 Active: start events are ignored", Stays),
    (In::Active, &[2], "§8.2.2 Active: counter zero", Goes(S::Idle, None, Zero)),
    (In::Active, &[8], "§8.2.2 Active: any other event", Goes(S::Idle, None, Up)),
    (In::Active, &[9], "§8.2.2 Active: initiates TCP", Goes(S::Connect, None, Same)),
    (In::Active, &[10, 11, 12, 13], "§8.2.2 Active", NO_TIMER),
    (In::Active, &[14, 17], "§8.2.2 Active: sends OPEN", Goes(S::OpenSent, None, Same)),
    (In::Active, &[15], "§8.2.2 Active", CALLER),
    (In::Active, &[16], "§8.2.2 Active", Never("nothing was dialled")),
    (In::Active, &[18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28], "§8.2.2 Active", NO_TCP),
    //
    (In::ActiveDelaying, &[1, 3, 4, 5, 6, 7], "§8.2.2 Active: start events are ignored", Stays),
    (
        In::ActiveDelaying,
        &[2],
        "§8.2.2 Active: SendNOTIFICATIONwithoutOPEN: Cease",
        Goes(S::Idle, Some((6, 2)), Zero),
    ),
    (In::ActiveDelaying, &[8], "§8.2.2 Active: any other event; §8.2.1.5", Goes(S::Idle, Some((6, 6)), Up)),
    (
        In::ActiveDelaying,
        &[9, 11, 13],
        "§8.2.2 Active: ConnectRetryTimer was stopped when TCP came up",
        NO_TIMER,
    ),
    (In::ActiveDelaying, &[10], "§8.2.2 Active: DelayOpenTimer is the shorter", NO_TIMER),
    (In::ActiveDelaying, &[12], "§8.2.2 Active: sends OPEN", Goes(S::OpenSent, None, Same)),
    (
        In::ActiveDelaying,
        &[14, 17],
        "§6.8: a peer dials one at a time: its latest takes the older one's place",
        Goes(S::Active, Some((6, 7)), Same),
    ),
    (In::ActiveDelaying, &[15], "§8.2.2 Active", CALLER),
    (In::ActiveDelaying, &[16], "§8.2.2 Active", Never("nothing was dialled")),
    (In::ActiveDelaying, &[18], "§8.2.2 Active: stops DelayOpenTimer, counter up", Goes(S::Idle, None, Up)),
    (In::ActiveDelaying, &[19], "§8.1.5: this is event 20 while DelayOpenTimer runs", Never("see 20")),
    (In::ActiveDelaying, &[20], "§8.2.2 Active: sends OPEN and KEEPALIVE", Goes(S::OpenConfirm, None, Same)),
    (In::ActiveDelaying, &[21], "§8.2.2 Active; §8.2.1.5", Goes(S::Idle, Some((1, 1)), Up)),
    (In::ActiveDelaying, &[22], "§8.2.2 Active; §8.2.1.5", Goes(S::Idle, Some((2, 2)), Up)),
    (
        In::ActiveDelaying,
        &[23],
        "§6.8",
        Never("it takes an OPEN on a second connection, and the peer dials one at a time"),
    ),
    (
        In::ActiveDelaying,
        &[24],
        "§8.2.2 Active: DelayOpenTimer running: not counted",
        Goes(S::Idle, None, Same),
    ),
    (In::ActiveDelaying, &[25], "§8.2.2 Active: any other event", Goes(S::Idle, None, Up)),
    (
        In::ActiveDelaying,
        &[26, 27, 28],
        "§8.2.2 Active: any other event; RFC 6608 §3",
        Goes(S::Idle, Some((5, 1)), Up),
    ),
    //
    (In::OpenSent, &[1, 3, 4, 5, 6, 7], "§8.2.2 OpenSent: start events are ignored", Stays),
    (In::OpenSent, &[2], "§8.2.2 OpenSent: Cease, counter zero; RFC 9003", Goes(S::Idle, Some((6, 2)), Zero)),
    (In::OpenSent, &[8], "§8.2.2 OpenSent: Cease; RFC 4486", Goes(S::Idle, Some((6, 6)), Up)),
    (In::OpenSent, &[9, 11, 12, 13], "§8.2.2 OpenSent", NO_TIMER),
    (In::OpenSent, &[10], "§8.2.2 OpenSent: Hold Timer Expired", Goes(S::Idle, Some((4, 0)), Up)),
    (
        In::OpenSent,
        &[14, 17],
        "§8.2.2 OpenSent: a second connection is tracked",
        Goes(S::OpenSent, None, Same),
    ),
    (In::OpenSent, &[15], "§8.2.2 OpenSent: ignored", CALLER),
    (In::OpenSent, &[16], "§8.2.2 OpenSent", ONE_DIAL),
    (
        In::OpenSent,
        &[18],
        "§8.2.2 OpenSent: restarts ConnectRetryTimer, listens",
        Goes(S::Active, None, Same),
    ),
    (In::OpenSent, &[19], "§8.2.2 OpenSent: sends KEEPALIVE", Goes(S::OpenConfirm, None, Same)),
    (In::OpenSent, &[20], "§8.1.5", Never("DelayOpenTimer does not run")),
    (In::OpenSent, &[21], "§8.2.2 OpenSent; §6.1", Goes(S::Idle, Some((1, 1)), Up)),
    (In::OpenSent, &[22], "§8.2.2 OpenSent; §6.2", Goes(S::Idle, Some((2, 2)), Up)),
    (
        In::OpenSent,
        &[23],
        "§8.2.2 OpenSent: Cease; RFC 4486: 7; the other connection goes on",
        Goes(S::OpenConfirm, Some((6, 7)), Same),
    ),
    (In::OpenSent, &[24], "§8.2.2 OpenSent: not counted", Goes(S::Idle, None, Same)),
    // §8.2.2 has an FSM error for 25 too; §6.4 leaves no way to answer a NOTIFICATION, and the peer has gone.
    (In::OpenSent, &[25], "§6.4", Goes(S::Idle, None, Up)),
    (
        In::OpenSent,
        &[26, 27, 28],
        "§8.2.2 OpenSent: FSM error; RFC 6608 §3: 1",
        Goes(S::Idle, Some((5, 1)), Up),
    ),
    //
    (In::OpenConfirm, &[1, 3, 4, 5, 6, 7], "§8.2.2 OpenConfirm: start events are ignored", Stays),
    (In::OpenConfirm, &[2], "§8.2.2 OpenConfirm: Cease, counter zero", Goes(S::Idle, Some((6, 2)), Zero)),
    (In::OpenConfirm, &[8], "§8.2.2 OpenConfirm: Cease", Goes(S::Idle, Some((6, 6)), Up)),
    (In::OpenConfirm, &[9, 12, 13], "§8.2.2 OpenConfirm", NO_TIMER),
    (In::OpenConfirm, &[10], "§8.2.2 OpenConfirm: Hold Timer Expired", Goes(S::Idle, Some((4, 0)), Up)),
    (In::OpenConfirm, &[11], "§8.2.2 OpenConfirm: sends KEEPALIVE", Goes(S::OpenConfirm, None, Same)),
    (
        In::OpenConfirm,
        &[14, 17],
        "§8.2.2 OpenConfirm: a second connection is tracked",
        Goes(S::OpenConfirm, None, Same),
    ),
    (In::OpenConfirm, &[15], "§8.2.2 OpenConfirm: ignored", CALLER),
    (In::OpenConfirm, &[16], "§8.2.2 OpenConfirm", ONE_DIAL),
    (In::OpenConfirm, &[18], "§8.2.2 OpenConfirm", Goes(S::Idle, None, Up)),
    (
        In::OpenConfirm,
        &[19],
        "RFC 6608 §3: 2: a second OPEN on the same connection",
        Goes(S::Idle, Some((5, 2)), Up),
    ),
    (In::OpenConfirm, &[20], "§8.1.5", Never("DelayOpenTimer does not run")),
    (In::OpenConfirm, &[21], "§8.2.2 OpenConfirm; §6.1", Goes(S::Idle, Some((1, 1)), Up)),
    (
        In::OpenConfirm,
        &[22],
        "RFC 6608 §3: 2: an OPEN is not expected, whatever is in it",
        Goes(S::Idle, Some((5, 2)), Up),
    ),
    (
        In::OpenConfirm,
        &[23],
        "§8.2.2 OpenConfirm: Cease; the other connection goes on",
        Goes(S::OpenConfirm, Some((6, 7)), Same),
    ),
    (In::OpenConfirm, &[24], "§8.2.2 OpenConfirm: not counted", Goes(S::Idle, None, Same)),
    (In::OpenConfirm, &[25], "§8.2.2 OpenConfirm", Goes(S::Idle, None, Up)),
    (In::OpenConfirm, &[26], "§8.2.2 OpenConfirm: restarts HoldTimer", Goes(S::Established, None, Same)),
    (
        In::OpenConfirm,
        &[27, 28],
        "§8.2.2 OpenConfirm: FSM error; RFC 6608 §3: 2",
        Goes(S::Idle, Some((5, 2)), Up),
    ),
    //
    (In::Established, &[1, 3, 4, 5, 6, 7], "§8.2.2 Established: start events are ignored", Stays),
    (In::Established, &[2], "§8.2.2 Established: Cease, counter zero", Goes(S::Idle, Some((6, 2)), Zero)),
    (In::Established, &[8], "§8.2.2 Established: Cease", Goes(S::Idle, Some((6, 6)), Up)),
    (In::Established, &[9, 12, 13], "§8.2.2 Established", NO_TIMER),
    (In::Established, &[10], "§8.2.2 Established: Hold Timer Expired", Goes(S::Idle, Some((4, 0)), Up)),
    (In::Established, &[11], "§8.2.2 Established: sends KEEPALIVE", Goes(S::Established, None, Same)),
    (
        In::Established,
        &[14, 17],
        "§8.2.2 Established: a second connection is tracked",
        Goes(S::Established, None, Same),
    ),
    (In::Established, &[15], "§8.2.2 Established: ignored", CALLER),
    (In::Established, &[16], "§8.2.2 Established", ONE_DIAL),
    (In::Established, &[18], "§8.2.2 Established", Goes(S::Idle, None, Up)),
    (
        In::Established,
        &[19],
        "RFC 6608 §3: 3: a second OPEN on the same connection",
        Goes(S::Idle, Some((5, 3)), Up),
    ),
    (In::Established, &[20], "§8.1.5", Never("DelayOpenTimer does not run")),
    // §8.2.2 has an FSM error for 21; §6.1 says what a bad header costs in any state.
    (In::Established, &[21], "§6.1", Goes(S::Idle, Some((1, 1)), Up)),
    (In::Established, &[22], "RFC 6608 §3: 3", Goes(S::Idle, Some((5, 3)), Up)),
    (
        In::Established,
        &[23],
        "§8.2.2 Established: only with CollisionDetectEstablishedState, which is off: the new one goes",
        Stays,
    ),
    (In::Established, &[24, 25], "§8.2.2 Established: counter up", Goes(S::Idle, None, Up)),
    (In::Established, &[26, 27], "§8.2.2 Established: restarts HoldTimer", Goes(S::Established, None, Same)),
    (In::Established, &[28], "§8.2.2 Established; §6.3", Goes(S::Idle, Some((3, 1)), Up)),
];
