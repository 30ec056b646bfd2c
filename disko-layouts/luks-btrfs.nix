# A laptop that may be stolen: everything but the boot partition is encrypted, and the passphrase is asked for at every start.
#
# Try: landfall plan disko-layouts/luks-btrfs.nix --disk main=512G
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
        luks = {
          size = "100%";
          type = "8309";
          content = {
            type = "luks";
            name = "crypted";
            settings.allowDiscards = true;
            content = {
              type = "btrfs";
              subvolumes = {
                root.mountpoint = "/";
                home.mountpoint = "/home";
                nix = {
                  mountpoint = "/nix";
                  mountOptions = [ "noatime" ];
                };
              };
            };
          };
        };
      };
    };
  };
}
