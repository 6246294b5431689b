//! Primes, which sizes of tables have to be.

/// Whether a number below 2^32 is a prime.
pub(crate) fn is_prime(number: u64) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number >= 2 && divisors.all(|divisor| !number.is_multiple_of(divisor))
}

/// The least prime that is this or more.
pub(crate) fn prime_from(number: u64) -> u64 {
    // There is one before twice the number (Bertrand's postulate).
    (number..=number * 2 + 2).find(|candidate| is_prime(*candidate)).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults;

    #[test]
    fn primes_are_found() {
        let primes: Vec<_> = (0..32).filter(|number| is_prime(*number)).collect();
        assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31]);
        assert!(!is_prime(65_537 * 3) && !is_prime(251 * 251));
        assert_eq!([0, 2, 14, 65_536, 100_000].map(prime_from), [2, 2, 17, 65_537, 100_003]);
        for size in [defaults::TABLE_SIZE_MIN, defaults::TABLE_SIZE, defaults::TABLE_SIZE_MAX] {
            assert!(is_prime(size), "{size}");
        }
    }
}
