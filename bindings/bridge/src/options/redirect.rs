//! How far a server may send this client elsewhere, by name.

use polymqtt::RedirectOptions;

use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<RedirectOptions>] = &[
    entry(
        "redirect.most_hops",
        Set::U32(|redirect, most_hops| RedirectOptions { most_hops, ..redirect }),
        "How many redirects in a row are followed; by default 5, and 0 is none.",
    ),
    entry(
        "redirect.trust_other_hosts",
        Set::Flag(|redirect, trust_other_hosts| RedirectOptions { trust_other_hosts, ..redirect }),
        "Whether a host that no URL names gets credentials, headers and the will; by default it does not.",
    ),
];
