//! The native half of the Python package: Python's values in, Python's objects out, and nothing that MQTT says.

mod arguments;
mod blocking;
mod client;
mod core;
mod coroutine;
mod errors;
mod events;
mod leaving;
mod many;
mod message;
mod operation;
mod options;
mod outcome;
mod process;
mod questions;
mod stream;
mod topic;
mod untracked;

use pyo3::prelude::*;

// Only a panic that unwinds can become an exception of Python's.
#[cfg(not(panic = "unwind"))]
compile_error!("a panic would end the whole Python program: build with panic = \"unwind\"");

#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::blocking::BlockingClient;
    #[pymodule_export]
    use crate::client::Client;
    #[pymodule_export]
    use crate::many::Many;
    #[pymodule_export]
    use crate::message::{Message, PublishAck};
    #[pymodule_export]
    use crate::operation::{Acceptance, Operation};
    #[pymodule_export]
    use crate::options::described_options;
    #[pymodule_export]
    use crate::process::Process;
    #[pymodule_export]
    use crate::stream::{Fetching, Stream};
    #[pymodule_export]
    use crate::topic::matches;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // What a publish is called by.
        module.add("Delivery", module.getattr("Operation")?)?;
        // What was connected before a fork belongs to the parent.
        let hooks = pyo3::types::PyDict::new(module.py());
        hooks.set_item("after_in_child", wrap_pyfunction!(forked, module)?)?;
        let os = module.py().import("os")?;
        if os.hasattr("register_at_fork")? {
            os.call_method("register_at_fork", (), Some(&hooks))?;
        }
        let leave = wrap_pyfunction!(crate::leaving::leave, module)?;
        module.py().import("atexit")?.call_method1("register", (leave,))?;
        Ok(())
    }

    #[pyfunction]
    fn forked() {
        polymqtt_bridge::Process::forked();
        crate::leaving::forked();
    }
}
