# A small server that starts with either of its two disks: system and boot partition are mirrored. The boot partition's array has
# its metadata at the end (1.0), so that firmware takes each half for an ordinary FAT file system.
#
# Try: landfall plan disko-layouts/raid1-mirrored-esp.nix --disk '*=480G'
let
  disk = device: {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          type = "EF00";
          size = "1G";
          content = {
            type = "mdraid";
            name = "boot";
          };
        };
        system = {
          type = "FD00";
          size = "100%";
          content = {
            type = "mdraid";
            name = "system";
          };
        };
      };
    };
  };
in
{
  disko.devices = {
    disk = {
      one = disk "/dev/sda";
      two = disk "/dev/sdb";
    };
    mdadm = {
      boot = {
        type = "mdadm";
        level = 1;
        metadata = "1.0";
        content = {
          type = "filesystem";
          format = "vfat";
          mountpoint = "/boot";
          mountOptions = [ "umask=0077" ];
        };
      };
      system = {
        type = "mdadm";
        level = 1;
        content = {
          type = "filesystem";
          format = "ext4";
          mountpoint = "/";
        };
      };
    };
  };
}
