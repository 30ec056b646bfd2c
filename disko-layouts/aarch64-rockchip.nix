# A board whose boot loader is read from fixed sectors (Rockchip: 64 and 16384): both have partitions of their own, given in
# sectors, so that nothing else is put there.
#
# Try: landfall plan disko-layouts/aarch64-rockchip.nix --disk card=32G
{
  disko.devices.disk.card = {
    type = "disk";
    device = "/dev/mmcblk1";
    content = {
      type = "gpt";
      partitions = {
        loader1 = {
          priority = 1;
          start = "64s";
          end = "8063s";
          type = "8301";
        };
        loader2 = {
          priority = 2;
          start = "16384s";
          end = "24575s";
          type = "8301";
        };
        ESP = {
          priority = 3;
          type = "EF00";
          start = "32M";
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
