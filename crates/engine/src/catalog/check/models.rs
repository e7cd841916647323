//! Checks of models: parameters, their levels and defaults, quantities that a rate counts, and adjustments.

use super::{Check, Path};
use crate::catalog::{Above, Adjust, Model, Param, Per, Value};
use crate::kernel::amount::Unit;
use crate::kernel::limits::HOLD_SECONDS_MAX;
use crate::kernel::time::{SECOND, Span};

impl Check<'_> {
    pub(super) fn model(&mut self, path: &Path, model: &Model) {
        for (index, plan) in model.plans.iter().enumerate() {
            self.known_plan(&path.key("plans").at(index), plan);
        }
        if model.unit == Unit::Runs {
            self.wrong(&path.key("unit"), "a model is paid in credits or training", "write unit = \"credits\"");
        }
        let seconds = match model.timeout {
            Span::Micros(micros) => micros / SECOND,
            Span::Months(_) => i64::MAX,
        };
        if seconds <= 0 || seconds > HOLD_SECONDS_MAX {
            self.wrong(&path.key("timeout"), format!("a time-out of {}", model.timeout), "write 1 second to 30 days");
        }
        for (name, param) in &model.params {
            self.name(&path.key("params").key(name), name);
            self.param(&path.key("params").key(name), param);
        }
        self.check_counted(&path.key("rate").key("per"), model, model.rate.per);
        for (index, adjust) in model.adjusts.iter().enumerate() {
            self.adjust(&path.key("adjust").at(index), model, adjust);
        }
    }

    fn param(&mut self, path: &Path, param: &Param) {
        if let Some(level) = param.level() {
            self.one_of(&path.key("level"), "level", level, self.catalog.levels.iter());
        }
        self.levels(path, param);
        match param {
            Param::Integer { min, max, default, .. } => {
                if min > max {
                    self.wrong(&path.key("min"), format!("min {min} is above max {max}"), "swap them");
                } else if default.is_some_and(|default| default < *min || default > *max) {
                    self.wrong(&path.key("default"), "the default is out of range", format!("write {min} to {max}"));
                }
            }
            Param::Choice { choices, default, .. } => {
                if choices.is_empty() {
                    self.wrong(&path.key("choices"), "nothing to choose from", "list at least one");
                } else if let Some(default) = default {
                    self.one_of(&path.key("default"), "choice", default, choices.iter());
                }
            }
            Param::List { min, max, .. } if min > max => {
                self.wrong(&path.key("min"), format!("min {min} is above max {max}"), "swap them")
            }
            Param::Boolean { .. } | Param::Text { .. } | Param::List { .. } => {}
        }
    }

    /// Checks the levels of single values: they exist, some value needs them, and the default needs none, because a run
    /// without the parameter uses it on every plan.
    fn levels(&mut self, path: &Path, param: &Param) {
        let levels = path.key("levels");
        let catalog = self.catalog;
        let named = match param {
            Param::Choice { choices, levels: by_word, .. } => {
                for (word, level) in by_word {
                    self.one_of(&levels.key(word), "choice", word, choices.iter());
                    self.one_of(&levels.key(word), "level", level, catalog.levels.iter());
                }
                return self.default_is_free(path, param);
            }
            Param::Integer { min, max, levels, .. } => Some((levels, *min, *max)),
            Param::List { min, max, levels, .. } => Some((levels, i64::from(*min), i64::from(*max))),
            Param::Boolean { .. } | Param::Text { .. } => None,
        };
        let Some((by_number, min, max)) = named else { return };
        for (index, Above { above, level }) in by_number.iter().enumerate() {
            let path = levels.at(index);
            self.one_of(&path.key("level"), "level", level, catalog.levels.iter());
            if *above < min || *above >= max {
                let message = format!("no value or every value is above {above}");
                self.wrong(&path.key("above"), message, format!("write {min} to {}", max - 1));
            }
        }
        self.default_is_free(path, param);
    }

    fn default_is_free(&mut self, path: &Path, param: &Param) {
        let default = param.default_value();
        if let Some(level) = default.as_ref().and_then(|default| param.levels_of(default).first().copied()) {
            let message = format!("the default needs level `{level}`");
            self.wrong(&path.key("levels"), message, "choose a default that every plan may have");
        }
    }

    /// Requires the counted parameter to be an integer that starts above zero: otherwise a price is zero or unknown.
    fn check_counted(&mut self, path: &Path, model: &Model, per: Per) {
        let (name, word) = match per {
            Per::Image => ("images", "image"),
            Per::Second => ("duration", "second"),
            Per::Call => return,
        };
        match model.params.get(name) {
            Some(Param::Integer { min, max, .. }) if *min >= 1 && *max <= 1_000_000 => {}
            Some(Param::Integer { .. }) => self.wrong(
                path,
                format!("`{name}` is counted but may be below 1 or above 1000000"),
                format!("give params.{name} a min of at least 1"),
            ),
            _ => self.wrong(
                path,
                format!("a rate per {word} needs the integer parameter `{name}`"),
                format!("add [model.params.{name}]"),
            ),
        }
    }

    fn adjust(&mut self, path: &Path, model: &Model, adjust: &Adjust) {
        for (name, value) in &adjust.when {
            let path = path.key("when").key(name);
            match model.params.get(name) {
                None => self.one_of(&path, "parameter", name, model.params.keys()),
                Some(param) => {
                    if let Err(help) = takes(param, value) {
                        self.wrong(&path, format!("`{name}` never has this value"), help);
                    }
                }
            }
        }
        match (adjust.times, adjust.add, &adjust.per) {
            (Some(_), None, None) => {}
            (None, Some(_), Some(per)) => match &**per {
                "image" => self.check_counted(&path.key("per"), model, Per::Image),
                "second" => self.check_counted(&path.key("per"), model, Per::Second),
                "call" => {}
                name => {
                    if !matches!(model.params.get(name), Some(Param::List { .. })) {
                        self.wrong(
                            &path.key("per"),
                            format!("`{name}` cannot be counted"),
                            "write image, second, call, or the name of a list parameter",
                        );
                    }
                }
            },
            _ => self.wrong(
                path,
                "an adjustment either multiplies or adds",
                "write `times = 2`, or `add = 5` with `per = \"second\"`",
            ),
        }
    }
}

/// Refuses a value that an adjustment waits for and the parameter cannot have; the error is the help.
fn takes(param: &Param, value: &Value) -> Result<(), String> {
    match (param, value) {
        (Param::Integer { min, max, .. }, Value::Integer(value)) if (min..=max).contains(&value) => Ok(()),
        (Param::Choice { choices, .. }, Value::Text(word)) if choices.iter().any(|choice| **choice == **word) => Ok(()),
        (Param::Boolean { .. }, Value::Boolean(_)) => Ok(()),
        (Param::Integer { min, max, .. }, _) => Err(format!("write {min} to {max}")),
        (Param::Choice { choices, .. }, _) => Err(format!("write one of: {}", choices.join(", "))),
        (Param::Boolean { .. }, _) => Err("write true or false".to_owned()),
        (Param::Text { .. } | Param::List { .. }, _) => {
            Err("name an integer, a choice or a boolean; a list is counted with `add` and `per`".to_owned())
        }
    }
}
