//! What the client asks the program, and what that answers, as names and fields.

use polymqtt_bridge::mqtt::{
    Attempt, AuthenticationReply, AuthenticationStage, AuthenticationStep, Credentials, Error, ErrorKind,
};
use polymqtt_bridge::{Answer, Question};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arguments;
use crate::errors::{OrRaise, pairs};
use crate::leaving::calling;

/// The name of a question, and its fields.
pub(crate) fn question<'py>(
    py: Python<'py>,
    question: &Question,
) -> PyResult<(&'static str, Bound<'py, PyDict>)> {
    let fields = PyDict::new(py);
    match question {
        Question::Credentials(Attempt { server, number, .. }) => {
            fields.set_item("server", server.to_string())?;
            fields.set_item("number", number)?;
            Ok(("credentials", fields))
        }
        Question::Withdrawn => Ok(("withdrawn", fields)),
        Question::Authentication(step) => {
            let AuthenticationStep { server, method, stage, data, reason_string, user_properties, .. } = step;
            let stage = match stage {
                AuthenticationStage::Start => "start",
                AuthenticationStage::Restart => "restart",
                AuthenticationStage::Continue => "continue",
                AuthenticationStage::Complete => "complete",
            };
            fields.set_item("server", server.to_string())?;
            fields.set_item("method", method.as_str())?;
            fields.set_item("stage", stage)?;
            fields.set_item("data", data.as_ref().map(|data| PyBytes::new(py, data)))?;
            fields.set_item("reason_string", reason_string.as_deref())?;
            fields.set_item("user_properties", pairs(user_properties))?;
            Ok(("authenticate", fields))
        }
    }
}

/// The answer in these fields; or an `MqttError`, whose kind decides whether another attempt follows.
pub(crate) fn answer(py: Python<'_>, given: &Bound<'_, PyAny>) -> PyResult<Answer> {
    let Ok(fields) = given.cast::<PyDict>() else {
        return calling(py, || {
            let kind = given.getattr("kind")?.extract::<String>()?;
            let kind = ErrorKind::from_name(&kind).unwrap_or(ErrorKind::Unsupported);
            Ok(Answer::Failed(Error::new(kind, given.str()?.to_str()?)))
        });
    };
    let field = |name| Ok::<_, PyErr>(fields.get_item(name)?.filter(|value| !value.is_none()));
    let text = |name| {
        let Some(value) = field(name)? else { return Ok(None) };
        polymqtt_bridge::message::text(name, arguments::text(name, &value)?).map(Some).or_raise(py)
    };
    let bytes = |name| field(name)?.map(|value| arguments::payload(name, &value)).transpose();
    if fields.contains("data")? {
        let user_properties = arguments::user_properties(field("user_properties")?.as_ref())?;
        let (data, reason_string) = (bytes("data")?, text("reason_string")?);
        return Ok(Answer::Authentication(AuthenticationReply { data, reason_string, user_properties }));
    }
    let credentials =
        Credentials { username: text("username")?, password: bytes("password")?, ..Credentials::default() };
    let headers = field("websocket_headers")?
        .map_or_else(|| Ok(Vec::new()), |headers| arguments::pairs("websocket_headers", &headers))?;
    let with_header = |credentials: Credentials, (name, value)| credentials.header(name, value);
    Ok(Answer::Credentials(headers.into_iter().fold(credentials, with_header)))
}
