# A desktop with snapshots of everything that matters and a swap file in a subvolume of its own, where no snapshot can catch it.
#
# Try: landfall plan disko-layouts/btrfs-snapshots.nix --disk main=1T
let
  mounted = mountpoint: {
    inherit mountpoint;
    mountOptions = [
      "compress=zstd:1"
      "noatime"
    ];
  };
in
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/disk/by-id/nvme-example";
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
        root = {
          size = "100%";
          content = {
            type = "btrfs";
            subvolumes = {
              "@" = mounted "/";
              "@home" = mounted "/home";
              "@nix" = mounted "/nix";
              "@log" = mounted "/var/log";
              "@snapshots" = mounted "/.snapshots";
              "@swap" = {
                mountpoint = "/.swap";
                swap.swapfile.size = "8G";
              };
            };
          };
        };
      };
    };
  };
}
