# An image for Amazon EC2: starts by UEFI on current machines and by BIOS on older ones.
#
# Try: landfall plan disko-layouts/cloud-ec2.nix
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/nvme0n1";
    imageName = "ec2";
    imageSize = "4G";
    content = {
      type = "gpt";
      partitions = {
        grub = {
          type = "EF02";
          size = "1M";
        };
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
