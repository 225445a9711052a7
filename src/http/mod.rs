//! Doors: actix-web in, actix-web out. Status codes, headers, cookies and pages live here; rules do not.

pub mod pages;
pub mod static_files;
