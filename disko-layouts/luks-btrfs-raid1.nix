# A workstation with two disks that survives the loss of either, and the theft of both: each disk is a LUKS container, and btrfs
# mirrors data and metadata over the two. The second boot partition is kept in step by the boot loader's installer.
#
# Try: landfall plan disko-layouts/luks-btrfs-raid1.nix --disk '*=1T'
let
  boot = mountpoint: {
    type = "EF00";
    size = "1G";
    content = {
      type = "filesystem";
      format = "vfat";
      inherit mountpoint;
      mountOptions = [
        "umask=0077"
        "nofail"
      ];
    };
  };
in
{
  disko.devices.disk = {
    one = {
      type = "disk";
      device = "/dev/disk/by-id/nvme-one";
      content = {
        type = "gpt";
        partitions = {
          ESP = boot "/boot";
          # Opened, but not formatted: it becomes the second device of the file system below.
          crypt = {
            size = "100%";
            content = {
              type = "luks";
              name = "crypt-one";
              passwordFile = "/tmp/disk.key";
              settings.allowDiscards = true;
            };
          };
        };
      };
    };
    two = {
      type = "disk";
      device = "/dev/disk/by-id/nvme-two";
      content = {
        type = "gpt";
        partitions = {
          ESP = boot "/boot-fallback";
          crypt = {
            size = "100%";
            content = {
              type = "luks";
              name = "crypt-two";
              passwordFile = "/tmp/disk.key";
              settings.allowDiscards = true;
              content = {
                type = "btrfs";
                extraArgs = [
                  "-d raid1"
                  "-m raid1"
                  "/dev/mapper/crypt-one"
                ];
                subvolumes = {
                  root.mountpoint = "/";
                  home.mountpoint = "/home";
                  nix.mountpoint = "/nix";
                };
              };
            };
          };
        };
      };
    };
  };
}
