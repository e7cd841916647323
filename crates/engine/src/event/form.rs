//! The written form of events, which is older than the subjects: most events are written under their own name, some in
//! a nest (`{"grant_expired":{…}}`, `{"billing":{"top_up_set":{…}}}`).
//!
//! Invariant: each event is written in one form and read in that form alone. A subject knows the names of its events,
//! so that a new event needs no change here.

use super::Event;
use crate::grants::GrantEvent;
use crate::holds::HoldEvent;
use crate::payments::{PaymentEvent, TopUpEvent};
use crate::plans::PlanEvent;
use crate::reviews::ReviewEvent;
use crate::runs::RunEvent;
use crate::workspace::WorkspaceEvent;
use serde::de::value::{EnumAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::{Serialize, Serializer, forward_to_deserialize_any};
use std::cell::Cell;
use std::fmt;

/// Place of an event in its written form: under its own name, or in a nest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nest {
    None,
    Billing,
    Team,
    Notice,
}

impl Event {
    fn nest(&self) -> Nest {
        match self {
            Event::Workspace(_) | Event::Plan(_) | Event::Grant(_) | Event::Hold(_) | Event::Run(_) => Nest::None,
            Event::Payment(event) => nest_of_payment(event),
            Event::Review(event) => nest_of_review(event),
            Event::TopUp(_) => Nest::Billing,
            Event::Team(_) => Nest::Team,
            Event::Notice(_) => Nest::Notice,
        }
    }
}

fn nest_of_payment(event: &PaymentEvent) -> Nest {
    match event {
        PaymentEvent::DisputeOpened { .. } | PaymentEvent::DisputeClosed { .. } => Nest::None,
        PaymentEvent::PeriodPaid { .. }
        | PaymentEvent::PaymentAwaited { .. }
        | PaymentEvent::RemainderFrozen
        | PaymentEvent::PaymentProcessing { .. }
        | PaymentEvent::PaymentFailed { .. }
        | PaymentEvent::PaymentReversed { .. } => Nest::Billing,
    }
}

fn nest_of_review(event: &ReviewEvent) -> Nest {
    match event {
        ReviewEvent::ReviewApproved { .. } => Nest::None,
        ReviewEvent::ReviewRequested { .. }
        | ReviewEvent::ReviewRejected { .. }
        | ReviewEvent::ReviewRevoked { .. } => Nest::Billing,
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nest = match self.nest() {
            Nest::None => return Bare(self).serialize(serializer),
            Nest::Billing => "billing",
            Nest::Team => "team",
            Nest::Notice => "notice",
        };
        serializer.serialize_newtype_variant("Event", 0, nest, &Bare(self))
    }
}

/// An event that is written without its nest.
struct Bare<'a>(&'a Event);

impl Serialize for Bare<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Event::Workspace(event) => event.serialize(serializer),
            Event::Plan(event) => event.serialize(serializer),
            Event::Grant(event) => event.serialize(serializer),
            Event::Hold(event) => event.serialize(serializer),
            Event::Run(event) => event.serialize(serializer),
            Event::Payment(event) => event.serialize(serializer),
            Event::TopUp(event) => event.serialize(serializer),
            Event::Review(event) => event.serialize(serializer),
            Event::Team(event) => event.serialize(serializer),
            Event::Notice(notice) => notice.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        Reader(Nest::None).deserialize(deserializer)
    }
}

