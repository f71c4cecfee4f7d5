//! Who may connect to `polymqtt broker`: users with passwords, from arguments and a file.

use std::path::Path;
use std::sync::Arc;

use mqtt5::broker::auth::PasswordAuthProvider;

use crate::exit::Failure;

/// A user of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    name: String,
    /// As it is, or as an Argon2 hash (`$argon2...`).
    password: String,
}

/// A user as `NAME:PASSWORD`; the password may hold colons.
pub(crate) fn user(text: &str) -> Result<User, String> {
    let (name, password) = text.split_once(':').ok_or("the form is NAME:PASSWORD")?;
    if name.is_empty() || password.is_empty() {
        return Err("neither name nor password can be empty".to_owned());
    }
    Ok(User { name: name.to_owned(), password: password.to_owned() })
}

/// The users in a file: one a line; empty lines and those that start with `#` count for nothing.
pub(crate) fn read(path: &Path) -> Result<Vec<User>, Failure> {
    let content = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("--users {}: {error}", path.display())))?;
    content
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            // The line itself holds a password and is not shown.
            user(line).map_err(|rule| {
                Failure::usage(format!("--users {}, line {}: {rule}", path.display(), index + 1))
            })
        })
        .collect()
}

/// What the broker asks at each connect. `anonymous` lets in whoever names no user.
pub(crate) fn provider(users: &[User], anonymous: bool) -> Result<Arc<PasswordAuthProvider>, Failure> {
    let provider = PasswordAuthProvider::new().with_anonymous(anonymous);
    for user in users {
        if user.password.starts_with("$argon2") {
            provider.add_user_with_hash(&user.name, &user.password);
        } else {
            provider.add_user(&user.name, &user.password).map_err(|error| {
                Failure::usage(format!("the password of user {:?} can't be hashed: {error}", user.name))
            })?;
        }
    }
    Ok(Arc::new(provider))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_password_may_hold_colons() {
        let user = user("name:pass:word").unwrap();
        assert_eq!((user.name.as_str(), user.password.as_str()), ("name", "pass:word"));
        assert!(super::user("name").is_err());
        assert!(super::user(":password").is_err());
    }

    #[test]
    fn a_bad_line_is_named_by_number_and_not_shown() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# users\n\nann:secret\nhunter2").unwrap();
        let message = read(file.path()).unwrap_err().message.unwrap();
        assert!(message.contains("line 4") && !message.contains("hunter2"), "{message}");
    }
}
