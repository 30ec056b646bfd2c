# A function of the disks, each laid out alike and joined to a mirror.
{
  disks ? [
    "/dev/vda"
    "/dev/vdb"
  ],
  lib,
  ...
}:
let
  poolName = "tank";
  nameOf = device: lib.removePrefix "_dev_" (builtins.replaceStrings [ "/" ] [ "_" ] device);
  member = device: {
    name = nameOf device;
    value = {
      inherit device;
      type = "disk";
      content = {
        type = "gpt";
        partitions = {
          boot = {
            size = "1M";
            type = "EF02";
            priority = 0;
          };
          data = {
            size = "100%";
            content = {
              type = "zfs";
              pool = poolName;
            };
          };
        };
      };
    };
  };
in
assert lib.assertMsg (builtins.length disks >= 2) "a mirror needs two disks";
{
  disko.devices = {
    disk = builtins.listToAttrs (map member disks);
    zpool.${poolName} = {
      type = "zpool";
      mode = if builtins.length disks > 1 then "mirror" else "";
      rootFsOptions = {
        compression = "zstd";
        "com.sun:auto-snapshot" = "false";
        mountpoint = "none";
      };
      datasets =
        let
          legacy = mountpoint: {
            type = "zfs_fs";
            inherit mountpoint;
            options.mountpoint = "legacy";
          };
        in
        lib.mapAttrs (_: legacy) {
          "local/nix" = "/nix";
          "local/root" = "/";
          "safe/home" = "/home";
        };
    };
  };
}
