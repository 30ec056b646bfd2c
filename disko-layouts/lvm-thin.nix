# A host for virtual machines: a thin pool from which volumes take only what they use, so that more can be promised than there is.
#
# Try: landfall plan disko-layouts/lvm-thin.nix --disk main=1T
let
  thin = mountpoint: size: {
    inherit size;
    lvm_type = "thinlv";
    pool = "thin";
    content = {
      type = "filesystem";
      format = "ext4";
      inherit mountpoint;
      mountOptions = [
        "defaults"
        "discard"
      ];
    };
  };
in
{
  disko.devices = {
    disk.main = {
      type = "disk";
      device = "/dev/nvme0n1";
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
          lvm = {
            type = "8E00";
            size = "100%";
            content = {
              type = "lvm_pv";
              vg = "host";
            };
          };
        };
      };
    };
    lvm_vg.host = {
      type = "lvm_vg";
      lvs = {
        root = {
          size = "40G";
          priority = 100;
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
        thin = {
          size = "90%FREE";
          lvm_type = "thin-pool";
        };
        images = thin "/var/lib/libvirt" "2T";
        containers = thin "/var/lib/containers" "500G";
      };
    };
  };
}
