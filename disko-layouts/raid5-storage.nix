# A file server: the system on an SSD of its own, the files on three disks of which one may fail.
#
# Try: landfall plan disko-layouts/raid5-storage.nix --disk '*=4T' --disk system=128G
let
  member = device: {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions.raid = {
        type = "FD00";
        size = "100%";
        content = {
          type = "mdraid";
          name = "storage";
        };
      };
    };
  };
in
{
  disko.devices = {
    disk = {
      system = {
        type = "disk";
        device = "/dev/disk/by-id/ata-system";
        content = {
          type = "gpt";
          partitions = {
            ESP = {
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
                format = "ext4";
                mountpoint = "/";
              };
            };
          };
        };
      };
      a = member "/dev/disk/by-id/ata-storage-a";
      b = member "/dev/disk/by-id/ata-storage-b";
      c = member "/dev/disk/by-id/ata-storage-c";
    };
    mdadm.storage = {
      type = "mdadm";
      level = 5;
      content = {
        type = "filesystem";
        format = "xfs";
        mountpoint = "/srv";
        mountOptions = [
          "noatime"
          "nofail"
        ];
      };
    };
  };
}
