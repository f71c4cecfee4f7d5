//! The pages of `docs/mqtt`: the code they show is the code of `docs/examples`, what they say it prints is what it
//! prints, their commands do what they say, and the packets in their pictures pass between client and server.
//!
//! `UPDATE_PAGES=1 cargo test -p polymqtt-docs` writes code and output of the examples into the pages;
//! `SHOW_PACKETS=1 cargo test -p polymqtt-docs -- --nocapture` shows what a picture can be drawn from.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends by panicking; clippy's own exception knows test functions only, not their helpers"
)]

mod brokers;
mod contents;
mod languages;
mod page;
mod picture;
mod recorder;
mod shell;

use page::Page;

macro_rules! pages {
    ($($test:ident $name:literal,)*) => {
        /// In the order of reading.
        const PAGES: &[&str] = &[$($name),*];

        $(
            #[tokio::test]
            async fn $test() {
                check($name).await;
            }
        )*
    };
}

pages! {
    publish_and_subscribe "publish-and-subscribe",
    topics_and_wildcards "topics-and-wildcards",
    quality_of_service "quality-of-service",
    sessions "sessions",
    clean_start_and_expiry "clean-start-and-expiry",
    retained_messages "retained-messages",
    will "will",
    reason_codes "reason-codes",
    request_response "request-response",
    subscription_options_and_identifiers "subscription-options-and-identifiers",
    payload_format_and_content_type "payload-format-and-content-type",
    shared_subscriptions "shared-subscriptions",
    flow_control "flow-control",
    enhanced_authentication "enhanced-authentication",
}

async fn check(name: &str) {
    let mut page = Page::read(name);
    let mut recordings = Vec::new();
    for language in languages::ALL {
        recordings.extend(language.check(&mut page).await);
    }
    page.write_if_changed();
    picture::check(&page, &recordings);
    shell::check(&page).await;
}
