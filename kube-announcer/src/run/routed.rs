//! Routes that are not announced but taken: what peers sent, and what became of it in the node's kernel.

use super::{Answer, live::peer_of};
use crate::{
    plan::{Outcome, Plan},
    report::{
        names, node,
        table::table,
        why::{Learned, Placed},
    },
};
use bgp_daemon::{
    engine::{Engine, Sent},
    kernel::Row,
    rib::{Listed, Standing},
    speaker::{Error, Speaker},
};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Routes that are asked for at once.
const PAGE: usize = 1000;

/// Every prefix that has all of an address, or of a prefix, the longest first.
pub(super) fn around(asked: IpNet) -> Vec<IpNet> {
    let lengths = (0..=asked.prefix_len()).rev();
    lengths.filter_map(|length| IpNet::new(asked.addr(), length).ok()).map(|net| net.trunc()).collect()
}

/// What peers sent to these prefixes.
pub(super) fn learned(engine: &Engine, prefixes: &[IpNet]) -> Vec<Learned> {
    let routes =
        prefixes.iter().flat_map(|prefix| engine.routes(*prefix).into_iter().map(|one| (*prefix, one)));
    routes.filter_map(|(prefix, listed)| one(engine, prefix, listed)).collect()
}

fn one(engine: &Engine, prefix: IpNet, listed: Listed) -> Option<Learned> {
    let Some(Sent::Peer(id, remote)) = engine.sender(listed.sender) else { return None };
    let (_, next_hop) = listed.accepted.as_ref().unwrap_or(&listed.learned);
    let standing = match listed.standing {
        Standing::Best => "best".to_owned(),
        Standing::Equal => "as good as the best".to_owned(),
        Standing::Lost(rule) => format!("another is better: {rule}"),
        Standing::Unreachable => "there is no way to its next hop".to_owned(),
        Standing::Rejected => "not taken".to_owned(),
    };
    Some(Learned {
        prefix: prefix.to_string(),
        peer: peer_of(engine, id),
        address: remote.to_string(),
        next_hop: next_hop.map(|hop| hop.address().to_string()).unwrap_or_default(),
        taken: listed.accepted.is_some(),
        standing,
        because: listed.reason,
    })
}

/// How our routes to these prefixes fare in the kernel. None: we put no routes there.
pub(super) async fn placed(speaker: &Speaker, prefixes: Vec<IpNet>) -> Result<Vec<Placed>, String> {
    match speaker.kernel_routes_to(prefixes).await {
        Ok(page) => Ok(page.rows.iter().map(shown).collect()),
        Err(Error::NoKernel) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn shown(row: &Row) -> Placed {
    Placed {
        prefix: row.prefix.to_string(),
        gateways: row.gateways.clone(),
        state: row.state.to_string(),
        note: row.note.clone(),
    }
}

/// `kernel`: a line for each route of ours, with whom it is from.
pub(super) async fn kernel(speaker: &Speaker, plan: &Plan) -> Result<Answer, String> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = speaker.kernel_routes(after, PAGE).await.map_err(|error| match error {
            Error::NoKernel => {
                "this announcer puts no routes into the kernel; run it with --kernel-routes".to_owned()
            }
            error => error.to_string(),
        })?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let prefixes: Vec<_> = rows.iter().map(|row| row.prefix).collect();
    let from = speaker.ask(move |engine, _| senders(engine, &prefixes)).await;
    let from = from.map_err(|error| error.to_string())?;
    let lines = rows.iter().map(|row| {
        let Placed { prefix, gateways, state, note } = shown(row);
        let whose = owners(plan, row.prefix).or_else(|| from.get(&row.prefix).cloned()).unwrap_or_default();
        [prefix, gateways.join(", "), state, names(&whose), note.unwrap_or_default()]
    });
    let text = table(["PREFIX", "PACKETS GO", "STATE", "FROM", "NOTE"], &lines.collect::<Vec<_>>());
    Ok(Answer::new(text, &rows.iter().map(shown).collect::<Vec<_>>()))
}

/// The peers whose routes are in use, by prefix.
fn senders(engine: &Engine, prefixes: &[IpNet]) -> BTreeMap<IpNet, Vec<String>> {
    let of = |prefix: &IpNet| {
        let routes = engine.routes(*prefix).into_iter();
        let used = routes.filter(|listed| matches!(listed.standing, Standing::Best | Standing::Equal));
        let from = used.filter_map(|listed| match engine.sender(listed.sender)? {
            Sent::Peer(id, remote) => Some(format!("{} at {remote}", peer_of(engine, id))),
            Sent::Owner(_) => None,
        });
        (*prefix, from.collect())
    };
    prefixes.iter().map(of).collect()
}

/// The objects for which a route is there that no peer sent.
fn owners(plan: &Plan, prefix: IpNet) -> Option<Vec<String>> {
    let decision = plan.prefixes.get(&prefix)?;
    match &decision.outcome {
        Outcome::Announced { kernel: Some(_), .. } => Some(node::route(plan, prefix, decision).objects),
        _ => None,
    }
}
