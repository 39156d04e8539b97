//! The settings in force, and where each comes from.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Error, Operations};

/// The settings in force.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SettingsOutput {
    /// In the order of the defaults file; then overrides and profiles.
    pub settings: Vec<SettingLine>,
    /// The files that were read.
    pub files: Vec<String>,
}

/// One setting.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SettingLine {
    /// `section.key`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// `default`, `FILE:LINE`, `environment NAME` or `--set`.
    pub origin: String,
    /// What it is for; empty where nothing is written.
    pub about: String,
}

/// Gives the settings in force; must not block.
pub type ShowSettings = Arc<dyn Fn() -> SettingsOutput + Send + Sync>;

impl Operations {
    /// Sets what [`Self::settings_in_force`] shows. Only the first counts.
    pub fn show_settings_with(&self, show: ShowSettings) {
        let _set_before = self.show_settings.set(show);
    }

    /// The settings in force.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nobody said what they are.
    pub fn settings_in_force(&self) -> Result<SettingsOutput, Error> {
        let show = self.show_settings.get();
        show.map(|show| show()).ok_or_else(|| Error::NotFound { what: "the settings are not shown here".to_owned() })
    }
}
