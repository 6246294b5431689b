//! The id that ties a request to its lines in every log on its way.

use evenkeel_core::Rng;

/// Longest id taken over from a trusted proxy.
const GIVEN_MAX: usize = 128;

/// Printable ASCII. A new one needs no memory of its own.
#[derive(Debug)]
pub(crate) enum RequestId {
    New([u8; 32]),
    Given(Box<[u8]>),
}

impl RequestId {
    /// 128 random bits in hexadecimal. By hand: formatting took a thirtieth of all instructions of a request.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let bits = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        Self::New(std::array::from_fn(|place| {
            b"0123456789abcdef"[(bits >> (4 * place as u32)) as usize & 15]
        }))
    }

    /// One that a trusted proxy gave, if it can stand in a log.
    pub(crate) fn given(value: &[u8]) -> Option<Self> {
        let fits = (1..=GIVEN_MAX).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        fits.then(|| Self::Given(value.into()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::New(digits) => digits,
            Self::Given(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_are_32_digits_and_differ() {
        let mut rng = Rng::from_seed(1);
        let ids: Vec<RequestId> = (0..1000).map(|_| RequestId::new(&mut rng)).collect();
        let distinct: std::collections::HashSet<&[u8]> = ids.iter().map(RequestId::as_bytes).collect();
        assert_eq!(distinct.len(), 1000);
        assert!(distinct.iter().all(|id| id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit)));
    }

    #[test]
    fn only_what_can_stand_in_a_log_is_taken_over() {
        assert_eq!(RequestId::given(b"abc-1").unwrap().as_bytes(), b"abc-1");
        assert!(RequestId::given(&[b'x'; GIVEN_MAX]).is_some());
        for bad in [&b""[..], b"a b", b"a\x07", b"\xc3\xa4", &[b'x'; GIVEN_MAX + 1]] {
            assert!(RequestId::given(bad).is_none(), "{bad:?}");
        }
    }
}
