//! What a request has tried already.

/// Serials of the backends tried for one request: at most 8, kept in place, so that a retry does not allocate
/// either. Equal only to one that remembers the same in the same order.
#[derive(Default, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tried {
    serials: [u64; Self::CAPACITY],
    len: u8,
}

impl Tried {
    /// How many fit. More attempts than this at one request help nobody.
    pub const CAPACITY: usize = 8;

    /// Remembers a [`Member::serial`](crate::Member::serial). One that is known is not stored twice. `false`
    /// when it is full: the caller must give up.
    pub fn push(&mut self, serial: u64) -> bool {
        if self.contains(serial) {
            return true;
        }
        let Some(free) = self.serials.get_mut(usize::from(self.len)) else {
            return false;
        };
        *free = serial;
        self.len += 1;
        true
    }

    /// Whether this serial was tried.
    #[inline]
    pub fn contains(&self, serial: u64) -> bool {
        self.serials[..usize::from(self.len)].contains(&serial)
    }

    /// How many different backends were tried.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether this is the first attempt.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_eight_different_ones() {
        let mut tried = Tried::default();
        assert!(tried.is_empty() && !tried.contains(0));
        assert!((1..=8).all(|serial| tried.push(serial)));
        assert!(tried.push(3), "known already");
        assert!(!tried.push(9), "full");
        assert_eq!((tried.len(), tried.contains(8), tried.contains(9)), (8, true, false));
    }
}
