# A disk that is moved between machines: it starts by BIOS and by UEFI.
#
# Try: landfall plan disko-layouts/bios-and-uefi.nix --disk main=120G
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/sda";
    content = {
      type = "gpt";
      partitions = {
        grub = {
          type = "EF02";
          size = "1M";
        };
        ESP = {
          type = "EF00";
          size = "512M";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot";
          };
        };
        root = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
      };
    };
  };
}
