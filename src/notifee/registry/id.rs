//! [`NotifeeId`]: the id of a registered notifee, with the notifee's type.

use core::any::Any;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

/// The id of a registered notifee of type `T`. A registry never uses an id twice. Ids are ordered by registration.
///
/// `T` is the type that was registered, so that [`Notifees::get`](super::Notifees::get) needs no type argument. An id
/// without a type, `NotifeeId`, is used where a notifee may have any type, as in
/// [`NotifeeContext::this`](super::super::NotifeeContext::this), and in lists: [`untyped`](Self::untyped) removes the type,
/// and [`typed`](NotifeeId::typed) adds it again. Ids of different types can be compared.
///
/// ```
/// use swarm_notify::lifecycle::Lifecycle;
/// use swarm_notify::notifee::{Notifee, NotifeeId, Notifees};
///
/// struct Named(&'static str);
///
/// impl<N> Notifee<N> for Named {}
///
/// struct Other;
///
/// impl<N> Notifee<N> for Other {}
///
/// let mut notifees = Notifees::<Lifecycle<8>>::new();
/// let named: NotifeeId<Named> = notifees.register(Named("a"));
/// let all: Vec<NotifeeId> = vec![named.untyped(), notifees.register(Other).into()];
/// notifees.get_mut(named).unwrap().0 = "b";
/// assert!(all[0] == named);
/// assert_eq!(notifees.get(all[0].typed::<Named>()).unwrap().0, "b");
/// assert!(notifees.get(all[1].typed::<Named>()).is_none(), "it is of another type");
/// ```
pub struct NotifeeId<T: ?Sized = dyn Any> {
    /// The number of notifees that were registered before this one.
    pub(super) sequence: u64,
    /// The index of the notifee's slot in [`NotifeeSlots`](super::slots::NotifeeSlots). After the notifee was unregistered,
    /// another one gets the slot.
    pub(super) slot: u32,
    /// The type of the notifee. The id contains no value of that type, and is `Send` and `Sync` even if the type is not.
    notifee: PhantomData<fn(&T)>,
}

impl NotifeeId {
    /// The smallest id.
    pub(super) const FIRST: Self = Self::new(0, 0);

    pub(super) const fn new(sequence: u64, slot: u32) -> Self {
        Self { sequence, slot, notifee: PhantomData }
    }

    /// Returns the same id with the type `T`. The type is not checked here: if it is not the type of the registered notifee,
    /// [`Notifees::get`](super::Notifees::get) finds nothing.
    #[must_use]
    pub const fn typed<T>(self) -> NotifeeId<T> {
        NotifeeId { sequence: self.sequence, slot: self.slot, notifee: PhantomData }
    }
}

impl<T: ?Sized> NotifeeId<T> {
    /// Returns the same id without the type.
    #[must_use]
    pub const fn untyped(self) -> NotifeeId {
        NotifeeId::new(self.sequence, self.slot)
    }

    const fn key(self) -> (u64, u32) {
        (self.sequence, self.slot)
    }
}

impl<T> From<NotifeeId<T>> for NotifeeId {
    fn from(id: NotifeeId<T>) -> Self {
        id.untyped()
    }
}

// Written by hand, since derived impls would require the same traits of `T`.

impl<T: ?Sized> Clone for NotifeeId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for NotifeeId<T> {}

impl<T: ?Sized, U: ?Sized> PartialEq<NotifeeId<U>> for NotifeeId<T> {
    fn eq(&self, other: &NotifeeId<U>) -> bool {
        self.key() == other.key()
    }
}

impl<T: ?Sized> Eq for NotifeeId<T> {}

impl<T: ?Sized, U: ?Sized> PartialOrd<NotifeeId<U>> for NotifeeId<T> {
    fn partial_cmp(&self, other: &NotifeeId<U>) -> Option<Ordering> {
        Some(self.key().cmp(&other.key()))
    }
}

impl<T: ?Sized> Ord for NotifeeId<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T: ?Sized> Hash for NotifeeId<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Writes the id in the form `NotifeeId(n0)`.
impl<T: ?Sized> fmt::Debug for NotifeeId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotifeeId({self})")
    }
}

/// Writes `n` and the number of notifees that were registered before this one: `n0` for the first notifee, `n1` for the
/// second.
impl<T: ?Sized> fmt::Display for NotifeeId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.sequence)
    }
}
