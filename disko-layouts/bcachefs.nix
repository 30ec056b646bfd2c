# A workstation with bcachefs over an SSD and a hard disk: writes go to the SSD, what has not been used for long moves to the disk.
#
# Try: landfall plan disko-layouts/bcachefs.nix --disk ssd=256G --disk hdd=4T
{
  disko.devices = {
    disk = {
      ssd = {
        type = "disk";
        device = "/dev/disk/by-id/nvme-ssd";
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
            data = {
              size = "100%";
              content = {
                type = "bcachefs";
                filesystem = "pool";
                label = "ssd.ssd1";
              };
            };
          };
        };
      };
      hdd = {
        type = "disk";
        device = "/dev/disk/by-id/ata-hdd";
        content = {
          type = "gpt";
          partitions.data = {
            size = "100%";
            content = {
              type = "bcachefs";
              filesystem = "pool";
              label = "hdd.hdd1";
            };
          };
        };
      };
    };
    bcachefs_filesystems.pool = {
      type = "bcachefs_filesystem";
      extraFormatArgs = [
        "--compression=lz4"
        "--foreground_target=ssd"
        "--background_target=hdd"
        "--promote_target=ssd"
      ];
      subvolumes = {
        root.mountpoint = "/";
        home.mountpoint = "/home";
        nix.mountpoint = "/nix";
      };
    };
  };
}
