//! What a scrape finds: counted when somebody asks, so that no change pays for it.

use crate::{
    object::Kind,
    plan::{Decision, Outcome, Plan, Verdict, Weight},
    report::Cluster,
    source::cluster::Standing,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

type Counts = BTreeMap<String, u64>;

/// What there is to tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::run) struct Scrape {
    /// There is a plan.
    pub(super) planned: bool,
    pub(super) objects: Counts,
    pub(super) forbidden: Vec<String>,
    pub(super) refused: Counts,
    pub(super) refusals: Counts,
    pub(super) announced: Counts,
    /// Source, reason, how many.
    pub(super) withheld: Vec<(String, String, u64)>,
    pub(super) conflicts: u64,
    pub(super) wanted: u64,
    pub(super) up: u64,
    /// Of the plan, in seconds.
    pub(super) age: f64,
    /// Where objects come from an API server: how it is with that.
    #[serde(skip)]
    pub(super) standing: Option<Standing>,
}

impl Scrape {
    /// What a cluster and a plan for it tell, with the number of sessions that are up.
    pub(in crate::run) fn new(cluster: &Cluster, plan: &Plan, up: usize, age: f64) -> Self {
        let mut all = Scrape { planned: true, up: up as u64, age, ..Scrape::default() };
        for kind in Kind::ALL {
            all.objects.insert(kind.name().to_owned(), cluster.snapshot.count(kind) as u64);
            if cluster.snapshot.is_forbidden(kind) {
                all.forbidden.push(kind.name().to_owned());
            }
        }
        for mistake in cluster.snapshot.refused() {
            one_more(&mut all.refused, mistake.object.kind.name());
        }
        all.count_prefixes(plan);
        let of_objects = plan.refusals.values().flatten();
        let refused = of_objects.chain(&plan.absent).map(|refusal| refusal.reason.code);
        for code in refused.filter(|code| code.weight() == Weight::Refused) {
            one_more(&mut all.refusals, code.name());
        }
        let hindered = plan.absent.iter().filter(|refusal| refusal.reason.code.weight() == Weight::Refused);
        all.wanted = (plan.sessions.len() + hindered.count()) as u64;
        all
    }

    fn count_prefixes(&mut self, plan: &Plan) {
        let mut withheld: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for decision in plan.prefixes.values() {
            let source = source(decision);
            match &decision.outcome {
                Outcome::Announced { .. } => one_more(&mut self.announced, source),
                Outcome::Withheld(refusal) => {
                    *withheld.entry((source, refusal.reason.code.name())).or_default() += 1;
                }
            }
            self.conflicts += u64::from(!decision.conflicts.is_empty());
        }
        let rows = withheld.into_iter();
        self.withheld = rows.map(|((source, reason), count)| (source.into(), reason.into(), count)).collect();
    }
}

/// The source that decides: the first that says yes, or the one whose no is given as the reason.
fn source(decision: &Decision) -> &'static str {
    let decides = |verdict: &Verdict| match (&decision.outcome, verdict) {
        (Outcome::Announced { .. }, Verdict::Yes | Verdict::Last) => true,
        (Outcome::Withheld(refusal), Verdict::Elsewhere(reason) | Verdict::No(reason)) => {
            refusal.reason == *reason
        }
        _ => false,
    };
    let deciding = decision.claims.iter().find(|claim| decides(&claim.verdict));
    deciding.or(decision.claims.first()).map_or("none", |claim| claim.kind.name())
}

fn one_more(counts: &mut Counts, key: &str) {
    *counts.entry(key.to_owned()).or_default() += 1;
}
