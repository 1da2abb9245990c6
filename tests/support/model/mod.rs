//! The reference model of the lifecycle: flat vectors and loops, slow and obvious, run in step with the real one.
//!
//! [`run`] is the oracle of the property tests, of the fuzz target and of the replay of its corpus: every answer, every
//! event in order, nothing changed by what is refused, and in the end every id with exactly one outcome.

mod op;

use super::with;
pub(crate) use op::{Op, ops};
use op::{Pick, Why};
use swarm_notify::lifecycle::{
    BeginError, Counters, Counts, Direction, Event, Failure, Id, Lifecycle, Limits, Refused, State,
};

/// Narrow enough for every bound to be met often.
pub(crate) fn narrow() -> Limits {
    with(Limits::default(), |limits| {
        (limits.listeners, limits.connections) = (2, 4);
        (limits.streams, limits.streams_per_connection) = (20, 3);
        limits.owed_per_connection = 2;
    })
}

/// After so many calls everything that can be asked is compared, of everything that ever was: it costs what all calls
/// so far have cost.
const COMPARED: usize = 8;

/// Runs the calls against the real lifecycle and the model, ends everything, and returns what was told.
pub(crate) fn run<const EVENTS: usize>(limits: Limits, ops: &[Op]) -> Vec<Event> {
    let (real, model) = (Lifecycle::<EVENTS>::new(limits), Model::new(EVENTS, limits));
    let mut pair = Pair { real, model, told: Vec::new(), open: Vec::new() };
    for (n, op) in ops.iter().enumerate() {
        pair.apply(*op);
        if n % COMPARED == 0 {
            pair.compare();
        }
    }
    pair.end_all();
    assert_each_id_is_told_of_once(&pair.model, &pair.told);
    pair.told
}

struct Pair<const EVENTS: usize> {
    real: Lifecycle<EVENTS>,
    model: Model,
    told: Vec<Event>,
    /// The openings that were told of what was not told to be over.
    open: Vec<Event>,
}

impl<const EVENTS: usize> Pair<EVENTS> {
    fn apply(&mut self, op: Op) {
        let before = self.real.clone();
        let refused = match op {
            Op::BeginListener => {
                let id = self.real.begin_listener();
                self.model.begin(None, None, id.map(Id::from)).is_err()
            }
            Op::BeginConnection(way) => {
                let id = self.real.begin_connection(way.into());
                self.model.begin(Some(way.into()), None, id.map(Id::from)).is_err()
            }
            Op::BeginStream(pick, way) => {
                let open = |entity: &Entity| matches!(entity.id, Id::Connection(_)) && entity.state == State::Open;
                let Some(Id::Connection(connection)) = self.model.pick(pick, open) else { return };
                let id = self.real.begin_stream(connection, way.into());
                self.model.begin(Some(way.into()), Some(connection.into()), id.map(Id::from)).is_err()
            }
            Op::Opened(pick) => {
                let pick = self.model.pick(pick, |entity| entity.state == State::Opening);
                self.on(op, pick, |real, id| real.opened(id), |model, id| model.opened(id))
            }
            Op::Leave(pick) => {
                let pick = self.model.pick(pick, |entity| entity.state == State::Open);
                self.on(op, pick, |real, id| real.leave(id), |model, id| model.leave(id))
            }
            Op::Fail(pick, why) => {
                let failure = why.failure();
                let pick = self.model.pick(pick, |entity| entity.state == State::Opening);
                self.on(op, pick, |real, id| real.fail(id, failure), |model, id| model.fail(id, failure))
            }
            Op::End(pick, why) => {
                // A connection's end takes much along: mostly it is something else that ends.
                let pick = self.model.pick(pick, |entity| !matches!(entity.id, Id::Connection(_)));
                self.on(op, pick, |real, id| end(real, id, why), |model, id| model.end(id, why))
            }
            Op::ConnectionWithoutId => {
                self.real.count_connection_without_id();
                self.model.counters.connections.inbound.without_id += 1;
                false
            }
            Op::Vacate => {
                let vacated = self.real.vacate();
                assert_eq!(vacated, self.model.vacate(), "what is vacated");
                vacated.is_none()
            }
            Op::Drain(events) => {
                for _ in 0..events % 16 {
                    self.drain_one();
                }
                false
            }
        };
        if refused {
            assert!(self.real == before, "a refused {op:?} changed something: {before:?} became {:?}", self.real);
        }
        self.compare_totals();
    }

