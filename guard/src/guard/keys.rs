//! The public keys of the issuer, which may change while tokens are checked.

use std::sync::{Arc, PoisonError, RwLock};

use crate::jwt::VerifyingKey;

#[derive(Debug)]
pub(crate) struct Signers(RwLock<Arc<[VerifyingKey]>>);

impl Signers {
    pub(crate) fn new(keys: Vec<VerifyingKey>) -> Self {
        Self(RwLock::new(keys.into()))
    }

    pub(crate) fn load(&self) -> Arc<[VerifyingKey]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(feature = "feed")]
    pub(crate) fn replace(&self, keys: Vec<VerifyingKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }
}
