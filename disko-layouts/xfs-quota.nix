# A machine for many people: home directories on their own file system, with quotas for people and for projects.
#
# Try: landfall plan disko-layouts/xfs-quota.nix --disk main=2T
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/sda";
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          type = "EF00";
          size = "512M";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot";
            mountOptions = [ "umask=0077" ];
          };
        };
        root = {
          size = "100G";
          content = {
            type = "filesystem";
            format = "xfs";
            mountpoint = "/";
          };
        };
        home = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "xfs";
            extraArgs = [
              "-L"
              "home"
            ];
            mountpoint = "/home";
            mountOptions = [
              "uquota"
              "pquota"
              "nodev"
              "nosuid"
            ];
          };
        };
      };
    };
  };
}