    /// One call with an id, to both. Returns whether it was refused.
    fn on(
        &mut self,
        op: Op,
        pick: Option<Id>,
        real: impl Fn(&mut Lifecycle<EVENTS>, Id) -> Result<(), Refused>,
        model: impl Fn(&mut Model, Id) -> Result<(), Refused>,
    ) -> bool {
        let Some(id) = pick else { return true };
        let answer = real(&mut self.real, id);
        assert_eq!(answer, model(&mut self.model, id), "{op:?} of {id}");
        answer.is_err()
    }

    fn drain_one(&mut self) -> Option<Event> {
        let event = self.real.next_event();
        assert_eq!(event, self.model.next_event(), "the event after {:?}", self.told.last());
        self.told.extend(event);
        self.open.retain(|opening| event.is_none_or(|event| event.id() != opening.id()));
        self.open.extend(event.filter(|event| !event.is_last()));
        event
    }

    /// What can be asked without naming anything.
    fn compare_totals(&self) {
        let Self { real, model, .. } = self;
        assert_eq!(real.room(), model.room(), "room");
        assert_eq!(real.has_events(), !model.line.is_empty(), "whether events wait");
        assert_eq!(real.pending_events(), model.line.len(), "how many events wait");
        assert_eq!(real.len(), model.entities.iter().filter(|entity| !entity.vacated).count(), "how many there are");
        assert_eq!(*real.counters(), model.counters, "counters");
    }

    /// Everything that can be asked, of everything that ever was.
    fn compare(&self) {
        self.compare_totals();
        let Self { real, model, .. } = self;
        real.check_invariants();
        let mut open = self.open.clone();
        open.sort_by_key(Event::id);
        assert_eq!(real.openings(), open, "what one who comes late has missed");
        for entity in &model.entities {
            let present = (!entity.vacated).then_some(entity);
            assert_eq!(real.state(entity.id), present.map(|entity| entity.state), "state of {}", entity.id);
            assert_eq!(
                real.direction(entity.id),
                present.and_then(|entity| entity.direction),
                "who began {}",
                entity.id
            );
            match entity.id {
                Id::Listener(_) => {}
                Id::Connection(id) => {
                    let streams: Vec<Id> = real.streams_of(id).map(Id::from).collect();
                    assert_eq!(streams, model.streams_of(entity.id), "streams of {id}");
                    assert_eq!(real.live_streams(id), streams.len(), "live streams of {id}");
                    assert_eq!(real.is_crowded(id), model.is_crowded(entity.id), "whether {id} is crowded");
                    assert_eq!(real.is_behind(id), model.is_behind(entity.id), "whether {id} is behind");
                }
                Id::Stream(id) => {
                    let connection = real.connection_of(id).map(Id::from);
                    assert_eq!(connection, present.and_then(|entity| entity.parent), "connection of {id}");
                }
            }
        }
        let living = |kind: fn(Id) -> bool| {
            let lives = |entity: &&Entity| !entity.vacated && entity.state != State::Ended;
            let alive = model.entities.iter().filter(lives).filter(|entity| kind(entity.id));
            let mut ids: Vec<Id> = alive.map(|entity| entity.id).collect();
            ids.sort_by_key(|id| index(*id));
            ids
        };
        let listeners: Vec<Id> = real.listeners().map(Id::from).collect();
        assert_eq!(listeners, living(|id| matches!(id, Id::Listener(_))), "listeners");
        let connections: Vec<Id> = real.connections().map(Id::from).collect();
        assert_eq!(connections, living(|id| matches!(id, Id::Connection(_))), "connections");
    }

    fn end_all(&mut self) {
        let ids: Vec<Id> =
            self.model.entities.iter().filter(|entity| !entity.vacated).map(|entity| entity.id).collect();
        for id in ids {
            assert_eq!(end(&mut self.real, id, Why(0)), Ok(()), "{id} can be looked up, and so it can end");
            assert_eq!(self.model.end(id, Why(0)), Ok(()));
        }
        self.compare();
        while self.drain_one().is_some() {
            assert_eq!(self.real.is_empty(), self.model.line.is_empty(), "empty when all is told");
        }
        self.compare();
        assert_eq!(self.real.len(), 0, "nothing stays when the last event has been handled");
        assert!(self.real.is_empty());
    }
}

