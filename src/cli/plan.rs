//! `landfall plan`: what a layout means, without touching anything.

use std::path::PathBuf;

use clap::Args;

use super::arguments::LayoutArguments;
use super::image::SizeArguments;
use super::terminal::Terminal;
use super::{Failure, load, note, print};
use crate::error::Exit;
use crate::files;
use crate::identity::Seed;
use crate::image::{HookUse, Machine, Prepared, Request, System};
use crate::layout::diagnostic::Severity;
use crate::layout::render::render;
use crate::layout::{Diagnostic, Draft, Layout};
use crate::plan::{self, Plan, Problem};

/// Arguments of `landfall plan`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    // The schema alone needs none.
    #[command(flatten)]
    layout: Option<LayoutArguments>,

    #[command(flatten)]
    sizes: SizeArguments,

    /// Plan for this system: its contents decide the sizes
    #[arg(long, value_name = "TOPLEVEL")]
    system: Option<PathBuf>,

    /// Store root that holds the system, or a closure-info directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    store: PathBuf,

    #[command(flatten)]
    form: Form,
}

/// What is printed; the tree of devices where nothing else is asked for.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Form {
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,

    /// Draw the disks to scale
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print fstab and crypttab
    #[arg(long)]
    mounts: bool,

    /// Print the NixOS options that disko's module would set
    #[arg(long)]
    nixos: bool,

    /// Print the JSON schema of the plan; stands alone
    #[arg(long, exclusive = true)]
    schema: bool,
}

/// Prints the plan in the form that was asked for.
pub(super) fn plan(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    if arguments.form.schema {
        return print(&format!("{:#}\n", Plan::json_schema()));
    }
    let Some(layout) = &arguments.layout else {
        return Err(Failure::new(Exit::Usage, "no layout is given"));
    };
    if arguments.form.json && arguments.system.is_none() {
        return data(arguments, layout, terminal);
    }
    let layout = load::layout(layout, terminal)?;
    let plan = made(arguments, &layout, terminal)?;
    let form = &arguments.form;
    if form.json {
        return print(&format!("{:#}\n", plan.json()));
    }
    if let Some(file) = &form.svg {
        return files::replace(file, plan.svg().as_bytes())
            .map_err(|error| Failure::from_error(Exit::Failed, &error));
    }
    if form.mounts {
        let crypttab = plan.crypttab();
        let crypttab = if crypttab.is_empty() { crypttab } else { format!("\n# /etc/crypttab\n{crypttab}") };
        return print(&format!("# /etc/fstab\n{}{crypttab}", plan.fstab()));
    }
    print(&if form.nixos { plan.nixos() } else { plan.text() })
}

/// Prints as much of the plan as there is, and in it everything that was found. What disko accepts is no failure here, though
/// nothing would be made from it; a partition that cannot be placed is one.
fn data(arguments: &Arguments, layout: &LayoutArguments, terminal: &Terminal) -> Result<(), Failure> {
    let (layout, mut findings) = load::draft(layout, terminal)?;
    let (plan, problems) = Plan::draft(&layout, &request(arguments, &layout));
    findings.extend(problems.iter().map(|problem| {
        let severity = if problem.leaves_partitions() { Severity::Warning } else { Severity::Error };
        Diagnostic { severity, ..problem.diagnostic() }
    }));
    print(&format!("{:#}\n", plan.json_with(&findings, layout.sources())))?;
    let text = render(&findings, layout.sources(), terminal.style());
    if !problems.iter().all(Problem::leaves_partitions) {
        return Err(Failure::rendered(Exit::Input, text));
    }
    if !findings.is_empty() {
        note(&text, terminal);
    }
    Ok(())
}

fn request(arguments: &Arguments, layout: &Draft) -> plan::Request {
    let seed = arguments
        .sizes
        .seed
        .unwrap_or_else(|| Seed::from_inputs([layout.resolved_json().to_string().as_bytes()]));
    plan::Request {
        disks: arguments.sizes.disk.clone(),
        free: arguments.sizes.free,
        ..plan::Request::new(seed)
    }
}

fn made(arguments: &Arguments, layout: &Layout, terminal: &Terminal) -> Result<Plan, Failure> {
    let Some(system) = &arguments.system else {
        let draft = Draft::from(layout.clone());
        let (plan, problems) = Plan::draft(&draft, &request(arguments, &draft));
        let findings: Vec<Diagnostic> = problems.iter().map(Problem::diagnostic).collect();
        if problems.iter().all(Problem::leaves_partitions) {
            warn(findings, layout, terminal);
            return Ok(plan);
        }
        return Err(Failure::rendered(Exit::Input, render(&findings, layout.sources(), terminal.style())));
    };
    let failed = |error| load::image_failure(&error, Some(layout), terminal.style());
    let system = System::open(&arguments.store, system).map_err(failed)?;
    let request = Request {
        seed: arguments.sizes.seed,
        disks: arguments.sizes.disk.clone(),
        free: arguments.sizes.free,
        machine: Machine::Allowed,
        hooks: HookUse::Run,
        ..Request::default()
    };
    Prepared::plan_only(layout, &system, &request).map_err(failed)
}

/// Says what of a plan is too small: it can be looked at, and nothing will be made from it.
fn warn(findings: Vec<Diagnostic>, layout: &Layout, terminal: &Terminal) {
    let warning = |finding| Diagnostic { severity: Severity::Warning, ..finding };
    let findings: Vec<Diagnostic> = findings.into_iter().map(warning).collect();
    if !findings.is_empty() {
        note(&render(&findings, layout.sources(), terminal.style()), terminal);
    }
}
