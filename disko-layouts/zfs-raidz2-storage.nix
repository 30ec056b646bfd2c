# A backup server: a pool of six disks of which any two may fail, a mirrored special device for metadata, a log and a spare. The
# system lives elsewhere; this file is the storage alone, to be imported beside another layout.
#
# Try: landfall plan disko-layouts/zfs-raidz2-storage.nix --disk '*=8T'
let
  data = map (number: "data${toString number}") [
    1
    2
    3
    4
    5
    6
  ];
  fast = [
    "special1"
    "special2"
    "log"
  ];
  disk = name: {
    inherit name;
    value = {
      type = "disk";
      device = "/dev/disk/by-id/${name}";
      content = {
        type = "gpt";
        partitions.zfs = {
          size = "100%";
          content = {
            type = "zfs";
            pool = "backup";
          };
        };
      };
    };
  };
in
{
  disko.devices = {
    disk = builtins.listToAttrs (map disk (data ++ fast ++ [ "spare" ]));
    zpool.backup = {
      type = "zpool";
      mode.topology = {
        type = "topology";
        vdev = [
          {
            mode = "raidz2";
            members = data;
          }
        ];
        special = {
          mode = "mirror";
          members = [
            "special1"
            "special2"
          ];
        };
        log = [ { members = [ "log" ]; } ];
        spare = [ "spare" ];
      };
      rootFsOptions = {
        atime = "off";
        compression = "zstd";
        recordsize = "1M";
      };
      mountpoint = "/srv/backup";
      datasets.incoming = {
        type = "zfs_fs";
        mountpoint = "/srv/backup/incoming";
        options.quota = "2T";
      };
    };
  };
}
