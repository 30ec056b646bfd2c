# A server in somebody else's rack: encrypted, but it starts by itself. The container is opened with a key in the machine's TPM
# (enrolled after the first start); the passphrase in the file below is only for making it and for emergencies.
#
# Try: landfall plan disko-layouts/luks-unattended.nix --disk main=960G
{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/disk/by-id/ata-server-ssd";
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
        root = {
          size = "100%";
          content = {
            type = "luks";
            name = "root";
            passwordFile = "/tmp/recovery.key";
            settings = {
              allowDiscards = true;
              crypttabExtraOpts = [ "tpm2-device=auto" ];
            };
            content = {
              type = "filesystem";
              format = "xfs";
              mountpoint = "/";
            };
          };
        };
      };
    };
  };
}
