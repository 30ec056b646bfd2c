# A laptop that hibernates: swap as large as its memory, at the end of the disk, so that root can be moved and grown without it.
# The memory's size is an argument: --arg memory 32
#
# Try: landfall plan disko-layouts/swap-hibernation.nix --disk main=512G
{
  device ? "/dev/nvme0n1",
  memory ? 16,
}:
{
  disko.devices.disk.main = {
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
            mountpoint = "/boot";
            mountOptions = [ "umask=0077" ];
          };
        };
        # Ends where the swap space begins.
        root = {
          end = "-${toString memory}G";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
        swap = {
          size = "100%";
          content = {
            type = "swap";
            discardPolicy = "both";
            resumeDevice = true;
          };
        };
      };
    };
  };
}
