//! From what people wrote to what can be evaluated: all mistakes are found in one go, and nothing is left to fail.

use super::{
    Policies, Policy,
    as_path::{AsnSet, Pattern},
    changes::{Changes, MedChange, NextHopChange, Prepend},
    communities,
    mistake::{Mistake, Wrong},
    prefixes::{Entry, PrefixList},
    raw::{RawMatch, RawPolicies, RawPolicy, RawPrepend, RawRule, RawSet, Text, Texts},
    rule::{AttributeCondition, Rule, SourceCondition, Verdict},
    source::{PeerName, SourceKind},
    span::{Span, number},
};
use bgp_proto::{
    attr::next_hop::NextHop,
    family::Family,
    numbers::{Asn, Origin},
};
use std::{collections::BTreeSet, fmt, net::IpAddr, str::FromStr};

/// What else is configured: the names that a policy may use. `None`: whatever it says is believed.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Peers. Leave it out where peers may come that are not configured one by one.
    pub peers: Option<BTreeSet<PeerName>>,
    /// Groups.
    pub groups: Option<BTreeSet<String>>,
}

/// Resolves all policies.
///
/// # Errors
/// All mistakes in all of them.
pub fn check(raw: &RawPolicies, names: &Names) -> Result<Policies, Vec<Mistake>> {
    let mut check = Check { names, mistakes: Vec::new() };
    let mut policies = Policies::default();
    for (name, raw) in raw {
        let path = format!("policy.{name}");
        if Policies::BUILT_IN.contains(&name.as_str()) {
            check.wrong(&path, Wrong::new(name, "is built in", "another name"));
        }
        policies.0.insert(name.clone(), check.policy(&path, name, raw));
    }
    if check.mistakes.is_empty() { Ok(policies) } else { Err(check.mistakes) }
}

/// As many times as an AS can be prepended by one rule.
const MOST_TIMES: u32 = 32;

