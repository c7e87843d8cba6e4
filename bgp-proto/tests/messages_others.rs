//! NOTIFICATION and ROUTE-REFRESH: every code has its name, every fault its data.

mod common;

use bgp_proto::{
    agreed::{Agreed, PeerKind},
    family::Family,
    fault::ErrorCode,
    wire::{
        message::{Message, keepalive},
        notification::{Notification, cease},
        route_refresh::{RefreshKind, RouteRefresh},
    },
};

fn extended() -> Agreed {
    let mut agreed = Agreed::new(PeerKind::External);
    agreed.extended_message = true;
    agreed
}

/// The registry of codes and subcodes (RFC 4271 §4.5, 4486, 7313, 8538, 9234, 9384, 9687).
#[test]
fn every_code_and_subcode_has_its_registered_name() {
    let rows = [
        (1, 1, "Message Header Error, Connection Not Synchronized (1/1)"),
        (1, 2, "Message Header Error, Bad Message Length (1/2)"),
        (1, 3, "Message Header Error, Bad Message Type (1/3)"),
        (2, 0, "OPEN Message Error (2/0)"),
        (2, 1, "OPEN Message Error, Unsupported Version Number (2/1)"),
        (2, 2, "OPEN Message Error, Bad Peer AS (2/2)"),
        (2, 3, "OPEN Message Error, Bad BGP Identifier (2/3)"),
        (2, 4, "OPEN Message Error, Unsupported Optional Parameter (2/4)"),
        (2, 5, "OPEN Message Error, Authentication Failure (2/5)"),
        (2, 6, "OPEN Message Error, Unacceptable Hold Time (2/6)"),
        (2, 7, "OPEN Message Error, Unsupported Capability (2/7)"),
        (2, 11, "OPEN Message Error, Role Mismatch (2/11)"),
        (3, 1, "UPDATE Message Error, Malformed Attribute List (3/1)"),
        (3, 2, "UPDATE Message Error, Unrecognized Well-known Attribute (3/2)"),
        (3, 3, "UPDATE Message Error, Missing Well-known Attribute (3/3)"),
        (3, 4, "UPDATE Message Error, Attribute Flags Error (3/4)"),
        (3, 5, "UPDATE Message Error, Attribute Length Error (3/5)"),
        (3, 6, "UPDATE Message Error, Invalid ORIGIN Attribute (3/6)"),
        (3, 7, "UPDATE Message Error, AS Routing Loop (3/7)"),
        (3, 8, "UPDATE Message Error, Invalid NEXT_HOP Attribute (3/8)"),
        (3, 9, "UPDATE Message Error, Optional Attribute Error (3/9)"),
        (3, 10, "UPDATE Message Error, Invalid Network Field (3/10)"),
        (3, 11, "UPDATE Message Error, Malformed AS_PATH (3/11)"),
        (4, 0, "Hold Timer Expired (4/0)"),
        (5, 1, "Finite State Machine Error, Receive Unexpected Message in OpenSent State (5/1)"),
        (5, 2, "Finite State Machine Error, Receive Unexpected Message in OpenConfirm State (5/2)"),
        (5, 3, "Finite State Machine Error, Receive Unexpected Message in Established State (5/3)"),
        (6, 1, "Cease, Maximum Number of Prefixes Reached (6/1)"),
        (6, 2, "Cease, Administrative Shutdown (6/2)"),
        (6, 3, "Cease, Peer De-configured (6/3)"),
        (6, 4, "Cease, Administrative Reset (6/4)"),
        (6, 5, "Cease, Connection Rejected (6/5)"),
        (6, 6, "Cease, Other Configuration Change (6/6)"),
        (6, 7, "Cease, Connection Collision Resolution (6/7)"),
        (6, 8, "Cease, Out of Resources (6/8)"),
        (6, 9, "Cease, Hard Reset (6/9)"),
        (6, 10, "Cease, BFD Down (6/10)"),
        (7, 1, "ROUTE-REFRESH Message Error, Invalid Message Length (7/1)"),
        (8, 0, "Send Hold Timer Expired (8/0)"),
        (99, 3, "Unknown Error (99/3)"),
    ];
    for (code, subcode, text) in rows {
        let notification = Notification { code: ErrorCode(code), subcode, data: &[] };
        assert_eq!(notification.to_string(), text);
    }
}

