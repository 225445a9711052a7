//! The administrators' listener: who may ask, what is answered, what is measured, what the log says.

mod description;
mod log;
mod measured;
mod resources;
mod tokens;
