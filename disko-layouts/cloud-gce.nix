# An image for Google Compute Engine, which wants a whole number of gigabytes and the name `disk.raw`.
#
# Try: landfall plan disko-layouts/cloud-gce.nix
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/sda";
    imageName = "disk";
    imageSize = "4G";
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          type = "EF00";
          size = "256M";
          content = {
            type = "filesystem";
            format = "vfat";
            extraArgs = [
              "-n"
              "ESP"
            ];
            mountpoint = "/boot";
            mountOptions = [ "umask=0077" ];
          };
        };

        # Last, so that it grows with the disk that the machine is given.
        root = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            extraArgs = [
              "-L"
              "nixos"
            ];
            mountpoint = "/";
          };
        };
      };
    };
  };
}
