# A rescue stick that also carries files: its first partition is for every computer, the system behind it writes as little as it
# can to spare the flash.
#
# Try: landfall plan disko-layouts/usb-stick.nix --disk stick=32G
{
  disko.devices.disk.stick = {
    type = "disk";
    device = "/dev/disk/by-id/usb-stick";
    content = {
      type = "gpt";
      partitions = {
        # First, because Windows before version 10 shows only the first partition of a stick.
        files = {
          priority = 1;
          type = "0700";
          size = "8G";
          content = {
            type = "filesystem";
            format = "vfat";
            extraArgs = [
              "-n"
              "FILES"
            ];
            mountpoint = "/files";
          };
        };
        ESP = {
          priority = 2;
          type = "EF00";
          size = "512M";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot";
            mountOptions = [ "umask=0077" ];
          };
        };
        root = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "f2fs";
            extraArgs = [
              "-O"
              "extra_attr,inode_checksum,sb_checksum,compression"
            ];
            mountpoint = "/";
            mountOptions = [
              "noatime"
              "compress_algorithm=zstd"
            ];
          };
        };
      };
    };
  };
}
