//! What the kernel is able and willing to do, found out by asking for it.

use super::{Error, Settings, batch::Batch, socket::Requests};
use crate::{
    config,
    fib::{Buckets, Mark, Resilient, first_object},
};
use std::{io, time::Duration};

/// What of the wishes it can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Able {
    /// It has next hop objects, and they are wanted.
    pub(super) objects: bool,
    /// It has groups of them that keep flows where they are, and they are wanted.
    pub(super) resilient: bool,
}

/// What is wanted, as the kernel is told.
pub(super) fn as_told(wanted: &config::Resilient) -> Resilient {
    let hundredths = |time: Duration| u32::try_from(time.as_millis() / 10).unwrap_or(u32::MAX);
    let config::Resilient { buckets, idle_timer, unbalanced_timer, prefixes } = wanted;
    let (idle, unbalanced) = (hundredths(*idle_timer), hundredths(*unbalanced_timer));
    Resilient { buckets: Buckets { count: *buckets, idle, unbalanced }, prefixes: prefixes.clone() }
}

impl Able {
    /// Asks. Nobody else may have our mark by now.
    pub(super) fn of(settings: &Settings, mark: Mark, requests: &mut Requests) -> Result<Self, Error> {
        let mut batch = Batch::default();
        let Some(install) = &settings.install else { return Ok(Able::default()) };
        let objects = has_objects(requests, &mut batch)? && settings.objects;
        let Some(wanted) = &install.resilient else { return Ok(Able { objects, resilient: false }) };
        let buckets = as_told(wanted).buckets;
        let resilient = objects && takes(requests, &mut batch, buckets, mark)?;
        if !resilient {
            tracing::warn!(
                "the kernel has no resilient groups of next hops, which kernel.resilient asks for (Linux has them \
                 from 5.13 on): flows may move when the next hops of their route change"
            );
        }
        Ok(Able { objects, resilient })
    }
}

fn refused(error: io::Error) -> Error {
    Error::System("the kernel's routes cannot be changed", error)
}

/// Whether there are next hop objects: asked by removing one that is not there. The kernel refuses outright who may not
/// change routes.
fn has_objects(requests: &mut Requests, batch: &mut Batch) -> Result<bool, Error> {
    batch.clear();
    batch.push_probe();
    match requests.send(batch).map_err(refused)?.first().map(|refusal| refusal.error) {
        Some(libc::EPERM) => Err(Error::NotAllowed),
        Some(libc::EOPNOTSUPP) => Ok(false),
        _ => Ok(true),
    }
}

/// Whether a group like this can be made: one is made, and taken away again.
fn takes(requests: &mut Requests, batch: &mut Batch, buckets: Buckets, mark: Mark) -> Result<bool, Error> {
    batch.clear();
    batch.push_trial(first_object(mark.table), buckets, mark);
    Ok(requests.send(batch).map_err(refused)?.is_empty())
}
