# A mail server whose mail is mirrored by LVM over two disks, while its queue is striped over both for speed.
#
# Try: landfall plan disko-layouts/lvm-raid1.nix --disk '*=500G'
let
  member = partitions: {
    type = "gpt";
    partitions = partitions // {
      lvm = {
        type = "8E00";
        size = "100%";
        content = {
          type = "lvm_pv";
          vg = "mail";
        };
      };
    };
  };
in
{
  disko.devices = {
    disk = {
      one = {
        type = "disk";
        device = "/dev/sda";
        content = member {
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
        };
      };
      two = {
        type = "disk";
        device = "/dev/sdb";
        content = member { };
      };
    };
    lvm_vg.mail = {
      type = "lvm_vg";
      lvs = {
        root = {
          size = "40G";
          lvm_type = "raid1";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
        mail = {
          size = "300G";
          lvm_type = "raid1";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/var/vmail";
            mountOptions = [ "noatime" ];
          };
        };
        queue = {
          size = "20G";
          lvm_type = "raid0";
          content = {
            type = "filesystem";
            format = "xfs";
            mountpoint = "/var/spool";
          };
        };
      };
    };
  };
}