struct Check<'n> {
    names: &'n Names,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    fn wrong(&mut self, path: &str, Wrong(message): Wrong) {
        self.mistakes.push(Mistake { path: path.into(), message });
    }

    fn read<T>(&mut self, path: &str, text: &Text, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        parse(&text.0).map_err(|wrong| self.wrong(path, wrong)).ok()
    }

    /// A leaf; `None` too where it is wrong.
    fn one<T: FromStr<Err = Wrong>>(&mut self, path: &str, text: Option<&Text>) -> Option<T> {
        self.read(path, text?, T::from_str)
    }

    /// A list; what is wrong in it is left out.
    fn each<T>(
        &mut self,
        path: &str,
        texts: Option<&Texts>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Box<[T]>> {
        match texts? {
            Texts::One(text) => Some(self.read(path, text, parse).into_iter().collect()),
            Texts::Many(texts) => {
                let texts = texts.iter().enumerate();
                Some(
                    texts
                        .filter_map(|(at, text)| self.read(&format!("{path}[{at}]"), text, &parse))
                        .collect(),
                )
            }
        }
    }

    /// The same, where an empty list can only be a slip: it would hold for no route.
    fn some<T>(
        &mut self,
        path: &str,
        texts: Option<&Texts>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Box<[T]>> {
        if matches!(texts, Some(Texts::Many(list)) if list.is_empty()) {
            self.wrong(
                path,
                Wrong("the list is empty, so no route can match; fill it or leave it out".into()),
            );
        }
        self.each(path, texts, parse)
    }

    fn policy(&mut self, path: &str, name: &str, raw: &RawPolicy) -> Policy {
        if raw.rules.len() > usize::from(u16::MAX) {
            let message = format!("{} rules are too many; write at most {}", raw.rules.len(), u16::MAX);
            self.wrong(&format!("{path}.rules"), Wrong(message));
        }
        let rules = raw.rules.iter().enumerate();
        Policy::new(name, rules.map(|(at, raw)| self.rule(&format!("{path}.rules[{at}]"), raw)).collect())
    }

    fn rule(&mut self, path: &str, raw: &RawRule) -> Rule {
        let at = format!("{path}.match");
        let verdict = self.verdict(&format!("{path}.then"), raw.then.as_ref());
        let changes = if raw.set == RawSet::default() {
            None
        } else {
            Some(self.changes(&format!("{path}.set"), &raw.set))
        };
        if changes.is_some() && verdict == Some(Verdict::Reject) {
            let message = "a rejected route is not changed; leave out set, or write then = \"accept\"";
            self.wrong(&format!("{path}.set"), Wrong(message.into()));
        }
        let raw_match = &raw.matches;
        let entries = self.some(&format!("{at}.prefix"), raw_match.prefix.as_ref(), Entry::from_str);
        Rule {
            name: raw.name.as_deref().map(Into::into),
            attributes: self.attribute_conditions(&at, raw_match).into(),
            sources: self.source_conditions(&at, raw_match).into(),
            families: self.some(&format!("{at}.family"), raw_match.family.as_ref(), family),
            prefixes: entries.map(|entries| PrefixList::new(&entries)),
            changes,
            verdict: verdict.unwrap_or(Verdict::Reject),
        }
    }

    fn verdict(&mut self, path: &str, text: Option<&Text>) -> Option<Verdict> {
        let wrong = match text.map(|text| text.0.as_str()) {
            Some("accept") => return Some(Verdict::Accept),
            Some("reject") => return Some(Verdict::Reject),
            Some(other) => Wrong::new(other, "is no verdict", "accept or reject"),
            None => Wrong("the rule does not say what becomes of a route; write accept or reject".into()),
        };
        self.wrong(path, wrong);
        None
    }

    fn source_conditions(&mut self, at: &str, raw: &RawMatch) -> Vec<SourceCondition> {
        let names = self.names;
        let group = |text: &str| known(text, "group", text.to_owned(), names.groups.as_ref());
        let peer = |text: &str| known(text, "peer", PeerName::from(text), names.peers.as_ref());
        let kinds = self.some(&format!("{at}.source"), raw.source.as_ref(), SourceKind::from_str);
        let peers = self.some(&format!("{at}.peer"), raw.peer.as_ref(), peer);
        let groups = self.some(&format!("{at}.group"), raw.group.as_ref(), group);
        [
            kinds.map(SourceCondition::Kind),
            peers.map(SourceCondition::Peer),
            groups.map(SourceCondition::Group),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn attribute_conditions(&mut self, at: &str, raw: &RawMatch) -> Vec<AttributeCondition> {
        use AttributeCondition as C;
        let (path, communities) = (&raw.as_path, &raw.communities);
        let mut ases = |field: &str, texts: Option<&Texts>| {
            self.some(&format!("{at}.as_path.{field}"), texts, AsnSet::from_str)
                .map(|sets| AsnSet::union(&sets))
        };
        let contains = ases("contains", path.contains.as_ref()).map(C::PathContains);
        let starts = ases("starts", path.starts.as_ref()).map(C::PathStarts);
        let begins = ases("origin", path.origin.as_ref()).map(C::PathOrigin);
        let patterns = self
            .some(&format!("{at}.as_path.pattern"), path.pattern.as_ref(), Pattern::from_str)
            .map(C::Path);
        let mut listed = |field: &str, texts: Option<&Texts>| {
            self.some(&format!("{at}.communities.{field}"), texts, communities::Pattern::from_str)
        };
        let any = listed("any", communities.any.as_ref()).map(C::AnyCommunity);
        let all = listed("all", communities.all.as_ref()).map(C::AllCommunities);
        let none = listed("none", communities.none.as_ref()).map(C::NoCommunity);
        let next_hops = self.some(&format!("{at}.next_hop"), raw.next_hop.as_ref(), next_hops);
        let origins = self.some(&format!("{at}.origin"), raw.origin.as_ref(), origin).map(C::Origin);
        let mut range = |field: &str, text: Option<&Text>| self.one::<Span>(&format!("{at}.{field}"), text);
        let ranges = [
            range("as_path.length", path.length.as_ref()).map(C::PathLength),
            range("med", raw.med.as_ref()).map(C::Med),
            range("local_pref", raw.local_pref.as_ref()).map(C::LocalPref),
        ];
        let next_hops = next_hops.map(|entries| C::NextHop(PrefixList::new(&entries)));
        // The cheap ones first: all must hold, so the first that does not ends it.
        let conditions = ranges
            .into_iter()
            .chain([origins, starts, begins, next_hops, contains, any, all, none, patterns]);
        conditions.flatten().collect()
    }

    fn changes(&mut self, at: &str, raw: &RawSet) -> Changes {
        let many = communities::Pattern::from_str;
        let single = communities::AnyCommunity::from_str;
        let only = self.each(&format!("{at}.communities"), raw.communities.as_ref(), single);
        let mut remove =
            self.each(&format!("{at}.remove_communities"), raw.remove_communities.as_ref(), many);
        let mut add = self.each(&format!("{at}.add_communities"), raw.add_communities.as_ref(), single);
        if only.is_some() {
            if add.is_some() || remove.is_some() {
                let message = "communities says all that the route has, so nothing is added or removed; keep one of them";
                self.wrong(&format!("{at}.communities"), Wrong(message.into()));
            }
            (remove, add) = (Some([communities::Pattern::Every].into()), only);
        }
        Changes {
            local_pref: self.value(&format!("{at}.local_pref"), raw.local_pref.as_ref(), whole),
            med: self.med(at, raw),
            origin: self.value(&format!("{at}.origin"), raw.origin.as_ref(), origin),
            next_hop: self.next_hop(&format!("{at}.next_hop"), raw.next_hop.as_ref()),
            remove_communities: remove.unwrap_or_default(),
            add_communities: add.unwrap_or_default(),
            prepend: self.prepend(&format!("{at}.prepend"), raw.prepend.as_ref()),
        }
    }

    fn value<T>(
        &mut self,
        path: &str,
        text: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.read(path, text?, parse)
    }

    fn med(&mut self, at: &str, raw: &RawSet) -> Option<MedChange> {
        let set = |text: &str| match text {
            "remove" => Ok(MedChange::Remove),
            _ => whole(text)
                .map(MedChange::Set)
                .map_err(|_| Wrong::new(text, "is no MED", "0 to 4294967295, or remove")),
        };
        let add = |text: &str| {
            let number =
                text.parse().ok().filter(|number: &i64| number.unsigned_abs() <= u64::from(u32::MAX));
            let remedy = "-4294967295 to 4294967295";
            number.map(MedChange::Add).ok_or_else(|| Wrong::new(text, "cannot be added to a MED", remedy))
        };
        if raw.med.is_some() && raw.add_med.is_some() {
            let message = "the MED is set and added to; keep med or add_med";
            self.wrong(&format!("{at}.add_med"), Wrong(message.into()));
        }
        let added = self.value(&format!("{at}.add_med"), raw.add_med.as_ref(), add);
        self.value(&format!("{at}.med"), raw.med.as_ref(), set).or(added)
    }

    fn next_hop(&mut self, path: &str, texts: Option<&Texts>) -> Option<NextHopChange> {
        match texts? {
            Texts::One(Text(word)) if word == "self" => return Some(NextHopChange::Own),
            Texts::One(Text(word)) if word == "unchanged" => return Some(NextHopChange::Unchanged),
            _ => {}
        }
        let (mut ipv4, mut ipv6) = (None, None);
        let addresses = self.each(path, texts, host)?;
        let several = addresses.iter().any(|address| match address {
            IpAddr::V4(address) => ipv4.replace(*address).is_some(),
            IpAddr::V6(address) => ipv6.replace(*address).is_some(),
        });
        if several || matches!(texts, Some(Texts::Many(list)) if list.is_empty()) {
            let message =
                "there is one next hop; write self, unchanged, an address, or one IPv4 and one IPv6 address";
            self.wrong(path, Wrong(message.into()));
        }
        Some(NextHopChange::Addresses { ipv4, ipv6 })
    }

    fn prepend(&mut self, at: &str, raw: Option<&RawPrepend>) -> Option<Prepend> {
        let raw = raw?;
        let asn = |text: &str| {
            let asn = text.parse().ok().filter(|asn: &Asn| asn.0 != 0);
            asn.ok_or_else(|| {
                Wrong::new(text, "is no AS number", "1 to 4294967295, or leave it out for our own")
            })
        };
        let times = |text: &str| {
            let times = number(text)
                .filter(|times| (1..=MOST_TIMES).contains(times))
                .and_then(|n| u8::try_from(n).ok());
            let remedy = format_args!("1 to {MOST_TIMES}");
            times.ok_or_else(|| Wrong::new(text, "is not how often an AS can be prepended", remedy))
        };
        let asn = self.value(&format!("{at}.asn"), raw.asn.as_ref(), asn);
        let times = self.value(&format!("{at}.times"), raw.times.as_ref(), times);
        Some(Prepend { asn, times: times.unwrap_or(1) })
    }
}

/// A name that is among those configured.
fn known<T: Ord + fmt::Display>(
    text: &str,
    thing: &str,
    name: T,
    names: Option<&BTreeSet<T>>,
) -> Result<T, Wrong> {
    match names {
        Some(names) if !names.contains(&name) => {
            let list: Vec<_> = names.iter().take(10).map(ToString::to_string).collect();
            let more = if names.len() > list.len() { " or another" } else { "" };
            let remedy = if list.is_empty() {
                format!("one that is, or configure the {thing}")
            } else {
                format!("one of {}{more}", list.join(", "))
            };
            Err(Wrong::new(text, format_args!("is no configured {thing}"), remedy))
        }
        _ => Ok(name),
    }
}

fn whole(text: &str) -> Result<u32, Wrong> {
    number(text).ok_or_else(|| Wrong::new(text, "is not a number", "0 to 4294967295"))
}

fn origin(text: &str) -> Result<Origin, Wrong> {
    text.parse().map_err(|_| Wrong::new(text, "is not an origin", "igp, egp or incomplete"))
}

fn family(text: &str) -> Result<Family, Wrong> {
    let carried = [Family::IPV4, Family::IPV6].into_iter().find(|family| family.name() == Some(text));
    carried.ok_or_else(|| Wrong::new(text, "is not a family that policies see", "ipv4 or ipv6"))
}

/// Prefixes of addresses: lengths behind them could only be a slip.
fn next_hops(text: &str) -> Result<Entry, Wrong> {
    match text.split_whitespace().nth(1) {
        None => text.parse().map(Entry::and_longer),
        Some(_) => Err(Wrong::new(
            text,
            "has lengths, and a next hop is an address",
            "the prefix alone, like 192.0.2.0/24",
        )),
    }
}

fn host(text: &str) -> Result<IpAddr, Wrong> {
    let address = text.parse().ok().filter(|address: &IpAddr| NextHop::from(*address).is_host());
    address.ok_or_else(|| {
        Wrong::new(text, "is no next hop", "self, unchanged, or the address of a router like 192.0.2.1")
    })
}
