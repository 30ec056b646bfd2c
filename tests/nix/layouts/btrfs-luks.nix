# btrfs subvolumes within LUKS, the subvolumes by a helper.
{ lib, ... }:
let
  options = [
    "compress=zstd"
    "noatime"
  ];
  subvolume = mountpoint: extra: { inherit mountpoint; mountOptions = options ++ extra; };
  swapSize = 16;
in
{
  disko.devices.disk.system = {
    type = "disk";
    device = lib.concatStringsSep "/" [ "" "dev" "nvme0n1" ];
    content = {
      type = "gpt";
      partitions = {
        esp = {
          label = "boot";
          name = "ESP";
          size = "1G";
          type = "EF00";
          content = { type = "filesystem"; format = "vfat"; mountpoint = "/boot"; };
        };
        crypt = {
          size = "100%";
          label = "luks";
          content = {
            type = "luks";
            name = "cryptroot";
            extraOpenArgs = [ "--allow-discards" ];
            settings.allowDiscards = true;
            passwordFile = "/tmp/secret.key";
            content = {
              type = "btrfs";
              extraArgs = [ "-L" "nixos" "-f" ];
              postCreateHook = ''
                MNTPOINT=$(mktemp -d)
                mount "/dev/mapper/cryptroot" "$MNTPOINT" -o subvol=/
                trap 'umount $MNTPOINT; rm -d $MNTPOINT' EXIT
                btrfs subvolume snapshot -r $MNTPOINT/root $MNTPOINT/root-blank
              '';
              subvolumes = {
                "/root" = subvolume "/" [ ];
                "/home" = subvolume "/home" [ "nodev" ];
                "/nix" = subvolume "/nix" [ ];
                "/swap" = {
                  mountpoint = "/.swap";
                  swap.swapfile.size = "${toString swapSize}G";
                };
              };
            };
          };
        };
      };
    };
  };
}