fn end<const EVENTS: usize>(real: &mut Lifecycle<EVENTS>, id: Id, why: Why) -> Result<(), Refused> {
    match id {
        Id::Listener(id) => real.end_listener(id, why.listener_end()),
        Id::Connection(id) => real.end_connection(id, why.connection_end()),
        Id::Stream(id) => real.end_stream(id, why.stream_end()),
    }
}

struct Model {
    events: usize,
    limits: Limits,
    /// Everything that ever began, oldest first.
    entities: Vec<Entity>,
    /// What was not drained yet, oldest first, and whether it stands in the queue.
    line: Vec<(Event, bool)>,
    handed: Option<Id>,
    counters: Counters,
    /// The connections of streams whose events have been owed since nothing was, once for each.
    owed: Vec<Id>,
}

struct Entity {
    id: Id,
    parent: Option<Id>,
    direction: Option<Direction>,
    state: State,
    vacated: bool,
}

impl Model {
    fn new(events: usize, limits: Limits) -> Self {
        Self {
            events,
            limits,
            entities: Vec::new(),
            line: Vec::new(),
            handed: None,
            counters: Counters::default(),
            owed: Vec::new(),
        }
    }

    fn pick(&self, Pick(number): Pick, meant: impl Fn(&Entity) -> bool) -> Option<Id> {
        let suits = |entity: &&Entity| match number {
            0..160 => !entity.vacated && meant(entity),
            160..224 => !entity.vacated,
            224.. => true,
        };
        let ids: Vec<Id> = self.entities.iter().filter(suits).map(|entity| entity.id).collect();
        ids.get(usize::from(number).checked_rem(ids.len())?).copied()
    }

    fn find(&mut self, id: Id) -> Option<&mut Entity> {
        self.entities.iter_mut().find(|entity| entity.id == id && !entity.vacated)
    }

    /// Whether one end of its streams would make place for a new one.
    fn is_crowded(&self, connection: Id) -> bool {
        let limit = self.limits.streams_per_connection as usize;
        let is_open = self.entities.iter().any(|e| e.id == connection && !e.vacated && e.state == State::Open);
        let records = self.entities.iter().filter(|e| !e.vacated && matches!(e.id, Id::Stream(_)));
        let held = records.clone().filter(|e| e.parent == Some(connection)).count();
        is_open
            && self.streams_of(connection).len() >= limit
            && held < 2 * limit
            && records.count() < self.limits.streams as usize
    }

    /// Whether a connection owes so much that its peer begins nothing.
    fn is_behind(&self, connection: Id) -> bool {
        let streams = self.entities.iter().filter(|e| !e.vacated && e.parent == Some(connection));
        let most = self.limits.owed_per_connection as usize;
        let is_here = self.entities.iter().any(|entity| entity.id == connection && !entity.vacated);
        // One that is gone owes nothing, although it did while something still is owed.
        let owed = self.owed.iter().filter(|owed| is_here && **owed == connection).count();
        streams.filter(|e| e.state == State::Ended).count() > most || owed > most
    }

    fn streams_of(&self, connection: Id) -> Vec<Id> {
        let streams = self.entities.iter().filter(|entity| entity.parent == Some(connection));
        streams.filter(|entity| entity.state != State::Ended).map(|entity| entity.id).collect()
    }

