# The old `table` type, whose partitions are a list.
{ disks ? [ "/dev/sdb" ], ... }:
with builtins;
let
  partition = name: start: end: rest: { inherit name start end; type = "partition"; } // rest;
in
{
  disko.devices.disk = listToAttrs (map (disk: {
    name = baseNameOf disk;
    value = {
      device = disk;
      type = "disk";
      content = {
        type = "table";
        format = "msdos";
        partitions = [
          (partition "boot" "1MiB" "512MiB" { bootable = true; fs-type = "fat32"; })
          (partition "root" "512MiB" "100%" {
            part-type = "primary";
            content = { type = "filesystem"; format = "ext4"; mountpoint = "/"; };
          })
        ];
      };
    };
  }) disks);
}
