//! [`Accounts`]: how many of the messages in the cache each author, sender and address has brought.

use super::chains::{Chained, Chains, END};
use super::digest::Digest;
use alloc::vec::Vec;

/// The account of somebody, or the place of one that nobody has.
#[derive(Debug)]
struct Account {
    /// Whose it is.
    owner: Digest,
    /// The messages that it has; 0 where nobody has the place.
    held: u32,
    /// The next one on its chain, or the next place that nobody has.
    next: u32,
}

/// The accounts of those who have a message in the cache, and of nobody else.
#[derive(Debug)]
pub(super) struct Accounts {
    accounts: AccountSlots,
    chains: Chains,
    /// The first of the places that nobody has, which are linked.
    vacant: u32,
}

#[derive(Default, Debug)]
struct AccountSlots(Vec<Account>);

impl Chained for AccountSlots {
    fn digest(&self, place: u32) -> Option<&Digest> {
        self.get(place).map(|account| &account.owner)
    }

    fn next(&self, place: u32) -> u32 {
        self.get(place).map_or(END, |account| account.next)
    }

    fn set_next(&mut self, place: u32, next: u32) {
        if let Some(account) = self.get_mut(place) {
            account.next = next;
        }
    }
}

impl AccountSlots {
    fn get(&self, place: u32) -> Option<&Account> {
        self.0.get(usize::try_from(place).ok()?)
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut Account> {
        self.0.get_mut(usize::try_from(place).ok()?)
    }
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self { accounts: AccountSlots::default(), chains: Chains::default(), vacant: END }
    }

    /// Returns the number of messages that somebody has.
    pub(super) fn held(&self, owner: &Digest) -> usize {
        let account = self.chains.find(&self.accounts, owner).and_then(|place| self.accounts.get(place));
        account.map_or(0, |account| usize::try_from(account.held).unwrap_or(usize::MAX))
    }

    /// Somebody has one more message. Returns the place of the account, which stays until its last message has gone.
    pub(super) fn charge(&mut self, owner: Digest) -> u32 {
        if let Some(place) = self.chains.find(&self.accounts, &owner) {
            if let Some(account) = self.accounts.get_mut(place) {
                account.held = account.held.saturating_add(1);
            }
            return place;
        }
        let account = Account { owner, held: 1, next: END };
        let place = self.vacant;
        if let Some(vacant) = self.accounts.get_mut(place) {
            self.vacant = vacant.next;
            *vacant = account;
            self.chains.add(&mut self.accounts, place);
            return place;
        }
        // There are fewer than three for each message of the cache, which `Seen` keeps below a quarter of this.
        let place = u32::try_from(self.accounts.0.len()).unwrap_or(END);
        self.accounts.0.push(account);
        self.chains.add(&mut self.accounts, place);
        place
    }

    /// The owner of an account has one message less.
    pub(super) fn discharge(&mut self, place: u32) {
        let Some(account) = self.accounts.get_mut(place) else { return };
        account.held = account.held.saturating_sub(1);
        if account.held == 0 {
            self.chains.remove(&mut self.accounts, place);
            self.accounts.set_next(place, self.vacant);
            self.vacant = place;
        }
    }

    /// Returns the number of places, those that nobody has among them.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.accounts.0.len()
    }
}
