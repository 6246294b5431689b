//! The split of a difference into its causes.

use evenkeel_core::Reason;
use evenkeel_core::skew::{Account, Term, ledger};
use proptest::prelude::*;

const REASONS: usize = Reason::ALL.len();

/// As intended, and each reason by the plan.
fn even(backends: usize, attempts: f64) -> Vec<Account> {
    let share = 1.0 / backends as f64;
    let mut by_reason = [0.0; REASONS];
    by_reason[Reason::Algorithm as usize] = attempts * share;
    let account = Account {
        intent: share,
        weights: share,
        discovered: share,
        healthy: share,
        plan: share,
        owned: share,
        attempts: by_reason,
    };
    vec![account; backends]
}

#[test]
fn what_is_as_intended_has_no_cause() {
    for split in ledger(&even(3, 900.0)) {
        assert!(split.difference.abs() < 1e-12);
        assert_eq!((split.cause(), split.causes()), (None, Vec::new()), "{split:?}");
    }
    assert!(ledger(&even(3, 0.0)).iter().all(|split| split.difference == 0.0 && split.terms.is_empty()));
}

#[test]
fn weights_that_nobody_meant_are_the_cause() {
    let mut accounts = even(3, 0.0);
    for (account, share) in accounts.iter_mut().zip([5.0 / 7.0, 1.0 / 7.0, 1.0 / 7.0]) {
        (account.weights, account.discovered, account.healthy, account.plan) = (share, share, share, share);
        account.owned = share;
        account.attempts[Reason::Algorithm as usize] = 700.0 * share;
    }
    let splits = ledger(&accounts);
    assert!((splits[0].difference - (5.0 / 7.0 - 1.0 / 3.0)).abs() < 1e-12);
    assert!(splits.iter().all(|split| split.cause() == Some(Term::Weights)), "{splits:?}");
}

#[test]
fn one_that_is_down_explains_what_the_others_have_more() {
    let mut accounts = even(2, 0.0);
    for (account, share) in accounts.iter_mut().zip([1.0, 0.0]) {
        (account.healthy, account.plan) = (share, share);
        account.attempts[Reason::Algorithm as usize] = 100.0 * share;
    }
    assert!(ledger(&accounts).iter().all(|split| split.cause() == Some(Term::Health)));
}

#[test]
fn a_popular_key_is_told_from_the_turns_of_others() {
    let mut accounts = even(2, 500.0);
    accounts[0].attempts[Reason::Hash as usize] = 400.0;
    accounts[1].attempts[Reason::Hash as usize] = 100.0;
    let splits = ledger(&accounts);
    assert_eq!(splits[0].cause(), Some(Term::Reason(Reason::Hash)));
    assert_eq!(splits[1].cause(), Some(Term::Reason(Reason::Hash)));
    assert!((splits[0].causes()[0].1 - 1.0).abs() < 1e-12);
}

#[test]
fn a_table_that_is_uneven_is_told_from_keys_that_are_popular() {
    let mut accounts = even(2, 0.0);
    // The table gives the first three quarters of the keys, and those are asked for as often as others.
    (accounts[0].owned, accounts[1].owned) = (0.75, 0.25);
    accounts[0].attempts[Reason::Hash as usize] = 750.0;
    accounts[1].attempts[Reason::Hash as usize] = 250.0;
    assert!(ledger(&accounts).iter().all(|split| split.causes() == [(Term::Table, 1.0)]));
    // And now one of its keys is asked for as much as all others together.
    accounts[0].attempts[Reason::Hash as usize] += 1000.0;
    let told: Vec<Term> = ledger(&accounts)[0].causes().into_iter().map(|(term, _)| term).collect();
    assert_eq!(told, [Term::Table, Term::Reason(Reason::Hash)]);
}

#[test]
fn what_lots_give_by_chance_is_no_further_cause() {
    let mut accounts = even(2, 0.0);
    for (account, share) in accounts.iter_mut().zip([0.55, 0.45]) {
        (account.weights, account.discovered, account.healthy, account.plan) = (share, share, share, share);
        account.owned = share;
    }
    // 60 of 100 where 55 are due: one standard deviation.
    accounts[0].attempts[Reason::Algorithm as usize] = 60.0;
    accounts[1].attempts[Reason::Algorithm as usize] = 40.0;
    let told = |accounts: &[Account]| ledger(accounts)[0].causes().len();
    assert_eq!(told(&accounts), 1);
    accounts.iter_mut().for_each(|account| account.attempts[0] *= 100.0);
    assert_eq!(told(&accounts), 2, "of ten thousand it is ten deviations");
}

#[test]
fn terms_that_cancel_are_both_told_but_only_one_is_the_cause() {
    let mut accounts = even(2, 0.0);
    // Twice the weight, but it starts slowly: in the end it has less.
    accounts[0] = Account { weights: 0.8, discovered: 0.8, healthy: 0.8, plan: 0.2, ..accounts[0] };
    accounts[1] = Account { weights: 0.2, discovered: 0.2, healthy: 0.2, plan: 0.8, ..accounts[1] };
    accounts[0].attempts[Reason::Algorithm as usize] = 20.0;
    accounts[1].attempts[Reason::Algorithm as usize] = 80.0;
    let splits = ledger(&accounts);
    assert!(splits.iter().all(|split| split.cause() == Some(Term::Shaping)), "{splits:?}");
    assert_eq!(splits[0].terms.len(), 2);
}

fn shares(backends: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..10.0_f64, backends).prop_map(|parts| {
        let sum: f64 = parts.iter().sum::<f64>().max(1e-9);
        parts.into_iter().map(|part| part / sum).collect()
    })
}

fn accounts() -> impl Strategy<Value = Vec<Account>> {
    (1..12_usize).prop_flat_map(|backends| {
        let stages = prop::collection::vec(shares(backends), 6);
        let attempts = prop::collection::vec(prop::array::uniform10(0..1000_u32), backends);
        (stages, attempts).prop_map(|(stages, attempts)| {
            let account = |(index, attempts): (usize, [u32; REASONS])| Account {
                intent: stages[0][index],
                weights: stages[1][index],
                discovered: stages[2][index],
                healthy: stages[3][index],
                plan: stages[4][index],
                owned: stages[5][index],
                attempts: attempts.map(f64::from),
            };
            attempts.into_iter().enumerate().map(account).collect()
        })
    })
}

proptest! {
    #[test]
    fn terms_sum_to_the_difference_and_differences_to_nothing(accounts in accounts()) {
        let total: f64 = accounts.iter().flat_map(|account| account.attempts).sum();
        prop_assume!(total > 0.0);
        let splits = ledger(&accounts);
        for (split, account) in splits.iter().zip(&accounts) {
            let observed = account.attempts.iter().sum::<f64>() / total;
            prop_assert!((split.difference - (observed - account.intent)).abs() < 1e-9);
            let sum: f64 = split.terms.iter().map(|term| term.1).sum();
            prop_assert!((sum - split.difference).abs() < 1e-9, "{split:?}");
        }
        prop_assert!(splits.iter().map(|split| split.difference).sum::<f64>().abs() < 1e-9);
    }
}
