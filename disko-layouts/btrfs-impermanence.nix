# A workstation that forgets: root is emptied at every start (by a service of the system that makes the subvolume `root` anew from
# `root-blank`), and only what lies under /persist, /nix and /home stays.
#
# Try: landfall plan disko-layouts/btrfs-impermanence.nix --disk main=256G
let
  options = [
    "compress=zstd"
    "noatime"
  ];
in
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/nvme0n1";
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
        system = {
          size = "100%";
          content = {
            type = "btrfs";
            extraArgs = [
              "-L"
              "system"
            ];
            # What root is made from at each start.
            postCreateHook = ''
              MNTPOINT=$(mktemp -d)
              mount /dev/disk/by-partlabel/disk-main-system "$MNTPOINT" -o subvol=/
              btrfs subvolume snapshot -r "$MNTPOINT/root" "$MNTPOINT/root-blank"
              umount "$MNTPOINT"
            '';
            subvolumes = {
              root = {
                mountpoint = "/";
                mountOptions = options;
              };
              home = {
                mountpoint = "/home";
                mountOptions = options;
              };
              nix = {
                mountpoint = "/nix";
                mountOptions = options;
              };
              persist = {
                mountpoint = "/persist";
                mountOptions = options;
              };
            };
          };
        };
      };
    };
  };
}
