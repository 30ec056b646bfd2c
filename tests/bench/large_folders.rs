//! Many files in one directory: the time must grow as their number does.

use std::time::Instant;

use landfall::fs::ext4;
use landfall::identity::Seed;
use landfall::progress::{Silent, Step, Unit};
use landfall::tree::{Content, Kind, Metadata, Name, Node, Tree};
use landfall::units::SectorSize;
use landfall::volume::FileBlock;

use super::{Bench, Row};

/// Our time for ten times as many files.
pub fn row(bench: &Bench) -> Row {
    let (few, many) = (seconds(bench, 10_000), seconds(bench, 100_000));
    Row {
        what: "100,000 files in one directory, beside 10,000".to_owned(),
        ours: format!("{many:.2} s"),
        theirs: format!("{few:.2} s"),
        ratio: format!("{:.1} times", many / few),
        goal: "linear: about 10 times",
    }
}

fn seconds(bench: &Bench, count: usize) -> f64 {
    let mut tree = Tree::new(Metadata::root(0o755));
    for number in 0..count {
        let content = Content::from(number.to_string().into_bytes());
        let node = Node { metadata: Metadata::root(0o644), kind: Kind::File(content) };
        let name = Name::new(format!("file-{number:06}").as_bytes()).unwrap();
        tree.add(Tree::ROOT, name, node).unwrap();
    }
    let options = ext4::Options::new(Seed::from_inputs([]), "bench");
    let path = bench.dir.join("folder.img");
    let start = Instant::now();
    let size = ext4::measure(&tree, &options).unwrap().size;
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let block = FileBlock::create(file, &path, size.bytes(), SectorSize::S512).unwrap().cached();
    ext4::write(&tree, &options, &block, Step::start(&Silent, "write", None, Unit::Bytes)).unwrap();
    start.elapsed().as_secs_f64()
}
