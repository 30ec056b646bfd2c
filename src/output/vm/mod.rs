//! Images that take a virtual machine: QEMU, the system's own kernel, and this program as the first process.
//!
//! ```text
//! Ready::new   what the host and the system must have: QEMU, a static landfall, programs   nothing is written
//! Ready::fill  work disk ─▶ machine ─▶ the image files, in place
//! ```
//!
//! The work disk is an ext4 volume of our own with the store, the order and the keys: a temporary file beside the images,
//! for its owner alone, that is gone when the machine is.

mod error;
mod keys;
mod watch;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use error::VmError;

use qemu::machine::{Boot, DirectKernel, Sectors};
use qemu::{Architecture, Drive, Machine, Mebibytes, Vm, VmOptions};

use super::iso::{Program, first_fitting};
use super::raw::ImageFile;
use crate::error::IoError;
use crate::files::{self, ReplaceFile};
use crate::fs::{cpio, ext4};
use crate::image::{HookUse, Prepared, Request, System};
use crate::installer::initrd;
use crate::installer::vm::{
    self, BuildOrder, KEY_FOLDER, KeyOrder, ORDER_FILE, REGISTRATION_FILE, WORK_SERIAL,
};
use crate::plan::Plan;
use crate::plan::content::{Content as Planned, Maker};
use crate::progress::{Progress, Step, Unit};
use crate::store::install::add_store;
use crate::store::registration;
use crate::tree::{Content, HostFile, Kind, Metadata, Node, Tree};
use crate::units::{MIB, SectorSize};
use crate::volume::FileBlock;

/// How hard the initrd is compressed: it is read once.
const COMPRESSION_LEVEL: i32 = 1;

/// Memory of a machine that copies files.
const MEMORY: Mebibytes = Mebibytes(1024);

/// Memory of one that derives keys, or has the cache of ZFS or of bcachefs.
const LARGE_MEMORY: Mebibytes = Mebibytes(2048);

/// Everything that a build in a machine needs is there; nothing is written.
#[derive(Debug)]
pub struct Ready<'a> {
    prepared: &'a Prepared,
    system: &'a System,
    request: &'a Request,
    architecture: Architecture,
    initrd: Tree,
    kernel: PathBuf,
    keys: Vec<(String, PathBuf)>,
}

impl<'a> Ready<'a> {
    /// Checks what the build of `prepared`, which was made for `request`, will need. `program` becomes the first process.
    ///
    /// # Errors
    ///
    /// When QEMU or a static landfall is missing, when the system has not the modules or the programs that are needed.
    pub fn new(
        prepared: &'a Prepared,
        system: &'a System,
        request: &'a Request,
        program: &Program,
    ) -> Result<Self, VmError> {
        let generation = system.generation();
        let name = generation.architecture.to_string();
        let architecture: Architecture = name.parse().map_err(|_| VmError::Architecture(name.clone()))?;
        architecture.require_qemu()?;
        check_programs(prepared, system, request.hooks)?;
        let needs = prepared.machine_needs().iter().map(|need| need.what.as_str());
        // With hooks, what our writers make is mounted too.
        let mounted = prepared.plan().mounts.iter().map(|mount| mount.format.as_str());
        let modules: Vec<&str> = needs.chain(mounted).collect();
        let make = |program: &Path| initrd::tree_with(system, program, &modules);
        let initrd = first_fitting(program, &make)?;
        let initrd = initrd.ok_or(VmError::NoProgram { architecture: generation.architecture })?;
        let kernel = system.source().resolve(generation.bootspec.boot.kernel.as_ref())?;
        let kernel = system.source().on_host(&kernel);
        let keys = keys::files(prepared.plan(), &request.keys, request.hooks)?;
        Ok(Self { prepared, system, request, architecture, initrd, kernel, keys })
    }

    /// Fills `images`, which are the plan's disks in its order, in place. `folder` takes the temporary files.
    ///
    /// # Errors
    ///
    /// When the machine fails; its own reason is in the error.
    pub fn fill(&self, images: &[ImageFile], folder: &Path, progress: &dyn Progress) -> Result<(), VmError> {
        let (order, keys) = self.order();
        let text = order.to_json()?;
        let initrd = self.write_initrd(folder)?;
        let work = self.write_work_disk(folder, (&text, &keys), progress)?;
        let boot = Boot::Kernel(DirectKernel {
            kernel: self.kernel.clone(),
            initrd: Some(initrd.temporary_path().to_owned()),
            command_line: self.command_line(&text),
        });
        let mut machine = Machine::new(self.architecture).with_boot(boot).with_memory(self.memory());
        for (index, image) in images.iter().enumerate() {
            let sized = image.file.set_len(image.size.bytes());
            sized.map_err(|source| IoError::new("setting the length of", image.path, source))?;
            let sectors = if image.sector_size == SectorSize::S4096 { Sectors::B4096 } else { Sectors::B512 };
            let drive = Drive::image(image.path).with_sectors(sectors).with_serial(&vm::disk_serial(index));
            machine = machine.with_drive(drive);
        }
        let drive = Drive::image(work.temporary_path()).with_serial(WORK_SERIAL).read_only();
        let running = Vm::start(&machine.with_drive(drive), VmOptions::default())?;
        watch::watch(&running, progress)
    }

