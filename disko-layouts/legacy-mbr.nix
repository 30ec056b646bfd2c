# A machine older than UEFI whose firmware or tools know nothing but boot records. New machines want one of the other layouts.
#
# Try: landfall plan disko-layouts/legacy-mbr.nix --disk main=80G
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/sda";
    content = {
      type = "table";
      format = "msdos";
      partitions = [
        {
          name = "boot";
          start = "1MiB";
          end = "1GiB";
          bootable = true;
          fs-type = "ext4";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/boot";
          };
        }
        {
          name = "swap";
          start = "1GiB";
          end = "3GiB";
          fs-type = "linux-swap";
          content.type = "swap";
        }
        {
          name = "root";
          start = "3GiB";
          end = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        }
      ];
    };
  };
}
