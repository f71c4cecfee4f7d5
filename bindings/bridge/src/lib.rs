//! What every foreign binding of polymqtt needs once, and none of it knows MQTT: options by name, stable error codes,
//! the runtime, the wake, and messages in hand.

pub mod options;

pub use options::Value;
