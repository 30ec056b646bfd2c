# A desktop with a fast small disk and a slow large one: the system on the first, files on the second, which survives a new
# installation of the first because it is not wiped.
#
# Try: landfall plan disko-layouts/dual-disk.nix --disk fast=256G --disk large=2T
{
  disko.devices.disk = {
    fast = {
      type = "disk";
      device = "/dev/disk/by-id/nvme-fast";
      content = {
        type = "gpt";
        partitions = {
          ESP = {
            type = "EF00";
            size = "1G";
            content = {
              type = "filesystem";
              format = "vfat";
              mountpoint = "/boot";
              mountOptions = [ "umask=0077" ];
            };
          };
          swap = {
            size = "16G";
            content = {
              type = "swap";
              priority = 10;
            };
          };
          root = {
            size = "100%";
            content = {
              type = "filesystem";
              format = "ext4";
              mountpoint = "/";
            };
          };
        };
      };
    };
    large = {
      type = "disk";
      device = "/dev/disk/by-id/ata-large";
      destroy = false;
      content = {
        type = "gpt";
        partitions.files = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/home";
            mountOptions = [
              "noatime"
              "nofail"
            ];
          };
        };
      };
    };
  };
}
