# A single-board computer (Raspberry Pi 4 and its like): firmware and U-Boot on a FAT partition of its own, the system as UEFI
# sees it behind.
#
# Try: landfall plan disko-layouts/aarch64-board.nix --disk card=64G
{
  disko.devices.disk.card = {
    type = "disk";
    device = "/dev/mmcblk0";
    content = {
      type = "gpt";
      partitions = {
        firmware = {
          priority = 1;
          type = "0700";
          size = "128M";
          content = {
            type = "filesystem";
            format = "vfat";
            extraArgs = [
              "-n"
              "FIRMWARE"
            ];
            mountpoint = "/boot/firmware";
            mountOptions = [
              "noatime"
              "noauto"
              "x-systemd.automount"
            ];
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
          type = "8305";
          size = "100%";
          content = {
            type = "btrfs";
            mountpoint = "/";
            mountOptions = [
              "compress=zstd"
              "noatime"
            ];
          };
        };
      };
    };
  };
}
