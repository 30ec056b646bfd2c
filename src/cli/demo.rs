//! `landfall demo`: the whole story on one machine. An image of the sample system is made and booted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use qemu::{Architecture, Drive, Machine, Vm, VmOptions};

use super::run::machine_failure;
use super::terminal::Terminal;
use super::{Failure, load, print};
use crate::error::Exit;
use crate::image::{Prepared, Request, System};
use crate::layout::{Layout, Source};
use crate::output::manifest::Inputs;
use crate::output::raw;
use crate::progress::{Progress, Step, Unit};

/// The layout of the demonstration.
const LAYOUT: &str = include_str!("demo.json");
/// What the sample system prints when it is up.
const MULTI_USER: &str = "landfall-sample: multi-user reached";
/// A boot takes some 20 s without KVM on an idle machine.
const BOOT_TIMEOUT: Duration = Duration::from_secs(600);

/// Arguments of `landfall demo`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The machine type: x86_64 or aarch64; otherwise this machine's
    #[arg(long)]
    arch: Option<Architecture>,

    /// Folder of the sample systems, as `make sample` leaves them
    #[arg(long, value_name = "DIR", default_value = "target/sample")]
    sample: PathBuf,

    /// Folder for the image
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
}

/// Makes the image, boots it, and says so.
pub(super) fn demo(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let architecture = arguments.arch.or_else(Architecture::host);
    let architecture =
        architecture.ok_or_else(|| Failure::new(Exit::Usage, "say --arch x86_64 or --arch aarch64"))?;
    let root = arguments.sample.join(architecture.name());
    if !root.join("system").is_symlink() {
        return Err(Failure::new(Exit::Input, format!("there is no sample system in `{}`", root.display()))
            .with_hint(format!(
                "make it: landfall dev sample --arch {architecture} --out {}",
                root.display()
            )));
    }
    let out = arguments.out.join(architecture.name());
    let image = built(&root, &out, terminal)?;
    print(&format!("built   {}\n", image.display()))?;
    let seconds = booted(architecture, &image, terminal)?;
    print(&format!("booted  {architecture} to multi-user.target in {seconds} s\n"))?;
    print(&format!("\nTry it yourself:\n  landfall run {0}\n  landfall inspect {0}\n", image.display()))
}

fn built(root: &Path, out: &Path, terminal: &Terminal) -> Result<PathBuf, Failure> {
    let broken = |text: String| Failure::rendered(Exit::Failed, text);
    let source = Source::Json { name: "demo.json".to_owned(), text: LAYOUT.as_bytes().to_vec() };
    let (layout, _) = Layout::parse(source).map_err(|mistakes| broken(mistakes.to_string()))?;
    let failed = |error| load::image_failure(&error, Some(&layout), terminal.style());
    let system = System::open(root, &root.join("system")).map_err(failed)?;
    let prepared = Prepared::new(&layout, &system, &Request::default()).map_err(failed)?;
    crate::files::create_dir_all(out).map_err(|error| Failure::from_error(Exit::Failed, &error))?;
    let file = out.join("layout.json");
    crate::files::replace(&file, LAYOUT.as_bytes())
        .map_err(|error| Failure::from_error(Exit::Failed, &error))?;
    let inputs = Inputs::new(&file, &system).map_err(|error| Failure::from_error(Exit::Failed, &error))?;
    let progress: &dyn Progress = terminal;
    let images = raw::write(&prepared, &inputs, (out, None), progress).map_err(failed)?;
    images.into_iter().next().ok_or_else(|| broken("error: the layout has no disk".to_owned()))
}

fn booted(architecture: Architecture, image: &Path, terminal: &Terminal) -> Result<u64, Failure> {
    let step = Step::start(terminal, "boot", None, Unit::Items);
    let machine = Machine::new(architecture).with_drive(Drive::image(image).snapshot());
    let started = std::time::Instant::now();
    let vm = Vm::start(&machine, VmOptions::default()).map_err(|error| machine_failure(&error))?;
    vm.console().expect(MULTI_USER, BOOT_TIMEOUT).map_err(|error| machine_failure(&error))?;
    let seconds = started.elapsed().as_secs();
    vm.quit().map_err(|error| machine_failure(&error))?;
    step.finish();
    Ok(seconds)
}
