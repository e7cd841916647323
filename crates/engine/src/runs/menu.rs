//! The menu as one workspace sees it (R33): the newest catalog, with the rights and rates of its paid period.

use super::access::{Access, access};
use crate::catalog::{Catalog, Name};
use crate::kernel::time::Timestamp;
use crate::plans::terms::{Terms, includes};
use crate::workspace::Workspace;

impl Terms<'_> {
    /// Returns the menu for the workspace: its own plan as the paid period has it, also among the plans of each model
    /// that it includes, and each model with the rates that a run would cost now.
    pub fn menu_for(&self, workspace: &Workspace, at: Timestamp) -> Catalog {
        let mut catalog = Catalog::clone(&self.menu.catalog);
        let own = self.plan();
        if workspace.subscription.period.is_some() {
            match catalog.plans.iter_mut().find(|plan| plan.id == own.id) {
                Some(plan) => *plan = own.clone().into_owned(),
                None => catalog.plans.push(own.clone().into_owned()),
            }
        }
        let plans: Vec<Name> = catalog.plans.iter().map(|plan| plan.id.clone()).collect();
        for model in &mut catalog.models {
            let opens = |access| matches!(access, Access::Open | Access::Unapproved { .. });
            let is_included = opens(access(workspace, self, model, at));
            if is_included != includes(model, &own.id) {
                let others = plans.iter().filter(|plan| **plan != own.id && includes(model, plan));
                model.plans = others.chain(is_included.then_some(&own.id)).cloned().collect();
            }
            if let Some(noticed) = self.noticed_rates(model) {
                (model.rate, model.adjusts) = (noticed.rate.clone(), noticed.adjusts.clone());
            }
        }
        catalog
    }
}
