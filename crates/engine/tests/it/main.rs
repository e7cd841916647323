//! Tests of the engine, in one program: each link costs seconds.

mod bounds;
mod broken_catalogs;
mod calendar;
mod capabilities;
mod catalogs;
mod glossary;
mod golden;
mod language;
mod migrations;
mod notices;
mod payments;
mod properties;
mod purchase;
mod rates;
mod regressions;
mod repository;
mod retirements;
mod rights;
mod roles;
mod rules;
mod scenarios;
mod sentences;
mod top_ups;
