//! [`Accounts`]: the number of messages that each author, each sender and each address has in the cache of seen messages.

use super::chains::{Chained, Chains, END};
use super::digest::Digest;
use alloc::vec::Vec;

/// An element of the table of accounts: the account of an author, a sender or an address, or a vacant place.
#[derive(Debug)]
struct Account {
    /// The digest of the author, sender or address that the account belongs to.
    owner: Digest,
    /// The number of messages in the cache that count for the owner of the account; 0 if this place in the table is vacant.
    held: u32,
    /// The index of the next account of the same chain of the hash table or, if this element is vacant, of the next vacant
    /// element.
    next: u32,
}

/// The accounts of all authors, senders and addresses that have a message in the cache.
#[derive(Debug)]
pub(super) struct Accounts {
    accounts: AccountSlots,
    chains: Chains,
    /// The index of the first vacant place in the table, or [`END`] if there is none. Vacant places form a linked list.
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

    /// Returns the number of messages in the cache that count for an author, a sender or an address.
    pub(super) fn held(&self, owner: &Digest) -> usize {
        let account = self.chains.find(&self.accounts, owner).and_then(|place| self.accounts.get(place));
        account.map_or(0, |account| usize::try_from(account.held).unwrap_or(usize::MAX))
    }

    /// Counts one more message for an author, a sender or an address. Returns the index of the account, which stays the same
    /// until the cache has forgotten all messages that count for the account.
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
        // Each message of the cache has at most three accounts, and `Seen` keeps fewer messages than a quarter of
        // `u32::MAX`.
        let place = u32::try_from(self.accounts.0.len()).unwrap_or(END);
        self.accounts.0.push(account);
        self.chains.add(&mut self.accounts, place);
        place
    }

    /// Counts one message less in the account at index `place`. The account is removed with its last message.
    pub(super) fn discharge(&mut self, place: u32) {
        let Some(account) = self.accounts.get_mut(place) else { return };
        account.held = account.held.saturating_sub(1);
        if account.held == 0 {
            self.chains.remove(&mut self.accounts, place);
            self.accounts.set_next(place, self.vacant);
            self.vacant = place;
        }
    }

    /// Returns the number of accounts in the table, including vacant places.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.accounts.0.len()
    }
}
