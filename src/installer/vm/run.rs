//! The steps of a build, carried out in the machine.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::copy::{CopyError, Keeps, copy};
use super::devices::{self, DeviceError};
use super::hook::{Dialect, Hook};
use super::mount;
use super::operations::{Filling, Operation, Run, operations};
use crate::device::DeviceBlock;
use crate::error::IoError;
use crate::image::{HookUse, ImageError, Prepared};
use crate::plan::content::{Content, Luks};
use crate::progress::{Progress, Step, Unit};
use crate::tree::Tree;
use crate::units::SectorSize;
use crate::volume::{Block, BlockError};

/// Where keys are that programs read: in memory.
const KEYS: &str = "/run/landfall/keys";

/// Shells of a system, the one that disko's hooks are written for first.
const SHELLS: [(&str, Dialect); 2] = [("bash", Dialect::Bash), ("sh", Dialect::Posix)];

/// Lines of a program's output that a failure repeats.
const LAST_LINES: usize = 5;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Our writers failed.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// A device has no name.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A disk failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A tree could not be copied.
    #[error("copying {path}")]
    Copy {
        /// Where to, in the system.
        path: String,
        /// Why.
        source: CopyError,
    },
    /// A program failed.
    #[error("`{line}` ended with {status}{output}")]
    Program {
        /// The program and its arguments, or the hook.
        line: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its last lines, each after a line end.
        output: String,
    },
    /// The system has no such program.
    #[error("the system has no `{0}` in sw/bin or sw/sbin")]
    NoProgram(String),
    /// There is nothing to be copied to a place.
    #[error("nothing is planned for {0}")]
    NoTree(String),
}

impl From<ImageError> for RunError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

/// What a build works on.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// What is built.
    pub prepared: &'a Prepared,
    /// Whether hooks are run.
    pub hooks: HookUse,
    /// The kernel's names of the disks, by their attribute names in the layout.
    pub disks: &'a BTreeMap<String, String>,
    /// The system's toplevel, whose programs are run.
    pub toplevel: &'a str,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// Takes the lines that programs print.
    pub say: &'a (dyn Fn(&str) + Sync),
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("disks", &self.disks)
            .field("toplevel", &self.toplevel)
            .finish_non_exhaustive()
    }
}

/// Carries out every operation of the plan.
///
/// # Errors
///
/// With the first that fails; what was done until then stays as it is.
pub fn run(target: Target<'_>) -> Result<(), RunError> {
    for operation in operations(target.prepared.plan(), target.hooks) {
        let name = operation.to_string();
        (target.say)(&name);
        target.carry_out(&operation)?;
    }
    nix::unistd::sync();
    Ok(())
}

