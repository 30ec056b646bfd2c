# A board whose first stage reads only boot records: the firmware's partition stands in a hybrid record too, in its first entry.
#
# Try: landfall plan disko-layouts/hybrid-mbr.nix --disk card=32G
{
  disko.devices.disk.card = {
    type = "disk";
    device = "/dev/mmcblk0";
    content = {
      type = "gpt";
      efiGptPartitionFirst = false;
      partitions = {
        firmware = {
          priority = 1;
          start = "8M";
          size = "64M";
          type = "0700";
          hybrid = {
            mbrPartitionType = "0x0c";
            mbrBootableFlag = true;
          };
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot/firmware";
          };
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
