# A database server: four disks as RAID 10, cut into volumes of which the database has the largest; the write-ahead log has its
# own, so that it never has to wait for the data.
#
# Try: landfall plan disko-layouts/raid10-database.nix --disk '*=1T'
let
  names = [
    "a"
    "b"
    "c"
    "d"
  ];
  member = name: {
    inherit name;
    value = {
      type = "disk";
      device = "/dev/disk/by-id/nvme-${name}";
      content = {
        type = "gpt";
        partitions = {
          ESP = {
            type = "EF00";
            size = "512M";
            content = {
              type = "mdraid";
              name = "boot";
            };
          };
          raid = {
            type = "FD00";
            size = "100%";
            content = {
              type = "mdraid";
              name = "data";
            };
          };
        };
      };
    };
  };
  volume = mountpoint: size: {
    inherit size;
    content = {
      type = "filesystem";
      format = "xfs";
      inherit mountpoint;
      mountOptions = [ "noatime" ];
    };
  };
in
{
  disko.devices = {
    disk = builtins.listToAttrs (map member names);
    mdadm = {
      boot = {
        type = "mdadm";
        level = 1;
        metadata = "1.0";
        content = {
          type = "filesystem";
          format = "vfat";
          mountpoint = "/boot";
          mountOptions = [ "umask=0077" ];
        };
      };
      data = {
        type = "mdadm";
        level = 10;
        content = {
          type = "lvm_pv";
          vg = "data";
        };
      };
    };
    lvm_vg.data = {
      type = "lvm_vg";
      lvs = {
        root = volume "/" "64G";
        log = volume "/var/lib/database/log" "128G";
        data = volume "/var/lib/database" "100%FREE";
      };
    };
  };
}
