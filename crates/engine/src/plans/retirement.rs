//! Credits, trials and keys of a workspace that a model leaves behind when a catalog retires it (R33).
//!
//! Invariant: pure; a thing that still reaches a model of the next catalog is not counted as left behind.

use crate::catalog::{Catalog, Model, Name};
use crate::grants::Grant;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::runs::access::Capability;
use crate::workspace::Workspace;
use std::collections::BTreeMap;

/// Credits, trials and keys of a workspace that a retired model leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StrandedUnits {
    /// Credits that pay for no model any more, available and held.
    pub credits: Amount,
    /// Training units that pay for no model any more, available and held.
    pub training: Amount,
    /// Free runs of the model that are left.
    pub trial_runs: Amount,
    /// Number of trials of the model that have begun and are not used up: of runs, or windows of time.
    pub trials: u32,
    /// Keys that name the model, by number.
    pub keys: Vec<u32>,
}

/// Returns the models that a catalog has and the next one does not.
pub fn retired_models(now: &Catalog, next: &Catalog) -> Vec<Name> {
    now.models.iter().filter(|model| next.model(&model.id).is_none()).map(|model| model.id.clone()).collect()
}

/// Returns the credits, trials and keys of a workspace that the models which the next catalog retires leave behind, by
/// model; models that leave nothing behind are not in it. A grant that several of them leave behind counts for each.
pub fn find_stranded(
    workspace: &Workspace,
    now: &Catalog,
    next: &Catalog,
    at: Timestamp,
) -> BTreeMap<Name, StrandedUnits> {
    let retired = retired_models(now, next).into_iter();
    let found = retired.filter_map(|id| {
        let model = now.model(&id)?;
        let found = measure_stranded(workspace, model, next, at);
        (found != StrandedUnits::default()).then_some((id, found))
    });
    found.collect()
}

fn measure_stranded(workspace: &Workspace, model: &Model, next: &Catalog, at: Timestamp) -> StrandedUnits {
    let pays_for = |grant: &Grant, model: &Model| {
        let is_unit = grant.unit == model.unit || grant.unit == Unit::Runs && !grant.models.is_empty();
        is_unit && grant.pays_for(Some(&model.id))
    };
    let is_left = |grant: &Grant| {
        !grant.is_closed()
            && (grant.live(at) || !grant.held.is_zero())
            && pays_for(grant, model)
            && !next.models.iter().any(|other| pays_for(grant, other))
    };
    let mut found = StrandedUnits::default();
    for grant in workspace.grants.iter().filter(|grant| is_left(grant)) {
        let amount = grant.available + grant.held;
        match grant.unit {
            Unit::Credits => found.credits += amount,
            Unit::Training => found.training += amount,
            Unit::Runs => {
                found.trial_runs += amount;
                found.trials += 1;
            }
        }
    }
    let of_model = workspace.windows.iter().filter(|window| window.model == model.id);
    found.trials += of_model.filter(|window| window.open_until().is_some_and(|end| at < end)).count() as u32;
    let names = |capability: &Capability| *capability == Capability::ModelRunOne(Some(model.id.to_string()));
    let keys = workspace.team.keys.iter().filter(|key| {
        let is_alive = key.terms.expires_at.is_none_or(|end| at < end);
        is_alive && (key.terms.models.contains(&model.id) || key.terms.capabilities.iter().any(names))
    });
    found.keys = keys.map(|key| key.n).collect();
    found
}