    /// Says whether something may begin; if so, `real` is its id, else the same error.
    fn begin(
        &mut self,
        direction: Option<Direction>,
        parent: Option<Id>,
        real: Result<Id, BeginError>,
    ) -> Result<(), BeginError> {
        let present = |kind: fn(Id) -> bool| self.entities.iter().filter(|e| !e.vacated && kind(e.id)).count();
        let full = match (direction, parent) {
            (None, _) => present(|id| matches!(id, Id::Listener(_))) >= self.limits.listeners as usize,
            (Some(_), None) => present(|id| matches!(id, Id::Connection(_))) >= self.limits.connections as usize,
            (Some(_), Some(connection)) => {
                let limit = self.limits.streams_per_connection as usize;
                let held = self.entities.iter().filter(|e| !e.vacated && e.parent == parent).count();
                present(|id| matches!(id, Id::Stream(_))) >= self.limits.streams as usize
                    || self.streams_of(connection).len() >= limit
                    || held >= 2 * limit
                    || direction == Some(Direction::Inbound) && self.is_behind(connection)
            }
        };
        let parent_state = parent.map(|id| self.find(id).map(|entity| entity.state));
        let expected = match parent_state {
            Some(None) => Err(BeginError::Stale),
            Some(Some(State::Opening)) => Err(BeginError::NotOpen),
            Some(Some(State::Ended)) => Err(BeginError::Closing),
            Some(Some(State::Leaving)) if direction == Some(Direction::Outbound) => Err(BeginError::Closing),
            Some(Some(State::Open | State::Leaving)) | None if full => Err(BeginError::Limit),
            Some(Some(State::Open | State::Leaving)) | None => Ok(()),
        };
        assert_eq!(real.map(|_| ()), expected, "beginning on {parent:?}");
        let id = real?;
        for other in &self.entities {
            assert_ne!(other.id, id, "an id never comes back");
            let same_kind = core::mem::discriminant(&other.id) == core::mem::discriminant(&id);
            assert!(
                other.vacated || !same_kind || index(other.id) != index(id),
                "{id} shares the slot of {}",
                other.id
            );
        }
        self.entities.push(Entity { id, parent, direction, state: State::Opening, vacated: false });
        Ok(())
    }

    fn room(&self) -> usize {
        let owes = self.line.iter().any(|(_, queued)| !queued);
        if owes { 0 } else { self.events - self.line.len() }
    }

    fn counts(&mut self, id: Id) -> &mut Counts {
        let counters = &mut self.counters;
        let direction = self.entities.iter().find(|entity| entity.id == id).and_then(|entity| entity.direction);
        match (id, direction) {
            (Id::Listener(_), _) => &mut counters.listeners,
            (Id::Connection(_), Some(Direction::Inbound)) => &mut counters.connections.inbound,
            (Id::Connection(_), _) => &mut counters.connections.outbound,
            (Id::Stream(_), Some(Direction::Inbound)) => &mut counters.streams.inbound,
            (Id::Stream(_), _) => &mut counters.streams.outbound,
        }
    }

    fn opened(&mut self, id: Id) -> Result<(), Refused> {
        let room = self.room();
        let entity = self.find(id).ok_or(Refused::Stale)?;
        match entity.state {
            State::Open | State::Leaving => return Err(Refused::AlreadyOpen),
            State::Ended => return Err(Refused::Ended),
            State::Opening if room == 0 => return Err(Refused::NoRoom),
            State::Opening => entity.state = State::Open,
        }
        let parent = entity.parent;
        let counts = self.counts(id);
        counts.opened += 1;
        counts.open += 1;
        counts.peak = counts.peak.max(counts.open);
        let event = match (id, parent) {
            (Id::Listener(listener), _) => Event::Listen { listener },
            (Id::Connection(connection), _) => Event::Connected { connection },
            (Id::Stream(stream), Some(Id::Connection(connection))) => Event::OpenedStream { connection, stream },
            (Id::Stream(_), _) => panic!("{id} has no connection"),
        };
        self.line.push((event, true));
        Ok(())
    }

    fn leave(&mut self, id: Id) -> Result<(), Refused> {
        let entity = self.find(id).ok_or(Refused::Stale)?;
        match entity.state {
            State::Opening => return Err(Refused::NotOpen),
            State::Open | State::Leaving => entity.state = State::Leaving,
            State::Ended => return Err(Refused::Ended),
        }
        Ok(())
    }

    fn fail(&mut self, id: Id, failure: Failure) -> Result<(), Refused> {
        match self.find(id).ok_or(Refused::Stale)?.state {
            State::Opening => {}
            State::Open | State::Leaving => return Err(Refused::AlreadyOpen),
            State::Ended => return Err(Refused::Ended),
        }
        let queued = self.room() > 0;
        self.owed_by_itself(id, queued);
        self.over(id, Why(0), failure, queued);
        Ok(())
    }