impl Target<'_> {
    fn carry_out(&self, operation: &Operation) -> Result<(), RunError> {
        match operation {
            Operation::Hook(hook) => self.hook(hook),
            Operation::Write(filling) => self.write(*filling),
            Operation::PublishDisk(name) => {
                let disk = self.prepared.plan().disk(name);
                match (disk, self.disks.get(name)) {
                    (Some(disk), Some(kernel)) => Ok(devices::publish_disk(disk, kernel)?),
                    _ => Err(DeviceError::Absent(format!("disk {name}")).into()),
                }
            }
            Operation::PublishTable(device) => self.publish_table(device),
            Operation::Run(run) => self.program(run, None),
            Operation::RunWithInput { run, input } => self.program(run, Some(input)),
            Operation::MakeSubvolumes { source, names } => self.make_subvolumes(source, names),
            Operation::OpenLuks(luks) => self.open(luks),
            Operation::PublishVolume(device) => Ok(devices::publish_volume(device)?),
            Operation::WriteContent { device, content } => {
                let block = Arc::new(DeviceBlock::open(Path::new(device), SectorSize::S512)?);
                self.prepared.write_content(content, block.clone(), self.progress)?;
                Ok(block.forget_cache()?)
            }
            Operation::Mount(mount) => Ok(mount::mount(mount)?),
            Operation::Copy { path, format } => self.copy(path, format),
            Operation::Unmount(path) => Ok(mount::unmount(path)?),
        }
    }

    fn write(&self, filling: Filling) -> Result<(), RunError> {
        let plan = self.prepared.plan();
        let mut devices = Vec::new();
        let mut blocks: BTreeMap<String, Arc<dyn Block>> = BTreeMap::new();
        for disk in &plan.disks {
            let kernel =
                self.disks.get(&disk.key).ok_or_else(|| DeviceError::Absent(format!("disk {}", disk.key)))?;
            let block = Arc::new(DeviceBlock::open(&Path::new("/dev").join(kernel), disk.sector_size)?);
            devices.push(block.clone());
            blocks.insert(disk.key.clone(), block);
        }
        match filling {
            Filling::Contents => self.prepared.write(&blocks, self.progress)?,
            Filling::Blank => self.prepared.write_blank(&blocks, self.progress)?,
        }
        for device in devices {
            device.forget_cache()?;
        }
        Ok(())
    }

    fn publish_table(&self, device: &str) -> Result<(), RunError> {
        let absent = || DeviceError::Absent(device.to_owned());
        let array =
            self.prepared.plan().arrays.iter().find(|array| array.device == device).ok_or_else(absent)?;
        let kernel = devices::kernel_name(device).ok_or_else(absent)?;
        if let Some(Content::Table(table)) = &array.content {
            devices::publish_table(table, &kernel)?;
        }
        Ok(())
    }

    fn open(&self, luks: &Luks) -> Result<(), RunError> {
        crate::files::create_dir_all(Path::new(KEYS))?;
        let path = Path::new(KEYS).join(luks.name.replace('/', "_"));
        let failed = |source| IoError::new("writing", &path, source);
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(failed)?;
        if let Some(key) = self.prepared.key_of(&luks.name) {
            file.write_all(key.expose()).map_err(failed)?;
        }
        drop(file);
        let words = ["cryptsetup", "open", &luks.device, &luks.name, "--key-file"].map(str::to_owned);
        let mut words = words.to_vec();
        words.push(path.to_string_lossy().into_owned());
        self.program(&Run(words), None)
    }

    fn make_subvolumes(&self, source: &str, names: &[String]) -> Result<(), RunError> {
        let top = mount::Top::new(source, "bcachefs")?;
        for name in names {
            let path = top.path().join(name.trim_start_matches('/'));
            if let Some(folder) = path.parent() {
                crate::files::create_dir_all(folder)?;
            }
            let words = ["bcachefs", "subvolume", "create"].map(str::to_owned);
            let path = path.to_string_lossy().into_owned();
            self.program(&Run(words.into_iter().chain([path]).collect()), None)?;
        }
        Ok(top.leave()?)
    }

    fn copy(&self, path: &str, format: &str) -> Result<(), RunError> {
        let empty = Tree::new(crate::tree::Metadata::root(0o755));
        let tree = self.prepared.tree_at(path).unwrap_or(&empty);
        let keeps = match format {
            "vfat" | "fat" | "msdos" | "exfat" | "ntfs" | "ntfs3" => Keeps::BytesAlone,
            _ => Keeps::Everything,
        };
        let name = format!("copy {path}");
        let step = Step::start(self.progress, &name, Some(tree.content_len()), Unit::Bytes);
        copy(tree, &mount::place(path), keeps, step)
            .map_err(|source| RunError::Copy { path: path.to_owned(), source })?;
        step.finish();
        Ok(())
    }

    fn program(&self, run: &Run, input: Option<&str>) -> Result<(), RunError> {
        let program = self.find(run.program())?;
        let mut command = Command::new(program);
        command.args(run.0.iter().skip(1)).stdin(Stdio::null());
        if let Some(input) = input {
            command.stdin(crate::files::open(Path::new(input))?);
        }
        self.wait(&mut command, &run.0.join(" "))
    }

    fn hook(&self, hook: &Hook) -> Result<(), RunError> {
        let shells = SHELLS.iter().find_map(|(name, dialect)| Some((self.find(name).ok()?, *dialect)));
        let (shell, dialect) = shells.ok_or_else(|| RunError::NoProgram("bash".to_owned()))?;
        let mut command = Command::new(shell);
        command.arg("-c").arg(hook.script(dialect)).stdin(Stdio::null());
        self.wait(&mut command, &hook.path)
    }

    /// A program of the system.
    fn find(&self, name: &str) -> Result<PathBuf, RunError> {
        let places = ["sw/bin", "sw/sbin"].map(|folder| Path::new(self.toplevel).join(folder).join(name));
        places.into_iter().find(|path| path.exists()).ok_or_else(|| RunError::NoProgram(name.to_owned()))
    }

    /// Runs a program to its end; what it prints is passed on.
    fn wait(&self, command: &mut Command, line: &str) -> Result<(), RunError> {
        let failed = |source| IoError::new("starting", line, source);
        let path = format!("{0}/sw/bin:{0}/sw/sbin:/bin:/sbin", self.toplevel);
        command.env_clear().env("PATH", path).env("HOME", "/root").env("LC_ALL", "C").current_dir("/");
        // No udev runs here: what waits for it would wait for ever.
        command.env("DM_DISABLE_UDEV", "1").env("MDADM_NO_UDEV", "1").env("LVM_SUPPRESS_FD_WARNINGS", "1");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let output = std::thread::scope(|scope| {
            let first = scope.spawn(|| self.listen(out));
            let mut lines = self.listen(err);
            // Neither thread panics on any input.
            lines.splice(0..0, first.join().unwrap_or_default());
            lines
        });
        let status = child.wait().map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let shown = output.len().saturating_sub(LAST_LINES);
        let output = output[shown..].iter().map(|line| format!("\n{line}")).collect();
        Err(RunError::Program { line: line.to_owned(), status, output })
    }

    /// Passes on every line; the last ones.
    fn listen(&self, stream: Option<impl Read>) -> Vec<String> {
        let mut last = Vec::new();
        let Some(stream) = stream else { return last };
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            (self.say)(&format!("  | {line}"));
            last.push(line);
            if last.len() > LAST_LINES {
                last.remove(0);
            }
        }
        last
    }
}
