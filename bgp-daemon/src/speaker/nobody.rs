//! Where the crate is built without the kernel's routes: nobody is told what is chosen.

use super::Error;
use crate::{config::Config, engine::Engine};
use bgp_proto::time::Time;
use std::convert::Infallible;

/// There is none.
pub(super) struct Forwarder;

/// There is none.
pub(super) type News = Infallible;

impl Forwarder {
    pub(super) fn start(_: &Config) -> Result<Self, Error> {
        Ok(Forwarder)
    }

    pub(super) fn has_adopted(&self) -> bool {
        false
    }

    pub(super) fn begin(&self, _: &mut Engine) {}

    pub(super) fn renew(&mut self, _: &Config) {}

    pub(super) fn tell(&mut self, _: &mut Engine, _: bool) -> bool {
        false
    }

    pub(super) async fn next(&mut self) -> Option<News> {
        std::future::pending().await
    }

    pub(super) fn waiting(&mut self) -> Option<News> {
        None
    }

    pub(super) async fn end(self, _: bool) {}
}

pub(super) fn hear(_: &mut Engine, _: Time, news: News) {
    match news {}
}
