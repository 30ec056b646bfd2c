# An image for Azure (second generation, UEFI), whose disks are whole megabytes in a VHD of fixed size. The temporary disk that
# Azure adds is not part of it.
#
# Try: landfall plan disko-layouts/cloud-azure.nix
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/disk/azure/root";
    imageName = "azure";
    imageSize = "8G";
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
