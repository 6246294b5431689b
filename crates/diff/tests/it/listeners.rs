//! Addresses that are opened and closed.

use evenkeel_diff::Rank;

use crate::support::{compared, item, pool, weighted};

fn file(listeners: &str, admin: &str) -> String {
    format!(
        "[admin]\nlisten = \"{admin}\"\n{listeners}[pool.web]\nhealth = false\nbackends = [{}]\n",
        weighted(&[1, 1])
    )
}

fn listener(name: &str, bind: &str, protocol: &str) -> String {
    format!("[listener.{name}]\nbind = \"{bind}\"\nprotocol = \"{protocol}\"\npool = \"web\"\n")
}

const ADMIN: &str = "127.0.0.1:9901";

#[test]
fn a_moved_listener_refuses_its_clients() {
    let old = file(&listener("a", "127.0.0.1:80", "http"), ADMIN);
    let moved = compared(&old, &file(&listener("a", "127.0.0.1:81", "http"), ADMIN));
    let moved = item(&moved, "listener-moved");
    assert_eq!((moved.rank, moved.text.as_str()), (Rank::Danger, "moves 127.0.0.1:80 -> 127.0.0.1:81"));
    let protocol = compared(&old, &file(&listener("a", "127.0.0.1:80", "tcp"), ADMIN));
    assert_eq!(item(&protocol, "listener-protocol").text, "protocol http -> tcp");
}

#[test]
fn a_renamed_listener_is_a_note() {
    let old = file(&listener("a", "127.0.0.1:80", "http"), ADMIN);
    let renamed = compared(&old, &file(&listener("b", "127.0.0.1:80", "http"), ADMIN));
    assert_eq!(item(&renamed, "listener-renamed").rank, Rank::Note);
    assert!(!renamed.changed, "{:?}", renamed.items);
}

/// What `reload` refuses at run time: the old socket is still open when the new one is bound.
#[test]
fn an_address_in_its_own_way_needs_a_restart() {
    let old = file(&listener("a", "127.0.0.1:80", "http"), ADMIN);
    for (new, what) in [
        (
            file(&listener("a", "0.0.0.0:80", "http"), ADMIN),
            "0.0.0.0:80 cannot be bound while listener a has 127.0.0.1:80",
        ),
        (
            file(&listener("a", "127.0.0.1:9901", "http"), "127.0.0.1:9902"),
            "127.0.0.1:9901 cannot be bound while admin has 127.0.0.1:9901",
        ),
        (
            file(&listener("a", "127.0.0.1:81", "http"), "127.0.0.1:80"),
            "127.0.0.1:80 cannot be bound while listener a has 127.0.0.1:80",
        ),
    ] {
        let comparison = compared(&old, &new);
        let restart = item(&comparison, "needs-restart");
        assert_eq!(restart.text, what);
        assert_eq!(comparison.items[0].kind, "needs-restart", "first of all");
    }
    // These take sockets over, or use another kind.
    let two = |one: &str, other: &str| {
        file(&format!("{}{}", listener("a", one, "http"), listener("b", other, "http")), ADMIN)
    };
    for (old, new) in [
        (two("127.0.0.1:80", "127.0.0.1:81"), two("127.0.0.1:81", "127.0.0.1:80")),
        (old.clone(), file(&listener("a", "127.0.0.1:80", "udp"), ADMIN)),
        (old, file(&listener("b", "127.0.0.1:80", "http"), ADMIN)),
    ] {
        let comparison = compared(&old, &new);
        assert!(comparison.items.iter().all(|item| item.kind != "needs-restart"), "{:?}", comparison.items);
    }
}

#[test]
fn the_admin_interface_moves() {
    let old = pool(&weighted(&[1, 1]), "");
    let off = compared(&old, &format!("admin = false\n{old}"));
    assert!(item(&off, "admin-moved").text.starts_with("127.0.0.1:9901 is closed"), "{:?}", off.items);
}