/// RFC 9003 §2 and §4: what is no text is ignored, and the connection ends all the same.
#[test]
fn a_shutdown_text_is_read_where_there_is_one() {
    let long = [&[255][..], &[b'x'; 255]].concat();
    let rows: [(u8, &[u8], Option<&str>); 14] = [
        (cease::ADMIN_SHUTDOWN, b"\x03bye", Some("bye")),
        (cease::ADMIN_RESET, b"\x03bye", Some("bye")),
        (cease::ADMIN_SHUTDOWN, "\u{6}häß".as_bytes(), None),
        (cease::ADMIN_SHUTDOWN, "\u{5}häß".as_bytes(), Some("häß")),
        (cease::ADMIN_SHUTDOWN, &long, Some(core::str::from_utf8(&long[1..]).unwrap())),
        (cease::ADMIN_SHUTDOWN, &long[..255], None),
        (cease::ADMIN_SHUTDOWN, b"", None),
        (cease::ADMIN_SHUTDOWN, b"\x00", None),
        (cease::ADMIN_SHUTDOWN, b"\x00bye", None),
        (cease::ADMIN_SHUTDOWN, b"\x03by", None),
        (cease::ADMIN_SHUTDOWN, b"\x03b\xffe", None),
        (cease::ADMIN_SHUTDOWN, b"\x03\xed\xa0\x80", None),
        (cease::HARD_RESET, b"\x03bye", None),
        (cease::PEER_DECONFIGURED, b"\x03bye", None),
    ];
    let agreed = Agreed::new(PeerKind::Internal);
    for (subcode, data, text) in rows {
        let bytes = common::message(3, &[&[6, subcode][..], data].concat());
        let Ok(Message::Notification(found)) = Message::decode(common::framed(&bytes, &agreed)[0], &agreed)
        else {
            panic!("{data:02x?}")
        };
        assert_eq!(
            (found.code, found.subcode, found.text()),
            (ErrorCode::CEASE, subcode, text),
            "{data:02x?}"
        );
        let mut again = Vec::new();
        found.encode(&mut again);
        assert_eq!(again, bytes);
    }
}

#[test]
fn the_longest_notification_comes_back_and_what_a_fault_quotes_fits_every_peer() {
    let agreed = extended();
    let bytes = common::message(3, &[&[6, 9][..], &vec![7; 65514]].concat());
    let mut again = Vec::new();
    Message::decode(common::framed(&bytes, &agreed)[0], &agreed).unwrap().encode(&mut again);
    assert_eq!(again, bytes);
    // RFC 8654 §4: a NOTIFICATION may quote a message that is longer than the NOTIFICATION can be.
    let long = common::message(5, &[&[0, 1, 1, 1][..], &vec![7; 60000]].concat());
    let fault = Message::decode(common::framed(&long, &agreed)[0], &agreed).unwrap_err();
    let mut sent = Vec::new();
    fault.notification(&long).encode(&mut sent);
    assert_eq!((sent.len(), &sent[19..21], &sent[21..]), (4096, &[7, 1][..], &long[..4075]));
}

/// RFC 7313 §5: a request or a mark of another length than four is 7/1 with the whole message as data; other kinds are
/// to be ignored. Written choice: a request with route filters (RFC 5291), which are never agreed, is 7/1 too.
#[test]
fn a_route_refresh_of_a_wrong_length_is_quoted_whole() {
    let agreed = extended();
    let decode = |body: &[u8]| {
        let bytes = common::message(5, body);
        match Message::decode(common::framed(&bytes, &agreed)[0], &agreed) {
            Ok(Message::RouteRefresh(refresh)) => Ok(refresh),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => {
                let said = fault.notification(&bytes);
                assert_eq!(said.data, bytes, "{body:02x?}");
                Err((said.code.0, said.subcode))
            }
        }
    };
    for kind in 0..=2 {
        let good = RouteRefresh { family: Family::IPV6, kind: RefreshKind(kind) };
        assert_eq!(decode(&[0, 2, kind, 1]), Ok(good));
        let mut bytes = Vec::new();
        good.encode(&mut bytes);
        assert_eq!(bytes, common::message(5, &[0, 2, kind, 1]));
        for body in
            [&[][..], &[0], &[0, 2], &[0, 2, kind], &[0, 2, kind, 1, 0], &[0, 2, kind, 1, 1, 64, 0, 1, 7]]
        {
            assert_eq!(decode(body), Err((7, 1)), "{body:02x?}");
        }
    }
    for kind in [3, 77, 255] {
        let ignored = Ok(RouteRefresh { family: Family::IPV6, kind: RefreshKind(kind) });
        assert_eq!(decode(&[0, 2, kind, 1]), ignored);
        assert_eq!(decode(&[0, 2, kind, 1, 9, 9, 9]), ignored);
    }
}

#[test]
fn a_keepalive_is_nineteen_octets() {
    let mut bytes = Vec::new();
    keepalive(&mut bytes);
    assert_eq!(bytes, common::message(4, &[]));
}
