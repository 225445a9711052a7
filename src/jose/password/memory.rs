//! The memory that argon2id works in, taken over from one hash to the next. Allocated for each, 19 MiB in whatever thread
//! is free, it would end in the allocator's arenas, of which every thread has one and none gives anything back: some
//! hundred sign-ins on two cores left 900 MiB behind.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::PasswordError;

/// What is not in use: as many as worked at the same time at most.
#[derive(Default)]
pub(super) struct Memories(Mutex<Vec<Memory>>);

/// What one hash works in.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memories {
    pub(super) fn take(&self) -> Memory {
        let mut unused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unused.pop().unwrap_or_default()
    }

    /// Keeps what our own hashes take. What dearer ones took, which few people have, is freed.
    pub(super) fn give_back(&self, memory: Memory) {
        if memory.0.len() <= Params::DEFAULT.block_count() {
            let mut unused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            unused.push(memory);
        }
    }
}

impl Memory {
    /// Argon2id, version 19, into `out`, which has the length that `params` name, or any if they name none.
    ///
    /// # Errors
    /// When the salt or `out` are too short or too long.
    pub(super) fn hash(
        &mut self,
        params: Params,
        password: &str,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), PasswordError> {
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut self.0)
            .map_err(|_refused| PasswordError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack 91: memory is bounded by how many work at once, not by how many have worked.
    #[test]
    fn memory_is_used_again_and_what_dear_hashes_took_is_freed() {
        let memories = Memories::default();
        let blocks = |memory: &Memory| memory.0.len();
        let hash = |memory: &mut Memory, kibibytes, password| {
            let mut out = [0; 32];
            let params = Params::new(kibibytes, 1, 1, None).unwrap();
            memory.hash(params, password, &[7; 16], &mut out).unwrap();
            out
        };
        let mut memory = memories.take();
        let first = hash(&mut memory, 1024, "one");
        memories.give_back(memory);
        let mut memory = memories.take();
        assert_eq!(blocks(&memory), 1024, "the same again");
        // What the last hash left behind changes nothing.
        hash(&mut memory, 512, "another");
        assert_eq!(hash(&mut memory, 1024, "one"), first);
        hash(&mut memory, 20_000, "dear");
        memories.give_back(memory);
        assert_eq!(blocks(&memories.take()), 0);
    }
}
