use proptest::prelude::*;

use super::*;

/// RFC 7677, section 3.
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &[u8] = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn bounds() -> RangeInclusive<u32> {
    4096..=1_000_000
}

fn challenged(server_first: &str) -> Result<Challenged, Error> {
    let (opened, first) = Opened::with_nonce("user", NONCE.to_owned());
    assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    opened.challenged(server_first.as_bytes(), &bounds())
}

fn keys(challenged: &Challenged, password: &str) -> ScramKeys {
    let Challenged { salt, iterations, .. } = challenged;
    KeyDerivation { password: password.to_owned(), salt: salt.clone(), iterations: *iterations }.derive()
}

fn proved() -> Proved {
    let challenged = challenged(SERVER_FIRST).unwrap();
    let keys = keys(&challenged, "pencil");
    challenged.prove(&keys).0
}

fn refused(server_first: &str) -> ErrorKind {
    challenged(server_first).unwrap_err().kind()
}

#[test]
fn the_exchange_of_rfc_7677() {
    let challenged = challenged(SERVER_FIRST).unwrap();
    let keys = keys(&challenged, "pencil");
    let (proved, client_final) = challenged.prove(&keys);
    assert_eq!(client_final, CLIENT_FINAL);
    assert!(proved.verify(Some(SERVER_FINAL)).is_ok());
}

#[test]
fn a_server_without_the_password_is_refused() {
    for (server_final, kind) in [
        (None, ErrorKind::NotAuthorized),
        (Some(&b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="[..]), ErrorKind::Protocol),
        (Some(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), ErrorKind::NotAuthorized),
        (Some(b"v=6rriTRBi23WpRR/wtup+mA=="), ErrorKind::NotAuthorized),
        (Some(b"e=invalid-proof"), ErrorKind::NotAuthorized),
        (Some(b""), ErrorKind::Protocol),
        (Some(b"v="), ErrorKind::Protocol),
        (Some(b"\xff"), ErrorKind::Protocol),
        (Some(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,"), ErrorKind::Protocol),
    ] {
        let error = proved().verify(server_final).unwrap_err();
        assert_eq!(error.kind(), kind, "{server_final:?}");
    }
    assert!(proved().verify(Some(&[SERVER_FINAL, b",x=ignored"].concat())).is_ok());
}

#[test]
fn the_servers_nonce_must_go_on_with_ours() {
    assert_eq!(refused("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), ErrorKind::Protocol);
    assert_eq!(refused("r=xOprNGfwEbeRWgbNEkqO%hvY,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), ErrorKind::Protocol);
    assert_eq!(refused("r=rOpr,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), ErrorKind::Protocol);
}

#[test]
fn iterations_are_bounded() {
    let with = |count: &str| format!("r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={count}");
    assert!(challenged(&with("4096")).is_ok() && challenged(&with("1000000")).is_ok());
    for outside in ["1", "4095", "1000001", "4294967296", "99999999999999999999"] {
        assert_eq!(refused(&with(outside)), ErrorKind::Unsupported, "{outside}");
    }
    for malformed in ["", "0", "04096", "+4096", "-1", "4096 ", "x"] {
        assert_eq!(refused(&with(malformed)), ErrorKind::Protocol, "{malformed}");
    }
}

#[test]
fn what_is_malformed_is_refused() {
    assert_eq!(refused(&format!("m=ext,r={NONCE}x,s=AA==,i=4096")), ErrorKind::Unsupported);
    for malformed in [
        "",
        ",",
        "r=",
        &format!("r={NONCE}x"),
        &format!("r={NONCE}x,s=AA=="),
        &format!("s=AA==,r={NONCE}x,i=4096"),
        &format!("r={NONCE}x,s=,i=4096"),
        &format!("r={NONCE}x,s=A,i=4096"),
        &format!("r={NONCE}x,s=AA,i=4096"),
        &format!("r={NONCE} x,s=AA==,i=4096"),
        &format!("r={NONCE}x,s=AA==,i=4096,"),
        &format!("r={NONCE}x,s=AA==,i=4096,,x=1"),
        &format!("r={NONCE}x,s=AA==,i=4096,x"),
        &format!("r={NONCE}x,s=AA==,i=4096,x="),
        &format!("r={NONCE}x,s=AA==,i=4096,m=1"),
        &format!("r={NONCE}x,s=AA==,i=4096,x=\0"),
    ] {
        assert_eq!(refused(malformed), ErrorKind::Protocol, "{malformed:?}");
    }
    assert!(challenged(&format!("r={NONCE}x,s=AA==,i=4096,x=1,y=2=3")).is_ok());
}

#[test]
fn names_are_escaped_and_prepared() {
    let (_, first) = Opened::with_nonce("a=b,c", "n".to_owned());
    assert_eq!(first, "n,,n=a=3Db=2Cc,r=n");
    assert_eq!(prepare("username", "I\u{AD}X").unwrap(), "IX");
    assert_eq!(prepare("username", "\u{2168}").unwrap(), "IX");
    for refused in ["", "\u{AD}", "a\u{7}", "\u{627}1"] {
        assert_eq!(prepare("password", refused).unwrap_err().kind(), ErrorKind::InvalidOption);
    }
}

#[test]
fn nonces_have_all_the_randomness() {
    let (_, first) = Opened::new("u", [255; 24]);
    assert_eq!(first, "n,,n=u,r=////////////////////////////////");
}

#[test]
fn secrets_are_not_shown() {
    let challenged = challenged(SERVER_FIRST).unwrap();
    let derivation =
        KeyDerivation { password: "pencil".to_owned(), salt: challenged.salt.clone(), iterations: 4096 };
    let keys = derivation.derive();
    assert!(!format!("{derivation:?}").contains("pencil"));
    assert_eq!(format!("{keys:?}"), "[redacted]");
}

std::thread_local! {
    static PROVED: Proved = proved();
}

proptest! {
    #[test]
    fn any_message_is_read_or_refused(
        attributes in proptest::collection::vec("([rsimevx]=)?[A-Za-z0-9=,\\x00]{0,12}", 0..5),
        tail in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let message = [attributes.join(",").as_bytes(), &tail].concat();
        let (opened, _) = Opened::with_nonce("user", String::new());
        if let Ok(challenged) = opened.challenged(&message, &bounds()) {
            prop_assert!(bounds().contains(&challenged.iterations) && !challenged.salt.is_empty());
        }
        prop_assert!(PROVED.with(|proved| proved.verify(Some(&message)).is_err()));
    }
}
