# An image for any cloud that grows it at the first start: no size is given, so it becomes as small as its contents allow.
#
# Try: landfall plan disko-layouts/cloud-smallest.nix
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          type = "EF00";
          size = "256M";
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
            mountpoint = "/";
            mountOptions = [ "compress=zstd" ];
          };
        };
      };
    };
  };
}
