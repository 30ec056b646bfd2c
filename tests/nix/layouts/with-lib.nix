# `with lib` around everything, sizes by arithmetic, disks told apart by what they are.
{ lib, ... }:
with lib;
let
  disks = {
    fast = { device = "/dev/nvme0n1"; sizeGiB = 512; };
    slow = { device = "/dev/sda"; sizeGiB = 4000; };
  };
  isFast = disk: hasInfix "nvme" disk.device;
  share = percent: disk: "${toString (disk.sizeGiB * percent / 100)}G";
  layout = name: disk: {
    type = "disk";
    inherit (disk) device;
    content.type = "gpt";
    content.partitions =
      optionalAttrs (isFast disk) { esp = { size = "1G"; type = "EF00"; }; }
      // listToAttrs (flip imap1 [ 30 60 ] (number: percent: nameValuePair "p${toString number}" {
        size = share percent disk;
        content = if number == 1 && isFast disk then { type = "swap"; } else { type = "zfs"; pool = name; };
      }));
  };
in
assert all (disk: hasPrefix "/dev/" disk.device) (attrValues disks);
{
  disko.devices = {
    disk = mapAttrs layout disks;
    zpool = genAttrs (attrNames disks) (name: {
      type = "zpool";
      options.ashift = if isFast disks.${name} then "13" else "12";
      datasets = foldl' recursiveUpdate { } (map (path: setAttrByPath [ path "type" ] "zfs_fs") (splitString " " "a b c"));
    });
  };
}
