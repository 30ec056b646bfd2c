{ config, lib, ... }:
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/sda";
    imageName = config.networking.hostName;
    content.type = "gpt";
    content.partitions.root = {
      size = "100%";
      content = {
        type = "filesystem";
        format = "ext4";
        mountpoint = "/";
        mountOptions = lib.mkAfter [ "discard" ];
      };
    };
  };
}
