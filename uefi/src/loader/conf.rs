//! `loader/loader.conf` on the ESP: how systemd-boot behaves.

use super::settings;

/// How long the menu waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Seconds before the default entry starts; zero shows no menu unless a key is held.
    Seconds(u32),
    /// `menu-force`: the menu waits for ever.
    MenuForce,
    /// `menu-hidden`: no menu unless a key is held.
    MenuHidden,
    /// `menu-disabled`: no menu even if a key is held.
    MenuDisabled,
}

impl Timeout {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "menu-force" => Some(Self::MenuForce),
            "menu-hidden" => Some(Self::MenuHidden),
            "menu-disabled" => Some(Self::MenuDisabled),
            seconds => seconds.parse().ok().map(Self::Seconds),
        }
    }

    fn value(self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::MenuForce => "menu-force".to_owned(),
            Self::MenuHidden => "menu-hidden".to_owned(),
            Self::MenuDisabled => "menu-disabled".to_owned(),
        }
    }
}

/// The text mode of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleMode {
    /// `keep`: the mode that the firmware chose.
    Keep,
    /// `auto`: a suitable mode by heuristics.
    Auto,
    /// `max`: the mode with the most rows and columns.
    Max,
    /// A mode by number: 0 is 80×25, 1 is 80×50, the rest are the firmware's own.
    Mode(u32),
}

impl ConsoleMode {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "keep" => Some(Self::Keep),
            "auto" => Some(Self::Auto),
            "max" => Some(Self::Max),
            number => number.parse().ok().map(Self::Mode),
        }
    }

    fn value(self) -> String {
        match self {
            Self::Keep => "keep".to_owned(),
            Self::Auto => "auto".to_owned(),
            Self::Max => "max".to_owned(),
            Self::Mode(number) => number.to_string(),
        }
    }
}

/// The settings of `loader.conf`. What is `None` is left to the boot loader's own default.
///
/// Manual page `loader.conf(5)`. Written in the order in which NixOS writes them, so that a file made
/// here and one made on the machine are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoaderConf {
    /// `timeout`.
    pub timeout: Option<Timeout>,
    /// `preferred`: glob of the entry to start unless it is bad (systemd 260 and later).
    pub preferred: Option<String>,
    /// `default`: glob of the entry to start.
    pub default: Option<String>,
    /// `editor`: whether the command line may be edited in the menu.
    pub editor: Option<bool>,
    /// `reboot-for-bitlocker`: Windows is started by a reboot, so that its measurements hold.
    pub reboot_for_bitlocker: Option<bool>,
    /// `console-mode`.
    pub console_mode: Option<ConsoleMode>,
    /// Everything else, in the order of the file.
    pub others: Vec<(String, String)>,
}

impl LoaderConf {
    /// Reads the file as systemd-boot does: the last of two equal keys counts, a value that is not
    /// understood is ignored, unknown keys are kept in [`others`](Self::others).
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for (key, value) in settings(text) {
            match key {
                "timeout" => conf.timeout = Timeout::parse(value).or(conf.timeout),
                "preferred" => conf.preferred = Some(value.to_owned()),
                "default" => conf.default = Some(value.to_owned()),
                "editor" => conf.editor = boolean(value).or(conf.editor),
                "reboot-for-bitlocker" => {
                    conf.reboot_for_bitlocker = boolean(value).or(conf.reboot_for_bitlocker);
                }
                "console-mode" => conf.console_mode = ConsoleMode::parse(value).or(conf.console_mode),
                _ => conf.others.push((key.to_owned(), value.to_owned())),
            }
        }
        conf
    }

    /// The text of the file, each line ended by a line feed.
    pub fn render(&self) -> String {
        let editor = self.editor.map(|on| if on { "1" } else { "0" }.to_owned());
        let bitlocker = self.reboot_for_bitlocker.map(|on| if on { "yes" } else { "no" }.to_owned());
        let known = [
            ("timeout", self.timeout.map(Timeout::value)),
            ("preferred", self.preferred.clone()),
            ("default", self.default.clone()),
            ("editor", editor),
            ("reboot-for-bitlocker", bitlocker),
            ("console-mode", self.console_mode.map(ConsoleMode::value)),
        ];
        let known = known.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?)));
        let others = self.others.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        known.chain(others).map(|(key, value)| format!("{key} {value}\n")).collect()
    }
}

/// A yes or no in any of the spellings that `loader.conf(5)` lists.
fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_in_the_order_of_nixos() {
        let conf = LoaderConf {
            timeout: Some(Timeout::Seconds(5)),
            preferred: None,
            default: Some("nixos-generation-3.conf".into()),
            editor: Some(false),
            reboot_for_bitlocker: Some(true),
            console_mode: Some(ConsoleMode::Keep),
            others: vec![("auto-entries".into(), "no".into())],
        };
        let text = "timeout 5\ndefault nixos-generation-3.conf\neditor 0\nreboot-for-bitlocker yes\n\
            console-mode keep\nauto-entries no\n";
        assert_eq!(conf.render(), text);
        assert_eq!(LoaderConf::parse(text), conf);
    }

    #[test]
    fn spellings_of_other_tools_are_understood() {
        let conf =
            LoaderConf::parse("#timeout 3\ntimeout menu-force\nconsole-mode 2\neditor off\ntimeout soon\n");
        assert_eq!(conf.timeout, Some(Timeout::MenuForce));
        assert_eq!(conf.console_mode, Some(ConsoleMode::Mode(2)));
        assert_eq!(conf.editor, Some(false));
        assert_eq!(conf.default, None);
    }

    #[test]
    fn every_timeout_and_mode_survives_the_file() {
        let timeouts = [Timeout::Seconds(0), Timeout::MenuForce, Timeout::MenuHidden, Timeout::MenuDisabled];
        let modes = [ConsoleMode::Keep, ConsoleMode::Auto, ConsoleMode::Max, ConsoleMode::Mode(5)];
        for (timeout, mode) in timeouts.into_iter().zip(modes) {
            let conf =
                LoaderConf { timeout: Some(timeout), console_mode: Some(mode), ..LoaderConf::default() };
            assert_eq!(LoaderConf::parse(&conf.render()), conf);
        }
    }
}
