# A home server on two mirrored disks with ZFS' own encryption: datasets under `safe` ask for a passphrase once, the store beside
# them needs none.
#
# Try: landfall plan disko-layouts/zfs-mirror-encrypted.nix --disk '*=2T'
let
  disk = device: mountpoint: {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions = {
        ESP = {
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
        zfs = {
          size = "100%";
          content = {
            type = "zfs";
            pool = "tank";
          };
        };
      };
    };
  };
in
{
  disko.devices = {
    disk = {
      left = disk "/dev/disk/by-id/ata-left" "/boot";
      right = disk "/dev/disk/by-id/ata-right" "/boot-fallback";
    };
    zpool.tank = {
      type = "zpool";
      mode = "mirror";
      rootFsOptions = {
        compression = "lz4";
        mountpoint = "none";
      };
      datasets = {
        nix = {
          type = "zfs_fs";
          mountpoint = "/nix";
          options.mountpoint = "legacy";
        };
        safe = {
          type = "zfs_fs";
          options = {
            mountpoint = "none";
            encryption = "aes-256-gcm";
            keyformat = "passphrase";
            keylocation = "file:///tmp/secret.key";
          };
          postCreateHook = "zfs set keylocation=prompt tank/safe";
        };
        "safe/root" = {
          type = "zfs_fs";
          mountpoint = "/";
          options.mountpoint = "legacy";
        };
        "safe/srv" = {
          type = "zfs_fs";
          mountpoint = "/srv";
          options.mountpoint = "legacy";
        };
        swap = {
          type = "zfs_volume";
          size = "8G";
          content = {
            type = "swap";
            randomEncryption = true;
          };
        };
      };
    };
  };
}