    fn memory(&self) -> Mebibytes {
        let plan = self.prepared.plan();
        let mut is_large = !plan.pools.is_empty() || !plan.bcachefs.is_empty();
        crate::image::contents(plan, &mut |content| {
            is_large |= matches!(content, Planned::Luks(_));
        });
        if is_large { LARGE_MEMORY } else { MEMORY }
    }

    fn command_line(&self, order: &[u8]) -> String {
        let console = self.architecture.serial_device();
        // The kernel tests the timer of a PC for ten ticks and panics when QEMU, on a busy host, is too late.
        let timer = if self.architecture == Architecture::X86_64 { " no_timer_check" } else { "" };
        format!("console={console} quiet panic=-1{timer} {}={}", vm::COMMAND_LINE_KEY, vm::digest_of(order))
    }

    /// The order, and where each of its keys is on this host.
    fn order(&self) -> (BuildOrder, Vec<(String, PathBuf)>) {
        let mut order =
            BuildOrder::new(self.prepared.plan(), &self.system.generation().toplevel, self.request);
        let mut files = Vec::new();
        for (index, (name, path)) in self.keys.iter().enumerate() {
            let file = format!("{KEY_FOLDER}/{index}");
            files.push((file.clone(), path.clone()));
            order.keys.push(KeyOrder { name: name.clone(), file });
        }
        (order, files)
    }

    fn write_initrd(&self, folder: &Path) -> Result<ReplaceFile, VmError> {
        let file = ReplaceFile::create(&folder.join("vm.initrd"))?;
        let failed = |source| IoError::new("writing", file.temporary_path(), source);
        let mut encoder = zstd::Encoder::new(file.file(), COMPRESSION_LEVEL).map_err(failed)?;
        cpio::write(&self.initrd, &mut encoder)?;
        encoder.finish().and_then(|mut file| file.flush()).map_err(failed)?;
        Ok(file)
    }

    fn write_work_disk(
        &self,
        folder: &Path,
        (order, keys): (&[u8], &[(String, PathBuf)]),
        progress: &dyn Progress,
    ) -> Result<ReplaceFile, VmError> {
        let tree = work_tree(self.system, order, keys)?;
        let options = ext4::Options::new(self.prepared.plan().seed, "vm/work disk");
        let size = ext4::measure(&tree, &options)?.size.round_up(MIB);
        let image = ReplaceFile::create(&folder.join("vm.work"))?;
        let path = image.temporary_path();
        // Keys are on it.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|source| IoError::new("changing the mode of", path, source))?;
        let file = image.file().try_clone().map_err(|source| IoError::new("opening", path, source))?;
        let block = FileBlock::create(file, path, size.bytes(), SectorSize::S512)?.cached();
        let step = Step::start(progress, "store for the VM", Some(tree.content_len()), Unit::Bytes);
        ext4::write(&tree, &options, &block, step)?;
        step.finish();
        Ok(image)
    }
}

/// Fails when the system has not every program that the build will call.
fn check_programs(prepared: &Prepared, system: &System, hooks: HookUse) -> Result<(), VmError> {
    let operations = vm::operations(prepared.plan(), hooks);
    let mut programs = vm::programs(&operations);
    if operations.iter().any(|operation| matches!(operation, vm::Operation::Hook(_))) {
        programs.insert("sh".to_owned());
    }
    programs.extend(external_programs(prepared.plan()));
    let toplevel = system.generation().toplevel.to_string();
    let has = |program: &String| {
        let places = ["sw/bin", "sw/sbin"].map(|folder| format!("{toplevel}/{folder}/{program}"));
        places.iter().any(|place| system.source().resolve(place.as_ref()).is_ok())
    };
    match programs.into_iter().find(|program| !has(program)) {
        Some(program) => Err(VmError::NoTool { program, toplevel }),
        None => Ok(()),
    }
}

/// The programs with which our writers have a file system made.
fn external_programs(plan: &Plan) -> Vec<String> {
    let filesystems = crate::image::filesystems(plan);
    let kinds = filesystems
        .iter()
        .filter(|filesystem| filesystem.maker != Maker::Machine)
        .filter_map(|filesystem| crate::fs::external::Kind::from_format(&filesystem.format));
    kinds.flat_map(|kind| kind.programs().iter().map(|(program, _)| (*program).to_owned())).collect()
}

/// What is on the work disk.
fn work_tree(system: &System, order: &[u8], keys: &[(String, PathBuf)]) -> Result<Tree, VmError> {
    let folder = Metadata::root(0o755);
    let mut tree = Tree::new(folder.clone());
    let store = tree.make_directories("nix/store", &folder)?;
    add_store(&mut tree, store, system.closure())?;
    let mut add = |path: &str, content: Content| -> Result<(), VmError> {
        let node = Node { metadata: Metadata::root(0o400), kind: Kind::File(content) };
        Ok(tree.insert(path, node, &folder).map(drop)?)
    };
    add(ORDER_FILE, Content::from(order.to_vec()))?;
    add(REGISTRATION_FILE, Content::from(registration::render(system.closure().paths()).into_bytes()))?;
    for (name, path) in keys {
        let len =
            files::open(path)?.metadata().map_err(|source| IoError::new("reading", path, source))?.len();
        add(name, Content::Host(HostFile { path: path.clone(), len, data: None }))?;
    }
    Ok(tree)
}