    fn end(&mut self, id: Id, why: Why) -> Result<(), Refused> {
        if self.find(id).ok_or(Refused::Stale)?.state == State::Ended {
            return Ok(());
        }
        let streams = self.streams_of(id);
        // A connection with streams joins the line of what is owed, whatever room there is.
        let queued = self.room() > 0 && streams.is_empty();
        for stream in streams {
            self.over(stream, Why::CONNECTION_CLOSED, Failure::ConnectionClosed, queued);
        }
        let failure = match id {
            Id::Listener(_) => why.listener_end().into(),
            Id::Connection(_) => why.connection_end().into(),
            Id::Stream(_) => why.stream_end().into(),
        };
        self.owed_by_itself(id, queued);
        self.over(id, why, failure, queued);
        Ok(())
    }

    /// Something ends, but not with its connection.
    fn owed_by_itself(&mut self, id: Id, queued: bool) {
        let parent = self.find(id).and_then(|entity| entity.parent);
        if !queued {
            self.owed.extend(parent);
        }
    }

    /// Ends one entity and tells of it: with the failure if it was opening.
    fn over(&mut self, id: Id, why: Why, reason: Failure, queued: bool) {
        let entity = self.find(id).expect("it can be looked up");
        let was_open = entity.state != State::Opening;
        entity.state = State::Ended;
        let parent = entity.parent;
        let counts = self.counts(id);
        if was_open {
            counts.closed += 1;
            counts.open -= 1;
        } else {
            counts.failed += 1;
        }
        let event = match (id, parent, was_open) {
            (Id::Listener(listener), _, false) => Event::ListenFailed { listener, reason },
            (Id::Listener(listener), _, true) => Event::ListenClose { listener, reason: why.listener_end() },
            (Id::Connection(connection), _, false) => Event::ConnectFailed { connection, reason },
            (Id::Connection(connection), _, true) => Event::Disconnected { connection, reason: why.connection_end() },
            (Id::Stream(stream), Some(Id::Connection(connection)), false) => {
                Event::StreamFailed { connection, stream, reason }
            }
            (Id::Stream(stream), Some(Id::Connection(connection)), true) => {
                Event::ClosedStream { connection, stream, reason: why.stream_end() }
            }
            (Id::Stream(_), _, _) => panic!("{id} has no connection"),
        };
        self.line.push((event, queued));
    }

    fn vacate(&mut self) -> Option<Id> {
        let id = self.handed.take()?;
        self.find(id).expect("what is being handled can be looked up").vacated = true;
        Some(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.vacate();
        for (_, queued) in self.line.iter_mut().take(self.events) {
            *queued = true;
        }
        if self.line.iter().all(|(_, queued)| *queued) {
            self.owed.clear();
        }
        if self.line.is_empty() {
            return None;
        }
        let (event, _) = self.line.remove(0);
        self.handed = event.is_last().then(|| event.id());
        Some(event)
    }
}

/// P1 and P2, from nothing but what began and what was told.
fn assert_each_id_is_told_of_once(model: &Model, told: &[Event]) {
    for entity in &model.entities {
        let id = entity.id;
        let places: Vec<usize> = (0..told.len()).filter(|place| told[*place].id() == id).collect();
        let (first, last) = match places[..] {
            [only] => (only, only),
            [first, last] => (first, last),
            _ => panic!("{id} was told of {} times", places.len()),
        };
        assert!(told[last].is_last(), "the last that was told of {id} is {:?}", told[last]);
        let failed = told[last].name().ends_with("_failed");
        assert_eq!(failed, first == last, "{id} either failed or opened and closed");
        if let Some(parent) = entity.parent {
            let parent: Vec<usize> = (0..told.len()).filter(|place| told[*place].id() == parent).collect();
            assert!(parent[0] < first && last < parent[1], "{id} was told of within its connection's life");
        }
    }
    let ids = told.iter().filter(|event| event.is_last()).count();
    assert_eq!(ids, model.entities.len(), "nothing else was told of");
}

fn index(id: Id) -> usize {
    match id {
        Id::Listener(id) => id.index(),
        Id::Connection(id) => id.index(),
        Id::Stream(id) => id.index(),
    }
}
