//! What only a real browser can prove: cookies across sites, policies, frames, scripts and their absence.

mod check_session;
mod cross_site;
mod implicit;
mod invitation;
mod journey;
mod leaving;
mod messages;
pub mod pages;
mod receipts;
mod upstream;
mod upstream_leaving;
