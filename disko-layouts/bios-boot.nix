# An old PC or a virtual server without UEFI: GRUB keeps itself in a megabyte of its own at the front of the disk.
#
# Try: landfall plan disko-layouts/bios-boot.nix --disk main=40G
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
          # Some firmware starts only what says that it can be started.
          attributes = [ 2 ];
        };
        boot = {
          size = "1G";
          content = {
            type = "filesystem";
            format = "ext4";
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
