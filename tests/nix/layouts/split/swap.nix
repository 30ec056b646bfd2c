{ size }:
{
  disko.devices.disk.main.content.partitions = {
    swap = {
      size = "${toString size}G";
      priority = 10;
      content = {
        type = "swap";
        resumeDevice = true;
      };
    };
    root.content.mountOptions = [ "noatime" ];
  };
}