/// Reads the events of one nest; with [`Nest::None`], the events under their own names and the nests beside them.
struct Reader(Nest);

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Event;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Event, D::Error> {
        deserializer.deserialize_enum("Event", &[], self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Event, A::Error> {
        let ((subject, name), content) = data.variant_seed(NameReader(self.0))?;
        let event = match subject {
            Subject::Billing => return content.newtype_variant_seed(Reader(Nest::Billing)),
            Subject::Team => return content.newtype_variant().map(Event::Team),
            Subject::Notice => return content.newtype_variant().map(Event::Notice),
            Subject::Workspace => Event::Workspace(read(name, content)?),
            Subject::Plan => Event::Plan(read(name, content)?),
            Subject::Grant => Event::Grant(read(name, content)?),
            Subject::Hold => Event::Hold(read(name, content)?),
            Subject::Run => Event::Run(read(name, content)?),
            Subject::Payment => Event::Payment(read(name, content)?),
            Subject::TopUp => Event::TopUp(read(name, content)?),
            Subject::Review => Event::Review(read(name, content)?),
        };
        if event.nest() == self.0 {
            Ok(event)
        } else {
            Err(de::Error::custom(format_args!("the event `{name}` is in the wrong place")))
        }
    }
}

/// Subject that a name leads to: the name is that of an event or of a nest.
#[derive(Clone, Copy)]
enum Subject {
    Workspace,
    Plan,
    Grant,
    Hold,
    Run,
    Payment,
    TopUp,
    Review,
    Team,
    Notice,
    Billing,
}

/// Finds the subject that has an event, or is a nest, of a given name.
struct NameReader(Nest);

impl NameReader {
    /// Returns the subject and the static name, trying the most frequent subjects first; `None` for an unknown name.
    fn find(&self, name: &str) -> Option<(Subject, &'static str)> {
        let nest = match name {
            "team" => Some((Subject::Team, "team")),
            "notice" => Some((Subject::Notice, "notice")),
            "billing" => Some((Subject::Billing, "billing")),
            _ => None,
        };
        nest.filter(|_| self.0 == Nest::None)
            .or_else(|| find_name::<HoldEvent>(Subject::Hold, name))
            .or_else(|| find_name::<RunEvent>(Subject::Run, name))
            .or_else(|| find_name::<GrantEvent>(Subject::Grant, name))
            .or_else(|| find_name::<PlanEvent>(Subject::Plan, name))
            .or_else(|| find_name::<PaymentEvent>(Subject::Payment, name))
            .or_else(|| find_name::<TopUpEvent>(Subject::TopUp, name))
            .or_else(|| find_name::<ReviewEvent>(Subject::Review, name))
            .or_else(|| find_name::<WorkspaceEvent>(Subject::Workspace, name))
    }
}

impl<'de> DeserializeSeed<'de> for NameReader {
    type Value = (Subject, &'static str);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameReader {
    type Value = (Subject, &'static str);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an event")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        self.find(name).ok_or_else(|| E::custom(format_args!("there is no event `{name}`")))
    }
}

/// Returns the subject and the static name if the subject has an event of this name.
fn find_name<T: for<'de> Deserialize<'de>>(subject: Subject, name: &str) -> Option<(Subject, &'static str)> {
    let known = names::<T>().iter().find(|known| **known == name)?;
    Some((subject, known))
}

/// Reads the content of an event of a subject, whose name has been read before.
fn read<'de, T: Deserialize<'de>, A: VariantAccess<'de>>(name: &'static str, content: A) -> Result<T, A::Error> {
    T::deserialize(EnumAccessDeserializer::new(NamedContent { name, content }))
}

/// Content of an event, and the name that was read before it.
struct NamedContent<A> {
    name: &'static str,
    content: A,
}

impl<'de, A: VariantAccess<'de>> EnumAccess<'de> for NamedContent<A> {
    type Error = A::Error;
    type Variant = A;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, A), A::Error> {
        let name: StrDeserializer<'_, A::Error> = de::IntoDeserializer::into_deserializer(self.name);
        Ok((seed.deserialize(name)?, self.content))
    }
}

/// Returns the names of an enum's variants, which its derived reader hands over before it reads anything.
fn names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let names: Cell<&'static [&'static str]> = Cell::new(&[]);
    // `Listener` reads nothing, so that the result is always an error.
    let _: Result<T, Nothing> = T::deserialize(Listener(&names));
    names.get()
}

/// Records the variant names that a derived reader passes to `deserialize_enum`, and reads nothing.
struct Listener<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Nothing;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Nothing> {
        self.0.set(names);
        Err(Nothing)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }

    fn deserialize_f32<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }
}

/// Error of [`Listener`], which never reads. It costs nothing to make.
#[derive(Debug)]
struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was read")
    }
}

impl std::error::Error for Nothing {}

impl de::Error for Nothing {
    fn custom<T: fmt::Display>(_: T) -> Nothing {
        Nothing
    }
}
